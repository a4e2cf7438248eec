"""SYNTHETIC ablations: what each part of the method is worth on simulated videos, at a small stated size.

Every variant differs from the base in the one thing that its row names, is trained for the same number of steps from
the same seeds, and is scored on the validation table (F1 at IoU 0.5 of MaE, ME and all). Thresholds are chosen on the
same videos as `mespot.training.validate` does, MaE first and then ME beside the reported MaE. The figures compare
variants and promise nothing. Simulated videos say nothing of any recording.

Run it as ``python benchmarks/ablations.py TRAIN.csv VALIDATION.csv --out DIR [--steps N] [--seeds 0 1] [--only GROUP]``
on tables that ``mespot simulate`` wrote. Finished runs are found in ``DIR/ablations.json`` and not repeated; a run
that was broken off goes on at the step at which it was saved last (on Ctrl-C, and every five minutes). The file belongs
to one commit, one base, one pair of tables and one frozen backbone, if any. Variants with the same crops and flow share
them in ``--cache``.

With ``--frozen WEIGHTS`` the variants have the size of these weights: their backbone stays as it is, and what follows
it is trained from a random start. Only the parts after the backbone can be compared so, and it has been trained
together with those of its own network.

Left out: a finest stride of 8 frames. The pyramid is five levels over P3 to P5, and targets are assigned to these;
without P3 it would be another network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness import commit, machine
from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import MespotError
from mespot.data.folds import refuse_shared_subjects
from mespot.data.table import load_table
from mespot.model.checkpoint import file_digest
from mespot.model.network import Network
from mespot.training.initial import own_config, starting_network, with_backbone_of
from mespot.training.loop import train
from mespot.training.maps import MapStore
from mespot.training.run import samples, simulated
from mespot.training.sample import Sample

SMALL = ("backbone.width=0.125", "backbone.input_px=56", "backbone.flow_clip_px=1", "network.channels=48",
         "network.hidden=48", "network.dropout=0.2", "training.batch=4", "training.learning_rate=1e-3",
         "training.warmup_steps=10", "training.cosine=true", "training.focal_alpha=0.5")  # fmt: skip
"""The base: all parts of the method, small."""
FROZEN = ("training.window_frames=256", "training.batch=16", "training.learning_rate=1e-3",
          "training.warmup_steps=20", "training.cosine=true", "training.focal_alpha=0.5")  # fmt: skip
"""How what follows a frozen backbone is trained."""
AFTER_BACKBONE = ("neck", "spatial attention", "squeeze and excitation")
"""The groups of variants that a frozen backbone allows."""
RESULTS_FILE = "ablations.json"
SCORES = {"f1_mae": "F1 MaE", "f1_me": "F1 ME", "f1_all": "F1 all"}


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of the table: its group, its name and what it changes in the base."""

    group: str
    name: str
    change: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Group and name."""
        return f"{self.group}: {self.name}"


VARIANTS = (
    Variant("streams", "both", ("backbone.streams=both",)),
    Variant("streams", "RGB", ("backbone.streams=rgb",)),
    Variant("streams", "flow", ("backbone.streams=flow",)),
    Variant("neck", "BiFPN", ("network.neck=bifpn",)),
    Variant("neck", "PANet", ("network.neck=panet",)),
    Variant("neck", "FPN", ("network.neck=fpn",)),
    Variant("neck", "none", ("network.neck=none",)),
    Variant("spatial attention", "on", ("network.attention=true",)),
    Variant("spatial attention", "off", ("network.attention=false",)),
    Variant("squeeze and excitation", "on", ("network.squeeze_excite=true",)),
    Variant("squeeze and excitation", "off", ("network.squeeze_excite=false",)),
    Variant("head motion removed", "mean of the nose", ("flow.head_motion=nose",)),
    Variant("head motion removed", "similarity of the face", ("flow.head_motion=similarity",)),
    Variant("head motion removed", "none", ("flow.head_motion=none",)),
    Variant("frames of a flow pair", "1 apart", ("flow.step=1",)),
    Variant("frames of a flow pair", "2 apart", ("flow.step=2",)),
    Variant("frames of a flow pair", "4 apart", ("flow.step=4",)),
    Variant("finest stride", "2 frames", ("backbone.stem_stride=1",)),
    Variant("finest stride", "4 frames", ("backbone.stem_stride=2",)),
)


def base_config(steps: int, assignments: Sequence[str], frozen: Path | None = None) -> Config:
    """Return the base: one epoch of so many steps; no flow is added, for that needs the flow stream alone."""
    config, size = (own_config(frozen), FROZEN) if frozen else (Config(), SMALL)
    config = config.override([*size, *assignments])
    settings = config.training
    windows = steps * settings.batch * settings.accumulate
    return config.override(
        [
            "training.epochs=1",
            "training.pastes=0",
            "training.overlay_share=0",
            f"training.mode={'frozen_backbone' if frozen else 'end_to_end'}",
            f"training.windows_per_epoch={windows}",
        ]
    )


def begun(frozen: Path, config: Config) -> Network:
    """Return a network with the backbone of the weights; the rest is random, so that no variant begins as trained.

    Raises
    ------
    CheckpointError
        The configuration has another backbone.
    """
    given = starting_network(frozen, config)
    assert given is not None
    return with_backbone_of(given, config)


class Results:
    """The finished runs in a file, which belongs to one commit, base, pair of tables and frozen backbone."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self._path = path
        self._content: dict[str, Any] = {"synthetic": True, "settings": settings, "machine": machine(), "runs": []}
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["settings"] != json.loads(json.dumps(settings)):
                sys.exit(f"error: {path}: holds runs of another commit, base or tables; choose another --out.")
            self._content = found

    def find(self, change: str, seed: int) -> dict[str, Any] | None:
        """Return the run of a configuration: two rows that are the base share their runs."""
        runs: list[dict[str, Any]] = self._content["runs"]
        return next((run for run in runs if (run["config"], run["seed"]) == (change, seed)), None)

    def add(self, run: dict[str, Any]) -> None:
        """Write one more run."""
        self._content["runs"].append(run)
        with whole_file(self._path) as part:
            part.write_text(json.dumps(self._content, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Tables:
    """Training and validation videos, and where their crops and flow are kept: with pictures if a variant sees them.

    With ``frozen`` weights the maps of their backbone are kept too.
    """

    train: Path
    validation: Path
    cache: Path
    pictures: bool
    frozen: Path | None

    def streams_config(self, config: Config) -> Config:
        """Return the configuration under which crops and flow are kept, the same for all choices of streams."""
        return config.override(["backbone.streams=both"]) if self.pictures else config

    def load(self, config: Config) -> tuple[list[Sample], list[Sample]]:
        """Return the videos of both tables."""
        sets = [load_table(path, unit="frames", videos_root=path.parent, first_frame=0) for path in self.paths]
        refuse_shared_subjects(*sets)
        store = MapStore(self.cache, begun(self.frozen, config), config) if self.frozen else None
        train_samples, validation = (
            list(samples(one, self.streams_config(config), self.cache, print, store)) for one in sets
        )
        return train_samples, validation

    @property
    def paths(self) -> tuple[Path, Path]:
        """Both tables."""
        return self.train, self.validation


def run_missing(
    variants: Sequence[Variant], base: Config, seeds: Sequence[int], tables: Tables, results: Results, out: Path
) -> None:
    """Train what is not in the results; videos are loaded once for all variants that share their crops and flow."""

    def streams(variant: Variant) -> str:
        return tables.streams_config(base.override(variant.change)).streams_digest()

    for _, group in groupby(sorted(variants, key=streams), key=streams):
        videos: tuple[list[Sample], list[Sample]] | None = None
        for variant, seed in ((one, seed) for one in group for seed in seeds):
            config = base.override([*variant.change, f"training.seed={seed}"])
            digest = base.override(variant.change).digest()
            if results.find(digest, seed):
                continue
            videos = videos or tables.load(config)
            print(f"{variant.key}, seed {seed}", flush=True)
            folder = out / f"{digest}-{seed}"
            start = begun(tables.frozen, config) if tables.frozen else None
            train(
                *videos, config, folder, resume=True, start=start, on_line=lambda text: print(f"  {text}", flush=True)
            )
            epoch = json.loads((folder / "epochs.jsonl").read_text(encoding="utf-8").splitlines()[-1])
            results.add({"variant": variant.key, "config": digest, "seed": seed, **epoch})


def rows(variants: Sequence[Variant], base: Config, seeds: Sequence[int], results: Results) -> Iterator[list[str]]:
    """Yield the cells of the table: mean over the seeds, and their range where there are several."""
    for variant in variants:
        found = [results.find(base.override(variant.change).digest(), seed) for seed in seeds]
        runs = [run for run in found if run]
        if runs:
            cells = [_cell([float(run[name]) for run in runs]) for name in SCORES]
            yield [variant.group, variant.name, *cells, str(len(runs))]


def _cell(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def markdown(lines: Sequence[Sequence[str]], steps: int) -> str:
    """Return the table; a row that repeats the base is the base."""
    heads = ["part", "variant", *SCORES.values(), "seeds"]
    text = [
        f"SYNTHETIC: simulated videos, {steps} steps a run, thresholds chosen on the videos that are scored.",
        "",
        "| " + " | ".join(heads) + " |",
        "|" + "|".join(["---", "---", "---:", "---:", "---:", "---:"]) + "|",
    ]
    return "\n".join([*text, *("| " + " | ".join(cells) + " |" for cells in lines)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, metavar="TRAIN.csv")
    parser.add_argument("validation", type=Path, metavar="VALIDATION.csv")
    parser.add_argument("--out", type=Path, required=True, help="runs, ablations.json and ablations.md")
    parser.add_argument("--cache", type=Path, help="crops and flow of the videos; OUT/cache otherwise")
    parser.add_argument("--steps", type=int, default=300, help="updates of every run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="each is trained once")
    parser.add_argument("--frozen", type=Path, metavar="WEIGHTS", help="train what follows the backbone of these alone")
    parser.add_argument("--only", action="append", metavar="GROUP", help="a group of variants; may be repeated")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="over the base")
    options = parser.parse_args()
    groups = {variant.group for variant in VARIANTS}
    if unknown := sorted(set(options.only or ()) - groups):
        parser.error(f"unknown group '{unknown[0]}'; there are {', '.join(sorted(groups))}")
    if options.frozen and (wrong := sorted(set(options.only or groups) - set(AFTER_BACKBONE))):
        parser.error(f"--frozen: '{wrong[0]}' is no part after the backbone; name them: --only {AFTER_BACKBONE[0]} ...")
    if real := [path for path in (options.train, options.validation) if not simulated(path)]:
        parser.error(f"{real[0]}: is no table of a simulated corpus; give one that mespot simulate wrote")
    try:
        compare(options)
    except (MespotError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; run it again to go on.")


def compare(options: argparse.Namespace) -> None:
    """Train what is missing and write the table of all that is finished, also where it was broken off."""
    variants = [variant for variant in VARIANTS if not options.only or variant.group in options.only]
    base, seeds = base_config(options.steps, options.set, options.frozen), list(dict.fromkeys(options.seeds))
    options.out.mkdir(parents=True, exist_ok=True)
    pictures = any(base.override(variant.change).backbone.sees_rgb for variant in variants)
    cache = options.cache or options.out / "cache"
    tables = Tables(options.train, options.validation, cache, pictures, options.frozen)
    texts = [path.read_text(encoding="utf-8") for path in tables.paths]
    settings = {"commit": commit(), "base": base.model_dump(mode="json", by_alias=True), "tables": texts}
    if options.frozen:
        settings["frozen"] = file_digest(options.frozen)[:16]
    results = Results(options.out / RESULTS_FILE, settings)
    try:
        run_missing(variants, base, seeds, tables, results, options.out)
    finally:
        table = markdown(list(rows(variants, base, seeds, results)), options.steps)
        with whole_file(options.out / "ablations.md") as part:
            part.write_text(table + "\n", encoding="utf-8")
        print(table)
        print(f"figures: {options.out / RESULTS_FILE}")


if __name__ == "__main__":
    main()
