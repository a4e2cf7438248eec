from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.interval import Interval
from mespot.core.timeline import frame_edges, interval_of, row_times_s, rows_of

STEPS = st.lists(st.integers(1, 8), min_size=1, max_size=50)


@given(st.integers(0, 20), STEPS, st.data())
def test_intervals_come_back_from_their_rows(first: int, steps: list[int], data: st.DataObject) -> None:
    frames = np.cumsum([first, *steps])
    start = data.draw(st.integers(first, int(frames[-1]) - 1))
    interval = Interval(start, data.draw(st.integers(start + 1, int(frames[-1]))))
    assert interval_of(frames, *rows_of(frames, interval)) == interval


@given(st.integers(0, 20), STEPS)
def test_the_edges_hold_every_row_and_the_last_is_its_own_frame(first: int, steps: list[int]) -> None:
    frames = np.cumsum([first, *steps])
    edges = frame_edges(frames)
    assert edges[:-1].tolist() == frames.tolist()
    assert edges[-1] == frames[-1] + 1


def test_an_interval_has_at_least_one_frame() -> None:
    frames = np.array([0, 7, 13, 20])
    assert len(interval_of(frames, 1.0, 1.0)) == 1
    assert interval_of(frames, 4.0, 4.0).offset < 27


def test_times_of_rows_lie_between_those_of_their_frames() -> None:
    times = np.array([-0.1, 0.0, 0.2, 0.3])
    assert row_times_s(times, [0, 1.5, 3]).tolist() == pytest.approx([-0.1, 0.1, 0.3])
    assert row_times_s(times, 4.0) == pytest.approx(0.4)
