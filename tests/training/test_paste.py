import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.training.paste import MARGIN, Paste, add_flow, changed, free_place, isolated


def bump(frames: int = 60, start: int = 20, stop: int = 30) -> np.ndarray:
    flow = np.zeros((frames, 2, 4, 4), np.float16)
    flow[start:stop, 0, :, :2] = 1.0
    return flow


def test_an_expression_is_isolated_when_no_other_comes_within_the_margin() -> None:
    intervals = np.array([[0.0, 5.0], [5.0 + MARGIN - 1, 20.0], [40.0, 50.0]])
    assert isolated(intervals).tolist() == [False, False, True]
    assert isolated(np.zeros((0, 2))).tolist() == []


@pytest.mark.parametrize("at", [MARGIN, 50, 85])
def test_the_pasted_flow_lies_where_the_target_says(at: int) -> None:
    window = np.zeros((100, 2, 4, 4), np.float32)
    start, stop = add_flow(window, bump(), (20.0, 30.0), Paste(0, 0, at, flip=False, gain=0.5))
    assert (start, stop) == (at, at + 10)
    moving = np.flatnonzero(np.abs(window).sum(axis=(1, 2, 3)))
    assert (moving[0], moving[-1] + 1) == (at, at + 10)
    assert window[at, 0, 0, 0] == 0.5
    assert window[at, 0, 0, 3] == 0.0


def test_pasting_adds_to_the_motion_that_is_there() -> None:
    window = np.full((100, 2, 4, 4), 2.0, np.float32)
    add_flow(window, bump(), (20.0, 30.0), Paste(0, 0, 40, flip=False, gain=1.0))
    assert window[40, 0, 0, 0] == 3.0
    assert window[39, 0, 0, 0] == 2.0


def test_a_flip_mirrors_the_place_and_negates_the_horizontal_component() -> None:
    window = np.zeros((100, 2, 4, 4), np.float32)
    add_flow(window, bump(), (20.0, 30.0), Paste(0, 0, 40, flip=True, gain=1.0))
    assert window[40, 0, 0].tolist() == [0.0, 0.0, -1.0, -1.0]


def test_an_expression_at_the_edge_of_its_video_comes_without_the_missing_margin() -> None:
    window = np.zeros((100, 2, 4, 4), np.float32)
    rows = add_flow(window, bump(start=0, stop=6, frames=7), (0.0, 6.0), Paste(0, 0, 10, flip=False, gain=1.0))
    assert rows == (10.0, 16.0)
    assert np.flatnonzero(window[:, 0, 0, 0]).tolist() == list(range(10, 16))


@pytest.mark.parametrize("pace", [0.6, 1.0, 1.7])
def test_a_changed_pace_keeps_the_way_and_moves_the_ends(pace: float) -> None:
    window = np.zeros((100, 2, 4, 4), np.float32)
    paste = Paste(0, 0, 40, flip=False, gain=1.0, pace=pace)
    start, stop = add_flow(window, bump(), (20.0, 30.0), paste)
    assert window[:, 0, 0, 0].sum() == pytest.approx(10.0, abs=1e-4)
    assert stop - start == pytest.approx(10 * pace, abs=0.6)
    assert start == pytest.approx(40, abs=1)
    moving = np.flatnonzero(np.abs(window).sum(axis=(1, 2, 3)) > 1e-6)
    assert abs(moving[0] - start) <= 1
    assert abs(moving[-1] + 1 - stop) <= 1


def test_a_shift_moves_the_flow_and_brings_nothing_in_from_the_other_side() -> None:
    flow = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4).repeat(2, axis=1) + 1
    moved = changed(flow, Paste(0, 0, 0, flip=False, gain=1.0, shift=(1, -2)))
    assert moved[0, 0].tolist() == [[0, 9, 10, 11], [0, 13, 14, 15], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_a_relief_scales_the_flow_by_place() -> None:
    flow = np.ones((3, 2, 9, 9), np.float32)
    relief = (0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0)
    scaled = changed(flow, Paste(0, 0, 0, flip=False, gain=1.0, relief=relief))
    assert scaled[0, 0, 0].tolist() == [0.5] * 9
    assert scaled[2, 1, 8].tolist() == [2.0] * 9
    assert (np.diff(scaled[1, 0, :, 4]) >= 0).all()


@given(st.integers(0, 1000), st.floats(3, 120), st.lists(st.tuples(st.floats(0, 200), st.floats(1, 50)), max_size=4))
def test_a_free_place_meets_no_taken_interval(seed: int, lasting: float, taken: list[tuple[float, float]]) -> None:
    intervals = np.array([(start, start + length) for start, length in taken]).reshape(-1, 2)
    at = free_place(np.random.default_rng(seed), lasting, intervals, 256)
    if at is not None:
        assert at >= MARGIN
        assert at + lasting + MARGIN <= 256
        for start, stop in intervals:
            assert at + lasting <= start - MARGIN or at >= stop + MARGIN
