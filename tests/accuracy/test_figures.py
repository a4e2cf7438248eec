from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mespot.accuracy.figures import (
    TARGETS,
    Figure,
    Target,
    distractor_figures,
    injected_figures,
    simulated_figures,
    spotting_figures,
    taken_for,
)
from mespot.accuracy.measurement import Spotted
from mespot.core.expression import Kind
from mespot.core.interval import Interval
from mespot.evaluation.bootstrap import Estimate
from mespot.simulate.nuisance import Distraction

Make = Callable[..., Any]


def values(figures: list[Figure]) -> dict[str, float | None]:
    return {figure.name: figure.estimate.value for figure in figures}


@pytest.fixture
def measured(video: Make, mark: Make, detection: Make, found: Make) -> list[Any]:
    """Two videos: MaE 1 TP, 1 FN; ME 2 TP, 1 FP, 1 FN, one of them weak, one named wrongly."""
    first = video(mark(0, 50, Kind.MAE, 4.0), mark(100, 110), mark(200, 210, px=0.4))
    second = video(mark(0, 40, Kind.MAE, 4.0), mark(100, 110), name="b.mp4")
    return [
        (first, found(detection(5, 50, Kind.MAE), detection(101, 111, region="chin"), detection(200, 209))),
        (second, found(detection(300, 310))),
    ]


def test_the_figures_of_simulated_videos_by_hand(measured: list[Any]) -> None:
    found = values(simulated_figures("simulated", measured))
    assert found["MaE precision"] == 1
    assert found["MaE recall"] == pytest.approx(1 / 2)
    assert found["MaE F1"] == pytest.approx(2 / 3)
    assert found["ME F1"] == pytest.approx(4 / (4 + 1 + 1))
    assert found["all F1"] == pytest.approx(6 / (6 + 1 + 2))
    assert found["recall of ME of at least 0.5 px"] == pytest.approx(1 / 2)
    assert found["median onset error, sampled frames"] == pytest.approx(1)
    assert found["median onset error, s"] == pytest.approx(1 / 25)
    assert found["median MaE apex error, sampled frames"] == pytest.approx(49 - 25)
    assert found["median ME apex error, sampled frames"] == pytest.approx(((110 - 105) + (208 - 205)) / 2)
    assert found["median ME apex error, s"] == pytest.approx(4 / 25)
    assert found["named region truly moved"] == pytest.approx(2 / 3)


def test_an_error_of_the_apex_counts_early_as_late_and_in_the_frames_that_were_sampled(
    video: Make, mark: Make, detection: Make, found: Make
) -> None:
    """Of 25 frames a second every other one is sampled; the marked apex is 105."""
    early = [replace(detection(100, 110), apex=apex) for apex in (101, 107)]
    measured = [(video(mark(100, 110), name=f"{one.apex}.mp4"), replace(found(one), sampled_fps=12.5)) for one in early]
    figures = values(simulated_figures("simulated", measured))
    assert figures["median ME apex error, s"] == pytest.approx((4 + 2) / 2 / 25)
    assert figures["median ME apex error, sampled frames"] == pytest.approx((2 + 1) / 2)
    assert figures["median MaE apex error, s"] is None


def test_a_refused_video_counts_as_missed(measured: list[Any], video: Make, mark: Make, found: Make) -> None:
    refused = (video(mark(0, 10), name="c.mp4"), found(rejected="no face."))
    before, after = (values(spotting_figures("simulated", one)) for one in (measured, [*measured, refused]))
    assert after["ME recall"] == pytest.approx(2 / 4)
    assert before["ME recall"] == pytest.approx(2 / 3)
    assert before["ME precision"] == after["ME precision"]


def test_what_is_found_without_expressions_is_false(video: Make, detection: Make, found: Make) -> None:
    distractions = (
        Distraction("blink", 1.0, 1.4),
        Distraction("blink", 5.0, 5.4),
        Distraction("blink", 9.0, 9.4),
        Distraction("speech", 20.0, 50.0),
        Distraction("nod", 2.0, 3.0),
    )
    detections = (detection(24, 36), detection(128, 134), detection(220, 240, Kind.MAE), detection(600, 612))
    figures = values(distractor_figures("distractors", [(video(distractions=distractions), found(*detections))]))
    assert figures["false detections a minute"] == pytest.approx(4)
    assert figures["false detections a minute of speech"] == pytest.approx(1 / 0.5)
    assert figures["share of blinks taken for ME"] == pytest.approx(2 / 3)


def test_a_distraction_that_outlasts_its_video_is_cut(video: Make, found: Make) -> None:
    late = (Distraction("speech", 50.0, 90.0), Distraction("blink", 59.99, 60.4))
    (_, speech, blinks) = distractor_figures("distractors", [(video(distractions=late), found())])
    assert speech.counts == "0 in 0.2 minutes"
    assert blinks.estimate.value == 0


def test_a_refused_video_adds_no_minutes_blinks_or_speech(video: Make, detection: Make, found: Make) -> None:
    distractions = (Distraction("blink", 1.0, 1.4), Distraction("speech", 20.0, 50.0))
    seen = (video(distractions=distractions), found(detection(24, 36)))
    refused = (video(name="b.mp4", distractions=distractions), found(rejected="no face."))
    alone, both = (distractor_figures("distractors", one) for one in ([seen], [seen, refused]))
    assert values(both) == values(alone)
    assert [figure.counts for figure in both] == ["1 in 1.0 minutes", "0 in 0.5 minutes", "1 of 1"]


@pytest.mark.parametrize(
    ("me", "taken"),
    [(Interval(10, 20), True), (Interval(12, 13), True), (Interval(5, 14), False), (Interval(17, 30), False)],
)
def test_an_me_is_a_blink_where_it_overlaps_enough_or_lies_inside(me: Interval, taken: bool) -> None:
    assert taken_for(Interval(10, 20), me) is taken


def test_injected_expressions_are_no_extra_detections(video: Make, mark: Make, detection: Make, found: Make) -> None:
    injected = (
        video(mark(0, 10), mark(100, 110), name="a_01.mp4"),
        found(detection(0, 10), detection(300, 310), detection(400, 440, Kind.MAE)),
    )
    untouched = (video(name="a_untouched.mp4"), found(detection(300, 310), seconds=120.0))
    figures = values(injected_figures("injected", [injected, untouched]))
    assert figures["ME recall"] == pytest.approx(1 / 2)
    assert figures["detections a minute more than untouched"] == pytest.approx(2 - 0.5)


def test_what_is_refused_of_an_injected_set_was_missed_and_adds_no_minutes(
    video: Make, mark: Make, detection: Make, found: Make
) -> None:
    seen = [
        (video(mark(0, 10), name="a_01.mp4"), found(detection(0, 10), detection(300, 310))),
        (video(name="a_untouched.mp4"), found(detection(300, 310))),
    ]
    refused = [
        (video(mark(0, 10), name="b_01.mp4", subject="b"), found(rejected="no face.")),
        (video(name="b_untouched.mp4", subject="b"), found(rejected="no face.")),
    ]
    recall, more = injected_figures("injected", [*seen, *refused])
    assert recall.counts == "1 of 2"
    assert more.counts == "1 in 1.0 minutes, untouched 1 in 1.0"


def test_a_clip_is_untouched_where_its_stem_ends_so(video: Make, mark: Make, detection: Make, found: Make) -> None:
    injected = (video(mark(0, 10), name="untouched_face_01.mp4"), found(detection(0, 10)))
    untouched = (video(name="untouched_face_untouched.mp4"), found(detection(300, 310), detection(400, 410)))
    recall, more = injected_figures("injected", [injected, untouched])
    assert recall.counts == "1 of 1"
    assert more.counts == "0 in 1.0 minutes, untouched 2 in 1.0"


def test_copies_of_a_clip_are_resampled_together(video: Make, mark: Make, detection: Make, found: Make) -> None:
    def copies(subject: str, hits: int) -> list[Any]:
        return [
            (
                video(mark(0, 10), name=f"{subject}_{k:02d}.mp4", subject=subject),
                found(*[detection(0, 10)] * (k < hits)),
            )
            for k in range(4)
        ]

    one = injected_figures("injected", copies("a", 2))[0].estimate
    assert one == Estimate(0.5)
    two = injected_figures("injected", [*copies("a", 1), *copies("b", 3)])[0].estimate
    assert two == Estimate(0.5, 0.25, 0.75)


def test_without_videos_there_are_no_values() -> None:
    every = (
        simulated_figures("simulated", []),
        distractor_figures("distractors", []),
        injected_figures("injected", []),
    )
    assert all(figure.estimate == Estimate(None) and figure.reached is None for part in every for figure in part)


def test_every_target_is_that_of_a_figure(measured: list[Any]) -> None:
    names = {
        f"{figure.part}: {figure.name}"
        for figure in (
            *simulated_figures("simulated", measured),
            *distractor_figures("distractors", []),
            *injected_figures("injected", []),
            *spotting_figures("real", measured),
        )
    }
    assert names >= TARGETS.keys()


@pytest.mark.parametrize(
    ("target", "value", "reached"),
    [
        (Target(">=", 0.7), 0.7, True),
        (Target(">=", 0.7), 0.69, False),
        (Target("<=", 1), 1.0, True),
        (Target("<", 0.02), 0.02, False),
        (Target("<", 0.02), 0.01, True),
        (Target("<", 0.02), None, None),
    ],
)
def test_targets_at_their_limits(target: Target, value: float | None, reached: bool | None) -> None:
    assert target.reached(value) is reached


def test_what_was_found_round_trips(measured: list[Any]) -> None:
    for _, found in measured:
        assert Spotted.from_json(found.to_json()) == found
