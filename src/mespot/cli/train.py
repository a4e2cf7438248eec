"""``mespot train``: fit a network to annotated videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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
    initial: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint or imported I3D weights to start from.")
    ] = None,
    mode: Annotated[
        Literal["end_to_end", "frozen_backbone"] | None,
        typer.Option(help="frozen_backbone keeps the I3D of --initial, and is quick; end_to_end is the default."),
    ] = None,
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

    configure = configured(config, [*(assignments or ()), *([f"training.mode={mode}"] if mode else ())])
    settings = configure(Config())
    if settings.training.mode == "frozen_backbone" and initial is not None:
        from mespot.training.initial import own_config

        settings = configure(own_config(initial))
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
