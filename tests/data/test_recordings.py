import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.data.recordings import Numbering

NUMBERS = st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True).map(sorted)


@given(first=st.integers(0, 100), index=st.integers(0, 10_000))
def test_index_and_number_are_inverse_without_gaps(first: int, index: int) -> None:
    numbering = Numbering(first)
    assert numbering.index(numbering.number(index)) == index


@given(numbers=NUMBERS)
def test_index_and_number_are_inverse_with_gaps(numbers: list[int]) -> None:
    numbering = Numbering(numbers=np.array(numbers, np.int64))
    assert [numbering.index(numbering.number(index)) for index in range(len(numbers))] == list(range(len(numbers)))


@given(numbers=NUMBERS, wanted=st.integers(-5, 10_005))
def test_a_number_in_a_gap_names_the_frame_before_it(numbers: list[int], wanted: int) -> None:
    found = Numbering(numbers=np.array(numbers, np.int64)).index(wanted)
    before = [number for number in numbers if number <= wanted]
    assert numbers[found] == (before[-1] if before else numbers[0])


@given(numbers=NUMBERS, a=st.integers(-5, 10_005), b=st.integers(-5, 10_005))
def test_order_is_kept(numbers: list[int], a: int, b: int) -> None:
    numbering = Numbering(numbers=np.array(numbers, np.int64))
    assert numbering.index(min(a, b)) <= numbering.index(max(a, b))


@given(first=st.integers(0, 100), count=st.integers(1, 100), wanted=st.integers(-5, 300))
def test_numbers_without_gaps_may_be_listed(first: int, count: int, wanted: int) -> None:
    listed = Numbering(numbers=np.arange(first, first + count))
    assert listed.index(wanted) == min(Numbering(first).index(wanted), count - 1)


@pytest.mark.parametrize("numbers", [[], [1, 1], [2, 1]])
def test_numbers_must_increase(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        Numbering(numbers=np.array(numbers, np.int64))
