import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.training.paste import MARGIN, Paste, add_flow, free_place, isolated


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


@given(st.integers(0, 1000), st.floats(3, 120), st.lists(st.tuples(st.floats(0, 200), st.floats(1, 50)), max_size=4))
def test_a_free_place_meets_no_taken_interval(seed: int, lasting: float, taken: list[tuple[float, float]]) -> None:
    intervals = np.array([(start, start + length) for start, length in taken]).reshape(-1, 2)
    at = free_place(np.random.default_rng(seed), lasting, intervals, 256)
    if at is not None:
        assert at >= MARGIN
        assert at + lasting + MARGIN <= 256
        for start, stop in intervals:
            assert at + lasting <= start - MARGIN or at >= stop + MARGIN
