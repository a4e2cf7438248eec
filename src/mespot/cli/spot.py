"""``mespot spot``: the expressions of videos, as files, a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mespot.cli.failure import FAILED, report, sentence
from mespot.cli.inputs import expand
from mespot.cli.options import ConfigOption, DeviceOption, SetOption, WeightsOption, check_device, configured
from mespot.cli.output import print_expressions, print_profile, progress_of, say

if TYPE_CHECKING:
    from mespot.core.spotting import Spotting
    from mespot.pipeline import Analysis, Spotter

DEFAULT_OUT = Path("mespot-out")


def spot(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Videos, and folders: the videos in them and in their folders."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results go.")] = DEFAULT_OUT,
    face: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Which face: 1 is the largest steady one.")
    ] = None,
    images_fps: Annotated[
        float | None,
        typer.Option(min=0.001, max=100_000, metavar="F", help="A folder is one video: its images, F per second."),
    ] = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    device: DeviceOption = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a video, and nothing else, to standard output.")
    ] = False,
    png: Annotated[bool, typer.Option(help="Draw the timeline with stills of each expression.")] = True,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where the time goes; write STEM.trace.json for chrome://tracing.")
    ] = False,
) -> None:
    """Find the expressions in videos.

    Writes for each video STEM.spotting.json (everything), STEM.csv (one row an expression) and STEM.png (a
    timeline) into --out, and prints a short table.

    Exit status: 0 all well, 1 a file failed (the others are done), 2 wrong usage.
    """
    check_device(device)
    chosen = [*(assignments or ()), *([f"face.subject={face}"] if face else ())]
    from mespot.pipeline import Spotter

    spotter = Spotter(weights, configure=configured(config, chosen), device=device)
    wanted = Wanted(images_fps=images_fps, png=png, profile=profile)
    raise typer.Exit(spot_all(spotter, paths, out, wanted, as_json=as_json))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is made of every video: rate of a folder of images, the timeline with stills, the stage times."""

    images_fps: float | None = None
    png: bool = True
    profile: bool = False


def spot_all(spotter: Spotter, paths: Sequence[Path], out: Path, wanted: Wanted, *, as_json: bool) -> int:
    """Spot every video, go on where one fails, and return the exit status.

    Raises
    ------
    SpottingError
        Results cannot be written to ``out``; no video was touched.
    """
    from mespot.export.folder import free_name, prepare_folder

    prepare_folder(out)
    status = 0
    taken: set[str] = set()
    for video in expand(paths, images=wanted.images_fps is not None):
        try:
            if isinstance(video, Exception):
                raise video
            name = free_name(video, out, taken)
            spotting, files = spot_one(spotter, video, out, name, wanted)
        except Exception as error:  # one bad file must not stop the batch
            report(error)
            status = FAILED
            if as_json:
                path = None if isinstance(video, Exception) else str(video)
                print(json.dumps({"video": path, "ok": False, "error": sentence(error)}), flush=True)
        else:
            tell(spotting, files, as_json=as_json)
    return status


def spot_one(spotter: Spotter, video: Path, out: Path, name: str, wanted: Wanted) -> tuple[Spotting, list[Path]]:
    """Spot one video and write its files: the numbers first, then the picture, if any, as the third."""
    from mespot.core.profile import NO_PROFILE, Profile
    from mespot.export.folder import write_results, write_trace
    from mespot.pipeline import Progress

    fps = wanted.images_fps if video.is_dir() else None
    profile = Profile() if wanted.profile else NO_PROFILE
    with progress_of(video.name) as on_progress:
        analysis = spotter.analyse(video, images_fps=fps, on_progress=on_progress, profile=profile)
        with profile.span("write"):
            files = write_results(analysis.spotting, out, name)
        if wanted.png:
            on_progress(Progress("picture", 0, None))
            with profile.span("picture"):
                files.append(_draw(analysis, spotter, out / f"{name}.png"))
    if isinstance(profile, Profile):
        files.append(write_trace(profile.chrome_trace(), out, name))
        print_profile(profile, rows=len(analysis.track))
    return analysis.spotting, files


def _draw(analysis: Analysis, spotter: Spotter, path: Path) -> Path:
    from mespot.export.timeline import draw_timeline, still_frames
    from mespot.pipeline import stills

    frames = still_frames(analysis.spotting)
    return draw_timeline(analysis.spotting, stills(analysis, frames, spotter.config) if frames else {}, path)


def tell(spotting: Spotting, files: Sequence[Path], *, as_json: bool) -> None:
    """Print what was found in one video and the files that were written."""
    if as_json:
        summary = {
            "video": str(spotting.video.path),
            "ok": True,
            "expressions": list(spotting.rows()),
            "quality": list(spotting.provenance.quality),
            "files": [str(file) for file in files],
        }
        print(json.dumps(summary), flush=True)
        return
    print_expressions(spotting)
    say(f"  written: {', '.join(str(file) for file in files)}")
