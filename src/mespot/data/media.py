"""Where a dataset's recordings lie, and how their frames are numbered; nothing is decoded."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mespot.core.media import IMAGE_SUFFIXES, LARGEST_NUMBER, VIDEO_SUFFIXES, image_number, is_image
from mespot.data.recordings import Anomaly, Numbering

DEPTH = 3
"""Folders below the dataset's root in which subjects are looked for: ``PATH/release/rawpic/s15``."""
SHOWN_GAPS = 6
"""Gaps of a recording that a report spells out; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Found:
    """A video file or a folder of images that belongs to a recording.

    Parameters
    ----------
    key : str
        Names the recording.
    path : Path
        The file or the folder of images.
    family : Path
        Folder of all that come in the same form, for example ``rawpic`` or ``cropped``.
    """

    key: str
    path: Path
    family: Path


@dataclass(frozen=True, slots=True)
class Frames:
    """The numbers of a recording's frames.

    Parameters
    ----------
    path : Path or None
        As in `mespot.data.recordings.Recording`.
    numbering : Numbering
        Of a folder: the numbers in the names of its images. Of a file: from the dataset's first number on.
    count : int or None
        How many; None of a file.
    """

    path: Path | None
    numbering: Numbering
    count: int | None = None


def folders_named(root: Path, pattern: re.Pattern[str], depth: int = DEPTH) -> Iterator[Path]:
    """Yield the folders at most ``depth`` below a root whose whole name matches, in order; not those inside one."""
    for path in _entries(root):
        if not path.is_dir():
            continue
        if pattern.fullmatch(path.name):
            yield path
        elif depth > 1:
            yield from folders_named(path, pattern, depth - 1)


def media_in(folder: Path) -> list[Path]:
    """Return the folders and video files of a folder, sorted by name."""
    return [path for path in _entries(folder) if path.suffix.lower() in VIDEO_SUFFIXES or path.is_dir()]


def media_name(path: Path) -> str:
    """Return the name of a folder, or of a file without its suffix (names of folders may hold dots)."""
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def choose(found: Iterable[Found]) -> tuple[dict[str, Found], list[Anomaly]]:
    """Choose one of each recording's media: raw images, then raw video, then others, then what others have cropped.

    Returns
    -------
    chosen : dict of str to Found
        By key.
    anomalies : list of Anomaly
        Recordings that are there twice in one form, and those that come in another form than most.
    """
    ranked = sorted(found, key=lambda one: (_rank(one.family), str(one.family), one.path.is_file(), one.path.name))
    chosen: dict[str, Found] = {}
    anomalies = []
    for one in ranked:
        first = chosen.setdefault(one.key, one)
        if first is not one and first.family == one.family:
            fact = f"{one.path.name} lies beside {first.path.name} for the recording {one.key}"
            anomalies.append(Anomaly("media-twice", str(one.path.parent), fact, f"{first.path.name} is used"))
    families = Counter(one.family for one in chosen.values())
    if len(families) > 1:
        usual = families.most_common(1)[0][0]
        anomalies += [
            Anomaly("media-elsewhere", str(one.path), f"the recording {key} is not in {usual.name}", "this one is used")
            for key, one in sorted(chosen.items())
            if one.family != usual
        ]
    return chosen, anomalies


def look_at(path: Path, *, first: int, expect_first: bool) -> tuple[Frames, list[Anomaly]]:
    """Find the numbers of the frames of a video file or a folder of images.

    Parameters
    ----------
    path : Path
        The file or the folder.
    first : int
        Number of a file's first frame.
    expect_first : bool
        Whether a folder that begins with another number is worth a word.

    Returns
    -------
    frames : Frames
        Without a path where the images cannot be numbered.
    anomalies : list of Anomaly
        Gaps, numbers that occur twice, images without a number, an unexpected first number, an empty folder.
    """
    if not path.is_dir():
        return Frames(path, Numbering(first)), []
    names = sorted(entry.name for entry in os.scandir(path) if is_image(entry.name))
    numbers, fault = _numbers(names)
    if fault is not None:
        code, fact = fault
        return Frames(None, Numbering(first)), [Anomaly(code, str(path), fact, "the media counts as missing")]
    anomalies = []
    if expect_first and numbers[0] != first:
        fact = f"the first image has the number {numbers[0]}, not {first}"
        anomalies.append(Anomaly("first-number", str(path), fact, "annotations name images by their numbers"))
    if len(numbers) == numbers[-1] - numbers[0] + 1:
        return Frames(path, Numbering(int(numbers[0])), len(numbers)), anomalies
    fact = _gaps(numbers)
    action = "times keep their place; a number in a gap names the image before it"
    anomalies.append(Anomaly("images-missing", str(path), fact, action))
    return Frames(path, Numbering(int(numbers[0]), numbers), len(numbers)), anomalies


def _numbers(names: list[str]) -> tuple[npt.NDArray[np.int64], tuple[str, str] | None]:
    """Return the sorted numbers, and what keeps the images from being numbered (code, fact)."""
    none = np.empty(0, np.int64)
    if not names:
        return none, ("media-empty", f"the folder holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    found: dict[int, str] = {}
    for name in names:
        number = image_number(name)
        if number is None or number > LARGEST_NUMBER:
            return none, ("image-without-number", f"{name} has no number that can be used")
        if number in found:
            return none, ("image-number-twice", f"{found[number]} and {name} have the same number")
        found[number] = name
    return np.array(sorted(found), np.int64), None


def _gaps(numbers: npt.NDArray[np.int64]) -> str:
    before = np.flatnonzero(np.diff(numbers) > 1)
    spans = [(int(numbers[i]) + 1, int(numbers[i + 1]) - 1) for i in before]
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans[:SHOWN_GAPS])
    more = f" and {len(spans) - SHOWN_GAPS} further gaps" if len(spans) > SHOWN_GAPS else ""
    total = sum(b - a + 1 for a, b in spans)
    return f"{total} of the numbers {numbers[0]}-{numbers[-1]} have no image: {shown}{more}"


def _rank(family: Path) -> int:
    name = family.name.lower()
    if "crop" in name:
        return 3
    return 0 if "rawpic" in name else 1 if "rawvideo" in name else 2


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
