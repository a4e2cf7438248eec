"""Rows of a spreadsheet, old (.xls) or new (.xlsx), each knowing where it stands."""

from __future__ import annotations

import fnmatch
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import xlrd

from mespot.core.errors import AnnotationError

NEW_FORMAT, OLD_FORMAT = b"PK", b"\xd0\xcf\x11\xe0"
"""First bytes of .xlsx (a zip archive) and .xls (an OLE container): a wrong suffix then does no harm."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a sheet.

    Parameters
    ----------
    place : str
        File, sheet and row, counted from 1 as a spreadsheet shows it.
    cells : tuple
        Values as the file stores them; None where a cell is empty.
    """

    place: str
    cells: tuple[object, ...]

    @property
    def blank(self) -> bool:
        """Whether no cell holds anything."""
        return not any(self.text(column) for column in range(len(self.cells)))

    def text(self, column: int) -> str:
        """Return a cell as text, a whole number without a decimal point; "" beyond the row's end."""
        value = self.cells[column] if column < len(self.cells) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else str(value).strip()

    def number(self, column: int, name: str) -> float:
        """Return a cell as a number, also where it is stored as text.

        Raises
        ------
        AnnotationError
            It is none.
        """
        found = self.optional(column)
        if found is None:
            raise AnnotationError(f"{self.place}: {name} '{self.text(column)}' is no number; correct this cell.")
        return found

    def optional(self, column: int) -> float | None:
        """Return a cell as a number; None where it is none."""
        try:
            value = float(self.text(column))
        except ValueError:
            return None
        return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Workbook:
    """A spreadsheet file.

    Parameters
    ----------
    path : Path
        The file.
    sheets : dict of str to tuple of Row
        Rows of every sheet that hold something.
    """

    path: Path
    sheets: dict[str, tuple[Row, ...]]

    def has(self, name: str) -> bool:
        """Whether there is a sheet of this name; upper and lower case are one."""
        return _plain(name) in {_plain(sheet) for sheet in self.sheets}

    def sheet(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a sheet.

        Raises
        ------
        AnnotationError
            There is no such sheet, or it is empty.
        """
        for sheet, rows in self.sheets.items():
            if _plain(sheet) == _plain(name):
                if not rows:
                    raise AnnotationError(f"{self.path}, sheet '{sheet}': is empty; take the workbook as released.")
                return rows
        raise AnnotationError(
            f"{self.path}: has no sheet '{name}' but {', '.join(self.sheets) or 'none'}; take the workbook as released."
        )


def read_workbook(path: Path) -> Workbook:
    """Read every sheet of a workbook.

    Raises
    ------
    AnnotationError
        The file cannot be opened or is no workbook.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start.startswith((NEW_FORMAT, OLD_FORMAT)):
            raise ValueError("neither .xlsx nor .xls inside")
        tables = _new(path) if start.startswith(NEW_FORMAT) else _old(path)
    except Exception as error:  # the readers raise whatever they stumble over in a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AnnotationError(
            f"{path}: cannot be read as a workbook ({reason}); copy it again or save it as .xlsx."
        ) from error
    return Workbook(path, {name: _rows(path, name, table) for name, table in tables.items()})


def find_workbooks(root: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the workbooks in a folder and its subfolders whose names match; upper and lower case are one.

    Raises
    ------
    AnnotationError
        The folder does not exist.
    """
    if not root.is_dir():
        raise AnnotationError(f"{root}: is no folder; give the folder that holds the dataset.")
    folders = [root, *sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))]
    return [path for folder in folders for path in sorted(folder.iterdir()) if _matches(path.name, patterns)]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    # "~$": the lock file that a spreadsheet program leaves beside an open workbook
    return not name.startswith(("~$", ".")) and any(fnmatch.fnmatch(name.lower(), one.lower()) for one in patterns)


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def _rows(path: Path, name: str, table: Iterable[Sequence[object]]) -> tuple[Row, ...]:
    rows = (Row(f"{path.name}, sheet '{name}', row {n}", tuple(cells)) for n, cells in enumerate(table, start=1))
    return tuple(row for row in rows if not row.blank)


def _new(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of drop-down lists and styles, which hold no data
        book = openpyxl.load_workbook(file, data_only=True)
        tables: dict[str, list[tuple[object, ...]]] = {
            sheet.title: [tuple(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets
        }
        book.close()
    return tables


def _old(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with xlrd.open_workbook(str(path)) as book:
        return {sheet.name: [tuple(sheet.row_values(row)) for row in range(sheet.nrows)] for sheet in book.sheets()}
