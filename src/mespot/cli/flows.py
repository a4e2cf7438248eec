"""``mespot flows``: simulated expressions as flow alone, to paste into the videos of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.options import ConfigOption, SetOption, VaryOption, configured
from mespot.cli.output import say


def flows(
    out: Annotated[Path, typer.Argument(metavar="FILE.safetensors", help="Where the library goes.")],
    faces: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A picture or a neutral clip, or a folder of them; may be repeated. "
            "Else the bundled portrait that no test uses.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many expressions.")] = 2500,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same library.")] = 0,
    split: Annotated[str, typer.Option(help="train leaves out what test videos show, all has every combination.")] = (
        "train"
    ),
    shapes: Annotated[
        int,
        typer.Option(
            min=1, help="People that are made of each face: other proportions, and with --vary other movements."
        ),
    ] = 6,
    vary: VaryOption = 0.0,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Draw expressions straight in crop space, for the network of a configuration: a thousand take seconds."""
    if split not in ("all", "train"):
        raise typer.BadParameter("is all or train.", param_hint="--split")
    if out.is_dir():
        raise typer.BadParameter("is a folder; name a file.", param_hint="FILE.safetensors")
    from importlib import resources

    from mespot.cli.simulate import face_files
    from mespot.config import Config
    from mespot.simulate.flows import draw_library

    settings = configured(config, assignments)(Config())
    with resources.as_file(resources.files("mespot.assets") / "faces" / "astronaut.jpg") as bundled:
        library = draw_library(
            face_files(faces or [bundled]), settings, count=count, seed=seed, split=split, shapes=shapes, vary=vary
        )
    library.save(out)
    say(f"library: {out} ({len(library)} expressions)")
