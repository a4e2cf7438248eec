"""What the network should say at every row of every level: the assignment of expressions to positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32, Grid

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

IGNORE = -1
"""Class of a row that no loss sees."""
SHORTEST_STRIDES, LONGEST_STRIDES = 1.5, 4.5
"""Durations that a level is responsible for, in its own strides: at strides of 4, 8, 16, 32, 64 frames P3 takes up to
18 frames (an ME at 30 fps), P4 12 to 36, P5 24 to 72, P6 48 to 144 (a MaE of 4 s has 120), P7 from 96. The upper end
fits the five rows that the head sees; neighbours overlap so that no duration falls on an edge."""
CENTRAL_SHARE = 0.35
"""A row is positive within this share of the duration from the middle (and always within half a stride)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What one level should say.

    Parameters
    ----------
    classes : (L,) int64
        0 background, 1 MaE, 2 ME, -1 ignored.
    distances : (L, 2) float32
        Sampled frames from the row's centre back to the start and on to the stop; 0 where the class is not positive.
    """

    classes: IntArray
    distances: Float32


def duration_range(level: int, levels: int, stride: int) -> tuple[float, float]:
    """Return the shortest and longest duration (both inclusive) that a level takes, in sampled frames."""
    shortest = 0.0 if level == 0 else SHORTEST_STRIDES * stride
    longest = np.inf if level == levels - 1 else LONGEST_STRIDES * stride
    return shortest, float(longest)


def assign(
    intervals: FloatArray,
    kinds: IntArray,
    grids: Sequence[Grid],
    lengths: Sequence[int],
    valid: npt.NDArray[np.bool_],
) -> tuple[Target, ...]:
    """Return the target of every level.

    Parameters
    ----------
    intervals : (M, 2) float64
        Expressions in sampled rows, half-open.
    kinds : (M,) int64
        1 MaE, 2 ME.
    grids : sequence of Grid
        One per level, finest first.
    lengths : sequence of int
        Rows of each level.
    valid : (T,) bool
        False where no face was seen or the window is padded: rows centred there are ignored.

    Notes
    -----
    A level takes the expressions whose duration lies in `duration_range`. A row is positive when its centre is at
    most ``max(stride / 2, 0.35 duration)`` from the middle of the expression; up to half a stride further it is
    ignored; beyond, and on other levels, it is background. Where two expressions want a row, the shorter one has it.
    """
    return tuple(
        _assign_level(intervals, kinds, grid, length, valid, duration_range(level, len(grids), grid.stride))
        for level, (grid, length) in enumerate(zip(grids, lengths, strict=True))
    )


def _assign_level(
    intervals: FloatArray,
    kinds: IntArray,
    grid: Grid,
    length: int,
    valid: npt.NDArray[np.bool_],
    durations: tuple[float, float],
) -> Target:
    centres = grid.first + grid.stride * np.arange(length, dtype=np.float64)
    classes = np.zeros(length, np.int64)
    distances = np.zeros((length, 2), np.float32)
    lasting = intervals[:, 1] - intervals[:, 0]
    taken = (lasting >= durations[0]) & (lasting <= durations[1])
    off_middle = np.abs(centres[None] - intervals.mean(axis=1, keepdims=True))
    radius = np.maximum(grid.stride / 2, lasting * CENTRAL_SHARE)[:, None]
    positive = taken[:, None] & (off_middle <= radius)
    near = taken[:, None] & (off_middle <= radius + grid.stride / 2)
    classes[near.any(axis=0)] = IGNORE
    # Longest first, so that the shortest has the last word.
    for index in np.argsort(-lasting, kind="stable"):
        rows = positive[index]
        classes[rows] = kinds[index]
        distances[rows, 0] = centres[rows] - intervals[index, 0]
        distances[rows, 1] = intervals[index, 1] - centres[rows]
    seen = valid[np.clip(np.rint(centres).astype(int), 0, len(valid) - 1)]
    classes[~seen] = IGNORE
    distances[classes <= 0] = 0
    return Target(classes, distances)
