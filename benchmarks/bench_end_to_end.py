"""From a video to its expressions, against the pipeline that public code uses (`public_pipeline`), in the same run.

1. 640 x 480 at 30 frames a second: wall and processor time a frame with the shipped weights and with two full-width
   streams of I3D (weights as they begin: the same work), ratios to the peer, idle share of the cores.
2. 2040 x 1088 at 200 frames a second, like the recordings of SAMM, of which all take 30 a second: against real time.
3. From these rates, the hours for all frames of CAS(ME)^2.

Loading of the weights and the first, short video are not counted (bench_start.py measures them); the peer runs on the
first frames, in a process of its own, in turns with us.
Run it as ``python benchmarks/bench_end_to_end.py [--quick] [--repetitions N] [--videos DIR]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from harness import Timing, Use, alternate, cores, machine, measure, save, summarise
from mespot.pipeline import Spotter
from recordings import full_width_weights, record

PEER = Path(__file__).parent / "public_pipeline.py"
SAMPLED_FPS = 30.0
CASME2_FRAMES = 248_348
"""Frames of CAS(ME)^2, 30 a second, 640 x 480."""
NETWORK_FLOP = 6.67e9
"""Of two full-width streams, a sampled frame of 224 x 224, a multiply-accumulate as two; without any overlap."""
PRODUCT_SIDE = 2048
WARM_UP_S = 3.0
TARGETS = {
    "30fps shipped": {"frames_per_s": 150.0},
    "30fps full": {"wall_ratio": 25.0, "cpu_ratio": 16.0, "frames_per_s": 60.0},
    "200fps shipped": {"times_real_time": 1.0},
    "200fps full": {"times_real_time": 1.0},
    "casme2": {"hours": 1.2},
}
Runs = dict[str, list[Use]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A test video: how it is made and how much of it the peer sees."""

    name: str
    seconds: float
    width_px: int
    height_px: int
    fps: float
    peer_frames: int

    @property
    def sampled(self) -> int:
        """Frames that are used, at most 30 a second."""
        return round(self.seconds * min(self.fps, SAMPLED_FPS))


RECORDINGS = (Recording("30fps", 20.0, 640, 480, 30.0, 48), Recording("200fps", 5.0, 2040, 1088, 200.0, 24))
QUICK = (Recording("30fps", 5.0, 640, 480, 30.0, 16), Recording("200fps", 2.0, 2040, 1088, 200.0, 8))


def run_peer(video: Path, recording: Recording) -> dict[str, Any]:
    command = [sys.executable, str(PEER), str(video), "--frames", str(recording.peer_frames)]
    if recording.fps > SAMPLED_FPS:
        command += ["--fps", str(SAMPLED_FPS)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def in_turns(
    video: Path, recording: Recording, spotters: dict[str, Spotter], repetitions: int
) -> tuple[dict[str, list[Use]], list[dict[str, Any]]]:
    """Run the peer and each of ours in turns."""
    ours: Runs = {name: [] for name in spotters}
    peer = []
    for _ in range(repetitions):
        peer.append(run_peer(video, recording))
        for name, spotter in spotters.items():
            ours[name].append(measure(lambda spotter=spotter: spotter.spot(video)))  # type: ignore[misc]
    return ours, peer


def compare(recording: Recording, ours: Runs, peer: list[dict[str, Any]]) -> dict[str, Any]:
    """Print and return one record a network: milliseconds a sampled frame, ratios, rates, idle share."""
    wall = summarise([run["wall_ms"] / 1e3 for run in peer])
    cpu = summarise([run["cpu_ms"] / 1e3 for run in peer])
    print(f"{recording.name}, {recording.width_px} x {recording.height_px}, {recording.seconds:g} s")
    print(f"  public pipeline, a frame: wall {wall}\n  {'':24} CPU  {cpu}")
    stages = {name: statistics.median(run["stages"][name] for run in peer) for name in peer[0]["stages"]}
    print("  of it " + ", ".join(f"{name} {share:.0%}" for name, share in stages.items()))
    record: dict[str, Any] = {"public": {"wall": wall, "cpu": cpu, "stages": stages, "runs": peer}}
    for name, uses in ours.items():
        mine = summarise([use.wall_s / recording.sampled for use in uses])
        mine_cpu = summarise([use.cpu_s / recording.sampled for use in uses])
        figures = {
            "wall_ratio": wall.median_s / mine.median_s,
            "cpu_ratio": cpu.median_s / mine_cpu.median_s,
            "frames_per_s": 1 / mine.median_s,
            "times_real_time": recording.seconds / (mine.median_s * recording.sampled),
        }
        idle = statistics.median(use.idle_share for use in uses)
        print(f"  {name}, a sampled frame: wall {mine}\n  {'':24} CPU  {mine_cpu}; {idle:.0%} of {cores()} cores idle")
        print_figures(f"{recording.name} {name}", figures)
        record[name] = {"wall": mine, "cpu": mine_cpu, "idle_share": idle, **figures}
    return record


def print_figures(name: str, figures: dict[str, float]) -> None:
    """Print each figure, and its target where there is one."""
    for figure, value in figures.items():
        target = TARGETS.get(name, {}).get(figure)
        beside = "" if target is None else f"   target {target:g}"
        print(f"    {figure.replace('_', ' '):16} {value:8.2f}{beside}")


def peaks(repetitions: int) -> dict[str, float]:
    """Return the operations a second of matrix products on all cores, the machine's limit for a network.

    Processor time is measured and multiplied by the cores, so that other programs lower the limit little.
    """

    def product(kind: torch.dtype) -> Callable[[], torch.Tensor]:
        matrix = torch.rand(PRODUCT_SIDE, PRODUCT_SIDE).to(kind)
        return lambda: matrix @ matrix

    kinds = {"float32": product(torch.float32), "bfloat16": product(torch.bfloat16)}
    timing = alternate(kinds, repetitions, clock=time.process_time)
    return {name: cores() * 2 * PRODUCT_SIDE**3 / value.least_s for name, value in timing.items()}


def limits(full: dict[str, Any], repetitions: int) -> dict[str, float]:
    """Print and return what share of the machine's arithmetic the network alone makes of the end-to-end rate."""
    shares = {}
    for kind, peak in peaks(repetitions).items():
        bound = peak / NETWORK_FLOP
        shares[kind] = full["frames_per_s"] / bound
        print(
            f"  {kind} products {peak / 1e9:.0f} GFLOP/s: the full network alone could do {bound:.0f} frames a second;"
        )
        print(f"    end to end reaches {shares[kind]:.0%} of it")
    return shares


def casme2(full: dict[str, Any]) -> dict[str, float]:
    wall: Timing = full["wall"]
    hours = {"hours": CASME2_FRAMES * wall.median_s / 3600}
    print(f"all {CASME2_FRAMES} frames of CAS(ME)^2 with the full width, from the rate of the 640 x 480 video")
    print_figures("casme2", hours)
    return hours


def bench(folder: Path, recordings: tuple[Recording, ...], repetitions: int) -> dict[str, Any]:
    spotters = {"shipped": Spotter(), "full": Spotter(full_width_weights(folder / "full.safetensors"))}
    warm = record(folder / "warm.mp4", seconds=WARM_UP_S, width_px=640, height_px=480, fps=30)
    for spotter in spotters.values():
        spotter.spot(warm)
    figures: dict[str, Any] = {}
    for one in recordings:
        video = folder / f"{one.name}-{one.seconds:g}s.mp4"
        if not video.exists():
            record(video, seconds=one.seconds, width_px=one.width_px, height_px=one.height_px, fps=one.fps)
        mbit_s = 8e-6 * video.stat().st_size / one.seconds
        ours, peer = in_turns(video, one, spotters, repetitions)
        figures[one.name] = {"recording": asdict(one), "mbit_s": mbit_s, **compare(one, ours, peer)}
    figures["share_of_limit"] = limits(figures["30fps"]["full"], 20)
    figures["casme2"] = casme2(figures["30fps"]["full"])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="shorter videos and one repetition")
    parser.add_argument("--videos", type=Path, help="folder where the test videos are kept and found again")
    options = parser.parse_args()
    facts = machine()
    print(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_before']}")
    recordings, repetitions = (QUICK, 1) if options.quick else (RECORDINGS, options.repetitions)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.videos or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = bench(folder, recordings, repetitions)
    print(f"saved {save('end-to-end', {'quick': options.quick, 'targets': TARGETS, **figures}, facts)}")


if __name__ == "__main__":
    main()
