"""``mespot simulate``: labelled videos from stills and neutral clips."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mespot.cli.inputs import VIDEO_SUFFIXES
from mespot.cli.output import progress_of, say
from mespot.core.errors import ConfigError

PREVIEW = Path("mespot-preview.png")
"""The sheet of actions where no folder is named."""


def simulate(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the videos and their table go; needed but for --preview alone."),
    ] = None,
    faces: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A picture or a neutral clip, or a folder of them; may be repeated. Else the bundled ones.",
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Length of all videos together.")] = 10.0,
    clip_s: Annotated[float, typer.Option(min=1, help="Length of one video, in seconds.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same videos.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Videos made at the same time.")] = 1,
    split: Annotated[
        str, typer.Option(help="Actions to show: train and test have none in common, all has every one.")
    ] = "all",
    per_minute: Annotated[float, typer.Option(min=1, max=30, help="Expressions per minute, on average.")] = 9.0,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Picture size in px, as 640x480; may be repeated. Else a mix of sizes."),
    ] = None,
    fps: Annotated[
        list[float] | None, typer.Option(metavar="F", help="Frames per second; may be repeated. Else a mix of rates.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw a sheet of the actions; without --out nothing else.")
    ] = False,
) -> None:
    """Make labelled videos: faces moved by known expressions over head motion, blinks, speech and noise."""
    if split not in ("all", "train", "test"):
        raise typer.BadParameter("is all, train or test.", param_hint="--split")
    if out is None and not preview:
        raise typer.BadParameter("name a folder for the videos.", param_hint="--out")
    sizes = picture_sizes(size or ())
    from importlib import resources

    with resources.as_file(resources.files("mespot.assets") / "faces") as bundled:
        sources = face_files(faces or [bundled])
        if out is not None:
            from mespot.pipeline import Progress
            from mespot.simulate.corpus import RATES, SIZES, simulate_corpus

            with progress_of(str(out)) as on_progress:
                on_progress(Progress("videos", 0, None))
                table = simulate_corpus(
                    out,
                    faces=sources,
                    minutes=minutes,
                    seed=seed,
                    workers=workers,
                    size=sizes or SIZES,
                    fps=fps or RATES,
                    clip_s=clip_s,
                    split=split,
                    per_minute=per_minute,
                    on_progress=lambda done, total: on_progress(Progress("videos", done, total)),
                )
            say(f"annotations: {table}")
        if preview:
            from mespot.simulate.preview import preview_sheet

            say(f"preview: {preview_sheet(sources, PREVIEW if out is None else out / 'preview.png')}")


def picture_sizes(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the (width, height) in px that texts such as 640x480 stand for.

    Raises
    ------
    ConfigError
        A text is no size; whether a size can be made is for the simulator to say.
    """
    sizes = []
    for text in texts:
        match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", text.strip())
        if match is None:
            raise ConfigError(f"--size {text}: is no size; write width x height in px, for example 640x480.")
        sizes.append((int(match[1]), int(match[2])))
    return sizes


def face_files(paths: list[Path]) -> list[Path]:
    """Return the faces that are meant: files themselves, and of a folder every picture and video, by name.

    Raises
    ------
    ConfigError
        A file is missing, or there is no face among them.
    """
    suffixes = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"} | VIDEO_SUFFIXES
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
        else:
            files.append(path)
    if missing := [path for path in files if not path.is_file()]:
        raise ConfigError(f"--faces {missing[0]}: there is no such file; name a picture or a folder of pictures.")
    if not files:
        raise ConfigError(f"--faces {paths[0]}: holds no faces; name a folder with pictures or videos.")
    return files
