"""Annotations as a CSV table, one row an expression: the format of one's own data and of the simulator."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mespot.core.errors import AnnotationError
from mespot.core.expression import KINDS, Expression, Kind
from mespot.core.interval import Interval
from mespot.data.dataset import AnnotatedVideo, Dataset, TimedExpression

COLUMNS = ("video", "subject", "onset", "apex", "offset", "kind")
"""Needed columns; others may stand beside them. ``apex`` may be empty; a row whose ``kind`` is empty too lists a video
without any expression."""
Unit = Literal["frames", "seconds"]


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table and where it stands, for messages."""

    place: str
    values: Mapping[str, str]

    def number(self, column: str) -> float:
        text = self.values[column]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise AnnotationError(f"{self.place}: {column} '{text}' is no number; write digits.")
        return value

    def frame(self, column: str, first_frame: int) -> int:
        value = self.number(column)
        if value != int(value):
            raise AnnotationError(
                f"{self.place}: {column} {value:g} is no whole frame; round it, or load the table in seconds."
            )
        if value < first_frame:
            raise AnnotationError(
                f"{self.place}: {column} {value:g} lies before the first frame {first_frame}; check first_frame."
            )
        return int(value) - first_frame

    def kind(self) -> Kind:
        text = self.values["kind"]
        if text.lower() not in KINDS:
            raise AnnotationError(f"{self.place}: unknown kind '{text}'; write ME or MaE.")
        return KINDS[text.lower()]

    def check_order(self) -> None:
        onset, offset = self.number("onset"), self.number("offset")
        if offset < onset:
            raise AnnotationError(f"{self.place}: offset {offset:g} lies before onset {onset:g}; exchange them.")
        if self.values["apex"] and not onset <= self.number("apex") <= offset:
            raise AnnotationError(
                f"{self.place}: apex {self.number('apex'):g} lies outside onset {onset:g} to offset {offset:g}; "
                f"correct it or leave it empty."
            )


def load_table(csv_path: Path, *, unit: Unit, videos_root: Path, first_frame: int | None = None) -> Dataset:
    """Read a table of annotations.

    Parameters
    ----------
    csv_path : Path
        UTF-8, comma-separated, with the columns of `COLUMNS` in any order.
    unit : {"frames", "seconds"}
        What onset, apex and offset count. Frames: onset and offset are both inside. Seconds: presentation times of
        the first and the last frame inside.
    videos_root : Path
        Folder to which the column ``video`` is relative.
    first_frame : int, optional
        Number of the first frame of a video in this table, usually 0 or 1; needed for frames, where it has no default
        because a wrong one shifts everything unnoticed.

    Raises
    ------
    AnnotationError
        The table cannot be read as stated; the sentence names the row, counted from 1 at the header.
    """
    if unit == "frames" and first_frame is None:
        raise AnnotationError(f"{csv_path}: say whether frames count from 0 or from 1 (first_frame).")
    grouped: dict[Path, list[_Row]] = {}
    for row in _rows(csv_path):
        path = videos_root / row.values["video"]
        if not row.values["video"] or not path.exists():
            raise AnnotationError(
                f"{row.place}: video '{row.values['video']}' is not in {videos_root}; check the name."
            )
        grouped.setdefault(path, []).append(row)
    if not grouped:
        raise AnnotationError(f"{csv_path}: has no rows; list every video in at least one.")
    return Dataset(
        tuple(_video(path, rows, first_frame if unit == "frames" else None) for path, rows in grouped.items())
    )


def write_table(csv_path: Path, videos: Iterable[AnnotatedVideo], *, videos_root: Path, first_frame: int = 0) -> None:
    """Write annotations in frames as `load_table` reads them, by way of a temporary file.

    Parameters
    ----------
    csv_path : Path
        Is replaced where it exists.
    videos : iterable of AnnotatedVideo
        Annotated in frames; a video without expressions gets one row with empty cells.
    videos_root : Path
        Folder that holds the videos.
    first_frame : int
        Number of the first frame in the table.

    Raises
    ------
    AnnotationError
        A video is annotated in seconds.
    """
    lines = [line for video in videos for line in _lines(video, videos_root, first_frame)]
    part = csv_path.with_name(csv_path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *lines])
    os.replace(part, csv_path)  # noqa: PTH105 - atomic on every platform


def _lines(video: AnnotatedVideo, videos_root: Path, first_frame: int) -> list[tuple[str | int, ...]]:
    if video.timed:
        raise AnnotationError(f"{video.path}: is annotated in seconds; resolve it to frames before writing.")
    name = video.path.relative_to(videos_root).as_posix()
    if not video.expressions:
        return [(name, video.subject, "", "", "", "")]
    return [
        (
            name,
            video.subject,
            first_frame + expression.interval.onset,
            "" if expression.apex is None else first_frame + expression.apex,
            first_frame + expression.interval.offset,
            str(expression.kind),
        )
        for expression in video.expressions
    ]


def _rows(csv_path: Path) -> list[_Row]:
    try:
        with csv_path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip() for name in reader.fieldnames or []]
            if missing := [column for column in COLUMNS if column not in names]:
                raise AnnotationError(
                    f"{csv_path}: column '{missing[0]}' is missing; the table needs {', '.join(COLUMNS)}."
                )
            reader.fieldnames = names
            return [
                _Row(f"{csv_path}, row {reader.line_num}", {name: (line[name] or "").strip() for name in COLUMNS})
                for line in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{csv_path}: cannot be read as a CSV table ({error}); save it as UTF-8 CSV.") from error


def _video(path: Path, rows: list[_Row], first_frame: int | None) -> AnnotatedVideo:
    subjects = {row.values["subject"] for row in rows}
    if len(subjects) > 1 or "" in subjects:
        raise AnnotationError(
            f"{rows[0].place}: video '{path.name}' needs one subject, got {sorted(subjects)}; give one."
        )
    expressions, timed = [], []
    for row in rows:
        if not any(row.values[column] for column in ("onset", "apex", "offset", "kind")):
            continue
        kind, has_apex = row.kind(), bool(row.values["apex"])
        row.check_order()
        if first_frame is None:
            timed.append(_timed(row, kind))
            continue
        onset, offset = (row.frame(column, first_frame) for column in ("onset", "offset"))
        apex = row.frame("apex", first_frame) if has_apex else None
        expressions.append(Expression(Interval.from_onset_offset(onset, offset, first_frame=0), kind, apex))
    return AnnotatedVideo(path, subjects.pop(), tuple(expressions), tuple(timed))


def _timed(row: _Row, kind: Kind) -> TimedExpression:
    onset_s, offset_s = row.number("onset"), row.number("offset")
    if onset_s < 0:
        raise AnnotationError(f"{row.place}: onset {onset_s:g} s lies before the video; times count from its start.")
    return TimedExpression(onset_s, offset_s, kind, row.number("apex") if row.values["apex"] else None)
