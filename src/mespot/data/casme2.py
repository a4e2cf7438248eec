"""CAS(ME)^2: a workbook without headers, and long videos as images or files."""

from __future__ import annotations

import re
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset
from mespot.data.assembly import Assembly, Source, Stated
from mespot.data.media import Found, choose, folders_named, media_in, media_name
from mespot.data.recordings import Facts, Recordings
from mespot.data.sheets import Row, Workbook, find_workbooks, read_workbook

FACTS = Facts(
    title="CAS(ME)^2",
    licence="by licence agreement with the Institute of Psychology, Chinese Academy of Sciences, to be signed by each "
    "research group; not to be passed on",
    citation="F. Qu, S.-J. Wang, W.-J. Yan, H. Li, S. Wu, X. Fu: CAS(ME)^2: A Database for Spontaneous "
    "Macro-Expression and Micro-Expression Spotting and Recognition. IEEE Transactions on Affective Computing 9, "
    "424-436, 2018. doi:10.1109/TAFFC.2017.2654440",
    link="http://casme.psych.ac.cn/casme/e3",
    remark="videos: 98 in the baseline of MEGC 2020, 97 by MEGC, 87 in the paper; 95 have annotations",
    counts=(
        ("subjects", 22),
        ("videos", 98),
        ("videos with annotations", 95),
        ("ME", 57),
        ("MaE", 300),
        ("frames in videos with annotations", 248_348),
    ),
)
FPS = 30.0
FIRST_FRAME = 1
WORKBOOKS = ("CAS(ME)^2code_final*.xls*", "code_final*.xls*")
"""Names of the annotation workbook, the updated release first."""
EVENTS, SUBJECTS, CODES = "CASFEcode_final", "naming rule1", "naming rule2"
"""Sheets: the annotations; row by row whose they are; the code of every elicitation."""
FOLDERS = (15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40)
"""Folder numbers of the subjects 1 to 22, for a workbook whose sheet of subjects is missing."""
ELICITATIONS = {
    "disgust1": "0101", "disgust2": "0102", "anger1": "0401", "anger2": "0402", "happy1": "0502", "happy2": "0503",
    "happy3": "0505", "happy4": "0507", "happy5": "0508",
}  # fmt: skip
"""The same for the sheet of codes."""
KINDS = {"macro-expression": Kind.MAE, "micro-expression": Kind.ME}
_SUBJECT = re.compile(r"s\d+", re.IGNORECASE)
_VIDEO = re.compile(r"(\d+)_(\d{4})(?!\d).*")


def load(path: Path, *, missing_offset: MissingOffset = "mirror") -> Recordings:
    """Load CAS(ME)^2.

    Parameters
    ----------
    path : Path
        Folder with the annotation workbook, beside or inside it; below it the media: ``s15/15_0101...`` in any folder
        (``rawpic``, ``longVideoFaceCropped``), as images or as ``rawvideo/s15/15_0101....avi``.
    missing_offset : MissingOffset
        What becomes of an offset of 0, or of one before the apex (`mespot.core.offsets`).

    Returns
    -------
    Recordings
        Named ``s15/15_0101disgustingteeth``; without media, and without a column that names it, ``s15/15_0101``.

    Raises
    ------
    AnnotationError
        The folder or the workbook is missing, or a row cannot be read.
    """
    assembly = Assembly("casme2", FACTS, path, missing_offset)
    books = find_workbooks(path, WORKBOOKS)
    if not books:
        raise AnnotationError(f"{path}: holds no workbook {' or '.join(WORKBOOKS)}; put the annotations there.")
    # the updated release is named after the dataset and says so in brackets
    books.sort(
        key=lambda book: ("updated" not in book.name.lower(), not book.name.lower().startswith("cas"), book.name)
    )
    for other in books[1:]:
        assembly.note("workbook-several", str(other), f"{books[0].name} is there too", f"{books[0].name} is read")
    book = read_workbook(books[0])
    found, anomalies = choose(_media(path, assembly))
    assembly.anomalies += anomalies
    paths = {key: one.path for key, one in found.items()}
    names = {key: f"{key.partition('/')[0]}/{media_name(media)}" for key, media in paths.items()}
    rows = _rows(book, assembly, names)
    sources = {name: Source(name.partition("/")[0], paths.get(key), FPS, FIRST_FRAME) for key, name in names.items()}
    return assembly.build(sources, rows)


def _media(root: Path, assembly: Assembly) -> list[Found]:
    found = []
    for folder in folders_named(root, _SUBJECT):
        subject, strange = folder.name.lower(), 0
        for media in media_in(folder):
            named = _VIDEO.fullmatch(media_name(media))
            if named is None or int(named[1]) != int(subject[1:]):
                strange += 1
                continue
            found.append(Found(f"{subject}/{named[1]}_{named[2]}", media, folder.parent))
        if strange:
            fact = f"{strange} folders or files are not named like {subject[1:]}_0101..."
            assembly.note("media-unknown", str(folder), fact, "they are no long videos of this subject: left out")
    return found


def _rows(book: Workbook, assembly: Assembly, names: dict[str, str]) -> list[Stated]:
    """Read the annotations; recordings without media are added to ``names``."""
    events = list(book.sheet(EVENTS))
    if events[0].optional(2) is None and events[0].optional(4) is None:
        assembly.note("header-row", events[0].place, "a header, which the released sheet does not have", "read over")
        del events[0]
    folders, codes = _folders(book, assembly), _codes(book, assembly)
    return [_row(row, folders, codes, assembly, names) for row in events]


def _row(row: Row, folders: dict[int, int], codes: dict[str, str], assembly: Assembly, names: dict[str, str]) -> Stated:
    number = int(row.number(0, "subject"))
    elicitation, _, event = row.text(1).rpartition("_")  # events have one or two digits: anger1_1, anger1_10
    if number not in folders:
        raise AnnotationError(f"{row.place}: subject {number} has no folder in '{SUBJECTS}'; correct one of them.")
    if elicitation.lower() not in codes or not event.isdecimal():
        raise AnnotationError(
            f"{row.place}: '{row.text(1)}' is no event of '{CODES}'; write for example anger1_10 ({', '.join(codes)})."
        )
    label = row.text(7).lower()
    if label not in KINDS:
        raise AnnotationError(f"{row.place}: unknown kind '{row.text(7)}'; write one of {', '.join(KINDS)}.")
    folder = folders[number]
    key = f"s{folder}/{folder}_{codes[elicitation.lower()]}"
    stated_path = row.text(10).strip("/")
    names.setdefault(key, stated_path if stated_path.startswith(key) else key)
    if stated_path and stated_path != names[key]:
        assembly.note("path-differs", row.place, f"column K says {stated_path}", f"counted to {names[key]}")
    return Stated(
        recording=names[key],
        subject=f"s{folder}",
        kind=KINDS[label],
        onset=row.number(2, "onset"),
        apex=row.optional(3),
        offset=row.number(4, "offset"),
        place=row.place,
        emotion=row.text(6),
        action_units=row.text(5),
    )


def _folders(book: Workbook, assembly: Assembly) -> dict[int, int]:
    """Return the folder number of every subject, from the sheet where it is there."""
    if not book.has(SUBJECTS):
        assembly.note("sheet-missing", book.path.name, f"there is no sheet '{SUBJECTS}'", "the released one is assumed")
        return dict(enumerate(FOLDERS, start=1))
    folders: dict[int, int] = {}
    for row in book.sheet(SUBJECTS):
        folder, subject = row.optional(0), row.optional(2)
        if folder is None or subject is None:
            assembly.note("row-unread", row.place, "column A or C is no number", "left out")
        elif folders.setdefault(int(subject), int(folder)) != int(folder):
            fact = f"subject {subject:g} has the folder {folder:g}, before {folders[int(subject)]}"
            assembly.note("folder-differs", row.place, fact, f"{folders[int(subject)]} counts")
    return folders


def _codes(book: Workbook, assembly: Assembly) -> dict[str, str]:
    """Return the four-digit code of every elicitation, from the sheet where it is there."""
    if not book.has(CODES):
        assembly.note("sheet-missing", book.path.name, f"there is no sheet '{CODES}'", "the released one is assumed")
        return dict(ELICITATIONS)
    codes = {}
    for row in book.sheet(CODES):
        code, name = row.text(0), row.text(1).lower()
        if not code.isdecimal() or not name:
            assembly.note("row-unread", row.place, "column A is no code or column B no name", "left out")
            continue
        if len(code) < 4:
            assembly.note("code-shortened", row.place, f"code {code} has lost its zero", f"{code.zfill(4)} is meant")
        codes[name] = code.zfill(4)
    return codes
