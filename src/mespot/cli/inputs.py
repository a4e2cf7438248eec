"""From the paths that a user gives to the videos that are meant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mespot.core.errors import VideoError

VIDEO_SUFFIXES = frozenset((
    ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf",
    ".ogg", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
))  # fmt: skip
"""What a folder is searched for; a file that is named itself is tried whatever its name."""


def expand(paths: Iterable[Path], *, images: bool) -> Iterator[Path | VideoError]:
    """Yield every video once, in the order given; a folder gives the videos in it and in its folders, by name.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    images : bool
        Whether a folder is one video of numbered images.

    Yields
    ------
    Path or VideoError
        The error stands in the place of a folder without videos, or of a link that leads nowhere.
    """
    seen: set[str] = set()
    for path in paths:
        found = [path] if images or not path.is_dir() else _videos_in(path)
        if not found:
            yield VideoError(f"{path}: holds no video; name the files, or give --images-fps for a folder of images.")
        for video in found:
            # Not Path.resolve, which raises where links lead round in a circle.
            if (identity := os.path.realpath(video)) in seen:
                continue
            seen.add(identity)
            if video.is_symlink() and not video.exists():
                yield VideoError(f"{video}: is a symbolic link that leads nowhere; correct or remove it.")
            else:
                yield video


def _videos_in(folder: Path) -> list[Path]:
    """Return the videos in a folder and its folders; hidden ones and links to folders are left out."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += (
            Path(parent, name)
            for name in sorted(names)
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        )
    return found
