"""``mespot simulate``: labelled videos from stills and neutral clips."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Annotated, Any

import typer

from mespot.cli.inputs import VIDEO_SUFFIXES
from mespot.cli.options import VaryOption
from mespot.cli.output import progress_of, say
from mespot.core.errors import ConfigError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
PREVIEW = Path("mespot-preview.png")
"""The sheet of actions where no folder is named."""
OF_STILLS: tuple[str, ...] = ("faces", "minutes", "clip_s", "size", "fps", "exact", "preview")
OF_CARRIERS: tuple[str, ...] = ("copies", "repeat")
OF_LAYOUTS: tuple[str, ...] = ("subjects", "videos_per_subject", "seconds", "media")
NOT_OF_LAYOUTS: tuple[str, ...] = (
    "minutes",
    "clip_s",
    "fps",
    "exact",
    "preview",
    "carriers",
    "apart_from",
    "free_share",
    "vary",
    *OF_CARRIERS,
)
"""Options that say nothing about another kind of corpus."""


def simulate(
    ctx: typer.Context,
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
    carriers: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A real clip to draw expressions into as its face moves, or a folder of them; may be repeated.",
        ),
    ] = None,
    copies: Annotated[int, typer.Option(min=1, help="Videos of each carrier, beside the untouched one.")] = 1,
    repeat: Annotated[int, typer.Option(min=1, help="Passes through a carrier, forwards and backwards in turn.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.01, help="Length of all videos together.")] = 10.0,
    clip_s: Annotated[float, typer.Option(min=1, help="Length of one video, in seconds.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same videos.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Videos made at the same time.")] = 1,
    split: Annotated[
        str, typer.Option(help="Combinations of actions: train and test have none in common, all has every one.")
    ] = "all",
    per_minute: Annotated[
        float, typer.Option(min=0, max=30, help="Expressions per minute, on average, about 20 at most; 0 for none.")
    ] = 9.0,
    me_share: Annotated[float, typer.Option(min=0, max=1, help="Share of micro-expressions among them.")] = 0.55,
    free_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of expressions whose actions are combined by chance; not for test."),
    ] = 0.0,
    vary: VaryOption = 0.0,
    apart_from: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MANIFEST.json",
            help="A corpus that may share no face, clip or held-out combination with this one; may be repeated.",
        ),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Picture size in px, as 640x480; may be repeated. Else a mix of sizes."),
    ] = None,
    fps: Annotated[
        list[float] | None, typer.Option(metavar="F", help="Frames per second; may be repeated. Else a mix of rates.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Write the exact motion of the skin beside each video too.")
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="casme2 or samm_lv: a dataset with the tables, names and quirks of CAS(ME)^2 or SAMM-LV.",
        ),
    ] = None,
    subjects: Annotated[int, typer.Option(min=1, help="People of a --layout.")] = 22,
    videos_per_subject: Annotated[int, typer.Option(min=1, help="Videos of each of them.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of one video of a --layout, in seconds.")] = 12.0,
    media: Annotated[
        str, typer.Option(metavar="KIND", help="Recordings of a --layout: images in folders, or video files.")
    ] = "images",
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw a sheet of the actions; without --out nothing else.")
    ] = False,
) -> None:
    """Make labelled videos: faces moved by known expressions over head motion, blinks, speech and noise.

    With --carriers the faces are those of real clips, and each clip is written once more untouched, for comparison.
    With --layout all is laid out as a known dataset, to try 'mespot loso' on.
    """
    if split not in ("all", "train", "test"):
        raise typer.BadParameter("is all, train or test.", param_hint="--split")
    if out is None and not preview:
        raise typer.BadParameter("name a folder for the videos.", param_hint="--out")
    _refuse_ignored(ctx, *_ignored(bool(carriers), layout is not None))
    if layout is None:
        _refuse_ignored(ctx, "is for --layout alone", OF_LAYOUTS)
    if layout is not None:
        assert out is not None  # --preview is not for --layout
        share = me_share if _given(ctx, "me_share") else None
        density = {"per_minute": per_minute} if _given(ctx, "per_minute") else {}
        chosen = {"subjects": subjects, "videos_per_subject": videos_per_subject, "seconds": seconds, "media": media}
        _lay_out(
            out, layout, faces, workers, {"seed": seed, "split": split, "me_share": share, **density, **chosen}, size
        )
        return
    choice = {"split": split, "per_minute": per_minute, "me_share": me_share, "free_share": free_share, "vary": vary}
    making = {"seed": seed, "workers": workers, "apart_from": apart_from or (), **choice}
    if carriers:
        assert out is not None  # --preview, which needs no folder, was refused
        clips = _files("carriers", "videos", carriers, VIDEO_SUFFIXES)
        _inject(out, {"clips": clips, "copies": copies, "repeat": repeat, **making})
        return
    length = {"minutes": minutes, "clip_s": clip_s, "exact": exact}
    shown = {"size": picture_sizes(size or ()), "fps": fps}
    from importlib import resources

    with resources.as_file(resources.files("mespot.assets") / "faces") as bundled:
        sources = face_files(faces or [bundled])
        if out is not None:
            _simulate(out, {"faces": sources, **length, **making, **{k: v for k, v in shown.items() if v}})
        if preview:
            from mespot.simulate.preview import preview_sheet

            say(f"preview: {preview_sheet(sources, PREVIEW if out is None else out / 'preview.png')}")


def _ignored(carriers: bool, layout: bool) -> tuple[str, Sequence[str]]:
    """Return which options say nothing about what is asked for, and why."""
    if layout:
        return "is not for --layout", NOT_OF_LAYOUTS
    if carriers:
        return "is not for --carriers", OF_STILLS
    return "is for --carriers alone", OF_CARRIERS


def _refuse_ignored(ctx: typer.Context, fact: str, names: Sequence[str]) -> None:
    """Refuse an option that says nothing about what is asked for, for it would be ignored."""
    for name in names:
        if _given(ctx, name):
            raise typer.BadParameter(f"{fact}; leave it out.", param_hint=f"--{name.replace('_', '-')}")


def _given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _lay_out(
    out: Path,
    layout: str,
    faces: list[Path] | None,
    workers: int,
    choices: dict[str, Any],
    size: Sequence[str] | None,
) -> None:
    from importlib import resources

    from mespot.simulate.layout_plan import LayoutSettings
    from mespot.simulate.layouts import simulate_layout

    sizes = picture_sizes(size or ())
    if len(sizes) > 1:
        raise typer.BadParameter("the videos of a --layout have one size; give it once.", param_hint="--size")
    with resources.as_file(resources.files("mespot.assets") / "faces") as bundled:
        found = tuple(face_files(faces or [bundled]))
        settings = LayoutSettings(layout, found, size=sizes[0] if sizes else None, **choices)  # type: ignore[arg-type]
        _write(out, lambda on_progress: simulate_layout(out, settings, workers=workers, on_progress=on_progress))
    say(f"SIMULATED, laid out as {settings.style.title}; look at it with: mespot datasets check {layout} {out}")


def _simulate(out: Path, choices: dict[str, Any]) -> None:
    from mespot.simulate.corpus import simulate_corpus

    _write(out, lambda on_progress: simulate_corpus(out, on_progress=on_progress, **choices))


def _inject(out: Path, choices: dict[str, Any]) -> None:
    from mespot.simulate.injection import inject_corpus

    _write(out, lambda on_progress: inject_corpus(out, on_progress=on_progress, **choices))


def _write(out: Path, write: Callable[[Callable[[int, int], None]], Path]) -> None:
    """Make a corpus while its progress is shown."""
    from mespot.pipeline import Progress

    with progress_of(str(out)) as on_progress:
        on_progress(Progress("videos", 0, None))
        table = write(lambda done, total: on_progress(Progress("videos", done, total)))
    say(f"annotations: {table}")


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


def face_files(paths: list[Path], option: str = "faces") -> list[Path]:
    """Return the faces that are meant: files themselves, and of a folder every picture and video, by name.

    ``option`` is the one that gave them, for messages.

    Raises
    ------
    ConfigError
        A file is missing, or there is no face among them.
    """
    return _files(option, "pictures or videos", paths, IMAGE_SUFFIXES | VIDEO_SUFFIXES)


def _files(option: str, what: str, paths: Sequence[Path], suffixes: Set[str]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
        else:
            files.append(path)
    if missing := [path for path in files if not path.is_file()]:
        raise ConfigError(f"--{option} {missing[0]}: there is no such file; name a file or a folder of them.")
    if not files:
        raise ConfigError(f"--{option} {paths[0]}: holds no {what}; name a folder that has some.")
    return files
