"""What every protocol returns: counts and ratios of MaE, ME and both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from mespot.evaluation.scores import Counts


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts with the ratios that a protocol makes of them.

    Parameters
    ----------
    tp, fp, fn : float
        Whole numbers but where a published scorer adds a fraction.
    precision, recall, f1 : float
        As the protocol computes them, which need not follow from the counts; 0 where there is no denominator.

    Notes
    -----
    Standard names: precision is the share of detections that are right, recall the share of expressions that were
    found. The paper's equations (4) and (5) exchange the two names; F1 is the same either way.
    """

    tp: float
    fp: float
    fn: float
    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """Make the tally whose ratios follow from its counts."""
        return cls(counts.tp, counts.fp, counts.fn, counts.precision, counts.recall, counts.f1)

    def to_json(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ProtocolScores:
    """The tallies of one protocol.

    Parameters
    ----------
    mae, me, all : Tally
        Of macro-expressions, micro-expressions, and both.
    """

    mae: Tally
    me: Tally
    all: Tally

    def to_json(self) -> dict[str, Any]:
        """Return ``{"MaE": {"tp": ..., "fp": ..., ...}, "ME": {...}, "all": {...}}``."""
        return {"MaE": self.mae.to_json(), "ME": self.me.to_json(), "all": self.all.to_json()}
