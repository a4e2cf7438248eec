"""Annotation workbooks of simulated datasets, sheet by sheet as those of CAS(ME)^2 and SAMM-LV."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from mespot.core.atomic import whole_file
from mespot.core.expression import Kind
from mespot.simulate.planned import PlannedRow

CASME2_SUBJECTS = (
    *("15", "16", "19", "20", "21", "22", "23", "24", "25", "26", "27"),
    *("29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "40"),
)
"""Folder numbers of the subjects 1 to 22."""
CASME2_CODES = {
    "0101": "disgust1", "0102": "disgust2", "0401": "anger1", "0402": "anger2", "0502": "happy1", "0503": "happy2",
    "0505": "happy3", "0507": "happy4", "0508": "happy5",
}  # fmt: skip
"""Video codes, always text with a leading 0, and the names that the table has for them."""
SAMM_COLUMNS = (
    *("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units"),
    "Notes",
)
SAMM_PREAMBLE = 9
"""Rows above the header."""

_STAMP = "2000-01-01T00:00:00Z"
_KINDS = {Kind.ME: "micro-expression", Kind.MAE: "macro-expression"}


def casme2_code(video: str) -> str:
    """Return the video code in a recording's name, ``0101`` for ``s15/15_0101disgustingteeth``."""
    return video.split("_", 1)[1][:4]


def write_casme2(path: Path, rows: Sequence[PlannedRow]) -> None:
    """Write the three sheets of CAS(ME)^2's workbook, which have no header row."""
    book, (code, rule1, rule2) = _book("CASFEcode_final", "naming rule1", "naming rule2")
    for row in rows:
        folder = row.subject.removeprefix("s")
        subject = CASME2_SUBJECTS.index(folder) + 1
        units = row.action_units
        code.append(
            [
                subject,
                f"{CASME2_CODES[casme2_code(row.video)]}_{row.number}",
                row.onset,
                row.apex,
                row.offset,
                units[0] if len(units) == 1 else "+".join(map(str, units)),  # a lone unit is a number in Excel
                row.emotion,
                _KINDS[row.event.kind],
                "simulated",
            ]
        )
        rule1.append([int(folder), f"s{folder}", subject])
    for item in CASME2_CODES.items():
        rule2.append(item)
    _save(book, path)


def write_samm(path: Path, rows: Sequence[PlannedRow]) -> None:
    """Write the sheet of SAMM-LV's workbook in its later version: whole frames, header on row 10."""
    book, (sheet,) = _book("FACS_Movement_Only")
    sheet.append(["Simulated long videos, laid out as SAMM-LV"])
    for line in range(1, SAMM_PREAMBLE):
        sheet.append([f"Preamble, line {line + 1}"])
    sheet.append(SAMM_COLUMNS)
    for row in rows:
        subject, video = row.video.split("_")
        sheet.append(
            [
                subject,
                f"{row.video}_{row.number}",
                int(video),
                row.onset,
                row.apex,
                row.offset,
                row.offset - row.onset + 1,
                "Micro - 1/2" if row.event.kind is Kind.ME else "Macro",
                " + ".join(f"AU{number}" for number in row.action_units),
                None,
            ]
        )
    _save(book, path)


def _book(*names: str) -> tuple[Workbook, list[Worksheet]]:
    book = Workbook()
    for sheet in list(book.worksheets):
        book.remove(sheet)
    return book, [book.create_sheet(name) for name in names]


def _save(book: Workbook, path: Path) -> None:
    """Save a workbook so that the same rows make the same bytes: no date of today in it."""
    dated = BytesIO()
    book.save(dated)
    with (
        whole_file(path) as part,
        zipfile.ZipFile(dated) as source,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb">[0-9-]+T[0-9:.]+Z<", f">{_STAMP}<".encode(), content)
            entry = zipfile.ZipInfo(name)  # of 1 January 1980, as zip begins
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
