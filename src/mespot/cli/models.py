"""``mespot models``: what weights are, and where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mespot.cli.options import CacheOption
from mespot.cli.output import say

if TYPE_CHECKING:
    from mespot.model.checkpoint import Checkpoint

app = typer.Typer(no_args_is_help=True, help="Look at weights and import published ones.")


@app.command("import-i3d")
def import_i3d(
    rgb: Annotated[Path, typer.Argument(metavar="RGB.pt", help="The published rgb_imagenet.pt.")],
    flow: Annotated[Path, typer.Argument(metavar="FLOW.pt", help="The published flow_imagenet.pt.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The safetensors file to write.")],
) -> None:
    """Convert the published Kinetics weights of both I3D streams, after checking every name and shape."""
    from mespot.model import kinetics

    kinetics.import_i3d(rgb, flow, out)
    say(f"written: {out}")


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The shipped weights otherwise.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of exports.")] = Path("mespot-models"),
) -> None:
    """Write the backbone as OpenVINO models for other programs, with a manifest that says how to run them."""
    from mespot.model.exported import export_backbone

    say(f"written: {export_backbone(_loaded(file), out)}")


@app.command()
def average(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Checkpoints of one training.")],
    validation: Annotated[Path, typer.Option(metavar="TABLE.csv", help="Videos on which thresholds are chosen.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The checkpoint to write.")],
    cache: CacheOption = None,
) -> None:
    """Write the mean of several checkpoints of one training."""
    from mespot.training.average import average_checkpoints

    average_checkpoints(files, validation, out=out, cache=cache or out.parent / "cache", on_line=say)
    say(f"written: {out}")


@app.command()
def info(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The shipped weights otherwise.")] = None,
) -> None:
    """Print what is known about a checkpoint: configuration, training data, scores."""
    checkpoint = _loaded(file)
    say(f"digest: {checkpoint.digest}")
    for name, value in checkpoint.facts.items():
        say(f"{name}: {value}")


def _loaded(file: Path | None) -> Checkpoint:
    from mespot.model.checkpoint import load_checkpoint
    from mespot.pipeline import load_default_weights

    return load_default_weights() if file is None else load_checkpoint(file)
