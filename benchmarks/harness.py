"""What the benchmarks share: repetitions with their spread, ratios to a peer, facts of the machine, dated results."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np

RESULTS = Path(__file__).parent / "results"
LAUNCHER = """
import json, os, sys, time
begin = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - begin
unit = 1 if sys.platform == "darwin" else 1024
facts = [wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit, os.waitstatus_to_exitcode(status)]
open(sys.argv[1], "w").write(json.dumps(facts))
"""
"""A small process between us and the measured one: a child's peak begins at that of the process that started it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a call over its repetitions: median, least, and the distance of the quartiles over the median."""

    median_s: float
    least_s: float
    spread: float
    repetitions: int

    def __str__(self) -> str:
        least = f"least {1e3 * self.least_s:.2f}"
        return f"{1e3 * self.median_s:8.2f} ms ({least}, spread {self.spread:.0%}, n {self.repetitions})"


def summarise(seconds: list[float]) -> Timing:
    median = statistics.median(seconds)
    low, _, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else (median, median, median)
    return Timing(median, min(seconds), (high - low) / median, len(seconds))


def alternate(
    calls: Mapping[str, Callable[[], Any]], repetitions: int, *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Timing]:
    """Time the calls in turns, so that a busy moment of the machine meets all of them; each runs once before."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repetitions):
        for name, call in calls.items():
            begin = clock()
            call()
            seconds[name].append(clock() - begin)
    return {name: summarise(values) for name, values in seconds.items()}


@dataclass(frozen=True, slots=True)
class Use:
    """What a piece of work took: seconds of the clock, of the processor (all threads), and the peak memory if known."""

    wall_s: float
    cpu_s: float
    peak_bytes: int | None = None

    @property
    def idle_share(self) -> float:
        """Share of the cores' time in which they did nothing for this work."""
        return 1 - self.cpu_s / (self.wall_s * cores())


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_clock() -> float:
    """Seconds of the processor of this process, its threads and its children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(call: Callable[[], Any]) -> Use:
    """Run the call once."""
    cpu, begin = cpu_clock(), time.perf_counter()
    call()
    return Use(time.perf_counter() - begin, cpu_clock() - cpu)


def measure_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Use:
    """Run a command in a fresh process, its output discarded, and return its time and its peak of resident memory."""
    with tempfile.TemporaryDirectory() as folder:
        facts, log = Path(folder, "facts.json"), Path(folder, "log.txt")
        with log.open("wb") as output:
            subprocess.run(
                [sys.executable, "-I", "-S", "-c", LAUNCHER, str(facts), *command],
                env={**os.environ, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=True,
            )
        wall_s, cpu_s, peak_bytes, status = json.loads(facts.read_text(encoding="ascii"))
        if status:
            raise RuntimeError(f"{' '.join(command)} ended with {status}: {log.read_text(errors='replace')[-2000:]}")
    return Use(wall_s, cpu_s, peak_bytes)


def mespot(*arguments: str) -> list[str]:
    """Return the command line of ``mespot`` with the interpreter that runs this benchmark."""
    return [sys.executable, "-m", "mespot", *arguments]


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [line for line in facts.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "opencv": cv2.__version__,
    }


def commit() -> str:
    """Return the short name of the commit that is checked out; ``unknown`` outside a clone."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    )
    return found.stdout.strip() or "unknown"


def save(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> Path:
    """Write the figures as ``results/DATE-COMMIT-NAME.json``."""
    now = datetime.datetime.now(datetime.UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{commit()}-{name}.json"
    content = {
        "benchmark": name,
        "time": now.isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": facts,
        **figures,
    }
    path.write_text(json.dumps(content, indent=1, default=asdict) + "\n", encoding="utf-8")
    return path
