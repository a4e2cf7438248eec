"""What an engine and its precision change of the detections: F1 on SYNTHETIC, held-out video, at the same thresholds.

The reference is PyTorch in float32. A stream may run in bfloat16 (``backbone.bfloat16``) only with weights whose F1
changes by at most 0.005. Run it as ``python benchmarks/bench_engines.py [--weights FILE] [--table TABLE.csv]
[--cache DIR]``; without a table, six minutes of the test split are simulated first (seed 3, as in MODEL_CARD.md).
"""

from __future__ import annotations

import argparse
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from harness import machine, save
from mespot.data.table import load_table
from mespot.evaluation.scores import Scores
from mespot.model.checkpoint import Checkpoint, load_checkpoint
from mespot.model.engine import Engine, OpenVinoEngine, TorchEngine
from mespot.pipeline import load_default_weights
from mespot.simulate.corpus import simulate_corpus
from mespot.training.run import samples
from mespot.training.sample import Sample
from mespot.training.validate import score_samples

MINUTES, SEED = 6.0, 3
LARGEST_CHANGE = 0.005
Streams = {"both": ("rgb", "flow", "both"), "rgb": ("rgb",), "flow": ("flow",)}


def engines(checkpoint: Checkpoint) -> dict[str, Engine]:
    """Return the reference, OpenVINO in float32, and with each stream of the network in bfloat16."""
    network, backbone = checkpoint.network, checkpoint.config.backbone
    found: dict[str, Engine] = {"torch float32": TorchEngine(network)}
    for narrow in ("none", *Streams[backbone.streams]):
        config = backbone.model_copy(update={"bfloat16": narrow})
        found[f"openvino, bfloat16 {narrow}"] = OpenVinoEngine(network, config)
    return found


def test_set(table: Path | None, cache: Path, checkpoint: Checkpoint) -> list[Sample]:
    """Return the streams and annotations of the table's videos, or of simulated ones."""
    if table is None:
        table = cache / "corpus" / "annotations.csv"
        with as_file(files("mespot.assets") / "faces" / "grace_hopper.jpg") as face:
            simulate_corpus(table.parent, faces=[face], minutes=MINUTES, seed=SEED, clip_s=30, split="test")
    videos = load_table(table, unit="frames", videos_root=table.parent, first_frame=0)
    return list(samples(videos, checkpoint.config, cache, print))


def figures(scores: Scores) -> dict[str, float]:
    return {"MaE": scores.mae.f1, "ME": scores.me.f1, "all": scores.all.f1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a checkpoint; the shipped weights otherwise")
    parser.add_argument("--table", type=Path, help="annotated videos that the weights have not seen")
    parser.add_argument("--cache", type=Path, help="folder that keeps the streams")
    given = parser.parse_args()
    facts = machine()
    checkpoint = load_checkpoint(given.weights) if given.weights else load_default_weights()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        videos = test_set(given.table, given.cache or Path(folder), checkpoint)
        for name, engine in engines(checkpoint).items():
            scores = score_samples(checkpoint.network, videos, checkpoint.config, engine=engine)
            results[name] = figures(scores)
    reference = results["torch float32"]
    for name, found in results.items():
        change = max(abs(found[kind] - reference[kind]) for kind in found)
        line = "  ".join(f"{kind} {value:.4f}" for kind, value in found.items())
        print(f"  {name:24} F1 {line}  change {change:.4f}{'' if change <= LARGEST_CHANGE else '  TOO MUCH'}")
    print(f"saved {save('engines', {'weights': checkpoint.digest, 'f1': results}, facts)}")


if __name__ == "__main__":
    main()
