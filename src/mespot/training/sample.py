"""A video to learn from, and what a stretch of it shows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Expression
from mespot.core.timeline import rows_of
from mespot.model.candidates import CLASS_OF_KIND, MAE, ME
from mespot.vision.streams import Streams

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_VISIBLE = {MAE: 0.4, ME: 0.75}
"""An expression of which a window shows less than this share is no target; its rows are ignored."""
LEAST_MAE_ROWS = 16
"""Sampled rows (0.53 s at 30 a second) of which a MaE that goes on beyond the window must show as many."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A video to learn from.

    Parameters
    ----------
    name : str
        For messages.
    streams : Streams
        The network's input; may be memory-mapped.
    expressions : tuple of Expression
        In source frames.
    """

    name: str
    streams: Streams
    expressions: tuple[Expression, ...]
    intervals: FloatArray = field(init=False)
    """(M, 2) sampled rows, half-open."""
    kinds: IntArray = field(init=False)
    """(M,) 1 MaE, 2 ME."""

    def __post_init__(self) -> None:
        rows = [rows_of(self.streams.frames, expression.interval) for expression in self.expressions]
        kinds = [CLASS_OF_KIND[expression.kind] for expression in self.expressions]
        object.__setattr__(self, "intervals", np.array(rows, np.float64).reshape(-1, 2))
        object.__setattr__(self, "kinds", np.array(kinds, np.int64))


def shown(
    intervals: FloatArray, kinds: IntArray, frames: int, valid: npt.NDArray[np.bool_]
) -> tuple[FloatArray, IntArray]:
    """Return those of the (M, 2) intervals and (M,) kinds of which a window's ``frames`` rows show enough.

    Of what they barely show nothing is learnt: its rows are cleared in ``valid``, (T,) for the window, in place.
    """
    within = np.minimum(intervals[:, 1], frames) - np.maximum(intervals[:, 0], 0)
    lasting = intervals[:, 1] - intervals[:, 0]
    # A MaE that the window cuts to the length of an ME would be taught under the wrong name.
    least = np.where(kinds == MAE, LEAST_MAE_ROWS, 0.0)
    shares = np.array([LEAST_VISIBLE[int(kind)] for kind in kinds])
    visible = (within > 0) & (within >= shares * lasting) & (within >= np.minimum(least, lasting))
    for begin, stop in intervals[~visible & (within > 0)]:
        valid[max(0, int(begin)) : int(np.ceil(stop))] = False
    # Where the window ends, an expression that goes on ends too: nothing after that frame can be seen.
    return intervals[visible].clip(0, frames), kinds[visible]
