"""Every published scorer on cases that are counted by hand from its description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_events import detections, references
from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.protocols import ABOUT, PROTOCOLS
from mespot.evaluation.strict import strict
from mespot.evaluation.tally import Tally

ME, MAE = Kind.ME, Kind.MAE
WITHOUT_EMOTIONS = [name for name in PROTOCOLS if name != "strs"]


def ref(kind: Kind, onset: float, offset: float, apex: float | None = None, video: str = "a") -> ReferenceEvent:
    return ReferenceEvent(video, "s", kind, onset, apex, offset)


def det(kind: Kind, onset: float, offset: float, video: str = "a", score: float = 0.0) -> DetectedEvent:
    return DetectedEvent(video, kind, onset, offset, score)


def of(*events: ReferenceEvent, fps: float = 30.0) -> Reference:
    return Reference(events, (("a", "s"), ("b", "s"), ("c", "t")), fps)


def counts(tally: Tally) -> tuple[float, float, float]:
    return tally.tp, tally.fp, tally.fn


def counted(name: str, reference: Reference, *found: DetectedEvent) -> tuple[float, float, float]:
    return counts(PROTOCOLS[name](reference, found).all)


# Two MaE of 20 frames, IoU 15 / 25 with each other, and a detection between them: 18 / 22 and 17 / 23.
CROWDED = of(ref(MAE, 10, 29), ref(MAE, 15, 34))
BETWEEN = det(MAE, 12, 31)
# One ME of 11 frames; two detections of it (IoU 1 and 10 / 12), and a false one.
DOUBLE = of(ref(ME, 10, 20))
TWICE = (det(ME, 10, 20), det(ME, 11, 21), det(ME, 50, 60))


def test_names_are_in_the_order_of_the_table_and_all_described() -> None:
    first = ["strict", "megc2020", "lssnet", "lgsnet", "offd", "abpn", "auwgcn", "softnet", "strs"]
    assert list(PROTOCOLS)[: len(first)] == first
    assert list(ABOUT) == list(PROTOCOLS)
    assert PROTOCOLS["strict"] is strict
    for name, protocol in PROTOCOLS.items():
        assert "\n" not in ABOUT[name]
        if name != "strict":
            assert protocol.__doc__ is not None
            assert "Direction:" in protocol.__doc__
            assert "Source:" in protocol.__doc__


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("strict", (1, 0, 1)),  # one pair
        ("megc2020", (1, 0, 1)),  # two are hit, a <= n = 1
        ("lssnet", (2, -1, 0)),  # reused: A = 2 > N = 1
        ("lgsnet", (2, -1, 0)),
        ("offd", (2, -1, 0)),
        ("abpn", (1, 0, 1)),  # find counts the detection, not the two that chose it
        ("auwgcn", (1, 0, 1)),
        ("auwgcn_2023", (1, 0, 1)),
        ("softnet", (1, 0, 1)),
        ("slswin", (1, 0, 1)),
    ],
)
def test_one_detection_of_two_expressions(name: str, expected: tuple[float, float, float]) -> None:
    assert counted(name, CROWDED, BETWEEN) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("strict", (1, 2, 0)),
        ("megc2020", (1, 2, 0)),  # the second hit of a found expression is a false positive
        ("lssnet", (1, 2, 0)),
        ("lgsnet", (1, 2, 0)),
        ("offd", (1, 2, 0)),
        ("abpn", (2, 1, 0)),  # tp 2 of N 3, find 1 of M 1
        ("auwgcn", (1, 2, 0)),
        ("auwgcn_2023", (2, 1, -1)),  # tp 2 for recall too, of M 1
        ("softnet", (1, 2, 0)),
        ("slswin", (1, 2, 0)),
    ],
)
def test_two_detections_of_one_expression(name: str, expected: tuple[float, float, float]) -> None:
    assert counted(name, DOUBLE, *TWICE) == expected


@pytest.mark.parametrize("name", WITHOUT_EMOTIONS)
def test_overlap_of_a_half_and_its_lengths(name: str) -> None:
    # Frames 10-20 and 10-30: 11 / 21 counted inclusively, exactly 10 / 20 without the +1.
    no_plus_one = of(ref(MAE, 10, 20))
    assert counted(name, no_plus_one, det(MAE, 10, 30))[0] == (name not in ("abpn", "auwgcn", "auwgcn_2023"))
    # Frames 10-19 and 10-29: exactly 10 / 20 inclusively, 9 / 19 without the +1.
    inclusive = of(ref(MAE, 10, 19))
    assert counted(name, inclusive, det(MAE, 10, 29))[0] == (name in ("strict", "megc2020", "lgsnet", "softnet"))


@pytest.mark.parametrize("name", WITHOUT_EMOTIONS)
def test_a_detection_of_the_other_kind(name: str) -> None:
    # An ME of 13 frames, a MaE detection of 13 frames at the same place: right only where the label is not asked for.
    blind = name in ("lgsnet", "offd")
    assert counted(name, of(ref(ME, 10, 22)), det(MAE, 10, 22))[0] == blind


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("strict", 70),  # 2 apex - onset
        ("megc2020", 40),
        ("lssnet", 40),
        ("lgsnet", 60),
        ("offd", 60),
        ("softnet", 40),
        ("slswin", 40),
        ("abpn", None),
        ("auwgcn", None),
        ("auwgcn_2023", None),
    ],
)
def test_missing_offset(name: str, offset: int | None) -> None:
    reference = of(ref(MAE, 10, 0, apex=40))
    right = {end for end in range(11, 200) if counted(name, reference, det(MAE, 10, end))[0]}
    expected = set()
    if offset is not None:  # both begin at 10, so that the overlap is the shorter length by the longer
        plus = 0 if name in ("lssnet", "offd") else 1
        for end in range(11, 200):
            shorter, longer = sorted((offset - 10 + plus, end - 10 + plus))
            if 2 * shorter > longer or (2 * shorter == longer and name != "slswin"):
                expected.add(end)
    assert right == expected
    assert counted(name, reference, det(MAE, 500, 540)) == (0, 1, 1)  # it counts in M all the same


@pytest.mark.parametrize("name", WITHOUT_EMOTIONS)
def test_neither_offset_nor_apex(name: str) -> None:
    expected = (0, 1, 0) if name == "strict" else (0, 1, 1)  # strict drops the row, the others cannot match it
    assert counted(name, of(ref(MAE, 10, 0)), det(MAE, 10, 40)) == expected


@pytest.mark.parametrize("name", ["megc2020", "lssnet", "offd", "abpn", "auwgcn", "auwgcn_2023", "softnet", "slswin"])
def test_an_offset_before_the_apex_is_left(name: str) -> None:
    reference = of(ref(MAE, 100, 130, apex=140))
    assert counted(name, reference, det(MAE, 100, 130)) == (1, 0, 0)


def test_megc2020_finds_two_with_two() -> None:
    # Both expressions are hit by the same detection, N = 2 with the false one: a = 2. One-to-one there is one pair.
    found = (BETWEEN, det(MAE, 100, 119))
    assert counted("megc2020", CROWDED, *found) == (2, 0, 0)
    assert counted("strict", CROWDED, *found) == (1, 1, 1)
    # Per video: in the other video one is spotted and none right, which does not lend its n.
    assert counted("megc2020", CROWDED, BETWEEN, det(MAE, 100, 119, "b")) == (1, 1, 1)


def test_lssnet_asks_the_best_detection_alone_for_its_kind() -> None:
    # The MaE detection fits exactly, the ME one with 10 / 11: the expression is lost, though strict finds it.
    found = (det(MAE, 10, 20), det(ME, 10, 21))
    scores = PROTOCOLS["lssnet"](of(ref(ME, 10, 20)), found)
    assert (counts(scores.me), counts(scores.mae)) == ((0, 1, 1), (0, 1, 0))
    assert counts(strict(of(ref(ME, 10, 20)), found).me) == (1, 0, 0)


def test_lssnet_takes_the_earlier_of_equal_overlaps_and_cuts_fractions() -> None:
    # Both overlap 20-40 by 18 / 22: the earlier, an ME, decides, in whatever order they stand.
    found = [det(MAE, 22, 42), det(ME, 18, 38)]
    assert counted("lssnet", of(ref(ME, 20, 40)), *found)[0] == 1
    assert counted("lssnet", of(ref(ME, 20, 40)), *found[::-1])[0] == 1
    assert counted("lssnet", of(ref(MAE, 20, 40)), *found)[0] == 0
    # 10.9 to 20.9 is 10 to 20 for it: 10 / 20 of 10 to 30.
    assert counted("lssnet", of(ref(MAE, 10, 30)), det(MAE, 10.9, 20.9))[0] == 1
    assert counted("lssnet", of(ref(MAE, 10, 30)), det(MAE, 10.0, 19.9))[0] == 0


def test_lgsnet_tells_the_kind_by_length() -> None:
    # Both labelled ME. Expression offset - onset 15: a true positive of ME; detection 16: in N of MaE.
    scores = PROTOCOLS["lgsnet"](of(ref(ME, 10, 25)), [det(ME, 10, 26)])
    assert (counts(scores.me), counts(scores.mae), counts(scores.all)) == ((1, -1, 0), (0, 1, 0), (1, 0, 0))
    assert (scores.me.recall, scores.me.precision, scores.me.f1) == (1, 0, 0)  # no N, no F1
    assert scores.all.f1 == 1
    # Expression 16: a true positive of MaE, while M is by label.
    scores = PROTOCOLS["lgsnet"](of(ref(ME, 10, 26)), [det(ME, 10, 26)])
    assert (counts(scores.me), counts(scores.mae)) == ((0, 0, 1), (1, 0, -1))


@pytest.mark.parametrize("name", ["lgsnet", "offd"])
@pytest.mark.parametrize(("fps", "longest"), [(30.0, 15), (200.0, 100)])
def test_half_a_second_in_frames(name: str, fps: float, longest: int) -> None:
    for kind, length in ((ME, longest), (MAE, longest + 1)):
        reference = of(ref(kind, 10, 10 + length), fps=fps)
        scores = PROTOCOLS[name](reference, [det(MAE, 10, 10 + length)])
        assert counts(scores.me if kind is ME else scores.mae) == (1, 0, 0)


def test_lgsnet_completes_offsets_that_are_not_after_the_apex() -> None:
    for offset in (0, 15, 20):
        # 10 to 20 + 20: exactly half of it is 10 to 25 with 16 / 31.
        assert counted("lgsnet", of(ref(MAE, 10, offset, apex=20)), det(MAE, 10, 25))[0] == 1
        assert counted("lgsnet", of(ref(MAE, 10, offset, apex=20)), det(MAE, 10, 24))[0] == 0
    # A stated offset after the apex stays, one without an apex too.
    assert counted("lgsnet", of(ref(MAE, 10, 21, apex=20)), det(MAE, 10, 21))[0] == 1
    assert counted("lgsnet", of(ref(MAE, 10, 21, apex=0)), det(MAE, 10, 21))[0] == 1
    # An expression of one frame is found by the code and counted by neither kind.
    assert counted("lgsnet", of(ref(ME, 10, 10)), det(ME, 10, 10)) == (0, 1, 1)


def test_offd_cuts_fractions_of_the_reference_and_adds_two_thirds_of_a_second() -> None:
    # 10.9 to 20.4 is 10 to 20: 10 / 20 of 10 to 30.
    assert counted("offd", of(ref(MAE, 10.9, 20.4)), det(MAE, 10, 30)) == (1, 0, 0)
    # 200 fps: apex + 133.
    reference = of(ref(MAE, 10, 0, apex=60), fps=200)
    scores = PROTOCOLS["offd"](reference, [det(MAE, 10, 193)])
    assert counts(scores.mae) == (1, 0, 0)
    assert counted("offd", reference, det(MAE, 10, 10 + 91))[0] == 0  # 91 / 183
    assert counted("offd", reference, det(MAE, 10, 10 + 92))[0] == 1


def test_offd_reuses_a_detection_for_both_kinds() -> None:
    # A MaE of 10-30 and an ME of 12-26 inside it, one detection 11-28: 17 / 20 and 14 / 17. N counts it as MaE.
    scores = PROTOCOLS["offd"](of(ref(MAE, 10, 30), ref(ME, 12, 26)), [det(ME, 11, 28)])
    assert (counts(scores.mae), counts(scores.me), counts(scores.all)) == ((1, 0, 0), (1, -1, 0), (2, -1, 0))


def test_abpn_mixes_two_counts() -> None:
    tally = PROTOCOLS["abpn"](DOUBLE, TWICE).me
    assert (tally.precision, tally.recall) == (2 / 3, 1)
    assert tally.f1 == pytest.approx(2 * 1 * 2 / (3 * 1 + 1 * 2))  # 0.8, against 0.5 strictly
    assert strict(DOUBLE, TWICE).me.f1 == pytest.approx(0.5)
    assert PROTOCOLS["auwgcn"](DOUBLE, TWICE).me.f1 == pytest.approx(0.5)
    assert PROTOCOLS["auwgcn_2023"](DOUBLE, TWICE).me.f1 == pytest.approx(1.0)
    # Both kinds: tp 2 + 1 of N 3 + 1, find 1 + 1 of M 1 + 1.
    both = PROTOCOLS["abpn"](of(*DOUBLE.events, ref(MAE, 100, 140)), [*TWICE, det(MAE, 100, 140)]).all
    assert (both.precision, both.recall) == (3 / 4, 1)
    assert both.f1 == pytest.approx(2 * 2 * 3 / (4 * 2 + 2 * 3))


def test_softnet_drops_videos_without_the_kind() -> None:
    # Video a has one ME, b one MaE, c none. Of six detections, one of either kind in each, only a's ME and b's MaE are
    # seen, both right.
    reference = of(ref(ME, 10, 20), ref(MAE, 10, 40, video="b"))
    found = [det(kind, 10, 20 if kind is ME else 40, video) for kind in Kind for video in "abc"]
    for name in ("softnet", "slswin"):
        scores = PROTOCOLS[name](reference, found)
        assert (counts(scores.me), counts(scores.mae), counts(scores.all)) == ((1, 0, 0), (1, 0, 0), (2, 0, 0))
    assert counted("strict", reference, *found) == (2, 4, 0)


def test_softnet_pairs_by_score() -> None:
    reference = of(ref(MAE, 10, 29), ref(MAE, 20, 39))
    # 10-35 fits the first by 20 / 26, the second by 16 / 30; 10-30 fits the first alone (20 / 21, 11 / 30).
    wide, narrow = det(MAE, 10, 35, score=0.9), det(MAE, 10, 30, score=0.5)
    assert counted("softnet", reference, narrow, wide) == (1, 1, 1)  # the wide one takes the first
    assert counted("softnet", reference, narrow, replace(wide, score=0.1)) == (2, 0, 0)
    assert counted("softnet", reference, narrow, replace(wide, score=0.5)) == (2, 0, 0)  # equal: order of the file
    assert counted("softnet", reference, replace(wide, score=0.5), narrow) == (1, 1, 1)
    assert counted("strict", reference, narrow, wide) == (2, 0, 0)


def test_softnet_drops_rows_with_onset_zero() -> None:
    reference = of(ref(MAE, 0, 5000), ref(MAE, 100, 300, video="b"), fps=200)
    assert counted("softnet", reference, det(MAE, 0, 5000), det(MAE, 100, 300, "b")) == (1, 0, 0)
    assert counted("strict", reference, det(MAE, 0, 5000), det(MAE, 100, 300, "b")) == (2, 0, 0)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_nothing_at_all_scores_nothing(name: str) -> None:
    nothing = {"tp": 0, "fp": 0, "fn": 0, "precision": 0, "recall": 0, "f1": 0}
    assert PROTOCOLS[name](Reference((), ()), ()).to_json() == {"MaE": nothing, "ME": nothing, "all": nothing}


@pytest.mark.parametrize("name", WITHOUT_EMOTIONS)
def test_videos_that_the_reference_does_not_list(name: str) -> None:
    dropped = name in ("softnet", "slswin")
    assert counted(name, DOUBLE, det(ME, 10, 20), det(ME, 10, 20, "elsewhere")) == (1, 0 if dropped else 1, 0)


@st.composite
def apart(draw: st.DrawFn) -> tuple[Reference, list[DetectedEvent]]:
    """Draw files in which every video has an ME and a MaE, found or not by one detection, and false ones far off."""
    events: list[ReferenceEvent] = []
    found: list[DetectedEvent] = []
    for video in draw(st.lists(st.sampled_from("abc"), unique=True)):
        for kind, lengths in ((ME, st.integers(8, 15)), (MAE, st.integers(30, 90))):
            onset, length = (1000 if kind is ME else 2000) + draw(st.integers(0, 500)), draw(lengths)
            events.append(ref(kind, onset, onset + length, onset + 4, video))
            shift = draw(st.integers(0, length // 5))
            if draw(st.booleans()):
                found.append(det(kind, onset + shift, onset + shift + length, video, draw(st.floats(0, 1))))
            if draw(st.booleans()):
                found.append(det(kind, onset + 5000, onset + 5000 + length, video, draw(st.floats(0, 1))))
    return of(*events), draw(st.permutations(found))


@given(apart())
def test_all_agree_where_expressions_are_apart(files: tuple[Reference, Sequence[DetectedEvent]]) -> None:
    reference, found = files
    expected = strict(reference, found).to_json()
    for name in WITHOUT_EMOTIONS:
        for kind, tally in PROTOCOLS[name](reference, found).to_json().items():
            assert tally == pytest.approx(expected[kind]), name


@st.composite
def with_gaps(draw: st.DrawFn) -> Reference:
    """Draw a reference in which some offsets are 0."""
    reference = draw(references())
    missing = draw(st.sets(st.integers(0, 7)))
    return replace(
        reference,
        events=tuple(
            replace(event, offset=0) if index in missing else event for index, event in enumerate(reference.events)
        ),
    )


@given(with_gaps(), detections(), st.randoms(use_true_random=False))
def test_the_order_of_videos_changes_nothing(reference: Reference, found: list[DetectedEvent], random: Random) -> None:
    names = sorted({event.video for event in reference.events} | {event.video for event in found})
    random.shuffle(names)
    moved = replace(reference, events=tuple(sorted(reference.events, key=lambda event: names.index(event.video))))
    for name in WITHOUT_EMOTIONS:
        protocol = PROTOCOLS[name]
        assert protocol(moved, sorted(found, key=lambda event: names.index(event.video))) == protocol(reference, found)


@given(with_gaps(), detections())
def test_counts_add_and_ratios_follow(reference: Reference, found: list[DetectedEvent]) -> None:
    for name in WITHOUT_EMOTIONS:
        scores = PROTOCOLS[name](reference, found)
        assert counts(scores.all) == tuple(
            mae + me for mae, me in zip(counts(scores.mae), counts(scores.me), strict=True)
        )
        for tally in (scores.mae, scores.me, scores.all):
            assert tally.precision >= 0
            assert tally.recall >= 0
            assert tally.f1 >= 0
            if tally.precision + tally.recall > 0 and tally.precision * tally.recall > 0:
                harmonic = 2 * tally.precision * tally.recall / (tally.precision + tally.recall)
                assert tally.f1 == pytest.approx(harmonic)


@given(with_gaps(), detections())
def test_bounds_that_are_guaranteed(reference: Reference, found: list[DetectedEvent]) -> None:
    for name in ("megc2020", "abpn", "auwgcn", "softnet", "slswin"):  # the others reuse detections, or count hits twice
        for tally in PROTOCOLS[name](reference, found).to_json().values():
            assert min(tally.values()) >= 0
            assert max(tally["precision"], tally["recall"], tally["f1"]) <= 1


@given(references(), detections())
def test_directions_that_are_guaranteed(reference: Reference, found: list[DetectedEvent]) -> None:
    scores = {name: PROTOCOLS[name](reference, found) for name in WITHOUT_EMOTIONS}
    for kind in ("mae", "me"):
        tallies = {name: getattr(score, kind) for name, score in scores.items()}
        assert tallies["megc2020"].tp >= tallies["strict"].tp >= max(tallies["softnet"].tp, tallies["slswin"].tp)
        assert tallies["strict"].f1 >= tallies["auwgcn"].f1
        assert tallies["auwgcn_2023"].tp == tallies["abpn"].tp >= tallies["auwgcn"].tp
        assert tallies["abpn"].f1 >= tallies["auwgcn"].f1 - 1e-12
        assert tallies["softnet"].fp <= tallies["strict"].fp + tallies["strict"].tp - tallies["softnet"].tp
    # Blind to the label, and one of them with the longer lengths: never fewer, if it leaves the offsets as they are.
    if all(event.offset > (event.apex or 0) for event in reference.events):
        assert scores["lgsnet"].all.tp >= scores["lssnet"].all.tp
    assert scores["offd"].all.tp >= scores["lssnet"].all.tp
    assert scores["offd"].all.tp >= scores["auwgcn"].all.tp
