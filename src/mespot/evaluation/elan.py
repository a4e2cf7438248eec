"""Expressions as ELAN keeps them (EAF 2.8 to 3.0)."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

from mespot.core.errors import AnnotationError
from mespot.core.expression import KINDS, Kind
from mespot.evaluation.stated import Numbering, OnNote, Stated, StatedEvent, number_of

ALIGNED = "ANNOTATION/ALIGNABLE_ANNOTATION"
APEX = "apex"


def read_elan(path: Path, numbering: Numbering, on_note: OnNote) -> Stated:
    """Read one document: one video.

    Parameters
    ----------
    path : Path
        The ``.eaf`` file.
    numbering : Numbering
        ELAN counts milliseconds and knows no frames.
    on_note : callable
        Receives a sentence on what was not read.

    Notes
    -----
    The kind is what an annotation says ("micro", "MaE", ...), or else what the name of its tier begins with
    (``macro``, ``micro-2``, ``micro@face-1``); other tiers are no expressions. An annotation ends with an instant: the
    offset is the frame before. Annotations that depend on one hold its score or emotion where their tiers' names end
    with ``confidence``, ``score`` or ``emotion``. The tier ``apex`` marks apices. The participant of a tier is the
    subject; of a document without expressions, the only participant that any tier names. ``TIME_ORIGIN``, the time of
    the media at which the annotations' time begins, is added.

    Documents with a document type are refused: EAF has none, and entities can read other files or fill the memory.

    Raises
    ------
    AnnotationError
        The file is no such document, or an annotation is not as it should be; the sentence names it.
    """
    document = _Document(path, _parse(path))
    stated = Stated(called_by_file=True)
    stated.add_video(str(path), document.video)
    for tier in document.root.iterfind("TIER"):
        left_out = 0
        for mark in tier.iterfind(ALIGNED):
            kind = _kind(mark, tier)
            if kind is None:
                left_out += 1
                continue
            event = document.event(mark, kind, tier.get("PARTICIPANT") or "", numbering)
            stated.add_video(str(path), event.video, event.subject)
            stated.add(event)
        if left_out and _words(tier)[:1] != [APEX]:
            on_note(
                f"{path}: {left_out} annotations of the tier '{tier.get('TIER_ID')}' are of no kind and were left out; "
                "name the tier macro or micro if they are expressions"
            )
    participants = {name for tier in document.root.iterfind("TIER") if (name := tier.get("PARTICIPANT"))}
    if not stated.subjects[document.video] and len(participants) == 1:
        stated.add_video(str(path), document.video, participants.pop())
    return stated


class _Document:
    """What the annotations of a document refer to."""

    def __init__(self, path: Path, root: ElementTree.Element) -> None:
        self.path = path
        self.root = root
        media = root.find("HEADER/MEDIA_DESCRIPTOR")
        self.video = path.stem if media is None else _media(media) or path.stem
        origin = None if media is None else media.get("TIME_ORIGIN")
        self._origin_ms = number_of(origin or 0, str(path), "TIME_ORIGIN")
        self._slots = {
            str(slot.get("TIME_SLOT_ID")): number_of(value, f"{path}, time slot {slot.get('TIME_SLOT_ID')}", "time")
            for slot in root.iterfind("TIME_ORDER/TIME_SLOT")
            if (value := slot.get("TIME_VALUE")) is not None
        }
        self._apices_s = [
            self._time_s(mark, 1)
            for tier in root.iterfind("TIER")
            if _words(tier)[:1] == [APEX]
            for mark in tier.iterfind(ALIGNED)
        ]
        self._dependents = {
            (child.get("ANNOTATION_REF"), _words(tier)[-1:][0]): (child.findtext("ANNOTATION_VALUE") or "").strip()
            for tier in root.iterfind("TIER")
            if _words(tier)
            for child in tier.iterfind("ANNOTATION/REF_ANNOTATION")
        }

    def event(self, mark: ElementTree.Element, kind: Kind, subject: str, numbering: Numbering) -> StatedEvent:
        """Return an annotation as an expression."""
        place, name = self._place(mark), mark.get("ANNOTATION_ID")
        begin_s, end_s = self._time_s(mark, 1), self._time_s(mark, 2)
        fps = numbering.rate(place)
        onset, offset = numbering.span(place, begin_s, end_s, fps)
        apex = next((numbering.frame(place, time, fps) for time in self._apices_s if begin_s <= time < end_s), None)
        score = self._dependents.get((name, "confidence")) or self._dependents.get((name, "score")) or 0
        emotion = self._dependents.get((name, "emotion")) or None
        return StatedEvent(self.video, subject, kind, onset, apex, offset, number_of(score, place, "score"), emotion)

    def _place(self, mark: ElementTree.Element) -> str:
        return f"{self.path}, annotation {mark.get('ANNOTATION_ID')}"

    def _time_s(self, mark: ElementTree.Element, end: int) -> float:
        slot = mark.get(f"TIME_SLOT_REF{end}", "")
        if slot not in self._slots:
            raise AnnotationError(f"{self._place(mark)}: has no time at one end; give it one in ELAN.")
        return (self._slots[slot] + self._origin_ms) / 1000


def _parse(path: Path) -> ElementTree.Element:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror or error}); check the path.") from error

    def refuse(*_: object) -> None:
        raise AnnotationError(f"{path}: has a document type, which no ELAN file has; save it again from ELAN.")

    checker = expat.ParserCreate()
    checker.StartDoctypeDeclHandler = refuse
    try:
        checker.Parse(data, True)
        root = ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise AnnotationError(f"{path}: is no XML ({error}); check the file.") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise AnnotationError(f"{path}: is no ELAN document but <{root.tag}>; save it from ELAN as .eaf.")
    return root


def _media(media: ElementTree.Element) -> str:
    address = media.get("MEDIA_URL") or media.get("RELATIVE_MEDIA_URL") or ""
    return unquote(urlsplit(address).path) if "://" in address else unquote(address.removeprefix("file:"))


def _words(tier: ElementTree.Element) -> list[str]:
    return [word for word in re.split(r"[^a-z]+", (tier.get("TIER_ID") or "").lower()) if word]


def _kind(mark: ElementTree.Element, tier: ElementTree.Element) -> Kind | None:
    value = (mark.findtext("ANNOTATION_VALUE") or "").strip().lower()
    first = _words(tier)[:1]
    return KINDS.get(value) or (KINDS.get(first[0]) if first else None)
