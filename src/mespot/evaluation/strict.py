"""The score that mespot reports: one-to-one, same kind, inclusive frames, pooled over all videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset, complete_offset
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.matching import best_pairs, span_overlaps
from mespot.evaluation.scores import Counts
from mespot.evaluation.tally import ProtocolScores, Tally

FloatArray = npt.NDArray[np.float64]


def strict(
    reference: Reference,
    detected: Sequence[DetectedEvent],
    *,
    iou: float = 0.5,
    missing_offset: MissingOffset = "mirror",
) -> ProtocolScores:
    """Return the counts of all videos together.

    Parameters
    ----------
    reference : Reference
        Every annotated video, those without any expression included.
    detected : sequence of DetectedEvent
        In any order.
    iou : float
        Least intersection over union of a true positive, in (0, 1].
    missing_offset : {"mirror", "apex", "apex_plus_20", "drop"}
        How an offset that the table does not have is completed (`mespot.core.offsets`).

    Notes
    -----
    - One-to-one: every expression and every detection is in at most one pair, and of all such pairings it is one with
      the most pairs (`mespot.evaluation.matching`). A second detection of one expression is a false positive.
    - A pair is of one kind: an ME that was reported as MaE is a false negative and a false positive.
    - Onset and offset are both inside, so that frames a to b are b - a + 1 long. Fractional frames, which some releases
      of SAMM have, count as stated and are not rounded: the interval lasts from a to b + 1.
    - A detection in a video without any expression, or in one that the reference does not list, is a false positive.
      One that ends before it begins overlaps nothing and is a false positive too.
    - A row of the reference that the rule drops, or whose missing offset cannot be completed for want of an apex, is
      not counted at all.
    - Counts are added over videos and both kinds (MEGC2020): no mean of videos, subjects or kinds.

    Precision = tp / (tp + fp), recall = tp / (tp + fn); the paper's equations (4) and (5) have these two names
    exchanged.

    Examples
    --------
    >>> reference = Reference((ReferenceEvent("a", "one", Kind.ME, 10, 14, 19),), (("a", "one"), ("b", "two")))
    >>> found = [DetectedEvent("a", Kind.ME, 11, 20), DetectedEvent("b", Kind.ME, 5, 9)]
    >>> strict(reference, found).me
    Tally(tp=1, fp=1, fn=0, precision=0.5, recall=1.0, f1=0.6666666666666666)
    """
    return pooled(match_videos(reference, detected, iou=iou, missing_offset=missing_offset))


@dataclass(frozen=True, eq=False)
class MatchedVideo:
    """The events of one video, and which detection is which expression.

    Parameters
    ----------
    video, subject : str
        Names; ``subject`` is "" where no file says.
    reference : tuple of ReferenceEvent
        Offsets completed.
    detected : tuple of DetectedEvent
        In the order of the file.
    iou : float
        Least intersection over union of a pair.
    """

    video: str
    subject: str
    reference: tuple[ReferenceEvent, ...]
    detected: tuple[DetectedEvent, ...]
    iou: float = 0.5

    @cached_property
    def overlaps(self) -> FloatArray:
        """(M, N) intersection over union, 0 between kinds."""
        spans = [
            np.array([(event.onset, event.offset + 1) for event in events], np.float64).reshape(-1, 2)
            for events in (self.reference, self.detected)
        ]
        kinds = [
            np.array([event.kind.value for event in events], np.str_) for events in (self.reference, self.detected)
        ]
        return np.where(kinds[0][:, None] == kinds[1][None], span_overlaps(*spans), 0.0)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """(index in ``reference``, index in ``detected``) of every true positive."""
        return best_pairs(np.where(self.overlaps >= self.iou, self.overlaps, 0.0))

    def counts(self, kind: Kind) -> Counts:
        """Return the counts of one kind."""
        found = sum(self.reference[row].kind is kind for row, _ in self.pairs)
        annotated = sum(event.kind is kind for event in self.reference)
        reported = sum(event.kind is kind for event in self.detected)
        return Counts(found, reported - found, annotated - found)

    def at(self, iou: float) -> MatchedVideo:
        """Return the same video, matched at another overlap."""
        other = replace(self, iou=iou)
        vars(other)["overlaps"] = self.overlaps  # the same at every threshold
        return other


def match_videos(
    reference: Reference,
    detected: Sequence[DetectedEvent],
    *,
    iou: float = 0.5,
    missing_offset: MissingOffset = "mirror",
) -> list[MatchedVideo]:
    """Return every video that either side names, those of the reference first; parameters as for `strict`.

    Raises
    ------
    ValueError
        ``iou`` is not in (0, 1].
    """
    if not 0.0 < iou <= 1.0:
        raise ValueError(f"iou must lie in (0, 1], got {iou}")
    subjects = {event.video: event.subject for event in reference.events} | dict(reference.videos)
    expressions: dict[str, list[ReferenceEvent]] = {video: [] for video, _ in reference.videos}
    for event in complete(reference, missing_offset):
        expressions.setdefault(event.video, []).append(event)
    found: dict[str, list[DetectedEvent]] = {}
    for detection in detected:
        found.setdefault(detection.video, []).append(detection)
    return [
        MatchedVideo(
            video, subjects.get(video, ""), tuple(expressions.get(video, ())), tuple(found.get(video, ())), iou
        )
        for video in dict.fromkeys((*expressions, *found))
    ]


def complete(reference: Reference, rule: MissingOffset) -> list[ReferenceEvent]:
    """Return the events with their offsets completed, without those that the rule drops or cannot complete."""
    completed = []
    for event in reference.events:
        offset = complete_offset(event.onset, event.apex, event.offset, rule)
        if offset is not None:
            completed.append(replace(event, offset=offset))
    return completed


def pooled(videos: Sequence[MatchedVideo]) -> ProtocolScores:
    """Add the counts of videos."""
    mae, me = (sum((video.counts(kind) for video in videos), Counts()) for kind in (Kind.MAE, Kind.ME))
    return ProtocolScores(Tally.of(mae), Tally.of(me), Tally.of(mae + me))
