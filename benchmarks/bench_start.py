"""Cold start: seconds of fresh processes, in turns with the imports that cannot be avoided.

``mespot spot`` of a 10 s clip (with Numba's compiled kernels on disk, and once without), ``import mespot`` and
``mespot --help``; and what the imports of the first cost, by package. The files are in the system's cache: what is
measured is Python, not the disk.
Run it as ``python benchmarks/bench_start.py [--repetitions N] [--skip-first-run]``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import Timing, Use, machine, measure_process, mespot, save, summarise
from recordings import record

CLIP_S = 10
TARGETS_S = {"spot 10 s clip": 4.0, "import mespot": 0.3, "mespot --help": 0.3}
PEERS = {
    "python alone": "pass",
    "import torch, cv2, av": "import torch, cv2, av",
    "import numpy, typer": "import numpy, typer",
}
OURS = {
    "import mespot": "import mespot",
    "import mespot.pipeline": "import mespot.pipeline",
    "load shipped weights": "from mespot.pipeline import Spotter; Spotter()",
}
SHOWN_MS = 20.0
IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")


def commands(clip: Path, out: Path) -> dict[str, list[str]]:
    codes = {name: [sys.executable, "-c", code] for name, code in {**PEERS, **OURS}.items()}
    return {
        **codes,
        "mespot --help": mespot("--help"),
        "spot 10 s clip": mespot("spot", str(clip), "--out", str(out)),
        "spot without a picture": mespot("spot", str(clip), "--out", str(out), "--no-png"),
    }


def in_turns(chosen: dict[str, list[str]], repetitions: int) -> dict[str, dict[str, Timing]]:
    """Return wall and CPU time of every command."""
    uses: dict[str, list[Use]] = {name: [] for name in chosen}
    for turn in range(repetitions + 1):
        for name, command in chosen.items():
            used = measure_process(command)
            if turn:  # the first fills the caches
                uses[name].append(used)
    return {
        name: {"wall": summarise([use.wall_s for use in runs]), "cpu": summarise([use.cpu_s for use in runs])}
        for name, runs in uses.items()
    }


def import_costs(code: str) -> dict[str, float]:
    """Return the seconds that each package's own modules take to import, the dearest first."""
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    costs: dict[str, float] = {}
    for line in run.stderr.splitlines():
        if found := IMPORT_LINE.match(line):
            package = found[4].split(".")[0]
            costs[package] = costs.get(package, 0.0) + int(found[1]) / 1e6
    return dict(sorted(costs.items(), key=lambda item: -item[1]))


def first_run(clip: Path, out: Path, cache: Path) -> float:
    """Return the seconds of the very first run, before any kernel is compiled."""
    command = mespot("spot", str(clip), "--out", str(out))
    return measure_process(command, {"NUMBA_CACHE_DIR": str(cache)}).wall_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--skip-first-run", action="store_true", help="do not measure a run with an empty kernel cache")
    options = parser.parse_args()
    facts = machine()
    figures: dict[str, Any] = {"targets_s": TARGETS_S}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip = record(folder / "clip.mp4", seconds=CLIP_S, width_px=640, height_px=480, fps=30)
        timings = in_turns(commands(clip, folder / "out"), options.repetitions)
        for name, timing in timings.items():
            beside = f"   target {1e3 * TARGETS_S[name]:g} ms" if name in TARGETS_S else ""
            print(f"  {name:24} {timing['wall']}; CPU {1e3 * timing['cpu'].median_s:6.0f} ms{beside}")
        spot, floor = (timings[name]["wall"] for name in ("spot 10 s clip", "import torch, cv2, av"))
        figures |= {"timings": timings, "floor_share": floor.median_s / spot.median_s}
        print(f"  the imports of torch, OpenCV and PyAV alone are {figures['floor_share']:.0%} of it")
        if not options.skip_first_run:
            figures["first_run_s"] = first_run(clip, folder / "out", folder / "cache")
            print(f"  the very first run, kernels compiled: {figures['first_run_s']:.1f} s")
    figures["imports_s"] = {}
    for name in ("import mespot", "import mespot.pipeline"):
        costs = figures["imports_s"][name] = import_costs(OURS[name])
        dear = [f"{package} {1e3 * cost:.0f}" for package, cost in costs.items() if 1e3 * cost >= SHOWN_MS]
        print(f"  {name}, ms by package: {', '.join(dear) or 'none of note'}")
    print(f"saved {save('start', figures, facts)}")


if __name__ == "__main__":
    main()
