"""Speed of training: windows a second, and the share of the time in which the trainer waits for its windows.

On streams of noise as long as real videos, in both modes: end to end, where windows are cut from streams, and with a
frozen backbone, where they are read from kept maps. Beside them the time to make the maps. Run it as
``python benchmarks/bench_training.py [--steps N] [--videos N] [--frames N] [--set SECTION.KEY=VALUE]``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness import machine, save, summarise
from mespot.config import Config
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.model.network import Network
from mespot.training.logs import Step
from mespot.training.loop import train
from mespot.training.maps import MapStore
from mespot.training.sample import Sample
from mespot.vision.regions import REGIONS
from mespot.vision.streams import Streams

SMALL = ("backbone.width=0.25", "backbone.input_px=56", "backbone.streams=flow", "network.channels=96",
         "network.hidden=96", "training.batch=4")  # fmt: skip
"""The size of the shipped weights (configs/default-weights.toml)."""


def noise_video(seed: int, frames: int, config: Config) -> Sample:
    rng, side = np.random.default_rng(seed), config.backbone.input_px
    marks = range(30, frames - 60, 120)
    rgb = rng.integers(0, 256, (frames, 3, side, side), dtype=np.uint8) if config.backbone.sees_rgb else None
    streams = Streams(
        rgb=rgb,
        flow=rng.normal(0, 0.1, (frames, 2, side, side)).astype(np.float16),
        motion=np.zeros((frames, len(REGIONS), 2), np.float32),
        frames=np.arange(frames),
        times_s=np.arange(frames) / 30,
        present=np.ones(frames, np.bool_),
    )
    kinds = (Kind.ME, Kind.MAE)
    expressions = [Expression(Interval(at, at + 12 + 18 * (k % 2)), kinds[k % 2]) for k, at in enumerate(marks)]
    return Sample(f"noise-{seed}", streams, tuple(expressions))


def measure(samples: Sequence[Sample], config: Config, out: Path, start: Network, device: str) -> dict[str, Any]:
    """Train one epoch without validation; its first step, in which everything begins, is not counted."""
    steps: list[Step] = []
    train(samples, [], config, out, device=device, on_step=steps.append, start=start)
    batch = config.training.batch * config.training.accumulate
    seconds = [batch / step.windows_per_s for step in steps[1:]]
    timing = summarise(seconds)
    return {
        "step": timing,
        "windows_per_s": batch / timing.median_s,
        "waiting_share": sum(step.waiting_s for step in steps[1:]) / sum(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument("--frames", type=int, default=1800, help="sampled frames a video; 1800 are a minute")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    facts = machine()
    config = Config().override([*SMALL, *options.set, "training.epochs=1"])
    batch = config.training.batch * config.training.accumulate
    config = config.override([f"training.windows_per_epoch={batch * (options.steps + 1)}"])
    print(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_before']}; torch {torch.__version__}")
    samples = [noise_video(seed, options.frames, config) for seed in range(options.videos)]
    start = Network(config).eval()
    figures: dict[str, Any] = {"settings": config.model_dump(by_alias=True, include={"backbone", "training"})}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        begin = time.perf_counter()
        store = MapStore(folder / "maps", start, config)
        kept = [store.sample(one.name, one.name, lambda one=one: one.streams, ()) for one in samples]  # type: ignore[misc]
        frames_per_s = options.videos * options.frames / (time.perf_counter() - begin)
        size = sum(one.maps.path.stat().st_size for one in kept) / (options.videos * options.frames)
        figures["maps"] = {"frames_per_s": frames_per_s, "bytes_per_frame": size}
        print(f"  maps are made at {frames_per_s:.0f} frames a second and take {size / 1e3:.1f} kB a frame")
        again = [store.sample(one.name, one.name, lambda: samples[0].streams, one.expressions) for one in samples]
        modes: dict[str, Sequence[Sample]] = {"end_to_end": samples, "frozen_backbone": again}
        for mode, videos in modes.items():
            settings = config.override([f"training.mode={mode}"])
            figures[mode] = found = measure(videos, settings, folder / mode, start, options.device)
            print(
                f"  {mode:15} {found['step']} a step of {batch}, "
                f"{found['windows_per_s']:.2f} windows/s, waiting {found['waiting_share']:.1%} of the time"
            )
    print(f"saved {save('training', figures, facts)}")


if __name__ == "__main__":
    main()
