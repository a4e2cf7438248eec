from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.interval import Interval


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start = draw(st.integers(0, 60))
    return Interval(start, start + draw(st.integers(1, 40)))


def inclusive_iou(mine: Interval, other: Interval) -> float:
    """The field's formula on inclusive frames, where every length has its "+1"."""
    shared = max(0, min(mine.offset, other.offset) - max(mine.onset, other.onset) + 1)
    lengths = (mine.offset - mine.onset + 1) + (other.offset - other.onset + 1)
    return shared / (lengths - shared)


@given(intervals(), intervals())
def test_iou_is_symmetric_and_equal_to_the_inclusive_formula(mine: Interval, other: Interval) -> None:
    assert mine.iou(other) == other.iou(mine) == inclusive_iou(mine, other)


@given(intervals(), intervals())
def test_iou_is_that_of_the_sets_of_frames(mine: Interval, other: Interval) -> None:
    one, two = set(range(mine.start, mine.stop)), set(range(other.start, other.stop))
    assert mine.intersection(other) == len(one & two)
    assert mine.iou(other) == len(one & two) / len(one | two)


@given(intervals(), intervals(), st.integers(0, 1000))
def test_iou_does_not_change_when_both_move(mine: Interval, other: Interval, frames: int) -> None:
    assert mine.shift(frames).iou(other.shift(frames)) == mine.iou(other)


@given(intervals())
def test_iou_is_one_only_with_itself(mine: Interval) -> None:
    assert mine.iou(mine) == 1.0
    assert mine.iou(Interval(mine.start, mine.stop + 1)) < 1.0


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 1))
def test_onset_and_offset_are_the_first_and_last_frame_inside(onset: int, extra: int, first: int) -> None:
    interval = Interval.from_onset_offset(onset + first, onset + extra + first, first_frame=first)
    assert (interval.onset, interval.offset, len(interval)) == (onset, onset + extra, extra + 1)
    assert interval.onset in interval
    assert interval.offset in interval
    assert interval.offset + 1 not in interval


def test_first_frame_has_no_default() -> None:
    with pytest.raises(TypeError, match="first_frame"):
        Interval.from_onset_offset(1, 2)  # type: ignore[call-arg]


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (4, 3), (-1, 2)])
def test_an_interval_holds_at_least_one_frame_and_none_before_the_first(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="0 <= start < stop"):
        Interval(start, stop)


def test_intervals_sort_by_start_then_stop() -> None:
    assert sorted([Interval(5, 9), Interval(1, 9), Interval(1, 3)]) == [Interval(1, 3), Interval(1, 9), Interval(5, 9)]
