from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.profile import NO_PROFILE, Profile, Recorder, Span, Usage, usable_cores


def test_an_inner_span_lies_in_the_outer_one_and_is_not_counted_twice() -> None:
    profile = Profile()
    with profile.span("outer"):
        with profile.span("first"):
            time.sleep(0.002)
        with profile.span("second"), profile.span("innermost"):
            time.sleep(0.001)
    outer, first, second, innermost = profile.spans()
    assert [span.name for span in (outer, first, second, innermost)] == ["outer", "first", "second", "innermost"]
    assert outer.begin_ns <= first.begin_ns <= first.end_ns <= second.begin_ns <= second.end_ns <= outer.end_ns
    assert outer.inner_ns == first.wall_ns + second.wall_ns  # not the innermost a second time
    assert second.inner_ns == innermost.wall_ns
    assert innermost.own_ns == innermost.wall_ns >= 1_000_000
    assert sum(span.own_ns for span in profile.spans()) == outer.wall_ns
    assert sum(span.own_cpu_ns for span in profile.spans()) == outer.cpu_ns


def test_the_table_sums_by_stage_and_its_shares_sum_to_one() -> None:
    profile = Profile()
    for _ in range(3):
        with profile.span("flow"):
            time.sleep(0.002)
            with profile.span("copy"):
                pass
    table = profile.table(rows=10)
    assert [(row.stage, row.calls) for row in table] == [("flow", 3), ("copy", 3)]
    assert sum(row.share for row in table) == pytest.approx(1)
    assert table[0].wall_s >= 0.006
    assert table[0].frame_ms == pytest.approx(100 * table[0].wall_s)
    spans = [span for span in profile.spans() if span.name == "flow"]
    assert table[0].wall_s == pytest.approx(sum(span.own_ns for span in spans) / 1e9)
    assert table[0].cpu_s == pytest.approx(sum(span.own_cpu_ns for span in spans) / 1e9)


def test_sleeping_takes_time_but_no_processor_and_work_takes_both() -> None:
    profile = Profile()
    with profile.span("sleep"):
        time.sleep(0.05)
    with profile.span("work"):
        begin = time.thread_time()
        while time.thread_time() - begin < 0.02:
            pass
    sleep, work = profile.spans()
    assert sleep.wall_ns >= 50_000_000 > sleep.cpu_ns
    assert work.cpu_ns >= 20_000_000


def test_every_thread_has_its_own_stack() -> None:
    profile = Profile()
    both_inside = threading.Barrier(2)

    def work(name: str) -> None:
        for _ in range(20):
            with profile.span(name), profile.span(f"{name}-inner"):
                both_inside.wait(timeout=30)

    threads = [threading.Thread(target=work, args=(name,), name=f"worker-{name}") for name in ("a", "b")]
    with profile.span("main"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    spans = profile.spans()
    assert len(spans) == 81
    main = next(span for span in spans if span.name == "main")
    assert main.inner_ns == 0  # what other threads do is not inside
    for name in ("a", "b"):
        mine = [span for span in spans if span.thread == f"worker-{name}"]
        assert {span.name for span in mine} == {name, f"{name}-inner"}
        assert sum(span.inner_ns for span in mine) == sum(s.wall_ns for s in mine if s.name == f"{name}-inner")


def test_a_span_that_ends_with_an_error_is_recorded_and_closed() -> None:
    profile = Profile()
    with pytest.raises(RuntimeError, match="half way"), profile.span("outer"), profile.span("inner"):
        raise RuntimeError("half way")
    with profile.span("after"):
        pass
    outer, inner, after = profile.spans()
    assert (outer.name, inner.name, after.name) == ("outer", "inner", "after")
    assert outer.inner_ns == inner.wall_ns


def test_wrap_times_the_maker_of_the_items_and_not_their_consumer() -> None:
    def slow() -> Iterator[int]:
        for item in range(3):
            time.sleep(0.001)
            yield item

    profile = Profile()
    items = []
    for item in profile.wrap("double", (2 * item for item in profile.wrap("slow", slow()))):
        items.append(item)
        time.sleep(0.02)
    assert items == [0, 2, 4]
    assert [span.name for span in profile.spans()] == ["double", "slow"] * 4  # three items and the end
    table = {row.stage: row for row in profile.table(rows=3)}
    assert table["slow"].wall_s >= 0.003
    whole = sum(span.wall_ns for span in profile.spans() if span.name == "double")
    assert sum(row.wall_s for row in table.values()) == pytest.approx(whole / 1e9)
    last = max(span.end_ns for span in profile.spans())
    assert last - profile.spans()[0].begin_ns - whole >= 60_000_000  # the consumer's time is outside


def test_wrap_passes_on_an_error_and_records_the_attempt() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("torn")

    profile = Profile()
    made = profile.wrap("broken", broken())
    assert next(made) == 1
    with pytest.raises(OSError, match="torn"):
        next(made)
    assert len(profile.spans()) == 2


@given(st.recursive(st.just([]), lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=12))
def test_own_times_of_any_nesting_sum_to_the_outermost_time(tree: list[object]) -> None:
    profile = Profile()

    def descend(branches: list[object], depth: int) -> None:
        with profile.span(f"depth {depth}"):
            for branch in branches:
                assert isinstance(branch, list)
                descend(branch, depth + 1)

    descend(tree, 0)
    spans = profile.spans()
    assert sum(span.own_ns for span in spans) == spans[0].wall_ns
    assert all(span.own_ns >= 0 for span in spans)


def test_the_chrome_trace_is_json_with_nested_events_and_named_threads() -> None:
    profile = Profile()
    with profile.span("outer"), profile.span("inner"):
        time.sleep(0.001)
    thread = threading.Thread(target=lambda: list(profile.wrap("made", [1])), name="decoder")
    thread.start()
    thread.join()
    trace = json.loads(json.dumps(profile.chrome_trace(), allow_nan=False))
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [event["name"] for event in events] == ["outer", "inner", "made", "made"]
    starts = [event["ts"] for event in events]
    assert starts == sorted(starts)
    assert all(start >= 0 for start in starts)
    assert all(event["dur"] >= 0 and event["args"]["cpu_ms"] >= 0 for event in events)
    outer, inner = events[:2]
    assert inner["dur"] >= 1000  # microseconds
    assert outer["ts"] + outer["dur"] == pytest.approx(max(outer["ts"] + outer["dur"], inner["ts"] + inner["dur"]))
    names = {event["tid"]: event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "thread_name"}
    assert [names[event["tid"]] for event in events] == [threading.current_thread().name] * 2 + ["decoder"] * 2
    assert len({event["pid"] for event in trace["traceEvents"]}) == 1


def test_threads_that_come_after_each_other_have_tracks_of_their_own() -> None:
    profile = Profile()
    for name in ("first", "second"):  # the second usually gets the identity of the first
        thread = threading.Thread(target=lambda: list(profile.wrap("work", [])), name=name)
        thread.start()
        thread.join()
    events = profile.chrome_trace()["traceEvents"]
    assert [event["args"]["name"] for event in events if event["name"] == "thread_name"] == ["first", "second"]
    assert [event["tid"] for event in events if event["ph"] == "X"] == [1, 2]


def test_usage_counts_the_processor_time_of_all_threads() -> None:
    profile = Profile()

    def work() -> None:
        begin = time.thread_time()
        while time.thread_time() - begin < 0.02:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    usage = profile.usage()
    assert usage.cpu_s >= 0.02
    assert usage.wall_s >= 0.02
    assert usage.cores == usable_cores() >= 1


@pytest.mark.parametrize(
    ("cpu_s", "cores", "idle"),
    [(10.0, 1, 0.0), (10.0, 2, 0.5), (20.0, 2, 0.0), (0.0, 4, 1.0), (10.1, 1, 0.0)],
)
def test_idle_share(cpu_s: float, cores: int, idle: float) -> None:
    assert Usage(10.0, cpu_s, cores).idle_share == pytest.approx(idle)


def test_an_empty_profile_is_an_empty_table_and_a_valid_trace() -> None:
    profile = Profile()
    assert profile.table(rows=0) == []
    assert [event["ph"] for event in profile.chrome_trace()["traceEvents"]] == ["M"]
    assert Usage(0.0, 0.0, 2).idle_share == 0


def test_without_a_profile_nothing_is_recorded_and_items_pass_untouched() -> None:
    items = iter([1, 2])
    assert NO_PROFILE.wrap("decode", items) is items
    with NO_PROFILE.span("outer"), NO_PROFILE.span("inner"):
        pass
    assert type(NO_PROFILE) is Recorder
    assert vars(NO_PROFILE) == {}
    with pytest.raises(ValueError, match="passed on"), NO_PROFILE.span("error"):
        raise ValueError("passed on")


def test_a_profile_stands_wherever_a_recorder_does() -> None:
    def stage(recorder: Recorder) -> list[int]:
        with recorder.span("sum"):
            return list(recorder.wrap("make", range(2)))

    profile = Profile()
    assert stage(profile) == stage(NO_PROFILE) == [0, 1]
    assert {span.name for span in profile.spans()} == {"sum", "make"}
    assert all(isinstance(span, Span) for span in profile.spans())
