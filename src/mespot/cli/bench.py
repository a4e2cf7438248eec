"""``mespot bench``: what weights reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.options import WeightsOption
from mespot.cli.output import progress_of, say
from mespot.cli.simulate import face_files

app = typer.Typer(no_args_is_help=True, help="Measure what weights reach.")


@app.command()
def accuracy(
    weights: WeightsOption = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Length of the simulated test set.")] = 60.0,
    distractor_minutes: Annotated[
        float, typer.Option(min=0.01, help="The same for the set without expressions.")
    ] = 20.0,
    curve_minutes: Annotated[float, typer.Option(min=0.01, help="The same for each frame rate of the curve.")] = 4.0,
    clip_s: Annotated[float, typer.Option(min=1, help="Length of one simulated video, in seconds.")] = 30.0,
    copies: Annotated[int, typer.Option(min=1, help="Versions of each real clip with injected ME.")] = 24,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Where videos, crops and flow (some 3 GB) and results are kept; a run that was cut short goes on.",
        ),
    ] = Path("mespot-bench"),
    workers: Annotated[int, typer.Option(min=1, help="Videos made at the same time.")] = 2,
    media: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Stills and clips, or folders of them, that no training saw; repeatable."),
    ] = None,
    marks: Annotated[
        list[Path] | None, typer.Option(metavar="TABLE.csv", help="Further marked real clips; may be repeated.")
    ] = None,
    apart_from: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MANIFEST.json",
            help="A simulated corpus that the weights were trained on: a face or clip of it is refused; repeatable.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="simulated, distractors, injected, real or curve; repeatable. Else all."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Measure precision, recall and F1 with 95 % intervals on data that training never saw; targets beside them."""
    from mespot.accuracy.report import PARTS
    from mespot.accuracy.run import measure_accuracy
    from mespot.accuracy.sets import Plan

    with progress_of(str(out)) as on_progress:
        measured = measure_accuracy(
            out,
            weights=weights,
            plan=Plan(
                minutes=minutes,
                distractor_minutes=distractor_minutes,
                curve_minutes=curve_minutes,
                clip_s=clip_s,
                copies=copies,
                apart_from=tuple(apart_from or ()),
            ),
            parts=only or tuple(PARTS),
            workers=workers,
            media=face_files(media, "media") if media else (),
            marks=marks or (),
            on_progress=on_progress,
        )
    if as_json:
        print(json.dumps(measured.results))
        return
    for line in measured.markdown.read_text(encoding="utf-8").splitlines():
        say(line)
    say(f"results: {measured.json}")
