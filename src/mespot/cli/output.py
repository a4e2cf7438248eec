"""What a user sees: progress on standard error, results on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from mespot.core.profile import Profile
    from mespot.core.spotting import Spotting
    from mespot.pipeline import Progress

PLAIN_WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""
PLAIN_EVERY_S = 30.0
"""Seconds between plain progress lines of one stage: a log stays short."""

Report = Callable[["Progress"], None]


def printable(text: object) -> str:
    """Return the text without what could steer a terminal or cannot be encoded, as file names may hold both."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def say(text: object) -> None:
    """Print one line to standard output."""
    print(printable(text), flush=True)


def complain(text: object) -> None:
    """Print one line to standard error."""
    print(printable(text), file=sys.stderr, flush=True)


@contextmanager
def progress_of(title: str) -> Iterator[Report]:
    """Yield a function that shows progress: a bar with the time left on a terminal, plain lines otherwise."""
    if sys.stderr.isatty():
        with _bar(printable(title)) as report:
            yield report
    else:
        yield _lines(title)


@contextmanager
def _bar(title: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def report(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(f"{title}: {progress.stage}", total=progress.total)
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total)  # type: ignore[arg-type]

        yield report


def _lines(title: str) -> Report:
    """Say when a stage begins, and then now and then how far it is and how long it will still take."""
    last: dict[str, float] = {}
    begun: dict[str, tuple[float, int]] = {}

    def report(progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage not in last:
            begun[progress.stage] = now, progress.done
            complain(f"{title}: {progress.stage}")
        elif now - last[progress.stage] >= PLAIN_EVERY_S:
            share = f"{progress.done} of {progress.total}" if progress.total else str(progress.done)
            since, first = begun[progress.stage]
            left = time_left(now - since, progress.done - first, (progress.total or 0) - progress.done)
            complain(f"{title}: {progress.stage} {share}{left}")
        else:
            return
        last[progress.stage] = now

    return report


def time_left(taken_s: float, done: int, left: int) -> str:
    """Return how long is left at the pace so far, as ", about 3 min left"; "" where that cannot be told.

    Examples
    --------
    >>> time_left(60.0, 10, 30), time_left(7200.0, 1, 2), time_left(5.0, 0, 4)
    (', about 3 min left', ', about 4 h left', '')
    """
    if done <= 0 or left <= 0:
        return ""
    minutes = taken_s / done * left / 60
    if minutes >= 90:
        return f", about {minutes / 60:.0f} h left"
    return f", about {minutes:.0f} min left" if minutes >= 1.5 else f", about {minutes * 60:.0f} s left"


def print_profile(profile: Profile, rows: int) -> None:
    """Print where the time of one video went, to standard error."""
    from rich import box
    from rich.table import Table

    usage = profile.usage()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("stage")
    for heading in ("seconds", "share", "calls", "ms a frame"):
        table.add_column(heading, justify="right")
    for stage in profile.table(rows):
        numbers = (f"{stage.wall_s:.2f}", f"{stage.share:.0%}", f"{stage.calls}", f"{stage.frame_ms:.2f}")
        table.add_row(stage.stage, *numbers)
    _print_table(table, stderr=True)
    complain(
        f"{rows} sampled frames in {usage.wall_s:.2f} s ({rows / usage.wall_s:.0f} a second), {usage.cpu_s:.2f} s of "
        f"processor time on {usage.cores} cores, idle {usage.idle_share:.0%}; stages on several threads overlap"
    )


def print_expressions(spotting: Spotting) -> None:
    """Print the expressions of one video as a short table to standard output."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from mespot.core.expression import Kind

    video = spotting.video
    counts = ", ".join(f"{spotting.count(kind)} {kind}" for kind in (Kind.MAE, Kind.ME))
    say(f"{video.path}: {counts} in {video.duration_s:.1f} s")
    for flag in spotting.provenance.quality:
        say(f"  note: {flag}")
    if not spotting.detections:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("kind", "onset s", "apex s", "offset s", "lasts s", "score", "where"):
        table.add_column(heading, justify="left" if heading in ("kind", "where") else "right")
    for row in spotting.rows():
        numbers = (row["onset_s"], row["apex_s"], row["offset_s"], row["duration_s"], row["score"])
        cells = (row["kind"], *(f"{number:.2f}" for number in numbers), printable(row["region"]))
        table.add_row(*(Text(cell) for cell in cells))
    _print_table(table, stderr=False)


def _print_table(table: Table, *, stderr: bool) -> None:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    console = Console(stderr=stderr) if stream.isatty() else Console(stderr=stderr, width=PLAIN_WIDTH)
    console.print(table)
