"""The loaders by name, and the way from recordings to what is trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mespot.core.errors import AnnotationError, ConfigError
from mespot.core.expression import Expression
from mespot.core.interval import Interval
from mespot.core.offsets import MISSING_OFFSETS, MissingOffset
from mespot.data import casme2, casme3, own, samm_lv
from mespot.data.dataset import AnnotatedVideo, Dataset
from mespot.data.recordings import Annotation, Recording, Recordings

LOADERS: dict[str, Callable[..., Recordings]] = {
    "casme2": casme2.load,
    "samm_lv": samm_lv.load,
    "casme3": casme3.load,
    "table": own.load,
}
"""Every dataset that can be loaded; all take a path and ``missing_offset``."""
OnLine = Callable[[str], None]


def load_recordings(name: str, path: Path, *, missing_offset: MissingOffset = "mirror") -> Recordings:
    """Load a dataset by name.

    Parameters
    ----------
    name : str
        A key of `LOADERS`.
    path : Path
        The dataset's folder; of ``table`` the CSV file or its folder.
    missing_offset : MissingOffset
        What becomes of an offset of 0, or of one before the apex (`mespot.core.offsets`).

    Raises
    ------
    ConfigError
        There is no such dataset or no such rule.
    AnnotationError
        The dataset's tables are missing or cannot be read.
    """
    if name not in LOADERS:
        raise ConfigError(f"unknown dataset '{name}'; choose one of {', '.join(LOADERS)}.")
    if missing_offset not in MISSING_OFFSETS:
        raise ConfigError(f"unknown rule '{missing_offset}' for offsets; choose one of {', '.join(MISSING_OFFSETS)}.")
    return LOADERS[name](path, missing_offset=missing_offset)


def to_dataset(
    recordings: Recordings, *, frames: Mapping[str, int] | None = None, on_line: OnLine | None = None
) -> Dataset:
    """Return what can be trained on: recordings with media, their expressions in frames from 0.

    Parameters
    ----------
    recordings : Recordings
        As loaded.
    frames : mapping of str to int, optional
        Number of frames of recordings by name, where decoding has told it; of images the loader knows it.
    on_line : callable, optional
        Called with a sentence for every recording that is left out for missing media
        (`Recordings.without_media`), and every expression that is cut or left out at the end of its video.

    Raises
    ------
    AnnotationError
        No recording has media.
    """
    say = on_line if on_line is not None else _unsaid
    counts = dict(frames or {})
    videos = []
    for recording in recordings.recordings:
        if recording.path is None:
            say(f"{recording.name}: is left out, its media is missing ({len(recording.annotations)} annotations).")
            continue
        last = counts.get(recording.name, recording.frames)
        found = (_expression(recording, annotation, last, say) for annotation in recording.annotations)
        expressions = tuple(expression for expression in found if expression is not None)
        videos.append(AnnotatedVideo(recording.path, recording.subject, expressions))
    if not videos:
        raise AnnotationError(
            f"{recordings.facts.title}: none of its {len(recordings.recordings)} recordings has media; put the images "
            f"or videos into the dataset's folder."
        )
    return Dataset(tuple(videos))


def _expression(recording: Recording, annotation: Annotation, count: int | None, say: OnLine) -> Expression | None:
    """Return the annotation in frames from 0, cut at the end; None where it lies behind it."""
    index, end = recording.numbering.index, annotation.offset
    if count is not None:
        end = min(end, recording.numbering.number(count - 1))
    if annotation.onset > end:
        say(f"{annotation.place}: is left out, its onset lies after the last frame of {recording.name}.")
        return None
    if end < annotation.offset:
        say(f"{annotation.place}: is cut at the last frame of {recording.name}.")
    apex = None if annotation.apex is None else index(min(annotation.apex, end))
    return Expression(Interval(index(annotation.onset), index(end) + 1), annotation.kind, apex)


def _unsaid(line: str) -> None:
    """Take a sentence that nobody asked for; `Recordings` states the same."""
