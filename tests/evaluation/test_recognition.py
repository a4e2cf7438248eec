from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_events import detections, references
from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.recognition import Analysis, analyse, strs

EMOTIONS = st.sampled_from(["positive", "negative", "surprise"])


def ref(
    onset: float, offset: float, emotion: str | None, video: str = "a", subject: str = "s", kind: Kind = Kind.ME
) -> ReferenceEvent:
    return ReferenceEvent(video, subject, kind, onset, None, offset, emotion)


def det(onset: float, offset: float, emotion: str | None, video: str = "a", kind: Kind = Kind.ME) -> DetectedEvent:
    return DetectedEvent(video, kind, onset, offset, 0.5, emotion)


VIDEOS = (("a", "s"), ("b", "s"), ("c", "t"))
EVENTS = (ref(10, 19, "positive"), ref(30, 39, "negative"), ref(60, 69, "negative"))
# Two detections of the first (IoU 1 and 9 / 11), one of the second, one of nothing.
FOUND = (
    det(10, 19, "positive"),
    det(11, 20, "positive"),
    det(30, 39, "positive"),
    det(80, 89, "negative"),
)


def test_means_of_precision_and_recall_before_f1() -> None:
    # positive: precision 2 / 3, recall 1; negative: 0, 0. Means 1 / 3 and 1 / 2, F1 0.4.
    pairs = [("positive", "positive"), ("positive", "positive"), ("negative", "positive")]
    assert analyse(pairs).f1 == pytest.approx(0.4)
    # positive: precision 1, recall 1 / 2; negative: precision 1 / 2, recall 1. Means 3 / 4 each; the mean F1 is 2 / 3.
    pairs = [("positive", "positive"), ("positive", "negative"), ("negative", "negative")]
    result = analyse(pairs)
    assert (result.precision, result.recall) == (0.75, 0.75)
    assert result.f1 == pytest.approx(0.75)
    assert analyse([]) == Analysis(0, 0, 0)
    assert analyse([("positive", "negative")]) == Analysis(0, 0, 0)


@given(st.lists(st.tuples(EMOTIONS, EMOTIONS)))
def test_analysis_is_bounded_and_knows_no_order(pairs: list[tuple[str, str]]) -> None:
    result = analyse(pairs)
    assert 0 <= result.f1 <= 1 + 1e-12
    assert analyse(pairs[::-1]) == result
    assert (result.f1 == pytest.approx(1)) == (bool(pairs) and all(one == other for one, other in pairs))


def test_product_of_both_steps_by_hand() -> None:
    # Pairs 3, so TP 3, FP 1, FN 1: precision = recall = F1 = 0.75. Analysis 0.4 as above. STRS 0.3.
    scores = strs(Reference(EVENTS, VIDEOS), FOUND)
    assert (scores.me.tp, scores.me.fp, scores.me.fn) == (3, 1, 1)
    assert (scores.me.precision, scores.me.recall) == (0.75, 0.75)
    assert scores.me.f1 == pytest.approx(0.3)
    assert scores.all == scores.me
    assert (scores.mae.tp, scores.mae.fp, scores.mae.fn, scores.mae.f1) == (0, 0, 0, 0)


def test_what_it_does_not_see() -> None:
    before = strs(Reference(EVENTS, VIDEOS), FOUND)
    # A false positive in a video without expressions, and one in a video that is not listed.
    free = [*FOUND, det(10, 19, "positive", "b"), det(10, 19, "positive", "elsewhere")]
    assert strs(Reference(EVENTS, VIDEOS), free) == before
    # A missed expression of a subject without any detection; of a subject with one it is a false negative.
    assert strs(Reference((*EVENTS, ref(10, 19, "negative", "c", "t")), VIDEOS), FOUND) == before
    assert strs(Reference((*EVENTS, ref(10, 19, "negative", "b")), VIDEOS), FOUND).me.fn == before.me.fn + 1


def test_the_kind_is_ignored_in_all() -> None:
    scores = strs(Reference((ref(10, 19, "positive"),), VIDEOS), [det(10, 19, "positive", kind=Kind.MAE)])
    assert (scores.all.tp, scores.all.f1) == (1, 1)
    assert (scores.me.tp, scores.mae.tp) == (0, 0)


def test_a_missing_offset_is_the_apex() -> None:
    event = replace(ref(10, 0, "positive"), apex=19)
    assert strs(Reference((event,), VIDEOS), [det(10, 19, "positive")]).all.f1 == 1


def test_a_missing_emotion_is_said_in_one_sentence() -> None:
    with pytest.raises(
        AnnotationError, match=r"^STRS needs an emotion for every expression, .* for a from frame 10 to"
    ):
        strs(Reference((ref(10, 19, None),), VIDEOS), [])
    with pytest.raises(AnnotationError, match=r"for every detection, .* fill its column emotion, or leave .* out\.$"):
        strs(Reference(EVENTS, VIDEOS), [det(10, 19, "")])


@given(references(), detections(), EMOTIONS)
def test_bounds(reference: Reference, found: list[DetectedEvent], emotion: str) -> None:
    named = replace(reference, events=tuple(replace(event, emotion=emotion) for event in reference.events))
    for tally in strs(named, [replace(event, emotion=emotion) for event in found]).to_json().values():
        assert min(tally.values()) >= 0
        assert max(tally["precision"], tally["recall"], tally["f1"]) <= 1 + 1e-12
        if tally["tp"]:  # one emotion, always right: STRS is F1 of spotting
            assert tally["f1"] == pytest.approx(2 * tally["tp"] / (2 * tally["tp"] + tally["fp"] + tally["fn"]))
