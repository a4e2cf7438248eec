"""What the published scorers are put together from: overlaps, completed offsets, kinds by length, tallies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent, ReferenceEvent
from mespot.evaluation.matching import span_overlaps
from mespot.evaluation.tally import ProtocolScores, Tally

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Event = TypeVar("Event", ReferenceEvent, DetectedEvent)

HALF = 0.5
"""Every published scorer asks for this overlap; some exclude the value itself."""


class Video(NamedTuple):
    """The events of one video.

    Parameters
    ----------
    reference : list of ReferenceEvent
        In the order of the file, offsets as the protocol completes them.
    detected : list of DetectedEvent
        In the order of the file.
    """

    reference: list[ReferenceEvent]
    detected: list[DetectedEvent]

    def of_kind(self, kind: Kind) -> Video:
        """Return the events that are labelled so."""
        return Video(
            [event for event in self.reference if event.kind is kind],
            [event for event in self.detected if event.kind is kind],
        )

    def overlaps(self, *, inclusive: bool) -> FloatArray:
        """Return the (M, N) intersection over union of references and detections.

        Parameters
        ----------
        inclusive : bool
            Whether frames a to b are b - a + 1 long, as annotated, or b - a, which leaves one frame out on either side.

        Notes
        -----
        0 for a reference whose offset stayed at 0: it ends before it begins.
        """
        beyond = 1 if inclusive else 0
        spans = [
            np.array([(event.onset, event.offset + beyond) for event in events], np.float64).reshape(-1, 2)
            for events in (self.reference, self.detected)
        ]
        return span_overlaps(*spans)


def by_video(reference: Iterable[ReferenceEvent], detected: Iterable[DetectedEvent]) -> list[Video]:
    """Return the events of every video that has any on either side."""
    videos: dict[str, Video] = {}
    for event in reference:
        videos.setdefault(event.video, Video([], [])).reference.append(event)
    for detection in detected:
        videos.setdefault(detection.video, Video([], [])).detected.append(detection)
    return list(videos.values())


def best_detections(overlaps: FloatArray) -> dict[int, int]:
    """Return, for every reference that a detection overlaps at all, the detection that does so most (first of equals).

    Parameters
    ----------
    overlaps : (M, N) float64
        As `Video.overlaps` returns them.
    """
    return {int(row): int(np.argmax(overlaps[row])) for row in np.flatnonzero(overlaps.any(axis=1))}


def greedy_pairs(video: Video, overlaps: FloatArray, enough: BoolArray) -> int:
    """Count one-to-one pairs made by descending score, each detection with the free reference that it overlaps most.

    Parameters
    ----------
    video : Video
        Whose detections have the scores; equal ones keep the order of the file.
    overlaps : (M, N) float64
        Of ``video``; of equal overlaps the first reference is taken.
    enough : (M, N) bool
        Which of them suffice.
    """
    free = np.where(enough, overlaps, 0.0)
    pairs = 0
    for column in sorted(range(len(video.detected)), key=lambda index: -video.detected[index].score):
        if free[:, column].any():
            free[int(np.argmax(free[:, column]))] = 0.0
            pairs += 1
    return pairs


def zero_to(after_apex: float) -> Callable[[ReferenceEvent], ReferenceEvent]:
    """Return what sets an offset of 0 so many frames after the apex, and leaves one before the apex as it stands.

    A row that has neither offset nor apex stays as it is: it counts, and nothing can match it.
    """

    def completed(event: ReferenceEvent) -> ReferenceEvent:
        if event.offset > 0 or event.apex is None or event.apex <= 0:
            return event
        return replace(event, offset=event.apex + after_apex)

    return completed


def whole_frames(event: Event) -> Event:
    """Return the event with the fraction of its frames cut off."""
    return replace(event, onset=math.trunc(event.onset), offset=math.trunc(event.offset))


def kind_by_length(event: ReferenceEvent | DetectedEvent, fps: float) -> Kind:
    """Return ME where offset - onset is at most half a second: 15 frames at 30 (or 29.97) fps, 100 at 200 fps."""
    return Kind.ME if event.offset - event.onset <= round(fps) // 2 else Kind.MAE


def tally(tp: float, detected: float, annotated: float, *, found: float | None = None) -> Tally:
    """Return what a published scorer computes from its counts.

    Parameters
    ----------
    tp, detected, annotated : float
        A, N and M of MEGC2020: precision = A / N, recall = A / M, F1 = 2 A / (M + N).
    found : float, optional
        The other A of a scorer that counts one for precision (``tp``) and one for recall (``found``).

    Notes
    -----
    Nothing is cut off. Where a detection counts for several expressions A can exceed N, and fp = N - A is negative and
    precision above 1, as the published code would print it. 0 where there is no denominator.
    """
    found = tp if found is None else found
    precision = tp / detected if detected else 0.0
    recall = found / annotated if annotated else 0.0
    if found == tp:
        f1 = 2 * tp / (detected + annotated) if detected and annotated else 0.0
    else:
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Tally(tp, detected - tp, annotated - found, precision, recall, f1)


def tallies(
    tp: Counter[Kind], detected: Iterable[Kind], annotated: Iterable[Kind], *, found: Counter[Kind] | None = None
) -> ProtocolScores:
    """Return the tallies of MaE, ME and both, counts added over the kinds.

    Parameters
    ----------
    tp : Counter of Kind
        True positives of every kind.
    detected, annotated : iterable of Kind
        The kind under which every detection and every expression counts.
    found : Counter of Kind, optional
        As for `tally`.
    """
    found = tp if found is None else found
    reported, stated = Counter(detected), Counter(annotated)
    return ProtocolScores(
        *(
            tally(
                sum(tp[kind] for kind in kinds),
                sum(reported[kind] for kind in kinds),
                sum(stated[kind] for kind in kinds),
                found=sum(found[kind] for kind in kinds),
            )
            for kinds in ((Kind.MAE,), (Kind.ME,), (Kind.MAE, Kind.ME))
        )
    )


def labels(events: Sequence[ReferenceEvent] | Sequence[DetectedEvent]) -> list[Kind]:
    """Return the kinds of events as labelled."""
    return [event.kind for event in events]
