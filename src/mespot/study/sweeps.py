"""The scores of Tables I and II: of one run, over the overlap that counts and over how much is kept."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent
from mespot.evaluation.strict import strict
from mespot.evaluation.tally import ProtocolScores
from mespot.study.results import StudyResult

T_EVAL = (0.50, 0.40, 0.35, 0.30)
"""Overlaps of Table I."""
TOP = (0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60)
"""Top thresholds of Table II."""


@dataclass(frozen=True, slots=True)
class Sweeps:
    """A run and its scores.

    Parameters
    ----------
    result : StudyResult
        The run.
    t_eval : mapping of float to ProtocolScores
        By least overlap, of the detections at the thresholds of each fold.
    top_fraction, score : mapping of float to ProtocolScores
        At IoU 0.5, of the best share of the candidates of each video and kind, and of those of at least a score.
    """

    result: StudyResult
    t_eval: Mapping[float, ProtocolScores]
    top_fraction: Mapping[float, ProtocolScores]
    score: Mapping[float, ProtocolScores]

    @property
    def headline(self) -> ProtocolScores:
        """The score at IoU 0.5, whose thresholds come from training subjects."""
        return self.t_eval[T_EVAL[0]]


def sweep(result: StudyResult) -> Sweeps:
    """Score a run in every way that Tables I and II ask for."""

    def scores(detected: Sequence[DetectedEvent], iou: float = 0.5) -> ProtocolScores:
        return strict(result.reference, detected, iou=iou, missing_offset=result.missing_offset)

    return Sweeps(
        result,
        {iou: scores(result.detected, iou) for iou in T_EVAL},
        {fraction: scores(best_fraction(result.candidates, fraction)) for fraction in TOP},
        {least: scores(at_least(result.candidates, least)) for least in TOP},
    )


def best_fraction(candidates: Sequence[DetectedEvent], fraction: float) -> list[DetectedEvent]:
    """Return the best candidates of each video and kind: ``ceil(fraction * count)`` of them, in their order.

    Parameters
    ----------
    candidates : sequence of DetectedEvent
        Of any number of videos; of equal scores the first is the better.
    fraction : float
        In [0, 1]; the larger, the more is kept.

    Notes
    -----
    The paper's "top threshold", of which it says that more is output the larger it is. It is counted within a kind, as
    ``spotting.top_fraction`` does, so that no kind can crowd out the other; here after NMS.

    Examples
    --------
    >>> found = [DetectedEvent("a", Kind.ME, 10 * n, 10 * n + 8, score) for n, score in enumerate((0.2, 0.9, 0.5))]
    >>> [event.score for event in best_fraction(found, 0.4)]
    [0.9, 0.5]
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fraction must lie in [0, 1], got {fraction}")
    groups: dict[tuple[str, Kind], list[int]] = defaultdict(list)
    for place, event in enumerate(candidates):
        groups[event.video, event.kind].append(place)
    kept: list[int] = []
    for places in groups.values():
        # A billionth of slack: 0.55 * 20 is a little above 11.
        most = math.ceil(fraction * len(places) - 1e-9)
        kept += sorted(places, key=lambda place: -candidates[place].score)[:most]
    return [candidates[place] for place in sorted(kept)]


def at_least(candidates: Sequence[DetectedEvent], score: float) -> list[DetectedEvent]:
    """Return the candidates of at least a score, in their order."""
    return [event for event in candidates if event.score >= score]
