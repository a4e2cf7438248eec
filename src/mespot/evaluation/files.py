"""References and results of any system, from files: CSV, JSON, ActivityNet JSON, ELAN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.evaluation.elan import read_elan
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.records import read_json
from mespot.evaluation.stated import SAME_RATE, Numbering, OnNote, Stated, called_as, one_rate, text_of
from mespot.evaluation.tables import read_csv

PATTERNS = ("*.spotting.json", "*.eaf", "*.csv")
"""What is read of a folder: all files of the first of these that it holds."""
STUDY = "run.json"
"""What only the folder of a study holds."""
ASSUMED_FPS = 30.0
"""Where nobody states a rate; a note says so."""


def read_reference(
    path: Path | str, *, fps: float | None = None, first_frame: int = 0, on_note: OnNote = lambda _: None
) -> Reference:
    """Read what was annotated.

    Parameters
    ----------
    path : Path
        A file or a folder of files: a plain table (``video,subject,kind,onset,apex,offset[,emotion][,fps]``, frames of
        the dataset, offset inside), ActivityNet JSON, ELAN, or results of mespot that a person has corrected. The
        content tells the format.
    fps : float, optional
        Frames a second, over what the file states.
    first_frame : int
        Number of a video's first frame, for the formats that count seconds or frames from 0.
    on_note : callable
        Receives a sentence on whatever was assumed or left out.

    Raises
    ------
    AnnotationError, SpottingError
        The file cannot be read as any of these; the sentence names the row.
    """
    return reference_with_rate(path, fps=fps, first_frame=first_frame, on_note=on_note)[0]


def reference_with_rate(
    path: Path | str, *, fps: float | None = None, first_frame: int = 0, on_note: OnNote = lambda _: None
) -> tuple[Reference, float | None]:
    """Return the reference, and its frames a second only where they are stated; otherwise as `read_reference`."""
    path = Path(path)
    stated = _read(path, Numbering(first_frame, fps), "database", on_note)
    if not stated.subjects:
        raise AnnotationError(f"{path}: lists no video; write one row for each, with an empty kind where it has none.")
    rate = fps or one_rate(path, stated.fps.values())
    if rate is None:
        on_note(f"{path}: states no frames a second; {ASSUMED_FPS:g} is assumed, --fps says otherwise")
    events = tuple(
        ReferenceEvent(
            event.video, stated.subjects[event.video], event.kind, event.onset, event.apex, event.offset, event.emotion
        )
        for event in stated.events
    )
    return Reference(events, tuple(stated.subjects.items()), rate or ASSUMED_FPS), rate


def read_detected(
    path: Path | str,
    *,
    reference: Reference | None = None,
    fps: float | None = None,
    first_frame: int = 0,
    on_note: OnNote = lambda _: None,
) -> tuple[DetectedEvent, ...]:
    """Read what a system reports.

    Parameters
    ----------
    path : Path
        A file or a folder of files: a plain table (``video,kind,onset,offset,score[,emotion]``), a submission to the
        MEGC (``vid,pred_onset,pred_offset,type``), the JSON or CSV of ``mespot spot``, ActivityNet JSON, or ELAN. The
        content tells the format.
    reference : Reference, optional
        For the names of videos: formats that name media files are read with the name that the reference has for them,
        see `mespot.evaluation.stated.called_as`; so are others where not one name is known to the reference.
    fps : float, optional
        Frames a second of the reference, for the formats that count seconds.
    first_frame, on_note
        As for `read_reference`.

    Raises
    ------
    AnnotationError, SpottingError
        The file cannot be read as any of these; the sentence names the row.
    """
    stated = _read(Path(path), Numbering(first_frame, fps), "results", on_note)
    names = [video for video, _ in reference.videos] if reference else []
    call = called_as(names) if stated.called_by_file or not stated.subjects.keys() & set(names) else str
    rate = next(iter(stated.fps.values()), fps)
    if fps and rate and abs(rate - fps) > SAME_RATE * fps:
        on_note(f"{path}: is of {rate:g} fps and the reference of {fps:g}: their frames may not be the same")
    return tuple(
        DetectedEvent(call(event.video), event.kind, event.onset, event.offset, event.score, event.emotion)
        for event in stated.events
    )


def _read(path: Path, numbering: Numbering, member: str, on_note: OnNote) -> Stated:
    found = Stated()
    for file in _files(path):
        start = _start(file)
        if start == "{":
            stated = read_json(file, numbering, member=member)
        elif start == "<":
            stated = read_elan(file, numbering, on_note)
        else:
            stated = read_csv(file, numbering)
        found.extend(str(file), stated)
    return found


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    if (path / STUDY).is_file():
        raise AnnotationError(
            f"{path}: is a study, which holds annotations and detections; name its reference.csv or detections.csv."
        )
    for pattern in PATTERNS:
        if files := sorted(path.rglob(pattern)):
            yield from files
            return
    raise AnnotationError(f"{path}: holds no {', '.join(PATTERNS)}; name the folder of the results, or a file.")


def _start(path: Path) -> str:
    """Return the first character that is not blank: ``{`` is JSON, ``<`` is XML."""
    if path.suffix.lower() == ".eaf":
        return "<"
    text = text_of(path).lstrip()
    if not text:
        raise AnnotationError(f"{path}: is empty; check the file.")
    return text[0]
