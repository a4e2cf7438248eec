"""Between intervals of source frames and rows of the sampled frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mespot.core.interval import Interval

FloatArray = npt.NDArray[np.float64]


def frame_edges(frames: npt.NDArray[np.int64]) -> FloatArray:
    """Return the T + 1 edges of the sampled frames, in source frames.

    Row i lasts from its own source frame to that of row i + 1; the last row is its own frame alone, because nothing
    says that the video has another.
    """
    return np.append(frames, frames[-1] + 1).astype(np.float64)


def rows_of(frames: npt.NDArray[np.int64], interval: Interval) -> tuple[float, float]:
    """Return the interval in (fractional) sampled rows, half-open.

    Parameters
    ----------
    frames : (T,) int64
        Source frame of every sampled row, strictly increasing.
    interval : Interval
        Source frames; what lies outside the sampled frames is cut off.

    Notes
    -----
    `interval_of` is its inverse for every interval inside the sampled frames, as long as no row is sampled more
    often than the source has frames.
    """
    edges = frame_edges(frames)
    start, stop = np.interp([interval.start, interval.stop], edges, np.arange(len(edges)))
    return float(start), float(stop)


def interval_of(frames: npt.NDArray[np.int64], start: float, stop: float) -> Interval:
    """Return the source frames of the sampled rows ``start <= row < stop``, at least one frame."""
    edges = frame_edges(frames)
    first, last = np.rint(np.interp([start, stop], np.arange(len(edges)), edges)).astype(int)
    first = min(int(first), int(edges[-1]) - 1)
    return Interval(first, max(first + 1, int(last)))


def row_times_s(times_s: FloatArray, rows: npt.ArrayLike) -> FloatArray:
    """Return the time of fractional rows (edges of rows, from 0 to T), in seconds."""
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    edges = np.append(times_s, times_s[-1] + step_s)
    times: FloatArray = np.interp(np.asarray(rows, np.float64), np.arange(len(edges)), edges)
    return times
