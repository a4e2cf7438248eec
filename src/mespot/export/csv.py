"""Comma-separated values, one row an expression: for spreadsheets, R and pandas."""

from __future__ import annotations

import csv
from pathlib import Path

from mespot.core.atomic import whole_file
from mespot.core.spotting import COLUMNS, Spotting

FORMULA_STARTS = ("=", "+", "-", "@")
"""A cell that begins so is run as a formula by spreadsheet programs (OWASP, CSV injection)."""
SECONDS_DIGITS = 6
"""Digits after the point of a time: microseconds, finer than any camera."""


def write_csv(spotting: Spotting, path: Path | str) -> Path:
    """Write the expressions of one video, whole or not at all, and return the path.

    Parameters
    ----------
    spotting : Spotting
        Its ``rows()`` become the rows; a video without expressions gives the header alone.
    path : Path
        The file to write, UTF-8.

    Raises
    ------
    OSError
        The file cannot be written.

    Notes
    -----
    Columns are `mespot.core.spotting.COLUMNS`. Frames count from 0 in decode order; the offset is the last
    frame inside. Times are rounded to microseconds; the JSON file has them exactly. Text that a spreadsheet
    would run as a formula (a file name such as ``=1+1.mp4``) is written after an apostrophe; control characters are
    replaced by U+FFFD.
    """
    path = Path(path)
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in spotting.rows():
            writer.writerow(_cell(name, value) for name, value in row.items())
    return path


def _cell(name: str, value: object) -> object:
    if isinstance(value, float):
        return round(value, SECONDS_DIGITS) if name.endswith("_s") else value
    if isinstance(value, str):
        # Control characters (a tab starts a formula too, a return breaks the row) and half surrogates of file names.
        text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
        return "'" + text if text.startswith(FORMULA_STARTS) else text
    return value
