"""Add other flow to a video's: an expression (`Paste`) or a whole stretch of video (`Overlay`).

Flow is additive as long as movements are small, and steady crops put all faces at the same place. Expressions of other
videos, or of a library (`mespot.vision.flow_library`), then meet many heads, blinks and stretches of speech. Only for
networks that see flow alone: pictures cannot be added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MARGIN = 4
"""Sampled rows before and after an expression that come with it, and that stay free around it."""
TRIES = 6
"""Places that are tried before a paste is given up."""
LIBRARY = -1
"""Stands for the library in the place of a video."""
RELIEF_CELLS = 3
"""Cells across and down of the factors that make an expression stronger here and weaker there."""


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
    pace : float
        Factor on its duration.
    shift : tuple of int
        Px of the network's input to the right and down.
    relief : tuple of float
        Factors at `RELIEF_CELLS` x `RELIEF_CELLS` places of the face, smooth in between: estimated flow is weaker
        than the motion where skin has no texture. None are factors of 1.
    """

    sample: int
    expression: int
    at: int
    flip: bool
    gain: float
    pace: float = 1.0
    shift: tuple[int, int] = (0, 0)
    relief: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlay:
    """A stretch of video that is added to a window, as long as what the window shows: two motions on one face.

    Parameters
    ----------
    sample, start : int
        Which video, and its first sampled row.
    flip : bool
        Whether it is mirrored.
    gain : float
        Factor on its flow.
    """

    sample: int
    start: int
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
    window: Float32, flow: npt.NDArray[np.floating], interval: Sequence[float], paste: Paste
) -> tuple[float, float]:
    """Add an expression to a window in place, and return the rows where it now lies.

    Parameters
    ----------
    window : (T, 2, S, S) float32
        Flow that receives it.
    flow : (F, 2, S, S)
        Flow of the whole other video, or of the expression alone.
    interval : (start, stop)
        Rows of the expression in ``flow``.
    paste : Paste
        Where and how.
    """
    first = int(np.floor(interval[0]))
    begin, end = max(0, first - MARGIN), min(len(flow), int(np.ceil(interval[1])) + MARGIN)
    part = changed(flow[begin:end].astype(np.float32), paste)
    pace = len(part) / (end - begin)
    start = paste.at - round((first - begin) * pace)
    rows = slice(max(0, start), min(len(window), start + len(part)))
    window[rows] += part[rows.start - start : rows.stop - start]
    return start + (interval[0] - begin) * pace, start + (interval[1] - begin) * pace


def add_overlay(window: Float32, flow: npt.NDArray[np.floating], overlay: Overlay) -> None:
    """Add a stretch of another video's (F, 2, S, S) flow to a (T, 2, S, S) window in place."""
    part = flow[overlay.start : overlay.start + len(window)].astype(np.float32)
    window += (mirrored(part) if overlay.flip else part) * np.float32(overlay.gain)


def changed(flow: Float32, paste: Paste) -> Float32:
    """Return the (T, 2, S, S) flow of an expression as a paste wants it: pace, side, place and strength."""
    rows = len(flow) if paste.pace == 1 else max(2, round(len(flow) * paste.pace))
    if rows != len(flow):
        # The way stays the same, so what takes longer is slower: the sum of the flow is kept.
        way = np.concatenate([np.zeros_like(flow[:1]), np.cumsum(flow, axis=0)])
        at = np.linspace(0.0, len(flow), rows + 1)
        low = np.minimum(at.astype(np.int64), len(flow) - 1)
        share = (at - low).astype(np.float32)[:, None, None, None]
        flow = np.diff(way[low] + share * (way[low + 1] - way[low]), axis=0)
    if paste.flip:
        flow = mirrored(flow)
    if paste.shift != (0, 0):
        flow = _moved(flow, *paste.shift)
    if paste.relief:
        flow = flow * relief_field(paste.relief, flow.shape[-1])
    return np.asarray(flow * np.float32(paste.gain))


def mirrored(flow: Float32) -> Float32:
    """Return (T, 2, S, S) flow with left and right exchanged."""
    return np.asarray(flow[..., ::-1] * np.array([-1.0, 1.0], np.float32)[:, None, None])


def relief_field(relief: Sequence[float], side: int) -> Float32:
    """Return `RELIEF_CELLS` x `RELIEF_CELLS` factors as (side, side) ones, smooth in between."""
    cells = np.array(relief, np.float32).reshape(RELIEF_CELLS, RELIEF_CELLS)
    return np.asarray(cv2.resize(cells, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def reversed_flow(flow: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return (T, 2, S, S) flow of neighbouring frames as it is when the video runs backwards.

    A row holds the way from the frame before to its own: reversed it is told of the frame before, and negated.
    """
    return np.concatenate([np.zeros_like(flow[:1]), -flow[:0:-1]])


def _moved(flow: Float32, right: int, down: int) -> Float32:
    moved = np.roll(flow, (down, right), axis=(2, 3))
    for axis, by in ((2, down), (3, right)):
        gone = slice(0, by) if by > 0 else slice(moved.shape[axis] + by, None)
        if by:
            moved[(slice(None),) * axis + (gone,)] = 0
    return moved
