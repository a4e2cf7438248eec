"""Precision, recall and F1 of detections against annotations, pooled over videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from mespot.core.expression import Detection, Expression, Kind
from mespot.evaluation.matching import match


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives; they add over videos and folds.

    Parameters
    ----------
    tp, fp, fn : int
        Matched pairs, detections without an expression, expressions without a detection.

    Notes
    -----
    Standard names: precision = tp / detected, recall = tp / annotated. The paper's equations (4) and (5) exchange the
    two names; F1 is the same either way. A ratio without a denominator is 0, so that a model that reports nothing
    does not score.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __post_init__(self) -> None:
        if min(self.tp, self.fp, self.fn) < 0:
            raise ValueError(f"counts cannot be negative, got {self.tp}, {self.fp}, {self.fn}")

    def __add__(self, other: Counts) -> Self:
        return type(self)(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def detected(self) -> int:
        """How many were reported."""
        return self.tp + self.fp

    @property
    def annotated(self) -> int:
        """How many there are."""
        return self.tp + self.fn

    @property
    def precision(self) -> float:
        """Share of the detections that are right."""
        return _ratio(self.tp, self.detected)

    @property
    def recall(self) -> float:
        """Share of the expressions that were found."""
        return _ratio(self.tp, self.annotated)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, self.detected + self.annotated)


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of each kind over any number of videos.

    Parameters
    ----------
    mae, me : Counts
        Of macro- and micro-expressions.
    onset_errors_s : tuple of float
        Detected minus annotated onset of every true positive; seconds where the frame rate was given, otherwise
        source frames.
    """

    mae: Counts = Counts()
    me: Counts = Counts()
    onset_errors_s: tuple[float, ...] = ()

    def __add__(self, other: Scores) -> Self:
        return type(self)(self.mae + other.mae, self.me + other.me, self.onset_errors_s + other.onset_errors_s)

    @property
    def all(self) -> Counts:
        """Both kinds pooled: counts are added, F1 is never averaged."""
        return self.mae + self.me

    @property
    def median_onset_error_s(self) -> float | None:
        """Median absolute onset error of the true positives; None without any."""
        return float(np.median(np.abs(self.onset_errors_s))) if self.onset_errors_s else None


def score_video(
    *, reference: Sequence[Expression], detected: Sequence[Detection], iou: float = 0.5, frame_s: float = 1.0
) -> Scores:
    """Return the scores of one video.

    Parameters
    ----------
    reference, detected : sequence
        Annotated and reported expressions, in frames of the video.
    iou : float
        Least intersection over union of a true positive.
    frame_s : float
        Seconds per frame, for the onset errors; 1 leaves them in frames.
    """
    pairs = match(reference=reference, detected=detected, iou=iou)
    counts = []
    for kind in (Kind.MAE, Kind.ME):
        found = sum(reference[row].kind is kind for row, _ in pairs)
        annotated = sum(expression.kind is kind for expression in reference)
        reported = sum(detection.kind is kind for detection in detected)
        counts.append(Counts(found, reported - found, annotated - found))
    errors = ((detected[c].interval.onset - reference[r].interval.onset) * frame_s for r, c in pairs)
    return Scores(counts[0], counts[1], tuple(errors))


def score(
    videos: Iterable[tuple[Sequence[Expression], Sequence[Detection]]], *, iou: float = 0.5, frame_s: float = 1.0
) -> Scores:
    """Return the scores pooled over all videos, those without any expression included.

    Parameters
    ----------
    videos : iterable of (reference, detected)
        One pair a video.
    iou, frame_s : float
        As for `score_video`.
    """
    total = Scores()
    for reference, detected in videos:
        total = total + score_video(reference=reference, detected=detected, iou=iou, frame_s=frame_s)
    return total


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
