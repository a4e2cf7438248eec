"""Small made-up datasets of exactly the shape of the real ones: sheets, header rows, number formats, folders.

No name, frame or label in here is of a dataset but the words of its layout; images are tiny grey squares.
``python tests/made_datasets.py OUT`` writes one of each to look at.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import xlwt

Cells = Sequence[object]
JPEG = bytes(cv2.imencode(".jpg", np.full((16, 16, 3), 128, np.uint8))[1])

CASME2_EVENTS: tuple[Cells, ...] = (
    (1, "disgust1_1", 3, 6, 12, "4", "negative", "micro-expression", "disgust"),
    (1, "anger1_10", 2, 10, 32, "4+7", "negative", "macro-expression", "anger"),
    (2, "happy2_1", 5, 9, 15, "12", "positive", "micro-expression", "happy"),
)
"""Subject, event, onset, apex, offset, AU, emotion, kind, self-report."""
CASME2_SUBJECTS: tuple[Cells, ...] = ((15, "s15", 1), (15, "s15", 1), (16, "s16", 2))
CASME2_CODES: tuple[Cells, ...] = (("0101", "disgust1"), ("0401", "anger1"), ("0503", "happy2"))
CASME2_VIDEOS = ("s15/15_0101blandvideo", "s15/15_0401redvideo", "s16/16_0503softvideo", "s16/16_0505noevent")
CASME2_BOOK = "CAS(ME)^2code_final(Updated).xlsx"

SAMM_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units", "Notes",
)  # fmt: skip
SAMM_EVENTS: tuple[Cells, ...] = (
    (6, "006_1_1", 1, 4, 20, 44, 41, "Micro - 1/2", "4", ""),
    (6, "006_1_2", 1, 10, 60, 160, 151, "Macro", "12", ""),
    (7, "007_2_1", 2, 30, 50, 70, 41, "Micro - 1/2", "1+2", ""),
)
SAMM_VIDEOS = ("006_1", "007_2", "007_3")
SAMM_BOOK = "SAMM_LongVideos_V3_Release.xlsx"

CASME3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class")
CASME3_EVENTS: tuple[Cells, ...] = (
    ("spNO.1", "a", 60, 64, 70, "L4", "Micro-expression", "I"),
    ("spNO.1", "a", 62, 75, 90, "12", "Macro-expression", "II"),
    ("spNO.2", "j", 61, 66, 71, "R14", "Micro-expression", "I"),
)
CASME3_LABEL_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
CASME3_LABELS: tuple[Cells, ...] = (
    ("spNO.1", "a", 60, 64, 70, "L4", "I", "anger"),
    ("spNO.2", "j", 61, 66, 71, "R14", "I", "fear"),
)
CASME3_VIDEOS = ("spNO.1/a", "spNO.1/b", "spNO.2/j")
CASME3_BOOK, CASME3_LABEL_BOOK = "CAS(ME)3_part_A_v2.xls", "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"

TABLE_HEADER = ("video", "subject", "onset", "apex", "offset", "kind", "fps")
TABLE_ROWS: tuple[Cells, ...] = (
    ("ann/one", "ann", 3, 5, 9, "ME", 30),
    ("ann/one", "ann", 12, "", 35, "macro", 30),
    ("bob/two.mp4", "bob", "", "", "", "", 30),
)


def write_book(path: Path, sheets: Mapping[str, Iterable[Cells]]) -> Path:
    """Write a workbook, .xlsx or .xls by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".xls":
        old = xlwt.Workbook()
        for name, rows in sheets.items():
            sheet = old.add_sheet(name)
            for r, cells in enumerate(rows):
                for c, value in enumerate(cells):
                    sheet.write(r, c, value)
        old.save(str(path))
        return path
    new = openpyxl.Workbook()
    del new[new.sheetnames[0]]
    for name, rows in sheets.items():
        sheet = new.create_sheet(name)
        for cells in rows:
            sheet.append(list(cells))
    new.save(path)
    return path


def write_images(folder: Path, numbers: Iterable[int], name: str = "img_{}.jpg") -> Path:
    """Write a tiny image for every number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / name.format(number)).write_bytes(JPEG)
    return folder


def write_casme2(
    root: Path,
    events: Iterable[Cells] = CASME2_EVENTS,
    *,
    subjects: Iterable[Cells] | None = CASME2_SUBJECTS,
    codes: Iterable[Cells] | None = CASME2_CODES,
    book: str = CASME2_BOOK,
    media: str = "longVideoFaceCropped",
    name: str = "img_{}.jpg",
) -> Path:
    """Write a dataset in the layout of CAS(ME)^2; a sheet that is None is left out, as is the media of ""."""
    sheets = {"CASFEcode_final": events}
    if subjects is not None:
        sheets["naming rule1"] = subjects
    if codes is not None:
        sheets["naming rule2"] = codes
    write_book(root / book, sheets)
    for video in CASME2_VIDEOS if media else ():
        write_images(root / media / video, range(1, 41), name)
    return root


def write_samm_lv(
    root: Path, events: Iterable[Cells] = SAMM_EVENTS, *, book: str = SAMM_BOOK, preamble: int = 9, media: bool = True
) -> Path:
    """Write a dataset in the layout of SAMM Long Videos."""
    above = [("SAMM Long Videos, made up",), *[()] * (preamble - 1)] if preamble else []
    write_book(root / book, {"FACS_Movement_Only": [*above, SAMM_HEADER, *events], "Other": [("x",)]})
    for video in SAMM_VIDEOS if media else ():
        write_images(root / "SAMM_longvideos" / video, range(1, 181), video + "_{:04d}.jpg")
    return root


def write_casme3(
    root: Path,
    events: Iterable[Cells] | None = CASME3_EVENTS,
    *,
    labels: Iterable[Cells] | None = CASME3_LABELS,
    numbers: Iterable[int] = (*range(57, 80), *range(83, 101)),
) -> Path:
    """Write a dataset in the layout of part A of CAS(ME)^3; images begin at 57 and lack 80 to 82."""
    if events is not None:
        write_book(root / "annotation" / CASME3_BOOK, {"Sheet1": [CASME3_HEADER, *events]})
    if labels is not None:
        write_book(root / "annotation" / CASME3_LABEL_BOOK, {"label": [CASME3_LABEL_HEADER, *labels]})
    for video in CASME3_VIDEOS:
        write_images(root / "part_A" / video / "color", numbers, "{}.jpg")
        write_images(root / "part_A" / video / "depth", numbers, "{}.png")
    return root


def write_table(root: Path, rows: Iterable[Cells] = TABLE_ROWS, header: Cells = TABLE_HEADER) -> Path:
    """Write one's own recordings with their table."""
    write_images(root / "ann" / "one", range(0, 40), "{:03d}.png")
    (root / "bob").mkdir(exist_ok=True)
    (root / "bob" / "two.mp4").touch()
    with (root / "annotations.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return root


WRITERS: dict[str, Callable[..., Path]] = {
    "casme2": write_casme2,
    "samm_lv": write_samm_lv,
    "casme3": write_casme3,
    "table": write_table,
}


if __name__ == "__main__":
    for layout, write in WRITERS.items():
        write(Path(sys.argv[1]) / layout)
