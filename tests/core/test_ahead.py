"""Work on another thread: the same items, the same errors, and nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.ahead import ahead


@given(st.lists(st.integers()), st.integers(1, 4))
def test_the_items_in_their_order(items: list[int], depth: int) -> None:
    assert list(ahead(iter(items), depth=depth)) == items


def test_items_are_made_on_another_thread_while_one_is_used() -> None:
    made = [threading.Event() for _ in range(3)]

    def produce() -> Iterator[str]:
        for event in made:
            event.set()
            yield threading.current_thread().name

    running = ahead(produce(), depth=1, name="decode")
    assert next(running) == "decode"
    assert made[1].wait(10)  # though nobody asked for it
    assert list(running) == ["decode", "decode"]


def test_no_more_is_made_than_the_depth_allows() -> None:
    made: list[int] = []

    def produce() -> Iterator[int]:
        for number in range(1, 100):
            made.append(number)
            yield number

    running = ahead(produce(), depth=2)
    assert [next(running) for _ in range(10)] == list(range(1, 11))
    running.close()
    assert len(made) <= 10 + 2 + 1


def test_an_error_comes_after_the_items_before_it() -> None:
    def produce() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    running = ahead(produce())
    assert next(running) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(running)


def test_a_consumer_that_stops_leaves_nothing_running() -> None:
    closed = threading.Event()
    before = threading.active_count()

    def produce() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield (number := number + 1)
        finally:
            closed.set()

    running = ahead(produce())
    assert next(running) == 1
    running.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_nothing_starts_before_it_is_asked_for() -> None:
    before = threading.active_count()
    running = ahead(iter([1]))
    assert threading.active_count() == before
    assert list(running) == [1]


def test_at_least_one_item_is_made_in_advance() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(ahead([1], depth=0))


def test_what_cannot_be_iterated_is_an_error_and_no_endless_wait() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        next(ahead(3))  # type: ignore[arg-type]
