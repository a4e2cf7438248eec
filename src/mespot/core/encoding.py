"""Arrays as compact JSON that restores them bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mespot.core.signals import Float32
from mespot.core.video import IntArray

MOST_FRAMES = 100_000_000
"""More frames than this (six days at 200 per second) are taken for a damaged file."""


def encode_runs(values: IntArray) -> dict[str, Any]:
    """Return the first of (T,) integers and the runs of equal steps: a constant frame rate is one run.

    Examples
    --------
    >>> encode_runs(np.array([0, 512, 1024, 1536, 3000]))
    {'first': 0, 'steps': [[512, 3], [1464, 1]]}
    """
    steps = np.diff(values)
    begins = np.flatnonzero(np.concatenate(([True], steps[1:] != steps[:-1]))) if len(steps) else np.zeros(0, int)
    counts = np.diff(np.concatenate((begins, [len(steps)])))
    return {
        "first": int(values[0]) if len(values) else None,
        "steps": [[int(steps[begin]), int(count)] for begin, count in zip(begins, counts, strict=True)],
    }


def decode_runs(runs: Mapping[str, Any]) -> IntArray:
    """Return the (T,) int64 array that `encode_runs` was given.

    Raises
    ------
    ValueError, TypeError, KeyError
        The runs are damaged; a count that would fill the memory is refused before it does.
    """
    if runs["first"] is None:
        return np.zeros(0, np.int64)
    pairs = [(whole_number(step), whole_number(count)) for step, count in runs["steps"]]
    if any(count < 1 for _, count in pairs) or sum(count for _, count in pairs) >= MOST_FRAMES:
        raise ValueError("the runs of frames are damaged")
    steps = [np.full(count, step, np.int64) for step, count in pairs]
    return np.cumsum(np.concatenate([np.array([whole_number(runs["first"])], np.int64), *steps]), dtype=np.int64)


def encode_curve(values: Float32) -> list[float | None]:
    """Return (T,) float32 with the fewest digits that restore each; NaN becomes None (JSON null).

    Examples
    --------
    >>> encode_curve(np.array([0.1, np.nan], np.float32))
    [0.1, None]
    """
    short = np.array([float(str(value)) for value in values], np.float64)
    # Reading goes through float64: where that second rounding tips a value over, all its digits are kept.
    exact = np.where(short.astype(np.float32) == values, short, values.astype(np.float64))
    return [None if np.isnan(value) else float(value) for value in exact]


def decode_curve(values: Sequence[float | None]) -> Float32:
    """Return the (T,) float32 array that `encode_curve` was given."""
    return np.array([np.nan if value is None else float(value) for value in values], np.float32)


def whole_number(value: object) -> int:
    """Return ``value`` if it is an int, and neither a bool nor a float nor text.

    Raises
    ------
    TypeError
        It is something else.
    """
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value
