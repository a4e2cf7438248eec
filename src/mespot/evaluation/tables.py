"""Expressions as CSV: the plain tables, submissions to the MEGC, and what ``mespot spot`` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.evaluation.stated import Numbering, Stated, StatedEvent, kind_of, number_of, rate_of, text_of

SPELLINGS = {
    "video": ("video", "vid"),
    "kind": ("kind", "type", "label"),
    "onset": ("onset", "pred_onset", "onset_frame"),
    "offset": ("offset", "pred_offset", "offset_frame"),
    "subject": ("subject",),
    "apex": ("apex", "apex_frame"),
    "score": ("score", "confidence"),
    "emotion": ("emotion",),
    "fps": ("fps",),
    "unit": ("unit",),
    "first_frame": ("first_frame",),
}
"""Columns and how files head them: as in the plain tables, in submissions to the MEGC (``vid,pred_onset,pred_offset,
type``), in our own CSV."""
NEEDED = ("video", "kind", "onset", "offset")
OWN = "onset_frame"
"""The heading of our own CSV, whose frames count from 0 and whose videos are files."""
GUARDED = ("'=", "'+", "'-", "'@")
"""How our own CSV begins a text that a spreadsheet would run."""


def read_csv(path: Path, numbering: Numbering) -> Stated:
    """Read a CSV file; onset and offset are frames inside.

    Notes
    -----
    A row whose kind, onset and offset are empty lists a video without any expression. An empty offset is a missing
    one. A column ``unit`` may hold "seconds", which are counted as in the tables of `mespot.data.own`: from a column
    ``first_frame``, or else the given one, and the offset inside. Columns that are not in `SPELLINGS` are ignored.

    Raises
    ------
    AnnotationError
        A column is missing or a cell is not what its column holds; the sentence names the row, the header being 1.
    """
    stated = Stated()
    for place, row, own in _rows(path):
        name = row["video"]
        video = name[1:] if own and name.startswith(GUARDED) else name
        fps = rate_of(row["fps"], place) if row["fps"] else None
        stated.called_by_file = own
        stated.add_video(place, video, row["subject"], fps)
        if row["kind"] or row["onset"] or row["offset"]:
            stated.add(_event(place, video, row, _frames(place, row, own, numbering, fps)))
    return stated


def _frames(
    place: str, row: Mapping[str, str], own: bool, numbering: Numbering, fps: float | None
) -> Callable[[str], float]:
    """Return the function that reads the dataset's frame from a column of this row."""

    def stated(column: str) -> float:
        return number_of(row[column], place, column)

    unit = row["unit"].lower() or "frames"
    if unit == "frames":
        return lambda column: stated(column) + (numbering.first_frame if own else 0)
    if unit != "seconds":
        raise AnnotationError(f"{place}: unknown unit '{row['unit']}'; write frames or seconds.")
    rate = numbering.rate(place, fps)
    first_frame = int(stated("first_frame")) if row["first_frame"] else numbering.first_frame
    return lambda column: Numbering(first_frame).frame(place, stated(column), rate)


def _event(place: str, video: str, row: Mapping[str, str], frame: Callable[[str], float]) -> StatedEvent:
    return StatedEvent(
        video=video,
        subject=row["subject"],
        kind=kind_of(row["kind"], place),
        onset=frame("onset"),
        apex=frame("apex") if row["apex"] else None,
        offset=frame("offset") if row["offset"] else 0.0,
        score=number_of(row["score"], place, "score") if row["score"] else 0.0,
        emotion=row["emotion"] or None,
    )


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str], bool]]:
    """Yield where a row stands, its cells by our names, and whether the table is our own CSV."""
    reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        columns = _columns(path, header)
        for cells in reader:
            place = f"{path}, row {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise AnnotationError(
                    f"{place}: has {len(cells)} cells where the header has {len(header)}; quote cells that hold commas."
                )
            yield (
                place,
                {name: "" if column is None else cells[column].strip() for name, column in columns.items()},
                OWN in header,
            )
    except csv.Error as error:
        raise AnnotationError(f"{path}: cannot be read as CSV ({error}); save it as comma-separated UTF-8.") from error


def _columns(path: Path, header: list[str]) -> dict[str, int | None]:
    columns = {
        name: next((header.index(spelling) for spelling in spellings if spelling in header), None)
        for name, spellings in SPELLINGS.items()
    }
    for name in NEEDED:
        if columns[name] is None:
            raise AnnotationError(
                f"{path}: has no column '{name}'; head the columns {','.join(NEEDED)}, separated by commas."
            )
    return columns
