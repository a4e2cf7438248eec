"""Add expressions to the flow of a video.

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
from mespot.model.candidates import MAE, ME

FloatArray = npt.NDArray[np.float64]

MARGIN = 4
"""Sampled rows before and after an expression that come with it, and that stay free around it."""
TRIES = 6
"""Places that are tried before a paste, or an overlay, is given up."""
LIBRARY = -1
"""Stands for the library in the place of a video."""
RELIEF_CELLS = 3
"""Cells across and down of the factors that make a motion stronger here and weaker there."""
RELIEF = (0.5, 1.1)
"""Factors of a relief."""
SHIFT_PX = 2
"""Px of the network's input that other flow is moved by at most."""
PASTED_ROWS = {MAE: (17, 120), ME: (4, 15)}
"""Sampled rows that an expression may last at another pace, by kind: 0.5 s parts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How other flow is changed before it is added to a window.

    Parameters
    ----------
    flip : bool
        Whether it is mirrored.
    gain : float
        Factor on the flow.
    pace : float
        Factor on its duration.
    shift : tuple of int
        Px of the network's input to the right and down.
    relief : tuple of float
        Factors at `RELIEF_CELLS` x `RELIEF_CELLS` places of the face, smooth in between: estimated flow is weaker
        than the motion where skin has no texture. None are factors of 1.
    """

    flip: bool
    gain: float
    pace: float = 1.0
    shift: tuple[int, int] = (0, 0)
    relief: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Paste(Change):
    """An expression that is added to a window.

    Parameters
    ----------
    sample, expression : int
        Which video, and which of its expressions.
    at : int
        Row of the window where the expression begins.
    """

    sample: int
    expression: int
    at: int


def drawn_shift(rng: np.random.Generator) -> tuple[int, int]:
    """Draw a shift of a `Change`."""
    return int(rng.integers(-SHIFT_PX, SHIFT_PX + 1)), int(rng.integers(-SHIFT_PX, SHIFT_PX + 1))


def drawn_relief(rng: np.random.Generator, low: float = RELIEF[0], high: float = RELIEF[1]) -> tuple[float, ...]:
    """Draw a relief of a `Change`."""
    return tuple(rng.uniform(low, high, RELIEF_CELLS**2).tolist())


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
    part = flow[begin:end].astype(np.float32)
    if paste.pace != 1:
        part = paced(part, np.linspace(0.0, len(part), max(2, round(len(part) * paste.pace)) + 1))
    part = changed(part, paste)
    pace = len(part) / (end - begin)
    start = paste.at - round((first - begin) * pace)
    rows = slice(max(0, start), min(len(window), start + len(part)))
    window[rows] += part[rows.start - start : rows.stop - start]
    return start + (interval[0] - begin) * pace, start + (interval[1] - begin) * pace


def changed(flow: Float32, change: Change) -> Float32:
    """Return (T, 2, S, S) flow as a change wants it: side, place and strength; its pace is for `paced`."""
    if change.flip:
        flow = mirrored(flow)
    if change.shift != (0, 0):
        flow = _moved(flow, *change.shift)
    if change.relief:
        flow = flow * relief_field(change.relief, flow.shape[-1])
    return np.asarray(flow * np.float32(change.gain))


def paced(flow: Float32, edges: FloatArray) -> Float32:
    """Return (T, 2, S, S) flow at another pace: between ``edges``, (R + 1,) rows in [0, T], it has R rows.

    The way stays the same, so what takes longer is slower: the sum of the flow is kept.
    """
    way = np.concatenate([np.zeros_like(flow[:1]), np.cumsum(flow, axis=0)])
    low = np.minimum(edges.astype(np.int64), len(flow) - 1)
    share = (edges - low).astype(np.float32)[:, None, None, None]
    return np.asarray(np.diff(way[low] + share * (way[low + 1] - way[low]), axis=0))


def mirrored(flow: Float32) -> Float32:
    """Return (T, 2, S, S) flow with left and right exchanged."""
    return np.asarray(flow[..., ::-1] * np.array([-1.0, 1.0], np.float32)[:, None, None])


def relief_field(relief: Sequence[float], side: int) -> Float32:
    """Return `RELIEF_CELLS` x `RELIEF_CELLS` factors as (side, side) ones, smooth in between."""
    cells = np.array(relief, np.float32).reshape(RELIEF_CELLS, RELIEF_CELLS)
    return np.asarray(cv2.resize(cells, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def reversed_flow(flow: npt.NDArray[np.floating], step: int) -> npt.NDArray[np.floating]:
    """Return (T, 2, S, S) flow of frames ``step`` apart as it is when the video runs backwards.

    A row holds the way from the frame ``step`` before to its own: reversed it is told of the earlier one, and negated.
    The first ``step`` rows then have no frame so far before them, and are 0 as they are where a video begins.
    """
    back = np.zeros_like(flow)
    back[step:] = -flow[step:][::-1]
    return back


def _moved(flow: Float32, right: int, down: int) -> Float32:
    moved = np.roll(flow, (down, right), axis=(2, 3))
    for axis, by in ((2, down), (3, right)):
        gone = slice(0, by) if by > 0 else slice(moved.shape[axis] + by, None)
        if by:
            moved[(slice(None),) * axis + (gone,)] = 0
    return moved
