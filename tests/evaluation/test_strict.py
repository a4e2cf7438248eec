from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_events import VIDEOS, detections, perfect, references
from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.strict import match_videos, strict
from mespot.evaluation.tally import Tally


def one(kind: Kind, onset: float, apex: float | None, offset: float) -> Reference:
    return Reference((ReferenceEvent("a", "s", kind, onset, apex, offset),), (("a", "s"),))


def counts(tally: Tally) -> tuple[float, float, float]:
    return tally.tp, tally.fp, tally.fn


@given(references())
def test_perfect_detections_score_one(reference: Reference) -> None:
    scores = strict(reference, perfect(reference), iou=1.0)
    for tally, kinds in ((scores.mae, [Kind.MAE]), (scores.me, [Kind.ME]), (scores.all, list(Kind))):
        annotated = sum(event.kind in kinds for event in reference.events)
        assert counts(tally) == (annotated, 0, 0)
        assert tally.precision == tally.recall == tally.f1 == (1.0 if annotated else 0.0)


@given(references(), detections(), st.integers(1, 10_000))
def test_other_frame_numbers_change_nothing(reference: Reference, found: list[DetectedEvent], shift: int) -> None:
    events = [
        replace(event, onset=event.onset + shift, apex=(event.apex or 0) + shift, offset=event.offset + shift)
        for event in reference.events
    ]
    moved = [replace(event, onset=event.onset + shift, offset=event.offset + shift) for event in found]
    assert strict(replace(reference, events=tuple(events)), moved) == strict(reference, found)


@given(references(), detections(), st.sampled_from([*(name for name, _ in VIDEOS), "nowhere"]))
def test_a_far_false_detection_lowers_precision_alone(
    reference: Reference, found: list[DetectedEvent], video: str
) -> None:
    before = strict(reference, found)
    after = strict(reference, [*found, DetectedEvent(video, Kind.ME, 5000, 5010, 1.0)])
    assert after.mae == before.mae
    assert counts(after.me) == (before.me.tp, before.me.fp + 1, before.me.fn)
    assert after.me.recall == before.me.recall
    assert after.me.precision < before.me.precision or before.me.tp == 0


@given(references(), detections(), st.randoms(use_true_random=False))
def test_no_order_matters(reference: Reference, found: list[DetectedEvent], random: Random) -> None:
    shuffled, events, videos = list(found), list(reference.events), list(reference.videos)
    for items in (shuffled, events, videos):
        random.shuffle(items)
    assert strict(Reference(tuple(events), tuple(videos)), shuffled) == strict(reference, found)


@given(references(), detections())
def test_pooled_counts_are_the_sum_over_videos(reference: Reference, found: list[DetectedEvent]) -> None:
    scores = strict(reference, found)
    names = [*(name for name, _ in VIDEOS), "unlisted"]
    parts = [
        strict(
            Reference(tuple(event for event in reference.events if event.video == name), ((name, ""),)),
            [event for event in found if event.video == name],
        )
        for name in names
    ]
    for kind in ("mae", "me", "all"):
        total = [sum(values) for values in zip(*(counts(getattr(part, kind)) for part in parts), strict=True)]
        assert tuple(total) == counts(getattr(scores, kind))
    assert scores.all.tp == scores.mae.tp + scores.me.tp
    assert scores.all.tp + scores.all.fn == len(reference.events)
    assert scores.all.tp + scores.all.fp == len(found)


def most_pairs(reference: Reference, found: list[DetectedEvent], video: str, kind: Kind, iou: float) -> int:
    """Try every assignment, frames counted one by one."""
    events = [
        set(range(int(e.onset), int(e.offset) + 1)) for e in reference.events if (e.video, e.kind) == (video, kind)
    ]
    spotted = [set(range(int(e.onset), int(e.offset) + 1)) for e in found if (e.video, e.kind) == (video, kind)]
    fewer, more = sorted((events, spotted), key=len)
    fits = [[len(a & b) / len(a | b) >= iou for b in more] for a in fewer]
    return max(
        sum(fits[row][column] for row, column in enumerate(order))
        for order in permutations(range(len(more)), len(fewer))
    )


@given(references(most=6), detections(most=5), st.sampled_from([0.3, 0.35, 0.5]))
def test_no_pairing_finds_more(reference: Reference, found: list[DetectedEvent], iou: float) -> None:
    scores = strict(reference, found, iou=iou)
    for kind, tally in ((Kind.MAE, scores.mae), (Kind.ME, scores.me)):
        assert tally.tp == sum(most_pairs(reference, found, name, kind, iou) for name, _ in VIDEOS)


def test_onset_and_offset_are_inside() -> None:
    # 10 to 19 and 15 to 24 share 5 of 15 frames; 10 to 13 and 12 to 13 share 2 of 4, without the +1 they share 1 of 3.
    assert strict(one(Kind.ME, 10, 12, 13), [DetectedEvent("a", Kind.ME, 12, 13)]).me.tp == 1
    assert strict(one(Kind.ME, 10, 12, 19), [DetectedEvent("a", Kind.ME, 15, 24)], iou=1 / 3).me.tp == 1
    assert strict(one(Kind.ME, 10, 12, 19), [DetectedEvent("a", Kind.ME, 15, 24)], iou=0.34).me.tp == 0


def test_a_detection_of_another_kind_is_wrong_twice() -> None:
    scores = strict(one(Kind.ME, 10, 12, 19), [DetectedEvent("a", Kind.MAE, 10, 19)])
    assert (counts(scores.mae), counts(scores.me), counts(scores.all)) == ((0, 1, 0), (0, 0, 1), (0, 1, 1))


def test_fractional_frames_count_as_stated() -> None:
    # 10.5 to 14 lasts 4.5 frames; 12 to 14 lasts 3 and lies inside: 2 / 3. Rounded to 10 or 11 it would be 3/5 or 3/4.
    reference = one(Kind.ME, 10.5, 12.5, 14)
    assert strict(reference, [DetectedEvent("a", Kind.ME, 12, 14)], iou=2 / 3).me.tp == 1
    assert strict(reference, [DetectedEvent("a", Kind.ME, 12, 14)], iou=0.667).me.tp == 0


def test_a_detection_that_ends_before_it_begins_is_a_false_positive() -> None:
    assert counts(strict(one(Kind.ME, 10, 12, 19), [DetectedEvent("a", Kind.ME, 19, 10)]).me) == (0, 1, 1)


@pytest.mark.parametrize(
    ("rule", "offset", "annotated"), [("mirror", 18, 1), ("apex", 14, 1), ("apex_plus_20", 34, 1), ("drop", 18, 0)]
)
def test_a_missing_offset_follows_the_rule(rule: MissingOffset, offset: int, annotated: int) -> None:
    found = [DetectedEvent("a", Kind.MAE, 10, offset)]
    scores = strict(one(Kind.MAE, 10, 14, 0), found, iou=1.0, missing_offset=rule)
    assert counts(scores.mae) == (annotated, 1 - annotated, 0)


def test_an_offset_that_cannot_be_completed_is_not_counted() -> None:
    assert counts(strict(one(Kind.MAE, 10, None, 0), []).mae) == (0, 0, 0)


def test_nothing_at_all_scores_nothing() -> None:
    assert strict(Reference((), ()), []).all == Tally(0, 0, 0, 0.0, 0.0, 0.0)


def test_videos_of_both_sides_are_listed_with_their_subject() -> None:
    reference = one(Kind.ME, 1, 2, 3)
    found = match_videos(replace(reference, videos=(("b", "t"),)), [DetectedEvent("c", Kind.ME, 1, 2)])
    assert [(video.video, video.subject) for video in found] == [("b", "t"), ("a", "s"), ("c", "")]


@pytest.mark.parametrize("iou", [0.0, -0.5, 1.01, float("nan")])
def test_an_overlap_out_of_range_is_refused(iou: float) -> None:
    with pytest.raises(ValueError, match="iou must lie in"):
        strict(Reference((), ()), [], iou=iou)
