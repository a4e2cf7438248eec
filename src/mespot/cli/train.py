"""``mespot train``: fit a network to annotated videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.options import (
    CacheOption,
    ConfigOption,
    DeviceOption,
    ResumeOption,
    SetOption,
    check_device,
    configured,
)
from mespot.cli.output import say


def train(
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="Annotated videos to learn from.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where checkpoints and the log go.")],
    validation: Annotated[
        Path | None, typer.Option(metavar="TABLE.csv", help="Annotated videos to validate on.")
    ] = None,
    validation_subjects: Annotated[
        str | None, typer.Option(metavar="A,B", help="Subjects of TABLE.csv that are kept for validation.")
    ] = None,
    first_frame: Annotated[int, typer.Option(help="Number of a video's first frame in the tables.")] = 0,
    initial: Annotated[Path | None, typer.Option(metavar="FILE", help="A checkpoint to start from.")] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    cache: CacheOption = None,
    resume: ResumeOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Fit a network to annotated videos; the best checkpoint on the validation videos is kept."""
    subjects = tuple(name.strip() for name in (validation_subjects or "").split(",") if name.strip())
    if (validation is None) == (not subjects):
        raise typer.BadParameter("give either --validation TABLE.csv or --validation-subjects A,B.")
    check_device(device)
    from mespot.config import Config

    settings = configured(config, assignments)(Config())
    from mespot.training.run import train_from_tables

    checkpoint = train_from_tables(
        table,
        validation,
        out=out,
        config=settings,
        cache=cache or out / "cache",
        resume=resume,
        validation_subjects=subjects,
        first_frame=first_frame,
        initial=initial,
        device=device,
        on_line=say,
    )
    say(f"checkpoint: {checkpoint}")
