from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.video import FloatArray
from mespot.vision.sampling import Sampler, sample_frames

STEPS_S = st.lists(st.floats(0.001, 0.3), max_size=120)


def streamed(times_s: FloatArray, fps: float | None) -> list[int]:
    sampler = Sampler(fps)
    following = [*times_s[1:].tolist(), None]
    return [i for i, pair in enumerate(zip(times_s.tolist(), following, strict=True)) if sampler.takes(*pair)]


@given(STEPS_S, st.floats(-5, 5), st.sampled_from([7.0, 25.0, 30.0, 100.0]))
def test_streaming_takes_the_same_frames_as_the_whole_time_line(
    steps_s: list[float], start_s: float, fps: float
) -> None:
    times_s = start_s + np.cumsum([0.0, *steps_s])
    assert streamed(times_s, fps) == sample_frames(times_s, fps).tolist()


@given(st.lists(st.floats(0.75, 9.0), max_size=120), st.sampled_from([10.0, 30.0]), st.integers(0, 10**6))
def test_a_source_no_faster_than_four_thirds_of_the_sampling_keeps_every_frame(
    steps: list[float], fps: float, origin_ms: int
) -> None:
    times_s = np.round(np.cumsum([origin_ms / 1000, *(step / fps for step in steps)]), 3)
    assert sample_frames(times_s, fps).tolist() == list(range(len(times_s)))


@pytest.mark.parametrize("source_fps", [10, 12, 15, 24000 / 1001, 24, 25, 30000 / 1001, 30, 30.03, 33, 40])
def test_common_slow_rates_keep_every_frame_for_an_hour(source_fps: float) -> None:
    times_s = np.arange(round(3600 * source_fps)) / source_fps
    assert len(sample_frames(times_s, 30)) == len(times_s)


@pytest.mark.parametrize("source_fps", [50, 60000 / 1001, 60, 90, 100, 120, 200, 240, 1000])
def test_fast_sources_are_sampled_on_a_steady_grid(source_fps: float) -> None:
    times_s = np.arange(round(60 * source_fps)) / source_fps
    taken = times_s[sample_frames(times_s, 30)]
    assert len(taken) in (1800, 1801)
    taken = taken[:1800]  # the video's last frame may stand in for the tick after it
    ticks = np.arange(1800) / 30
    assert np.abs(taken - ticks).max() <= 0.5 / source_fps + 1e-9


@given(STEPS_S, st.sampled_from([15.0, 30.0]))
def test_passing_frames_over_never_leaves_a_gap_of_more_than_two_steps(steps_s: list[float], fps: float) -> None:
    times_s = np.cumsum([0.0, *steps_s])
    taken = sample_frames(times_s, fps)
    assert taken[0] == 0
    assert (np.diff(taken) >= 1).all()
    skipping = np.diff(taken) > 1
    assert (np.diff(times_s[taken])[skipping] <= 2.0 / fps + 1e-9).all()


def test_a_hole_is_followed_by_the_first_frame_after_it() -> None:
    times_s = np.concatenate([np.arange(30) / 30, 5 + np.arange(30) / 30])
    assert sample_frames(times_s, 30).tolist() == list(range(60))


def test_without_a_rate_every_frame_is_taken() -> None:
    assert streamed(np.array([0.0, 0.001, 0.002]), None) == [0, 1, 2]


def test_no_frames_give_no_samples() -> None:
    assert sample_frames(np.empty(0), 30).tolist() == []


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        sample_frames(np.zeros(1), fps)
    with pytest.raises(ValueError, match="positive"):
        Sampler(fps)
