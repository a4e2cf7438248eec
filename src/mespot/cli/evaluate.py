"""``mespot evaluate``: precision, recall and F1 against annotations."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mespot.cli.datasets import MissingOffsetOption
from mespot.cli.options import CacheOption, WeightsOption
from mespot.cli.output import complain, printable, say

if TYPE_CHECKING:
    from collections.abc import Sequence


def evaluate(
    reference: Annotated[Path, typer.Option(metavar="FILE", help="What was annotated: CSV, ActivityNet JSON, ELAN.")],
    detected: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What any system reports: CSV, MEGC CSV, mespot's or ActivityNet's JSON, ELAN; or a folder of them. "
            "Without it, --weights are run on the videos of the reference, a table of mespot train.",
        ),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="strict, a published scorer by name, or all; may be repeated."),
    ] = None,
    iou: Annotated[float, typer.Option(min=0.01, max=1.0, help="Least overlap of a true positive (strict).")] = 0.5,
    missing_offset: MissingOffsetOption = "mirror",
    fps: Annotated[float | None, typer.Option(min=0.001, help="Frames a second, over what files state.")] = None,
    first_frame: Annotated[int, typer.Option(help="Number of a video's first frame, where a format has none.")] = 0,
    weights: WeightsOption = None,
    cache: CacheOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Score detections of any system against annotations: strictly, and as published scorers count.

    Precision is the share of the detections that are right, recall the share of the expressions that are found; the
    paper's equations (4) and (5) exchange these two names.
    """
    if detected is None:
        for name, given in (("--protocol", protocol), ("--fps", fps), ("--missing-offset", missing_offset != "mirror")):
            if given:
                raise typer.BadParameter("needs --detected; weights are scored strictly.", param_hint=name)
        _run(reference, weights, cache, first_frame, iou, as_json)
        return
    if weights is not None:
        raise typer.BadParameter("give either detections or weights.", param_hint="--weights")
    from mespot.evaluation.evaluate import evaluate as scored

    scores = scored(
        reference=reference,
        detected=detected,
        protocols=protocol or ("strict",),
        missing_offset=missing_offset,
        iou=iou,
        fps=fps,
        first_frame=first_frame,
    )
    if as_json:
        print(json.dumps(scores))
    else:
        _show(scores)


def _run(table: Path, weights: Path | None, cache: Path | None, first_frame: int, iou: float, as_json: bool) -> None:
    """Run weights on the videos of a table and score what they find."""
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


def _show(scores: dict[str, Any]) -> None:
    about = scores.pop("about")
    for note in about["notes"]:
        complain(f"note: {note}")
    names: Sequence[str] = list(scores)
    width = max(len(name) for name in names)
    say(f"{'':{width}}  {'MaE F1':>7} {'ME F1':>7} {'all F1':>7}   MaE TP/FP/FN   ME TP/FP/FN")
    for name in names:
        row = scores[name]
        f1 = " ".join(f"{row[kind]['f1']:7.4f}" for kind in ("MaE", "ME", "all"))
        counts = "   ".join(f"{_counts(row[kind]):>12}" for kind in ("MaE", "ME"))
        say(f"{name:{width}}  {f1}   {counts}")
    if len(names) > 1:
        from mespot.evaluation.protocols import ABOUT

        say("What each counts:")
        for name in names:
            say(f"  {name:{width}}  {ABOUT[name]}")
        say("--iou and --missing-offset change the strict score alone; the others are as published.")
    if "strict" in scores:
        _show_strict(scores["strict"], about)


def _counts(tally: dict[str, float]) -> str:
    return "/".join(f"{tally[name]:g}" for name in ("tp", "fp", "fn"))


def _show_strict(strict: dict[str, Any], about: dict[str, Any]) -> None:
    say(f"strict, IoU >= {about['iou']:g}, missing offsets by the rule '{about['missing_offset']}':")
    for kind in ("MaE", "ME", "all"):
        row, limits = strict[kind], strict["intervals_95"][kind]
        figures = [f"{name} {row[name]:.3f}{_limits(limits[name])}" for name in ("precision", "recall", "f1")]
        say(f"{kind:>4}: {'  '.join(figures)}")
    say("In brackets: 95 % intervals over subjects, where two or more are known.")
    t_eval = {iou: {kind: tally["f1"] for kind, tally in row.items()} for iou, row in strict["t_eval"].items()}
    _show_overlaps("F1 at IoU", t_eval)
    _show_overlaps("average precision at IoU", strict["average_precision"])
    if "strs" in strict:
        figures = [f"{kind} {row['f1']:.3f}" for kind, row in strict["strs"].items()]
        say(f"STRS: {'  '.join(figures)}")
    errors = strict["errors"]
    if errors["true_positives"]:
        parts = [f"{edge} {errors[edge]['median_absolute_frames']:g} frames" for edge in ("onset", "offset")]
        say(f"median error of {errors['true_positives']} true positives: {', '.join(parts)}")
    worst = [name for name, row in strict["subjects"].items() if row["all"]["tp"] == 0 and row["all"]["fn"]]
    if worst:
        say(f"subjects of whom nothing was found: {printable(', '.join(worst))}")


def _show_overlaps(title: str, figures: dict[str, dict[str, float | None]]) -> None:
    say(f"{title} {' '.join(f'{overlap:>5}' for overlap in figures)}")
    for kind in ("MaE", "ME", "all"):
        values = [row[kind] for row in figures.values()]
        cells = [f"{'-':>5}" if value is None else f"{value:5.3f}" for value in values]
        say(f"{kind:>{len(title)}} {' '.join(cells)}")


def _limits(limits: list[float] | None) -> str:
    return "" if limits is None else f" ({limits[0]:.3f} to {limits[1]:.3f})"
