import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.expression import MAE_LONGEST_S, ME_LONGEST_S, Kind
from mespot.simulate.timing import ONSET_SHARE, TimeCourse, draw_course, draw_intensity, minimum_jerk

seeds = st.integers(0, 2**32 - 1)
rates = st.sampled_from([25.0, 30.0, 50.0, 200.0])


def test_minimum_jerk_is_flat_at_its_ends_and_symmetric() -> None:
    x = np.linspace(0, 1, 101)
    rise = minimum_jerk(x)
    assert (np.diff(rise) > 0).all()
    np.testing.assert_allclose(rise + rise[::-1], 1, atol=1e-12)
    assert rise[1] < 1e-4
    assert minimum_jerk(-3.0) == 0
    assert minimum_jerk(7.0) == 1


@given(seed=seeds, kind=st.sampled_from(list(Kind)), fps=rates)
def test_annotated_duration_fits_the_kind(seed: int, kind: Kind, fps: float) -> None:
    course = draw_course(np.random.default_rng(seed), kind, 1.0, fps)
    marks = course.annotation(fps, round(8 * fps))
    assert marks is not None
    onset, apex, offset = marks
    assert onset < apex <= offset
    lasting = (offset - onset + 1) / fps
    if kind is Kind.ME:
        assert max(0.12, 4 / fps) <= lasting + 1e-9
        assert lasting <= ME_LONGEST_S + 1e-9
    else:
        assert ME_LONGEST_S < lasting <= MAE_LONGEST_S + 1e-9


@given(seed=seeds, kind=st.sampled_from(list(Kind)), fps=rates)
def test_annotation_is_where_the_course_crosses_the_threshold(seed: int, kind: Kind, fps: float) -> None:
    course = draw_course(np.random.default_rng(seed), kind, 0.7, fps)
    frames = round(8 * fps)
    marks = course.annotation(fps, frames)
    assert marks is not None
    onset, apex, offset = marks
    strength = course.strength(np.arange(frames) / fps)
    threshold = ONSET_SHARE * strength[apex]
    assert strength[apex] == strength.max() > 0.9
    assert strength[onset - 1] <= threshold < strength[onset]
    assert strength[offset] > threshold >= strength[offset + 1]


@given(seed=seeds)
def test_onset_phases_of_micro_expressions_are_the_faster_ones_on_average(seed: int) -> None:
    rng = np.random.default_rng(seed)
    courses = [draw_course(rng, Kind.ME, 0.0, 30.0) for _ in range(200)]
    assert np.mean([c.rise_s for c in courses]) < np.mean([c.fall_s for c in courses])


@pytest.mark.parametrize("fps", [25.0, 30.0, 200.0])
def test_durations_reach_from_the_shortest_to_the_longest_and_short_ones_are_more_frequent(fps: float) -> None:
    rng = np.random.default_rng(0)
    lasting: dict[Kind, list[float]] = {kind: [] for kind in Kind}
    for kind in Kind:
        for _ in range(600):
            marks = draw_course(rng, kind, 0.1, fps).annotation(fps, round(8 * fps))
            assert marks is not None
            lasting[kind].append((marks[2] - marks[0] + 1) / fps)
    assert min(lasting[Kind.ME]) < max(0.15, 5 / fps) + 1e-9
    assert max(lasting[Kind.ME]) > 0.5 - 3 / fps
    assert 0.26 < np.median(lasting[Kind.ME]) < 0.34
    assert min(lasting[Kind.MAE]) < 0.65
    assert max(lasting[Kind.MAE]) > 3.5
    assert np.median(lasting[Kind.MAE]) < np.mean(lasting[Kind.MAE]) < 2


def test_macro_expressions_have_a_plateau_and_phases_of_different_length() -> None:
    rng = np.random.default_rng(0)
    courses = [draw_course(rng, Kind.MAE, 0.0, 30.0) for _ in range(300)]
    assert all(course.hold_s > 0.03 for course in courses)
    assert max(course.hold_s for course in courses) > 2
    assert np.mean([course.rise_s < course.fall_s for course in courses]) > 0.5


def test_an_expression_that_the_end_of_the_video_cuts_is_annotated_once_its_peak_is_reached() -> None:
    course = TimeCourse(1.0, 0.19, 0.5, 0.3, sustain=0.9)
    assert course.annotation(30.0, 35) is None
    assert course.annotation(30.0, 45) == (32, 36, 44)
    assert course.annotation(30.0, 300) == (32, 36, 57)


@given(seed=seeds, kind=st.sampled_from(list(Kind)))
def test_intensities_stay_in_their_range(seed: int, kind: Kind) -> None:
    intensity = draw_intensity(np.random.default_rng(seed), kind, 4.0)
    low, high = (0.2, 3.0) if kind is Kind.ME else (1.0, 4.0)
    assert low - 1e-9 <= intensity <= high + 1e-9


@pytest.mark.parametrize("sustain", [1.0, 0.8])
def test_the_peak_is_one(sustain: float) -> None:
    course = TimeCourse(0.0, 0.5, 1.0, 0.5, sustain)
    assert course.strength(0.5) == pytest.approx(1.0)
    assert course.strength(1.5) == pytest.approx(sustain)
    assert course.strength(2.0) == 0
