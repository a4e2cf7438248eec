"""SYNTHETIC: how far ME stand out in the network's input, for choices of the flow and of what is taken for head motion.

In a video's flow, the way over four rows is compared with what is usual at the same place where nothing is annotated;
the greatest ratio over the face, over the next four rows, says how much a moment stands out. An ME's rank is the share
of the quiet moments of its own video that stand out less: 0.5 is chance. No network takes part, so what it cannot know
does not count, and what it learns of places, courses and speech does not either.

Run it as ``python benchmarks/bench_motion_signal.py TABLE.csv [--variant "SECTION.KEY=VALUE ..."]`` on a table that
``mespot simulate`` wrote; without ``--variant`` it compares what is taken for head motion at two weights of TV-L1's
data term. The figures are kept as dated JSON in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from harness import machine, save
from mespot.config import Config
from mespot.core.errors import AnnotationError, MespotError
from mespot.core.signals import Float32
from mespot.data.table import load_table
from mespot.model.candidates import ME
from mespot.training.run import samples, simulated
from mespot.training.sample import Sample

ROWS = 4
"""Sampled rows over which a way is taken: 0.13 s, the rise of an ME."""
MARGIN = 3
"""Rows beside an expression that are not quiet either."""
LEAST_PX = 0.02
"""Added to what is usual, so that where nothing ever moves noise does not stand out."""
VISIBLE_PX = 0.5
VARIANTS = [
    f"flow.lambda={weight} flow.head_motion={what}"
    for weight in (0.15, 0.06)
    for what in ("none", "nose", "similarity")
]


def ways(flow: Float32) -> Float32:
    """(T - ROWS + 1, S, S): length of the way over the next rows, mean of 3 x 3 cells."""
    side = flow.shape[-1]
    way = np.concatenate([np.zeros_like(flow[:1]), np.cumsum(flow, axis=0)])
    moved = way[ROWS:] - way[:-ROWS]
    smooth = np.stack([cv2.blur(plane, (3, 3)) for plane in moved.reshape(-1, side, side)])
    return np.asarray(np.hypot(*smooth.reshape(moved.shape).swapaxes(0, 1)), np.float32)


def quiet(sample: Sample, stretches: int) -> npt.NDArray[np.bool_]:
    """Which stretches of `ways` show no expression."""
    at = np.arange(stretches)
    free = np.ones(stretches, np.bool_)
    for start, stop in sample.intervals:
        free &= (at + ROWS <= start - MARGIN) | (at >= stop + MARGIN)
    return free


def ranks(sample: Sample, sizes_px: Mapping[int, float]) -> Iterator[tuple[float, float]]:
    """Yield size and rank of every ME of a video."""
    moved = ways(sample.streams.flow.astype(np.float32))
    if len(moved) < ROWS:
        return
    still = quiet(sample, len(moved))
    calm = sliding_window_view(still, ROWS).all(axis=1)
    if not calm.any():
        return
    usual = np.sqrt(np.square(moved[still]).mean(axis=0)) + LEAST_PX
    peaks = sliding_window_view((moved / usual).max(axis=(1, 2)), ROWS).max(axis=1)
    others = np.sort(peaks[calm])
    for (start, _), kind, expression in zip(sample.intervals, sample.kinds, sample.expressions, strict=True):
        begin = max(0, int(start) - 1)
        if kind == ME and begin < len(peaks):
            above = np.searchsorted(others, peaks[begin])
            yield sizes_px[expression.interval.onset], float(above) / len(others)


def measure(table: Path, config: Config, cache: Path) -> dict[str, float]:
    """Mean flow and ranks over all videos of a table."""
    sizes: dict[str, dict[int, float]] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["onset"]:
                sizes.setdefault(Path(row["video"]).name, {})[int(row["onset"])] = float(row["intensity_px"])
    found: list[tuple[float, float]] = []
    flows: list[float] = []
    dataset = load_table(table, unit="frames", videos_root=table.parent, first_frame=0)
    for sample in samples(dataset, config, cache, lambda _: None):
        lengths = np.hypot(*sample.streams.flow.astype(np.float32).swapaxes(0, 1))
        flows.append(float(lengths[lengths > 0].mean()))
        found += ranks(sample, sizes.get(sample.name, {}))
    visible = np.array([rank for size, rank in found if size >= VISIBLE_PX])
    if not len(visible):
        raise AnnotationError(f"{table}: has no ME of at least {VISIBLE_PX} px; give a table of more minutes.")
    return {
        "mean flow where there is any, px a step": float(np.mean(flows)),
        "ME": len(found),
        "mean rank": float(np.mean([rank for _, rank in found])),
        f"ME of at least {VISIBLE_PX} px": len(visible),
        "their mean rank": float(visible.mean()),
        "above 95 % of the quiet": float((visible > 0.95).mean()),
        "above 99 % of the quiet": float((visible > 0.99).mean()),
    }


def compare(table: Path, base: Config, variants: Sequence[str], cache: Path) -> dict[str, Any]:
    """Measure every variant, and print each when it is done."""
    results: dict[str, Any] = {"synthetic": True, "table": table.resolve().parent.name}
    for variant in variants:
        results[variant] = measure(table, base.override(variant.split()), cache)
        print(f"SYNTHETIC {variant}")
        for name, value in results[variant].items():
            print(f"  {name:40s} {value:.3f}" if isinstance(value, float) else f"  {name:40s} {value}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--cache", type=Path, help="crops and flow of the videos; beside the table otherwise")
    parser.add_argument("--config", type=Path, help="base, by default that of the shipped weights")
    parser.add_argument("--variant", action="append", metavar="KEY=VALUE ...", help="over the base; may be repeated")
    given = parser.parse_args()
    recipe = Path(__file__).parents[1] / "configs" / "default-weights.toml"
    if not simulated(given.table):
        parser.error(f"{given.table}: is no table of a simulated corpus; give one that mespot simulate wrote")
    facts = machine()
    try:
        base = Config().overlay(given.config or recipe)
        results = compare(given.table, base, given.variant or VARIANTS, given.cache or given.table.parent / "cache")
    except (MespotError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"saved {save(f'motion-signal-{given.table.resolve().parent.name}', results, facts)}")


if __name__ == "__main__":
    main()
