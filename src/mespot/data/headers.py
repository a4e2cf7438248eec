"""Sheets whose columns have names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mespot.core.errors import AnnotationError
from mespot.data.sheets import Row, Workbook

SEARCHED_ROWS = 40
"""A header stands on one of so many first rows that hold something."""


@dataclass(frozen=True, slots=True)
class HeadedRow:
    """A row whose cells go by the names of their columns.

    Parameters
    ----------
    row : Row
        The row.
    columns : mapping of str to int
        Column of every name, in lower case.
    """

    row: Row
    columns: Mapping[str, int]

    @property
    def place(self) -> str:
        """File, sheet and row."""
        return self.row.place

    def text(self, name: str) -> str:
        """Return a cell as text; "" where there is no such column."""
        column = self.columns.get(name.lower())
        return "" if column is None else self.row.text(column)

    def number(self, name: str) -> float:
        """Return a cell as a number; an AnnotationError where it is none."""
        return self.row.number(self.columns[name.lower()], name)

    def optional(self, name: str) -> float | None:
        """Return a cell as a number; None where it is none or there is no such column."""
        column = self.columns.get(name.lower())
        return None if column is None else self.row.optional(column)


@dataclass(frozen=True, slots=True)
class Headed:
    """A sheet with a header.

    Parameters
    ----------
    place : str
        File, sheet and row of the header.
    columns : frozenset of str
        Names in lower case.
    rows : tuple of HeadedRow
        Below the header.
    """

    place: str
    columns: frozenset[str]
    rows: tuple[HeadedRow, ...]


def read_headed(book: Workbook, sheet: str, needed: Sequence[str]) -> Headed:
    """Read a sheet below the row that holds all needed names; what stands above it is a preamble.

    Raises
    ------
    AnnotationError
        There is no such sheet, none of its first rows is that header, or nothing stands below it.
    """
    rows = book.sheet(sheet)
    nearest: list[str] = list(needed)
    for at, row in enumerate(rows[:SEARCHED_ROWS]):
        columns = _columns(row.text(column) for column in range(len(row.cells)))
        missing = [name for name in needed if name.lower() not in columns]
        if not missing:
            below = tuple(HeadedRow(one, columns) for one in rows[at + 1 :])
            if not below:
                raise AnnotationError(f"{row.place}: no annotation stands below; take the workbook as released.")
            return Headed(row.place, frozenset(columns), below)
        nearest = min(nearest, missing, key=len)
    raise AnnotationError(
        f"{book.path}, sheet '{sheet}': no row is a header with the columns {', '.join(needed)} "
        f"('{nearest[0]}' is missing); take the workbook as released."
    )


def _columns(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for column, name in enumerate(names):
        found.setdefault(" ".join(name.lower().split()), column)
    return found
