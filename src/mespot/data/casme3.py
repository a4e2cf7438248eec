"""CAS(ME)^3, part A: one workbook of ME and MaE, one of ME with emotions, and images with gaps."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.core.interval import Interval
from mespot.core.offsets import MissingOffset
from mespot.data.assembly import Assembly, Source, Stated
from mespot.data.headers import Headed, HeadedRow, read_headed
from mespot.data.media import Found, choose, folders_named, media_in, media_name
from mespot.data.recordings import Facts, Recordings
from mespot.data.sheets import Workbook, find_workbooks, read_workbook

FACTS = Facts(
    title="CAS(ME)^3, part A",
    licence="copyright of the Institute of Psychology, Chinese Academy of Sciences; licensed to each research group, "
    "not to be passed on",
    citation="J. Li, Z. Dong, S. Lu, S.-J. Wang, W.-J. Yan, Y. Ma, Y. Liu, C. Huang, X. Fu: CAS(ME)^3: A Third "
    "Generation Facial Spontaneous Micro-Expression Database with Depth Information and High Ecological Validity. "
    "IEEE Transactions on Pattern Analysis and Machine Intelligence, 2022. doi:10.1109/TPAMI.2022.3174895",
    link="http://casme.psych.ac.cn/casme/e4",
    counts=(("subjects", 100), ("videos", 1300), ("ME with an emotion", 860)),
)
"""Subjects and videos: https://github.com/Jiaonan-JN/CAS-ME-3; ME with an emotion: rows of the workbook of ME."""
FPS = 30.0
FIRST_FRAME = 1
ALL_BOOKS = ("CAS(ME)3_part_A_v*.xls*",)
ME_BOOKS = ("cas(me)3_part_A_ME_label_JpgIndex_v*.xls*",)
ME_SHEET = "label"
COLUMNS = ("Subject", "Filename", "Onset", "Apex", "Offset")
KIND_COLUMN = "Expression type"
EMOTION_COLUMN = "emotion"
SAME_IOU = 0.5
"""A row of each workbook with other frames are one ME where they overlap by so much."""
_SUBJECT = re.compile(r"spno\.(\d+)", re.IGNORECASE)
_LETTER = re.compile(r"[a-z]", re.IGNORECASE)
KINDS = {"macro-expression": Kind.MAE, "micro-expression": Kind.ME}


def load(path: Path, *, missing_offset: MissingOffset = "mirror") -> Recordings:
    """Load part A of CAS(ME)^3.

    Parameters
    ----------
    path : Path
        Folder with ``CAS(ME)3_part_A_v2.xls`` (ME and MaE) and ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`` (ME with
        emotions), beside or inside it; below it the media: ``spNO.1/a/color/*.jpg`` or files ``spNO.1/a.avi``.
        One of the two workbooks will do; what then lacks is reported.
    missing_offset : MissingOffset
        What becomes of an offset of 0, or of one before the apex (`mespot.core.offsets`).

    Returns
    -------
    Recordings
        Named ``spNO.1/a``; frames are numbered as the names of the images.

    Raises
    ------
    AnnotationError
        The folder or both workbooks are missing, or a row cannot be read.
    """
    assembly = Assembly("casme3", FACTS, path, missing_offset, expect_first=False)
    everything, micro = _book(path, ALL_BOOKS, assembly), _book(path, ME_BOOKS, assembly)
    if everything is None and micro is None:
        raise AnnotationError(f"{path}: holds no workbook {ALL_BOOKS[0]} or {ME_BOOKS[0]}; put the annotations there.")
    rows = [] if everything is None else _all_rows(everything, assembly)
    if everything is None:
        assembly.note("workbook-missing", str(path), f"there is no {ALL_BOOKS[0]}", "there are ME alone, no MaE")
    if micro is None:
        assembly.note("workbook-missing", str(path), f"there is no {ME_BOOKS[0]}", "ME have no emotions")
    else:
        table = read_headed(micro, ME_SHEET, (*COLUMNS, EMOTION_COLUMN))
        labels = [_stated(row, Kind.ME, assembly) for row in table.rows]
        rows = _merged(rows, labels, assembly) if everything is not None else labels
    found, anomalies = choose(_media(path))
    assembly.anomalies += anomalies
    names = {row.recording for row in rows} | set(found)
    return assembly.build({name: _source(name, found) for name in names}, rows)


def _book(root: Path, patterns: tuple[str, ...], assembly: Assembly) -> Workbook | None:
    books = find_workbooks(root, patterns)
    books.sort(key=lambda book: book.name, reverse=True)  # the latest version is last in the alphabet
    for other in books[1:]:
        assembly.note("workbook-several", str(other), f"{books[0].name} is there too", f"{books[0].name} is read")
    return read_workbook(books[0]) if books else None


def _source(name: str, found: dict[str, Found]) -> Source:
    return Source(name.partition("/")[0], found[name].path if name in found else None, FPS, FIRST_FRAME)


def _media(root: Path) -> list[Found]:
    found = []
    for folder in folders_named(root, _SUBJECT):
        for media in media_in(folder):
            letter = media_name(media)
            if _LETTER.fullmatch(letter):
                colour = media / "color"
                path = colour if colour.is_dir() else media
                found.append(Found(f"{_subject(folder.name)}/{letter.lower()}", path, folder.parent))
    return found


def _subject(text: str) -> str:
    named = _SUBJECT.fullmatch(text)
    return f"spNO.{int(named[1])}" if named else ""


def _all_rows(book: Workbook, assembly: Assembly) -> list[Stated]:
    # the sheet's name is not known from any public reader: they all take the first
    table: Headed = read_headed(book, next(iter(book.sheets), ""), (*COLUMNS, KIND_COLUMN))
    rows = []
    for row in table.rows:
        label = row.text(KIND_COLUMN).lower()
        if label not in KINDS:
            raise AnnotationError(
                f"{row.place}: unknown {KIND_COLUMN} '{row.text(KIND_COLUMN)}'; write one of {', '.join(KINDS)}."
            )
        rows.append(_stated(row, KINDS[label], assembly))
    return rows


def _stated(row: HeadedRow, kind: Kind, assembly: Assembly) -> Stated:
    subject, letter = _subject(row.text("Subject")), row.text("Filename")
    if not subject or not _LETTER.fullmatch(letter):
        raise AnnotationError(
            f"{row.place}: Subject '{row.text('Subject')}', Filename '{letter}' are not like spNO.1, a; correct them."
        )
    if letter.isupper():
        assembly.note("name-upper-case", row.place, f"Filename '{letter}' is upper case", f"{letter.lower()} is meant")
    return Stated(
        recording=f"{subject}/{letter.lower()}",
        subject=subject,
        kind=kind,
        onset=row.number("Onset"),
        apex=row.optional("Apex"),
        offset=row.number("Offset"),
        place=row.place,
        emotion=row.text(EMOTION_COLUMN),
        action_units=row.text("AU"),
    )


def _merged(rows: list[Stated], labels: list[Stated], assembly: Assembly) -> list[Stated]:
    """Give the rows of ME their emotions from the workbook of ME; what only one of the two has is kept and said."""
    merged = list(rows)
    waiting: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row.kind is Kind.ME:
            waiting[row.recording].append(at)
    unmatched = []
    for label in labels:
        same = [at for at in waiting[label.recording] if _frames(rows[at]) == _frames(label)]
        if same:
            waiting[label.recording].remove(same[0])
            merged[same[0]] = replace(rows[same[0]], emotion=label.emotion)
        else:
            unmatched.append(label)
    for label in unmatched:
        near = [at for at in waiting[label.recording] if _iou(rows[at], label) >= SAME_IOU]
        if near:
            at = max(near, key=lambda at: _iou(rows[at], label))
            waiting[label.recording].remove(at)
            merged[at] = replace(label, action_units=label.action_units or rows[at].action_units)
            fact = f"frames {_written(label)} here, {_written(rows[at])} in {rows[at].place}"
            assembly.note("frames-differ", label.place, fact, "one ME; the frames of this row count")
        else:
            merged.append(label)
            assembly.note("only-here", label.place, "the workbook of ME and MaE lacks this ME", "it counts")
    for at in (at for places in waiting.values() for at in places):
        assembly.note("emotion-missing", rows[at].place, "the workbook of ME lacks this ME", "it counts, no emotion")
    return merged


def _frames(row: Stated) -> tuple[float, float]:
    return row.onset, row.offset


def _written(row: Stated) -> str:
    return f"{row.onset:g} to {row.offset:g}"


def _iou(row: Stated, label: Stated) -> float:
    spans = [(max(0, int(one.onset)), int(one.offset) + 1) for one in (row, label)]
    if any(start >= stop for start, stop in spans):
        return 0.0
    return Interval(*spans[0]).iou(Interval(*spans[1]))
