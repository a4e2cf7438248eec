"""Recordings of one's own: any CSV table with a row for every expression."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import KINDS
from mespot.core.offsets import MissingOffset
from mespot.data.assembly import Assembly, Source, Stated, round_half_up
from mespot.data.recordings import Facts, Recordings
from mespot.data.table import COLUMNS, Unit

FACTS = Facts(title="own recordings", licence="", citation="", link="")
OPTIONAL = ("emotion", "action_units", "fps", "unit", "first_frame")
"""Columns that may stand beside the needed ones."""
FPS = 30.0
"""Assumed where the table states no rate, and said so."""
TABLE = "annotations.csv"
"""The table of a folder that holds several."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table, with the choices that hold for it."""

    place: str
    values: Mapping[str, str]
    unit: Unit
    first_frame: int
    fps: float | None

    @property
    def lists_only(self) -> bool:
        """Whether it lists a video without any expression."""
        return not any(self.values[column] for column in ("onset", "apex", "offset", "kind"))

    def frame(self, column: str, fps: float) -> float:
        value = _number(self.place, column, self.values[column])
        return value if self.unit == "frames" else self.first_frame + round_half_up(value * fps)


def load(
    path: Path,
    *,
    missing_offset: MissingOffset = "mirror",
    unit: Unit = "frames",
    first_frame: int = 0,
    fps: float | None = None,
) -> Recordings:
    """Load a table of one's own recordings.

    Parameters
    ----------
    path : Path
        A UTF-8 CSV file, or the folder that holds it (as ``annotations.csv`` where there are several), with the columns
        video, subject, onset, apex, offset, kind and, if wanted, emotion, action_units, fps, unit, first_frame. A row
        with a video and a subject alone lists a video without any expression. ``video`` is a file or a folder of
        images, relative to the table. Onset and offset are both inside.
    missing_offset : MissingOffset
        What becomes of an offset of 0, or of one before the apex (`mespot.core.offsets`).
    unit : {"frames", "seconds"}
        What onset, apex and offset count, where the table has no column ``unit``.
    first_frame : int
        Number of the first frame, where the table has no column ``first_frame``. Images of a folder too are counted
        from it, whatever numbers are in their names.
    fps : float, optional
        Frames (images) a second, where the table has no column ``fps``.

    Raises
    ------
    AnnotationError
        The table cannot be read as stated; the sentence names the row, counted from 1 at the header.

    Notes
    -----
    Seconds become frames by the stated rate, right for videos of one rate. For others see
    `mespot.data.table.load_table`, which keeps seconds until the time stamps are known.
    """
    table = _table(path)
    assembly = Assembly("table", FACTS, table, missing_offset, expect_first=False)
    lines = _lines(table, unit, first_frame, fps)
    if not lines:
        raise AnnotationError(f"{table}: has no rows; list every video in at least one.")
    sources: dict[str, Source] = {}
    assumed: list[str] = []
    for line in lines:
        name, source = line.values["video"], _source(line, table)
        if sources.setdefault(name, source) != source:
            raise AnnotationError(
                f"{line.place}: video '{name}' has another subject, fps or first_frame than above; give one of each."
            )
        if line.fps is None and name not in assumed:
            assumed.append(name)
    if assumed:
        fact = f"no frame rate is stated for {len(assumed)} of {len(sources)} videos"
        assembly.note("fps-assumed", str(table), fact, f"{FPS:g} frames a second are assumed; add a column fps")
    rows = [_stated(line, sources[line.values["video"]].fps) for line in lines if not line.lists_only]
    return assembly.build(sources, rows)


def _table(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise AnnotationError(f"{path}: does not exist; give a CSV table or the folder that holds it.")
    tables = sorted(path.glob("*.csv"))
    named = [table for table in tables if table.name == TABLE] or tables
    if len(named) != 1:
        raise AnnotationError(f"{path}: holds {len(tables)} CSV tables; name the one with the annotations {TABLE}.")
    return named[0]


def _lines(table: Path, unit: Unit, first_frame: int, fps: float | None) -> list[_Line]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip() for name in reader.fieldnames or []]
            if missing := [column for column in COLUMNS if column not in names]:
                raise AnnotationError(
                    f"{table}: column '{missing[0]}' is missing; the table needs {', '.join(COLUMNS)}."
                )
            reader.fieldnames = names
            return [
                _line(f"{table.name}, row {reader.line_num}", line, unit, first_frame, fps)
                for line in reader
                if any((line[name] or "").strip() for name in COLUMNS)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{table}: cannot be read as a CSV table ({error}); save it as UTF-8 CSV.") from error


def _line(place: str, line: Mapping[str, str], unit: Unit, first_frame: int, fps: float | None) -> _Line:
    values = {name: (line.get(name) or "").strip() for name in (*COLUMNS, *OPTIONAL)}
    for column in ("video", "subject"):
        if not values[column]:
            raise AnnotationError(f"{place}: {column} is empty; every row names a video and its subject.")
    stated = values["unit"].lower()
    if stated not in ("", "frames", "seconds"):
        raise AnnotationError(f"{place}: unknown unit '{values['unit']}'; write frames or seconds.")
    if values["first_frame"]:
        first_frame = int(_number(place, "first_frame", values["first_frame"]))
    if values["fps"]:
        fps = _number(place, "fps", values["fps"])
    if fps is not None and fps <= 0:
        raise AnnotationError(f"{place}: a rate of {fps:g} frames a second is not possible; state a positive one.")
    return _Line(place, values, "seconds" if (stated or unit) == "seconds" else "frames", first_frame, fps)


def _source(line: _Line, table: Path) -> Source:
    path = table.parent / line.values["video"]
    fps = FPS if line.fps is None else line.fps
    return Source(line.values["subject"], path if path.exists() else None, fps, line.first_frame, True)


def _stated(line: _Line, fps: float) -> Stated:
    label = line.values["kind"]
    if label.lower() not in KINDS:
        raise AnnotationError(f"{line.place}: unknown kind '{label}'; write ME or MaE.")
    return Stated(
        recording=line.values["video"],
        subject=line.values["subject"],
        kind=KINDS[label.lower()],
        onset=line.frame("onset", fps),
        apex=line.frame("apex", fps) if line.values["apex"] else None,
        offset=line.frame("offset", fps),
        place=line.place,
        emotion=line.values["emotion"],
        action_units=line.values["action_units"],
    )


def _number(place: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AnnotationError(f"{place}: {column} '{text}' is no number; write digits.")
    return value
