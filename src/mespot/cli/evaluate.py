"""``mespot evaluate``: precision, recall and F1 against annotations."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.options import CacheOption, WeightsOption
from mespot.cli.output import complain, say


def evaluate(
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="Annotated videos.")],
    weights: WeightsOption = None,
    cache: CacheOption = None,
    first_frame: Annotated[int, typer.Option(help="Number of a video's first frame in the table.")] = 0,
    iou: Annotated[float, typer.Option(min=0.01, max=1.0, help="Least overlap of a true positive.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Score the detections in annotated videos: precision, recall and F1 of MaE, ME and both together."""
    from mespot.training.run import evaluate_table

    with tempfile.TemporaryDirectory(prefix="mespot-") as scratch:
        scores = evaluate_table(
            table,
            weights=weights,
            cache=cache or Path(scratch),
            first_frame=first_frame,
            iou=iou,
            on_line=complain if as_json else say,
        )
    if as_json:
        print(json.dumps(scores))
