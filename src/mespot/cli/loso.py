"""``mespot loso``: the paper's experiment, leave-one-subject-out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.datasets import MissingOffsetOption
from mespot.cli.options import CacheOption, ConfigOption, DeviceOption, SetOption, check_device
from mespot.cli.output import complain, progress_of, say


def loso(
    dataset: Annotated[str, typer.Option(metavar="NAME", help="casme2, samm_lv, casme3 or table.")],
    data: Annotated[Path, typer.Option(metavar="PATH", help="The dataset's folder; of a table the CSV file.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the run; one that was cut short goes on.")],
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="frozen_backbone (minutes a fold on a CPU) or end_to_end.")
    ] = "frozen_backbone",
    initialise: Annotated[
        str, typer.Option(metavar="FROM", help="default (the shipped weights), kinetics or scratch.")
    ] = "default",
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The I3D weights of 'mespot models import-i3d', or another checkpoint."),
    ] = None,
    streams: Annotated[str | None, typer.Option(metavar="STREAMS", help="rgb, flow or both.")] = None,
    neck: Annotated[str | None, typer.Option(metavar="NECK", help="bifpn, panet, fpn or none.")] = None,
    attention: Annotated[
        bool | None, typer.Option("--attention/--no-attention", help="Spatial attention, or the plain mean.")
    ] = None,
    loss: Annotated[str, typer.Option(metavar="LOSS", help="focal or cross_entropy.")] = "focal",
    jobs: Annotated[int, typer.Option(min=1, help="Folds at the same time.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn at random.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Train at a size for first looks, not the paper's.")] = False,
    missing_offset: MissingOffsetOption = "mirror",
    config: ConfigOption = None,
    assignments: SetOption = None,
    cache: CacheOption = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")] = False,
) -> None:
    """Train without each subject in turn and find that subject's expressions: from raw dataset to pooled scores.

    Epoch and thresholds are chosen on training subjects alone. Interrupted, the same command goes on.
    """
    check_device(device)
    from mespot.data.loaders import load_recordings
    from mespot.study.leave_one_out import Study, run_study
    from mespot.study.options import study_options

    options = study_options(
        mode=mode,
        initialise=initialise,
        weights=weights,
        streams=streams,
        neck=neck,
        attention=attention,
        loss=loss,
        seed=seed,
        quick=quick,
    )
    recordings = load_recordings(dataset, data, missing_offset=missing_offset)
    settings = options.config(config, assignments or ())
    tell = complain if as_json else say
    if recordings.anomalies:
        tell(f"{len(recordings.anomalies)} anomalies in the dataset: see mespot datasets check {dataset} {data}")
    study = Study(recordings, settings, options, cache or out / "cache", device, jobs)
    with progress_of(str(out)) as on_progress:
        scores = run_study(study, out, on_progress=on_progress, on_line=tell)
    if as_json:
        print(json.dumps(scores))
        return
    mark = "SIMULATED data, " if recordings.simulated else ""
    say(f"{mark}{recordings.facts.title}, leave-one-subject-out, strict score at IoU 0.5:")
    for kind in ("MaE", "ME", "all"):
        row = scores["strict"][kind]
        say(
            f"{kind:>4}: precision {row['precision']:.3f}  recall {row['recall']:.3f}  F1 {row['f1']:.3f}  "
            f"(TP {row['tp']:g}, FP {row['fp']:g}, FN {row['fn']:g})"
        )
    say(f"written: {out}; tables: mespot tables {out}")
