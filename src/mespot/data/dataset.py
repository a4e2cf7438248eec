"""Annotated videos, in frames or in seconds as their annotators counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.video import VideoInfo


@dataclass(frozen=True, slots=True)
class TimedExpression:
    """An expression annotated in seconds; it becomes frames once the video's time stamps are known.

    Parameters
    ----------
    onset_s, offset_s : float
        Presentation times of the first and the last frame inside; ``0 <= onset_s <= offset_s``.
    kind : Kind
        From the annotator's label.
    apex_s : float or None
        Time of the peak, between the two.
    """

    onset_s: float
    offset_s: float
    kind: Kind
    apex_s: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.onset_s <= self.offset_s:
            raise ValueError(f"onset {self.onset_s} s and offset {self.offset_s} s are out of order")
        if self.apex_s is not None and not self.onset_s <= self.apex_s <= self.offset_s:
            raise ValueError(f"apex {self.apex_s} s lies outside {self.onset_s} s to {self.offset_s} s")

    def resolve(self, info: VideoInfo) -> Expression:
        """Return the expression in the frames whose presentation times are nearest."""
        onset, offset = info.frame(self.onset_s), info.frame(self.offset_s)
        apex = None if self.apex_s is None else info.frame(self.apex_s)
        return Expression(Interval.from_onset_offset(onset, offset, first_frame=0), self.kind, apex)


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """A video with what an annotator marked in it; none at all is an annotation too.

    Parameters
    ----------
    path : Path
        The file, or the folder of numbered images.
    subject : str
        Who is seen; folds are made of subjects.
    expressions : tuple of Expression
        Annotated in frames.
    timed : tuple of TimedExpression
        Annotated in seconds.
    """

    path: Path
    subject: str
    expressions: tuple[Expression, ...] = ()
    timed: tuple[TimedExpression, ...] = ()

    def resolve(self, info: VideoInfo) -> tuple[Expression, ...]:
        """Return all expressions in frames of the decoded video, in order of onset.

        Raises
        ------
        AnnotationError
            An expression ends after the video.
        """
        last_s = info.seconds(len(info) - 1)
        for timed in self.timed:
            if timed.offset_s > last_s + info.frame_duration_s:
                raise AnnotationError(
                    f"{self.path}: an annotated offset of {timed.offset_s:g} s lies after the end of the video at "
                    f"{last_s:.2f} s; check the table's unit and the video."
                )
        for expression in self.expressions:
            if expression.interval.stop > len(info):
                raise AnnotationError(
                    f"{self.path}: an annotated offset at frame {expression.interval.offset} lies after the last "
                    f"frame {len(info) - 1}; check the table's first frame and the video."
                )
        found = [*self.expressions, *(timed.resolve(info) for timed in self.timed)]
        return tuple(sorted(found, key=lambda expression: (expression.interval, str(expression.kind))))


@dataclass(frozen=True, slots=True)
class Dataset:
    """Annotated videos, each once.

    Parameters
    ----------
    videos : tuple of AnnotatedVideo
        In any order.
    """

    videos: tuple[AnnotatedVideo, ...]

    def __post_init__(self) -> None:
        paths = [video.path for video in self.videos]
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            raise AnnotationError(f"{twice}: is listed twice in one dataset; merge its annotations.")

    def __len__(self) -> int:
        return len(self.videos)

    def __iter__(self) -> Iterator[AnnotatedVideo]:
        return iter(self.videos)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject once, sorted."""
        return tuple(sorted({video.subject for video in self.videos}))

    def of(self, subjects: set[str]) -> Dataset:
        """Return the videos of the given subjects."""
        return Dataset(tuple(video for video in self.videos if video.subject in subjects))
