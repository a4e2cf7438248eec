"""``mespot demo``: the main job on the clip that ships with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.options import DeviceOption, check_device
from mespot.cli.output import say
from mespot.cli.spot import spot_all


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results go.")] = Path("mespot-demo"),
    device: DeviceOption = "auto",
) -> None:
    """Find the smile in a bundled real clip of 2.4 s."""
    check_device(device)
    from mespot.pipeline import Spotter

    with resources.as_file(resources.files("mespot.assets") / "neutral_to_smile.mp4") as clip:
        status = spot_all(Spotter(device=device), [clip], out, images_fps=None, as_json=False, png=True)
    if status == 0:
        say(f"Open {(out / clip.name).with_suffix('.png')} to see what was found.")
    raise typer.Exit(status)
