"""Expressions as an annotator marks them and detections as a model reports them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mespot.core.interval import Interval

ME_LONGEST_S = 0.5
"""A micro-expression lasts at most this long (paper, introduction)."""
MAE_LONGEST_S = 4.0
"""A macro-expression lasts at most this long (paper, introduction)."""


class Kind(Enum):
    """Micro-expression (ME) or macro-expression (MaE)."""

    ME = "ME"
    MAE = "MaE"

    def __str__(self) -> str:
        return self.value


KINDS = {
    "me": Kind.ME,
    "micro": Kind.ME,
    "micro-expression": Kind.ME,
    "mae": Kind.MAE,
    "macro": Kind.MAE,
    "macro-expression": Kind.MAE,
}
"""How files spell the kind, in lower case."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An annotated expression.

    Parameters
    ----------
    interval : Interval
        Frames of the source video.
    kind : Kind
        From the annotator's label, never from the duration.
    apex : int or None
        Peak frame, inside ``interval``; None where the annotation has none.
    """

    interval: Interval
    kind: Kind
    apex: int | None = None

    def __post_init__(self) -> None:
        _check_apex(self.apex, self.interval)


@dataclass(frozen=True, slots=True)
class Attention:
    """Where on the face a detection was made.

    Parameters
    ----------
    region : str
        Name of the face region that moved most, as the map tells it (``mespot.vision.regions``); left and right are
        the person's own.
    heat : tuple of tuple of float
        Coarse map over the square crop, rows from the top, normalised to a maximum of 1: how far each place went out
        and back, in multiples of its usual motion, times a root of the network's attention.
    """

    region: str
    heat: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """An expression that the model reports.

    Parameters
    ----------
    interval : Interval
        Frames of the source video, counted from 0 in decode order.
    kind : Kind
        Micro- or macro-expression.
    score : float
        Confidence in [0, 1].
    apex : int
        Peak frame, inside ``interval``.
    attention : Attention
        Where on the face it was seen.
    """

    interval: Interval
    kind: Kind
    score: float
    apex: int
    attention: Attention

    def __post_init__(self) -> None:
        _check_apex(self.apex, self.interval)
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies in [0, 1], got {self.score}")


def _check_apex(apex: int | None, interval: Interval) -> None:
    if apex is not None and apex not in interval:
        raise ValueError(f"apex {apex} lies outside onset {interval.onset} to offset {interval.offset}")
