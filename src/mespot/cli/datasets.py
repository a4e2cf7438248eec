"""``mespot datasets``: the datasets that can be loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.failure import FAILED
from mespot.cli.output import progress_of, say
from mespot.core.offsets import MISSING_OFFSETS, MissingOffset

app = typer.Typer(no_args_is_help=True, help="Look into datasets of annotated videos.")
MissingOffsetOption = Annotated[
    MissingOffset,
    typer.Option(
        "--missing-offset",
        metavar="RULE",
        help=f"What becomes of an offset of 0, or before the apex: {', '.join(MISSING_OFFSETS)}.",
    ),
]


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="casme2, samm_lv, casme3 or table.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The dataset's folder; of a table the CSV file.")],
    missing_offset: MissingOffsetOption = "mirror",
    frames: Annotated[bool, typer.Option("--frames", help="Decode every frame, too (takes long).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Say whether a dataset is whole: counts beside the published ones, every anomaly by row, missing media.

    Exit status 1: counts differ from the published ones, media is missing, or frames do not open.
    """
    from mespot.study.dataset_check import check_dataset

    if frames:
        with progress_of(str(path)) as on_progress:
            found = check_dataset(name, path, missing_offset=missing_offset, frames=True, on_progress=on_progress)
    else:
        found = check_dataset(name, path, missing_offset=missing_offset)
    if as_json:
        print(json.dumps(found.to_json()))
    else:
        for line in found.lines():
            say(line)
    if found.problems:
        raise typer.Exit(FAILED)
