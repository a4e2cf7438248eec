"""Spot-then-recognise: how well the emotions of found expressions are named, and the STRS of both steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.evaluation.compatible import HALF, by_video, tally, zero_to
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.tally import ProtocolScores, Tally


@dataclass(frozen=True, slots=True)
class Analysis:
    """How well emotions are named.

    Parameters
    ----------
    precision, recall : float
        Means over the emotions.
    f1 : float
        Harmonic mean of these two means, which is not the mean of the F1 of the emotions.
    """

    precision: float
    recall: float
    f1: float


def analyse(pairs: Sequence[tuple[str, str]]) -> Analysis:
    """Score the emotions of true positives.

    Parameters
    ----------
    pairs : sequence of (annotated, reported)
        Emotions of every true positive; missed expressions and false detections are no part of it.

    Notes
    -----
    An emotion takes part if either side of a true positive names it; one that is never reported has precision 0, one
    that is never annotated recall 0.

    Source: MEAN, ``training_utils.py`` (github.com/genbing99/MEAN_Spot-then-recognize), and
    github.com/genbing99/STRS-Metric.

    Examples
    --------
    >>> analyse([("positive", "positive"), ("negative", "positive")])
    Analysis(precision=0.25, recall=0.5, f1=0.3333333333333333)
    """
    emotions = sorted({emotion for pair in pairs for emotion in pair})
    if not emotions:
        return Analysis(0.0, 0.0, 0.0)
    precision = recall = 0.0
    for emotion in emotions:
        right = sum(annotated == reported == emotion for annotated, reported in pairs)
        precision += right / max(1, sum(reported == emotion for _, reported in pairs)) / len(emotions)
        recall += right / max(1, sum(annotated == emotion for annotated, _ in pairs)) / len(emotions)
    return Analysis(precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0)


def strs(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """Multiply F1 of spotting by F1 of analysis, as the scorer of the challenge's spot-then-recognise task does.

    Raises
    ------
    AnnotationError
        An expression or a detection has no emotion.

    Notes
    -----
    What differs from strict: ``f1`` is the product, while the counts, precision and recall are those of spotting. Every
    pair of a detection and an expression with an inclusive IoU >= 0.5 is a true positive, so that either side may serve
    several times; a detection in no pair is a false positive, an expression in no pair a false negative. The kind is
    ignored ("all"; the other two tallies look at one kind alone). Only videos with an expression count, and only
    subjects with a detection. A missing offset is the apex.

    Direction: spotting is higher than strict, as double hits count twice, and neither false positives in videos
    without expressions nor false negatives of subjects without detections are seen. The product is no F1 of spotting
    and lies below both factors: compare STRS with STRS only.

    Source: github.com/genbing99/STRS-Metric, ``strs_metric.py``; `analyse` for the second factor.
    """
    _require_emotions(reference.events, "expression", "reference")
    _require_emotions(detected, "detection", "file of detections")
    return ProtocolScores(*(_strs(reference, detected, kinds) for kinds in ([Kind.MAE], [Kind.ME], list(Kind))))


def _strs(reference: Reference, detected: Sequence[DetectedEvent], kinds: Sequence[Kind]) -> Tally:
    """Score as if the files held these kinds alone."""
    events = [zero_to(0)(event) for event in reference.events if event.kind in kinds]
    found = [event for event in detected if event.kind in kinds]
    subjects = dict(reference.videos) | {event.video: event.subject for event in reference.events}
    seen = {subjects.get(event.video) for event in found}
    pairs: list[tuple[str, str]] = []
    false_positives = false_negatives = 0
    for video in by_video(events, found):
        if not video.reference or subjects[video.reference[0].video] not in seen:
            continue
        enough = video.overlaps(inclusive=True) >= HALF
        false_negatives += int((~enough.any(axis=1)).sum())
        false_positives += int((~enough.any(axis=0)).sum())
        pairs += [
            (video.reference[row].emotion or "", video.detected[column].emotion or "")
            for row, column in zip(*enough.nonzero(), strict=True)
        ]
    spotted = tally(len(pairs), len(pairs) + false_positives, len(pairs) + false_negatives)
    return replace(spotted, f1=spotted.f1 * analyse(pairs).f1)


def _require_emotions(events: Sequence[ReferenceEvent] | Sequence[DetectedEvent], what: str, where: str) -> None:
    for event in events:
        if not event.emotion:
            raise AnnotationError(
                f"STRS needs an emotion for every {what}, and the {where} has none for {event.video} from frame "
                f"{event.onset:.12g} to {event.offset:.12g}: fill its column emotion, or leave the protocol strs out."
            )
