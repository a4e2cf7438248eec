"""SAMM Long Videos: a workbook whose header stands on row 10, and videos of 200 frames a second."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset
from mespot.data.assembly import Assembly, Source, Stated
from mespot.data.headers import Headed, read_headed
from mespot.data.media import DEPTH, Found, choose, folders_named, media_in, media_name
from mespot.data.recordings import Facts, Recordings
from mespot.data.sheets import find_workbooks, read_workbook

FACTS = Facts(
    title="SAMM Long Videos",
    licence="by release agreement with Manchester Metropolitan University, to be signed by each research group; not "
    "to be passed on",
    citation="C. H. Yap, C. Kendrick, M. H. Yap: SAMM Long Videos: A Spontaneous Facial Micro- and Macro-Expressions "
    "Dataset. IEEE International Conference on Automatic Face and Gesture Recognition (FG 2020), 771-776. "
    "arXiv:1911.01519",
    link="https://helward.mmu.ac.uk/STAFF/M.Yap/dataset.php",
    remark="the paper counts 32 subjects; the released table has 30, in 147 videos",
    counts=(
        ("subjects with annotations", 30),
        ("videos", 147),
        ("videos with annotations", 147),
        ("ME", 159),
        ("MaE", 343),
    ),
)
FPS = 200.0
FIRST_FRAME = 1
WORKBOOKS = ("SAMM_LongVideos_V*_Release*.xls*",)
SHEET = "FACS_Movement_Only"
HEADER_ROW = 10
COLUMNS = ("Subject", "Filename", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units")
CORRECTED = ("020_6_5", "036_7_4")
"""Events whose offsets releases after the first correct."""
_VIDEO = re.compile(r"(\d{3})_(\d+)")
_EVENT = re.compile(r"(\d{1,3})_(\d+)_(\d+)")
_VERSION = re.compile(r"_v(\d+)_", re.IGNORECASE)


def load(path: Path, *, missing_offset: MissingOffset = "mirror") -> Recordings:
    """Load SAMM Long Videos.

    Parameters
    ----------
    path : Path
        Folder with ``SAMM_LongVideos_V1|V2|V3_Release.xlsx``, beside or inside it; below it the media: folders of
        images ``006_1/006_1_0001.jpg`` or files ``006_1.avi``. Of several workbooks the latest is read.
    missing_offset : MissingOffset
        What becomes of an offset of 0, or of one before the apex (`mespot.core.offsets`).

    Returns
    -------
    Recordings
        Named ``006_1``.

    Raises
    ------
    AnnotationError
        The folder or the workbook is missing, or a row cannot be read.
    """
    assembly = Assembly("samm_lv", FACTS, path, missing_offset)
    books = sorted(find_workbooks(path, WORKBOOKS), key=lambda book: (-_version(book), book.name))
    if not books:
        raise AnnotationError(f"{path}: holds no workbook {WORKBOOKS[0]}; put the annotations there.")
    for other in books[1:]:
        assembly.note("workbook-several", str(other), f"{books[0].name} is there too", f"{books[0].name} is read")
    found, anomalies = choose(_media(path))
    assembly.anomalies += anomalies
    table = read_headed(read_workbook(books[0]), SHEET, COLUMNS)
    if not table.place.endswith(f"row {HEADER_ROW}"):
        fact = f"the header does not stand on row {HEADER_ROW}"
        assembly.note("header-row", table.place, fact, "found by its names")
    rows = _rows(table, assembly, first_release=_version(books[0]) == 1)
    names = {row.recording for row in rows} | set(found)
    return assembly.build({name: _source(name, found) for name in names}, rows)


def _version(book: Path) -> int:
    named = _VERSION.search(book.name)
    return int(named[1]) if named else 0


def _source(name: str, found: dict[str, Found]) -> Source:
    return Source(name.partition("_")[0], found[name].path if name in found else None, FPS, FIRST_FRAME)


def _media(root: Path) -> list[Found]:
    found = [Found(folder.name, folder, folder.parent) for folder in folders_named(root, _VIDEO)]
    level = [root]
    for _ in range(DEPTH):  # files lie beside each other, in the root or some folders below it
        inside = [media for folder in level for media in media_in(folder) if not _VIDEO.fullmatch(media.name)]
        named = [(media_name(media), media) for media in inside if media.is_file()]
        found += [Found(name, media, media.parent) for name, media in named if _VIDEO.fullmatch(name)]
        level = [media for media in inside if media.is_dir()]
    return found


def _rows(table: Headed, assembly: Assembly, *, first_release: bool) -> list[Stated]:
    times = Counter(row.text("Filename") for row in table.rows)
    rows = []
    for row in table.rows:
        event = row.text("Filename")
        named = _EVENT.fullmatch(event)
        if named is None:
            raise AnnotationError(
                f"{row.place}: Filename '{event}' is not like 006_1_2 (subject_video_event); correct it."
            )
        subject = named[1].zfill(3)
        if times[event] > 1:
            assembly.note("name-twice", row.place, f"Filename {event} occurs {times[event]} times", "every row counts")
        stated_subject = row.text("Subject")
        if stated_subject.zfill(3) != subject:
            fact = f"Subject says '{stated_subject}', Filename {event}"
            assembly.note("subject-differs", row.place, fact, f"{subject} counts")
        if first_release and event in CORRECTED:
            fact = f"later releases correct the offset of {event}"
            assembly.note("corrected-later", row.place, fact, "read as it stands; take the latest release")
        stated = Stated(
            recording=f"{subject}_{named[2]}",
            subject=subject,
            kind=_kind(row.text("Type"), row.place),
            onset=row.number("Onset"),
            apex=row.optional("Apex"),
            offset=row.number("Offset"),
            place=row.place,
            action_units=row.text("Action Units"),
        )
        duration = row.optional("Duration")
        if duration is not None and abs(duration - (stated.offset - stated.onset + 1)) > 1e-6:
            fact = f"Duration {duration:g} is not offset - onset + 1 = {stated.offset - stated.onset + 1:g}"
            assembly.note("duration-differs", row.place, fact, "onset and offset count")
        rows.append(stated)
    return rows


def _kind(label: str, place: str) -> Kind:
    """Return the kind of ``Macro`` and ``Micro - 1/2``."""
    for start, kind in (("macro", Kind.MAE), ("micro", Kind.ME)):
        if label.lower().startswith(start):
            return kind
    raise AnnotationError(f"{place}: unknown Type '{label}'; write Macro or Micro - 1/2.")
