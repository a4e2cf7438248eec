"""Where the time goes: spans of work by stage and thread, as a table and as a Chrome trace."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")

_NOTHING = nullcontext()


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of work of one stage on one thread.

    Parameters
    ----------
    name : str
        The stage.
    thread : str
        Name of the thread.
    thread_id : int
        Its identity, which a later thread may have again.
    begin_ns, end_ns : int
        Readings of `time.perf_counter_ns`.
    cpu_ns : int
        Processor time of this thread in the span; work given to other threads is not in it.
    inner_ns, inner_cpu_ns : int
        What of the time and the processor time lies in spans that were opened within this one on its thread.
    """

    name: str
    thread: str
    thread_id: int
    begin_ns: int
    end_ns: int
    cpu_ns: int
    inner_ns: int = 0
    inner_cpu_ns: int = 0

    @property
    def wall_ns(self) -> int:
        """Time from begin to end."""
        return self.end_ns - self.begin_ns

    @property
    def own_ns(self) -> int:
        """Time from begin to end without the spans inside."""
        return self.wall_ns - self.inner_ns

    @property
    def own_cpu_ns(self) -> int:
        """Processor time of the thread without the spans inside."""
        return self.cpu_ns - self.inner_cpu_ns


@dataclass(frozen=True, slots=True)
class StageTime:
    """One row of the table of stages.

    Parameters
    ----------
    stage : str
        Name of the spans that are summed.
    wall_s : float
        Seconds in these spans, over all threads, without the spans inside them.
    share : float
        Share of the seconds of all stages, in [0, 1]; the shares sum to 1.
    cpu_s : float
        Processor seconds of the threads of these spans, likewise.
    calls : int
        Number of spans.
    frame_ms : float
        Milliseconds a sampled frame.
    """

    stage: str
    wall_s: float
    share: float
    cpu_s: float
    calls: int
    frame_ms: float


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of the machine a run used: seconds of the clock and of the processor, and the cores it may use."""

    wall_s: float
    cpu_s: float
    cores: int

    @property
    def idle_share(self) -> float:
        """Share of the cores' time in which they did nothing for this process, in [0, 1]."""
        possible = self.wall_s * self.cores
        return min(1.0, max(0.0, 1 - self.cpu_s / possible)) if possible > 0 else 0.0


class Recorder:
    """What a stage reports its time to; this one records nothing and costs nothing worth measuring."""

    def span(self, name: str) -> AbstractContextManager[None]:
        """Return a context manager around a piece of work of the stage ``name``."""
        del name
        return _NOTHING

    def wrap(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """Return the items; the time in which each is made belongs to the stage ``name``."""
        del name
        return iter(items)


NO_PROFILE = Recorder()
"""For runs that nobody measures."""


@dataclass(slots=True)
class _Open:
    """A span that has not ended: what spans inside it took so far."""

    inner_ns: int = 0
    inner_cpu_ns: int = 0


@dataclass(slots=True, eq=False)
class Profile(Recorder):
    """A recorder that keeps every span, from any thread; its own time runs from its construction on.

    Notes
    -----
    A span costs some microseconds. It begins and ends on one thread; around a ``yield`` it would also hold the time of
    the consumer, which is why iterators have `wrap`. In a chain of lazy iterators the stage that asks waits for
    the one it asks: the table counts for each stage only its own time, so that the shares sum to 1.

    Examples
    --------
    >>> profile = Profile()
    >>> with profile.span("flow"):
    ...     total = sum(profile.wrap("decode", range(3)))
    >>> [(row.stage, row.calls) for row in sorted(profile.table(rows=3), key=lambda row: row.stage)]
    [('decode', 4), ('flow', 1)]
    """

    _begin_ns: int = field(default_factory=time.perf_counter_ns)
    _begin_cpu_ns: int = field(default_factory=time.process_time_ns)
    _spans: list[Span] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Record the block as a span of the stage ``name``, also where it ends with an error."""
        thread = threading.current_thread()
        stack = self._stack()
        this = _Open()
        stack.append(this)
        begin_cpu_ns = time.thread_time_ns()
        begin_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            end_ns = time.perf_counter_ns()
            cpu_ns = time.thread_time_ns() - begin_cpu_ns
            stack.pop()
            if stack:
                stack[-1].inner_ns += end_ns - begin_ns
                stack[-1].inner_cpu_ns += cpu_ns
            inner = (this.inner_ns, this.inner_cpu_ns)
            done = Span(name, thread.name, threading.get_ident(), begin_ns, end_ns, cpu_ns, *inner)
            with self._lock:
                self._spans.append(done)

    def wrap(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items and record the making of each as a span of ``name``, and the last, vain attempt too."""
        iterator = iter(items)
        while True:
            with self.span(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def spans(self) -> list[Span]:
        """Return what was recorded so far, in order of begin."""
        with self._lock:
            return sorted(self._spans, key=lambda span: span.begin_ns)

    def table(self, rows: int) -> list[StageTime]:
        """Return the stages, the longest first.

        Parameters
        ----------
        rows : int
            Sampled frames that were processed.
        """
        stages: dict[str, list[Span]] = {}
        for span in self.spans():
            stages.setdefault(span.name, []).append(span)
        seconds = {name: sum(span.own_ns for span in spans) / 1e9 for name, spans in stages.items()}
        whole = sum(seconds.values())
        return [
            StageTime(
                stage=name,
                wall_s=seconds[name],
                share=seconds[name] / whole if whole > 0 else 0.0,
                cpu_s=sum(span.own_cpu_ns for span in stages[name]) / 1e9,
                calls=len(stages[name]),
                frame_ms=1e3 * seconds[name] / max(rows, 1),
            )
            for name in sorted(seconds, key=lambda name: -seconds[name])
        ]

    def usage(self) -> Usage:
        """Return how much of the machine the process used since this profile was made, all its threads together."""
        wall_ns = time.perf_counter_ns() - self._begin_ns
        return Usage(wall_ns / 1e9, (time.process_time_ns() - self._begin_cpu_ns) / 1e9, usable_cores())

    def chrome_trace(self) -> dict[str, Any]:
        """Return the spans in the Trace Event Format, to be written as JSON.

        Returns
        -------
        dict
            One complete event ("X") a span, in microseconds since this profile was made, and the threads' names;
            opens in chrome://tracing and in Perfetto.
        """
        process = os.getpid()
        # A thread's identity is given again after its end: the name is part of the key.
        tracks: dict[tuple[int, str], int] = {}
        events: list[dict[str, Any]] = []
        for span in self.spans():
            track = tracks.setdefault((span.thread_id, span.thread), len(tracks) + 1)
            times = {"ts": (span.begin_ns - self._begin_ns) / 1e3, "dur": span.wall_ns / 1e3}
            place = {"pid": process, "tid": track, "args": {"cpu_ms": span.cpu_ns / 1e6}}
            events.append({"name": span.name, "cat": "stage", "ph": "X", **times, **place})
        names = [_name_event("process_name", process, 0, "mespot")]
        names += [_name_event("thread_name", process, track, name) for (_, name), track in tracks.items()]
        return {"traceEvents": names + events, "displayTimeUnit": "ms"}

    def _stack(self) -> list[_Open]:
        """Return the open spans of this thread, the innermost last."""
        stack: list[_Open] | None = getattr(self._local, "stack", None)
        if stack is None:
            stack = self._local.stack = []
        return stack


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _name_event(kind: str, process: int, track: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": track, "args": {"name": name}}
