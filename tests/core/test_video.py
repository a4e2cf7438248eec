from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.video import VideoInfo

STEPS = st.lists(st.integers(1, 5000), max_size=60)
BASES = st.sampled_from([Fraction(1, 90000), Fraction(1, 1000), Fraction(1001, 30000)])


def video(pts: list[int], base: Fraction = Fraction(1, 1000)) -> VideoInfo:
    return VideoInfo(Path("clip.mp4"), np.array(pts, np.int64), base, 640, 360)


@given(st.integers(-(10**6), 10**6), STEPS, BASES)
def test_frame_is_the_inverse_of_seconds(first: int, steps: list[int], base: Fraction) -> None:
    info = video([int(stamp) for stamp in np.cumsum([first, *steps])], base)
    assert [info.frame(info.seconds(frame)) for frame in range(len(info))] == list(range(len(info)))


@given(st.integers(-5000, 5000), STEPS, st.floats(-20, 400))
def test_frame_is_the_nearest_one(first: int, steps: list[int], seconds: float) -> None:
    info = video([int(stamp) for stamp in np.cumsum([first, *steps])])
    distances = np.abs(info.times_s - seconds)
    assert distances[info.frame(seconds)] == pytest.approx(distances.min(), abs=1e-9)


@given(st.integers(-5000, 5000), STEPS)
def test_each_frame_ends_where_the_next_begins_and_together_they_last_the_duration(
    first: int, steps: list[int]
) -> None:
    info = video([int(stamp) for stamp in np.cumsum([first, *steps])])
    for frame in range(len(info) - 1):
        assert info.end_seconds(frame) == info.seconds(frame + 1)
    assert info.end_seconds(len(info) - 1) - info.seconds(0) == pytest.approx(info.duration_s, abs=1e-9)


def test_a_variable_rate_is_measured_by_its_median_step() -> None:
    info = video([0, 40, 80, 350, 390])
    assert info.frame_duration_s == pytest.approx(0.040)
    assert info.duration_s == pytest.approx(0.430)
    assert video([7]).duration_s == 0.0


@pytest.mark.parametrize("frame", [-1, 3])
def test_a_frame_outside_has_no_time(frame: int) -> None:
    info = video([0, 40, 80])
    with pytest.raises(IndexError, match=f"frame {frame} is outside 0 to 2"):
        info.seconds(frame)


@pytest.mark.parametrize("pts", [[], [0, 0], [5, 4]])
def test_time_stamps_must_increase(pts: list[int]) -> None:
    with pytest.raises(ValueError, match="pts"):
        video(pts)


def test_time_stamps_of_another_type_and_a_time_base_of_zero_are_rejected() -> None:
    with pytest.raises(ValueError, match="int64"):
        VideoInfo(Path("clip.mp4"), np.array([0.0, 1.0]), Fraction(1), 2, 2)
    with pytest.raises(ValueError, match="time_base"):
        video([0, 1], Fraction(0))


def test_equality_looks_at_every_time_stamp_and_they_cannot_be_changed() -> None:
    assert video([0, 40, 80]) == video([0, 40, 80])
    assert video([0, 40, 80]) != video([0, 40, 81])
    assert video([0, 40]) != "clip.mp4"
    with pytest.raises(ValueError, match="read-only"):
        video([0, 40]).pts[0] = 3
