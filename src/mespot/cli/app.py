"""The command ``mespot``: its commands, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mespot import __version__
from mespot.cli import bench, datasets, demo, evaluate, flows, loso, models, simulate, spot, tables, train
from mespot.cli.failure import DEBUG, FAILED, INTERRUPTED, report
from mespot.cli.output import complain

app = typer.Typer(
    name="mespot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find micro- and macro-expressions in long videos: onset, apex, offset, kind, score and place.",
)
app.command("spot", rich_help_panel="Find expressions")(spot.spot)
app.command("demo", rich_help_panel="Find expressions")(demo.demo)
app.command("simulate", rich_help_panel="Make a model")(simulate.simulate)
app.command("flows", rich_help_panel="Make a model")(flows.flows)
app.command("train", rich_help_panel="Make a model")(train.train)
app.command("evaluate", rich_help_panel="Make a model")(evaluate.evaluate)
app.add_typer(datasets.app, name="datasets", rich_help_panel="Make a model")
app.command("loso", rich_help_panel="Run a study")(loso.loso)
app.command("tables", rich_help_panel="Run a study")(tables.tables)
app.add_typer(bench.app, name="bench", rich_help_panel="Make a model")
app.add_typer(models.app, name="models", rich_help_panel="Make a model")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mespot {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    """Find micro- and macro-expressions in long videos: onset, apex, offset, kind, score and place."""
    del version  # handled by its callback
    if debug:
        os.environ[DEBUG] = "1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 all well, 1 something failed, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is shown as "?" instead of ending the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(args=arguments, prog_name="mespot")
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        status = report(error)
    else:
        status = 0
    if status == INTERRUPTED:
        complain("interrupted")
    return status
