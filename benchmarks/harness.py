"""What the benchmarks share: repetitions with their spread, ratios to a peer, facts of the machine, dated results."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np

RESULTS = Path(__file__).parent / "results"


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


def save(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> Path:
    """Write the figures as ``results/DATE-COMMIT-NAME.json``."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    )
    commit = found.stdout.strip() or "unknown"
    now = datetime.datetime.now(datetime.UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{commit}-{name}.json"
    content = {
        "benchmark": name,
        "time": now.isoformat(timespec="seconds"),
        "commit": commit,
        "machine": facts,
        **figures,
    }
    path.write_text(json.dumps(content, indent=1, default=asdict) + "\n", encoding="utf-8")
    return path
