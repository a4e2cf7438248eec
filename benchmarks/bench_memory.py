"""Peak of resident memory of ``mespot spot`` against the length of the video, 640 x 480 at 30 frames a second.

Every length runs in a fresh process. Beside it stand a process that only imports what mespot needs (nothing that uses
torch, OpenCV, PyAV and Numba can take less) and, as peer, the pipeline of public code on a few frames. The long videos
are the packets of a one-minute one again and again.
Run it as ``python benchmarks/bench_memory.py [--longest 10s|1min|10min|2h] [--full]``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from harness import machine, measure_process, mespot, save
from recordings import full_width_weights, record, repeat

LENGTHS_S = {"10s": 10, "1min": 60, "10min": 600, "2h": 7200}
PEER = Path(__file__).parent / "public_pipeline.py"
IMPORTS = "import torch, cv2, av, numba, safetensors.torch, pydantic, typer"
PEER_FRAMES = 16
TARGET_GB = 1.5
FPS = 30


def videos(folder: Path, longest: str) -> dict[str, Path]:
    """Make the videos up to the longest, those of more than a minute without encoding anew."""
    made: dict[str, Path] = {}
    for name, seconds in LENGTHS_S.items():
        path = folder / f"{name}.mp4"
        if not path.exists():
            if seconds <= 60:
                record(path, seconds=seconds, width_px=640, height_px=480, fps=FPS)
            else:
                repeat(made["1min"], path, seconds // 60)
        made[name] = path
        if name == longest:
            break
    return made


def peak(name: str, command: list[str], seconds: float | None = None) -> dict[str, Any]:
    used = measure_process(command)
    assert used.peak_bytes is not None
    gigabytes = used.peak_bytes / 1e9
    rate = f", {seconds * FPS / used.wall_s:6.1f} frames a second with start-up" if seconds else ""
    print(f"  {name:24} {gigabytes:6.3f} GB, {used.wall_s:8.1f} s{rate}")
    return {"name": name, "seconds": seconds, "peak_gb": gigabytes, "wall_s": used.wall_s, "cpu_s": used.cpu_s}


def growth(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return by how much the peak grows an hour of video, from the minute on, and the largest peak."""
    largest = max(row["peak_gb"] for row in rows)
    long = [row for row in rows if row["seconds"] >= 60]
    if len(long) < 2:
        return {"largest_gb": largest}
    hours = np.array([row["seconds"] / 3600 for row in long])
    slope = float(np.polyfit(hours, np.array([row["peak_gb"] for row in long]), 1)[0])
    return {"largest_gb": largest, "gb_per_hour": slope}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--longest", choices=list(LENGTHS_S), default="10min")
    parser.add_argument("--full", action="store_true", help="the full-width network on every length, not on one")
    parser.add_argument("--videos", type=Path, help="folder where the test videos are kept and found again")
    options = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.videos or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        out = ["--out", str(Path(temporary, "out"))]
        made = videos(folder, options.longest)
        weights = ["--weights", str(full_width_weights(Path(temporary, "full.safetensors")))]
        shortest = made["10s"]
        floor = peak("imports alone", [sys.executable, "-c", IMPORTS])
        peer = peak("public pipeline", [sys.executable, str(PEER), str(shortest), "--frames", str(PEER_FRAMES)])
        shipped = [peak(name, mespot("spot", str(path), *out), LENGTHS_S[name]) for name, path in made.items()]
        chosen = made if options.full else {name: made[name] for name in ("1min",) if name in made}
        full = [
            peak(f"{name}, full width", mespot("spot", str(path), *out, *weights), LENGTHS_S[name])
            for name, path in chosen.items()
        ]
    figures = growth([*shipped, *full]) if not full else {**growth(shipped), "full": growth(full)}
    largest = max(row["peak_gb"] for row in [*shipped, *full])
    print(f"largest {largest:.3f} GB, target {TARGET_GB}; {largest / peer['peak_gb']:.2f} of the public pipeline's,")
    print(f"  {largest / floor['peak_gb']:.2f} of the imports alone")
    if "gb_per_hour" in figures:
        print(f"grows by {figures['gb_per_hour']:.3f} GB an hour of video from one minute on; target 0")
    rows = {"imports": floor, "public": peer, "shipped": shipped, "full_width": full}
    print(f"saved {save('memory', {'target_gb': TARGET_GB, **rows, **figures}, facts)}")


if __name__ == "__main__":
    main()
