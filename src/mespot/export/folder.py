"""All the files of one result, side by side under one name."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mespot.core.atomic import whole_file
from mespot.core.errors import SpottingError
from mespot.core.spotting import Spotting
from mespot.export.csv import write_csv

SUFFIX = ".spotting.json"


def prepare_folder(folder: Path) -> None:
    """Make the folder of the results where it is missing, and try whether files can be written there.

    Raises
    ------
    SpottingError
        It is a file, lies below one, or cannot be written.

    Notes
    -----
    A file is written and removed: permission bits say little on network drives, on Windows and for root.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise SpottingError(f"{folder}: is a file or lies below one; name a folder for the results.") from error
    except OSError as error:
        raise SpottingError(
            f"{folder}: cannot be written ({error.strerror or error}); name another folder for the results."
        ) from error


def write_results(spotting: Spotting, folder: Path, name: str) -> list[Path]:
    """Write ``NAME.spotting.json`` and ``NAME.csv``; return the paths.

    A picture ``NAME.png`` of an earlier run does not stay beside results that it does not show.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [spotting.save(folder / f"{name}{SUFFIX}"), write_csv(spotting, folder / f"{name}.csv")]
    (folder / f"{name}.png").unlink(missing_ok=True)
    return written


def write_trace(trace: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Write the stage times of a run as ``NAME.trace.json``, which chrome://tracing and Perfetto open."""
    path = folder / f"{name}.trace.json"
    with whole_file(path) as part:
        part.write_text(json.dumps(trace) + "\n", encoding="utf-8")
    return path


def free_name(video: Path, folder: Path, taken: set[str]) -> str:
    """Return the name for a video's results that is in nobody else's use, and add it to ``taken``.

    Notes
    -----
    It is the stem of the file (the whole name of a folder), followed by -2, -3, ... where another video has that
    name in this run, or has results under it in ``folder`` from an earlier one. Results of the same video are
    replaced. Capitals do not tell names apart, as on Windows and macOS.
    """
    stem = (Path(os.path.realpath(video)).name if video.is_dir() else video.stem) or "video"
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        if name.casefold() not in taken and _belongs_to(folder / f"{name}{SUFFIX}", video):
            taken.add(name.casefold())
            return name
        number += 1


def _belongs_to(results: Path, video: Path) -> bool:
    if not results.exists():
        return True
    try:
        return os.path.realpath(Spotting.load(results).video.path) == os.path.realpath(video)
    except SpottingError:
        return True  # damaged results are there to be replaced
