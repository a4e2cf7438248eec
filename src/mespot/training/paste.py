"""Add the flow of one video's expression to another's: the same expression over other motion.

Flow is additive as long as movements are small, and steady crops put all faces at the same place. Few expressions then
meet many heads, blinks and stretches of speech. Only for networks that see flow alone: pictures cannot be added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MARGIN = 4
"""Sampled rows before and after an expression that come with it, and that stay free around it."""
TRIES = 6
"""Places that are tried before a paste is given up."""


@dataclass(frozen=True, slots=True)
class Paste:
    """An expression that is added to a window.

    Parameters
    ----------
    sample, expression : int
        Which video, and which of its expressions.
    at : int
        Row of the window where the expression begins.
    flip : bool
        Whether it is mirrored.
    gain : float
        Factor on its flow.
    """

    sample: int
    expression: int
    at: int
    flip: bool
    gain: float


def isolated(intervals: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which of the (M, 2) intervals have no other within `MARGIN` rows."""
    starts, stops = intervals[:, :1] - MARGIN, intervals[:, 1:] + MARGIN
    overlaps = (starts < intervals[:, 1]) & (intervals[:, 0] < stops)
    return np.asarray(overlaps.sum(axis=1) == 1)


def free_place(rng: np.random.Generator, lasting: float, taken: FloatArray, window_frames: int) -> int | None:
    """Return a row where an expression of ``lasting`` rows meets none of the (M, 2) ``taken`` intervals."""
    latest = window_frames - int(np.ceil(lasting)) - MARGIN
    for _ in range(TRIES):
        if latest <= MARGIN:
            return None
        at = int(rng.integers(MARGIN, latest))
        if not ((taken[:, 0] < at + lasting + 2 * MARGIN) & (taken[:, 1] > at - 2 * MARGIN)).any():
            return at
    return None


def add_flow(
    window: npt.NDArray[np.float32],
    flow: npt.NDArray[np.floating],
    interval: Sequence[float],
    paste: Paste,
) -> tuple[float, float]:
    """Add an expression to a window in place, and return the rows where it now lies.

    Parameters
    ----------
    window : (T, 2, S, S) float32
        Flow that receives it.
    flow : (F, 2, S, S)
        Flow of the whole other video.
    interval : (start, stop)
        Rows of the expression in the other video.
    paste : Paste
        Where and how.
    """
    first = int(np.floor(interval[0]))
    begin, end = max(0, first - MARGIN), min(len(flow), int(np.ceil(interval[1])) + MARGIN)
    part = flow[begin:end].astype(np.float32) * np.float32(paste.gain)
    if paste.flip:
        part = part[..., ::-1] * np.array([-1.0, 1.0], np.float32)[:, None, None]
    start = paste.at - (first - begin)
    rows = slice(max(0, start), min(len(window), start + len(part)))
    window[rows] += part[rows.start - start : rows.stop - start]
    shift = paste.at - first
    return interval[0] + shift, interval[1] + shift
