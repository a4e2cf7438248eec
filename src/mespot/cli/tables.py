"""``mespot tables``: the paper's tables and figures from runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.output import say


def tables(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of 'mespot loso', finished or not.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to; else the folder 'tables' in the first RUN.")
    ] = None,
) -> None:
    """Write Tables I to III, protocols, ablation, loss curve: Markdown, LaTeX, CSV, PNG, SVG and one report.

    Whatever comes from simulated data is labelled SIMULATED.
    """
    from mespot.study.report import write_tables

    written = write_tables(runs, out)
    say(f"written: {written[0]} and {len(written) - 1} tables and figures beside it")
