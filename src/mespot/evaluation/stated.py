"""What a file of expressions states, whatever its format: before it is a reference or a result."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import KINDS, Kind

OnNote = Callable[[str], None]
SAME_RATE = 0.01
"""Rates that differ by less than this share are one rate: 29.97 and 30."""
LONGEST_S = 1e7
"""Seconds; 116 days."""


@dataclass(frozen=True, slots=True)
class StatedEvent:
    """One expression; fields as in `mespot.evaluation.events`."""

    video: str
    subject: str
    kind: Kind
    onset: float
    apex: float | None
    offset: float
    score: float = 0.0
    emotion: str | None = None


@dataclass(slots=True)
class Stated:
    """The expressions of a file, in the frames of the dataset.

    Parameters
    ----------
    events : list of StatedEvent
        In the order of the file.
    subjects : dict
        Every video that the file names, with its subject ("" where none is stated).
    fps : dict
        Frames a second of the videos for which they are stated.
    called_by_file : bool
        Videos are called by their media files, so that a reference may call them otherwise.
    """

    events: list[StatedEvent] = field(default_factory=list)
    subjects: dict[str, str] = field(default_factory=dict)
    fps: dict[str, float] = field(default_factory=dict)
    called_by_file: bool = False

    def add_video(self, place: str, video: str, subject: str = "", fps: float | None = None) -> None:
        """List a video, again where it was listed before.

        Raises
        ------
        AnnotationError
            It has no name, or was listed with another subject or rate.
        """
        if not video:
            raise AnnotationError(f"{place}: names no video; write its name.")
        known = self.subjects.get(video, "")
        if known and subject and known != subject:
            raise AnnotationError(
                f"{place}: video '{video}' shows {known} before and {subject} here; give one subject."
            )
        self.subjects[video] = known or subject
        if fps is not None and self.fps.setdefault(video, fps) != fps:
            raise AnnotationError(
                f"{place}: video '{video}' has {self.fps[video]:g} fps before and {fps:g} here; give one."
            )

    def add(self, event: StatedEvent) -> None:
        """Append an expression of a listed video."""
        self.events.append(event)

    def extend(self, place: str, other: Stated) -> None:
        """Append what another file states, which must not contradict.

        Raises
        ------
        AnnotationError
            As for `add_video`.
        """
        for video, subject in other.subjects.items():
            self.add_video(place, video, subject, other.fps.get(video))
        self.events += other.events
        self.called_by_file |= other.called_by_file


@dataclass(frozen=True, slots=True)
class Numbering:
    """How the times and frames of a file become frames of the dataset.

    Parameters
    ----------
    first_frame : int
        The dataset's number of the first frame of a video.
    fps : float or None
        Frames a second, over what a file states.
    """

    first_frame: int = 0
    fps: float | None = None

    def rate(self, place: str, stated: float | None = None) -> float:
        """Return the frames a second that count.

        Raises
        ------
        AnnotationError
            Nobody says.
        """
        fps = self.fps or stated
        if fps is not None:
            return fps
        raise AnnotationError(f"{place}: counts seconds and states no frames a second; give them with --fps.")

    def frame(self, place: str, seconds: float, fps: float) -> int:
        """Return the frame that begins nearest to an instant.

        Raises
        ------
        AnnotationError
            The instant lies beyond any video.
        """
        if abs(seconds) > LONGEST_S:
            raise AnnotationError(f"{place}: {seconds:g} s lies beyond any video; write seconds from its begin.")
        return self.first_frame + math.floor(seconds * fps + 0.5)

    def span(self, place: str, begin_s: float, end_s: float, fps: float) -> tuple[int, int]:
        """Return onset and offset, both inside, from ``begin_s`` to the instant ``end_s``; one frame at least."""
        onset = self.frame(place, begin_s, fps)
        return onset, max(onset, self.frame(place, end_s, fps) - 1)


def kind_of(text: str, place: str) -> Kind:
    """Return the kind that a label means.

    Raises
    ------
    AnnotationError
        It means none.
    """
    if text.strip().lower() not in KINDS:
        raise AnnotationError(f"{place}: unknown kind '{text}'; write ME or MaE.")
    return KINDS[text.strip().lower()]


def number_of(value: object, place: str, what: str) -> float:
    """Return a finite number from a cell or a JSON value.

    Raises
    ------
    AnnotationError
        It is none.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # refused below
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise AnnotationError(f"{place}: {what} '{value}' is no number; write digits.")
    return number


def rate_of(value: object, place: str) -> float:
    """Return frames a second.

    Raises
    ------
    AnnotationError
        It is no number above 0.
    """
    fps = number_of(value, place, "fps")
    if fps <= 0:
        raise AnnotationError(f"{place}: fps {fps:g} is not above 0; give the frames a second of the video.")
    return fps


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    AnnotationError
        It cannot be read, or is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror or error}); check the path.") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: is no UTF-8 text; save it as CSV, JSON or EAF in UTF-8.") from error


def one_rate(path: Path, rates: Iterable[float]) -> float | None:
    """Return the rate that all videos of a file have, None where it states none.

    Raises
    ------
    AnnotationError
        They differ.
    """
    ordered = sorted(rates)
    if not ordered:
        return None
    if ordered[-1] > ordered[0] * (1 + SAME_RATE):
        raise AnnotationError(
            f"{path}: holds videos of {ordered[0]:g} and of {ordered[-1]:g} fps; "
            "score them apart, or name one with --fps."
        )
    return ordered[0]


def called_as(names: Sequence[str]) -> Callable[[str], str]:
    """Return the function that calls a media file as the reference does, where it is plain which video is meant.

    Notes
    -----
    Exactly so; else without its ending; else the one name that is the end of its path, or of whose path it is the
    end: ``/data/s15/15_0101.avi`` is ``s15/15_0101``, and so is ``15_0101.avi`` where no other subject has one. A
    file that fits none, or several, keeps its name.
    """
    known = {name: _parts(name) for name in names}

    def call(file: str) -> str:
        if file in known:
            return file
        parts = _parts(file)
        fitting = [name for name, other in known.items() if parts and other and _is_end(parts, other)]
        return fitting[0] if len(fitting) == 1 else file

    return call


def _parts(name: str) -> tuple[str, ...]:
    """Folders and the file without its ending; a dot before digits alone (``spNO.1``) is no ending."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts:
        stem, ending = os.path.splitext(parts[-1])  # noqa: PTH122 - a name, not a path of this machine
        parts[-1] = parts[-1] if ending[1:].isdigit() else stem
    return tuple(parts)


def _is_end(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    count = min(len(one), len(other))
    return one[-count:] == other[-count:]
