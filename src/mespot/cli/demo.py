"""``mespot demo``: the main job on the clip that ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.options import DeviceOption, check_device
from mespot.cli.output import say
from mespot.cli.spot import Wanted, spot_one, tell


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results go.")] = Path("mespot-demo"),
    device: DeviceOption = "auto",
) -> None:
    """Find the smile in a bundled real clip of 2.4 s."""
    check_device(device)
    from importlib import resources

    from mespot.export.folder import free_name, prepare_folder
    from mespot.pipeline import Spotter

    prepare_folder(out)
    with resources.as_file(resources.files("mespot.assets") / "neutral_to_smile.mp4") as clip:
        name = free_name(clip, out, set())
        spotting, files = spot_one(Spotter(device=device), clip, out, name, Wanted())
    tell(spotting, files, as_json=False)
    say(f"Open {files[-1]} to see what was found.")
