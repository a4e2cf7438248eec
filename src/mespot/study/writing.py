"""A table as Markdown, LaTeX and CSV: the same cells three times."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

Cell = str | int | float | None
"""Text stands as it is; None is what there is no value for."""

NONE = "-"
_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # After a line's end LaTeX would take them for its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
} | {character: f"\\{character}" for character in "&%$#_{}"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~$&])")


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Parameters
    ----------
    key : str
        Its name in CSV.
    heading : str
        Its name for people.
    group : str
        What neighbouring columns have in common; "" for a column that stands alone.
    """

    key: str
    heading: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what a reader must know of it.

    Parameters
    ----------
    name : str
        Of its files, without the ending.
    title : str
        Heading or caption; says so where anything in it is simulated.
    columns : tuple of Column
        In order.
    rows : tuple of tuple of Cell
        As many cells each as there are columns; fractions are shown with three decimals, in CSV with six digits.
    notes : tuple of str
        Sentences below the table.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.name}: {len(self.columns)} columns, but a row of {len(wrong[0])}: {wrong[0]}")


def markdown(table: Table, *, level: int = 1) -> str:
    """Return the table under a heading of a level (1 to 6), as GitHub's Markdown."""
    headings = [markdown_text(f"{column.group} {column.heading}".strip()) for column in table.columns]
    lines = [f"{'#' * level} {markdown_text(table.title)}", "", _row(headings)]
    lines.append("|" + "|".join("---:" if _is_number(table, place) else "---" for place in range(len(headings))) + "|")
    lines += [_row([markdown_text(shown(cell)) for cell in row]) for row in table.rows]
    for note in table.notes:
        lines += ["", markdown_text(note)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """Return the table as a LaTeX float with a caption and a plain ``tabular``, which needs no package."""
    return "\n".join(_latex_lines(table)) + "\n"


def csv_text(table: Table) -> str:
    """Return the table as CSV: one line of names, then the rows; no value is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def shown(cell: Cell) -> str:
    """Return what people read in a cell."""
    if cell is None:
        return NONE
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def markdown_text(text: str) -> str:
    """Escape what Markdown would take for markup; a line break becomes a space."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def latex_text(text: str) -> str:
    """Escape what LaTeX would take for a command or a dash; a line break becomes a space."""
    escaped = "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
    return re.sub("-(?=-)", "-{}", escaped)


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _is_number(table: Table, place: int) -> bool:
    cells = [shown(row[place]).replace(".", "", 1) for row in table.rows if row[place] is not None]
    return bool(cells) and all(cell.isdigit() for cell in cells)


def _latex_lines(table: Table) -> Iterator[str]:
    sides = "".join("r" if _is_number(table, place) else "l" for place in range(len(table.columns)))
    yield r"\begin{table}"
    yield rf"\caption{{{latex_text(table.title)}}}"
    yield rf"\begin{{tabular}}{{{sides}}}"
    yield r"\hline"
    if any(column.group for column in table.columns):
        groups = [(name, len(list(same))) for name, same in groupby(table.columns, key=lambda column: column.group)]
        cells = [rf"\multicolumn{{{count}}}{{c}}{{{latex_text(name)}}}" for name, count in groups]
        yield rf"{' & '.join(cells)} \\"
    yield rf"{' & '.join(latex_text(column.heading) for column in table.columns)} \\"
    yield r"\hline"
    for row in table.rows:
        yield rf"{' & '.join(latex_text(shown(cell)) for cell in row)} \\"
    yield r"\hline"
    yield r"\end{tabular}"
    for note in table.notes:
        yield rf"\par {latex_text(note)}"
    yield r"\end{table}"
