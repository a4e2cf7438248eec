"""A made-up reference and detections, in every format that `mespot evaluate` reads.

Run ``python tests/made_events.py`` to write tests/evaluation/golden again, and look at what changed.

By hand, strictly: on s1/a the MaE is hit by 33-88 (56 of 60 frames), the ME by 119-130 (10 of 14), and 200-209 is
false; s1/b has no expression; on s2/a 12-20 is of the other kind, so that the ME is missed, and 70-140 hits the MaE (51
of 80).
MaE: 2 right, 1 false, 0 missed. ME: 1 right, 2 false, 1 missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from mespot.core.expression import Kind
from mespot.evaluation.evaluate import evaluate
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent

FPS = 30.0
FIRST_FRAME = 1
REFERENCE = Reference(
    (
        ReferenceEvent("s1/a", "s1", Kind.MAE, 31, 45, 90, "happy"),
        ReferenceEvent("s1/a", "s1", Kind.ME, 121, 124, 132, "sad"),
        ReferenceEvent("s2/a", "s2", Kind.ME, 11, 14, 20, "fear"),
        ReferenceEvent("s2/a", "s2", Kind.MAE, 61, 80, 120, "happy"),
    ),
    (("s1/a", "s1"), ("s1/b", "s1"), ("s2/a", "s2")),
    FPS,
)
DETECTED = (
    DetectedEvent("s1/a", Kind.MAE, 33, 88, 0.9, "happy"),
    DetectedEvent("s1/a", Kind.ME, 119, 130, 0.8, "happy"),
    DetectedEvent("s1/a", Kind.ME, 200, 209, 0.3, "sad"),
    DetectedEvent("s1/b", Kind.ME, 5, 12, 0.6, "sad"),
    DetectedEvent("s2/a", Kind.MAE, 12, 20, 0.5, "fear"),
    DetectedEvent("s2/a", Kind.MAE, 70, 140, 0.7, "happy"),
)
GOLDEN = Path(__file__).parent / "evaluation" / "golden"

Event = ReferenceEvent | DetectedEvent


def plain_reference(path: Path, reference: Reference = REFERENCE) -> None:
    """Write ``video,subject,kind,onset,apex,offset,emotion,fps``."""
    rows = []
    for video, subject in reference.videos:
        mine = [
            f"{one.kind.value},{one.onset},{one.apex},{one.offset},{one.emotion}"
            for one in reference.events
            if one.video == video
        ]
        rows += [f"{video},{subject},{cells},{FPS:g}" for cells in mine or [",,,,"]]
    _lines(path, ["video,subject,kind,onset,apex,offset,emotion,fps", *rows])


def plain_detected(path: Path, detected: Sequence[DetectedEvent] = DETECTED) -> None:
    """Write ``video,kind,onset,offset,score,emotion``."""
    rows = [f"{one.video},{one.kind.value},{one.onset},{one.offset},{one.score},{one.emotion}" for one in detected]
    _lines(path, ["video,kind,onset,offset,score,emotion", *rows])


def megc(path: Path, detected: Sequence[DetectedEvent] = DETECTED) -> None:
    """Write a submission to the MEGC, which has no scores."""
    rows = [f"{one.video},{one.onset},{one.offset},{one.kind.value.lower()}" for one in detected]
    _lines(path, ["vid,pred_onset,pred_offset,type", *rows])


def activitynet(path: Path, events: Sequence[Event], videos: Iterable[tuple[str, str]], fps: float = FPS) -> None:
    """Write a database where subjects are named, results otherwise."""
    members: dict[str, object] = {}
    for video, subject in videos:
        segments = [_segment(one, fps) for one in events if one.video == video]
        members[video] = (
            {"subset": "test", "fps": fps, "subject": subject, "annotations": segments} if subject else segments
        )
    name = "database" if any(subject for _, subject in videos) else "results"
    path.write_text(json.dumps({"version": "1.3", name: members}, indent=1) + "\n", encoding="utf-8")


def _segment(event: Event, fps: float) -> dict[str, object]:
    begin, end = (event.onset - FIRST_FRAME) / fps, (event.offset + 1 - FIRST_FRAME) / fps
    score = {"score": event.score} if isinstance(event, DetectedEvent) else {"label_id": int(event.kind is Kind.ME)}
    label = {Kind.ME: "micro", Kind.MAE: "macro"}[event.kind]
    return {"segment": [round(begin, 6), round(end, 6)], "label": label, "emotion": event.emotion, **score}


def elan(path: Path, events: Sequence[Event], video: str, subject: str = "", fps: float = FPS) -> None:
    """Write one document, its tiers as in `mespot.evaluation.elan`; slots in the order of the annotations."""
    slots: list[int] = []

    def aligned(number: int, begin_ms: int, end_ms: int, value: str) -> str:
        slots.extend((begin_ms, end_ms))
        refs = f'TIME_SLOT_REF1="ts{len(slots) - 1}" TIME_SLOT_REF2="ts{len(slots)}"'
        return (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" {refs}><ANNOTATION_VALUE>{escape(value)}'
            "</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        )

    tiers = ""
    for name, kind in (("macro", Kind.MAE), ("micro", Kind.ME)):
        mine = [(number, one) for number, one in enumerate(events, start=1) if one.kind is kind]
        marks = [aligned(n, _ms(e.onset, fps), _ms(e.offset + 1, fps), name) for n, e in mine]
        tiers += _tier(name, marks, f'PARTICIPANT="{subject}"' if subject else "")
        scored = [(n, str(e.score)) for n, e in mine if isinstance(e, DetectedEvent)]
        tiers += _tier(f"{name}-confidence", _dependents(scored, 100), f'PARENT_REF="{name}"')
        felt = [(n, e.emotion) for n, e in mine if e.emotion]
        tiers += _tier(f"{name}-emotion", _dependents(felt, 200), f'PARENT_REF="{name}"')
    apices = [_ms(e.apex, fps) for e in events if isinstance(e, ReferenceEvent) and e.apex is not None]
    tiers += _tier("apex", [aligned(300 + n, at, at + 1, "") for n, at in enumerate(apices)], "")
    times = "\n".join(f'<TIME_SLOT TIME_SLOT_ID="ts{n}" TIME_VALUE="{ms}"/>' for n, ms in enumerate(slots, start=1))
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-11-26T00:00:00Z" FORMAT="3.0" VERSION="3.0">\n'
        f'<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR MEDIA_URL="file:///data/{video}.mp4" '
        f'MIME_TYPE="video/mp4"/></HEADER>\n<TIME_ORDER>\n{times}\n</TIME_ORDER>\n{tiers}'
        '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="expression"/>\n</ANNOTATION_DOCUMENT>\n',
        encoding="utf-8",
    )


def _ms(frame: float, fps: float) -> int:
    return round((frame - FIRST_FRAME) * 1000 / fps)


def _dependents(values: Iterable[tuple[int, str]], base: int) -> list[str]:
    return [
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a{base + number}" ANNOTATION_REF="a{number}"><ANNOTATION_VALUE>'
        f"{escape(value)}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
        for number, value in values
    ]


def _tier(name: str, marks: Sequence[str], more: str) -> str:
    head = " ".join(part for part in (f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="expression"', more) if part)
    return f"{head}>\n" + "".join(f"{mark}\n" for mark in marks) + "</TIER>\n"


def elans(folder: Path, events: Sequence[Event], videos: Iterable[tuple[str, str]]) -> None:
    """Write a document for every video."""
    folder.mkdir(parents=True, exist_ok=True)
    for video, subject in videos:
        elan(folder / f"{video.replace('/', '_')}.eaf", [one for one in events if one.video == video], video, subject)


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


NAMELESS = tuple((video, "") for video, _ in REFERENCE.videos)
REFERENCES: dict[str, Callable[[Path], None]] = {
    "reference.csv": plain_reference,
    "reference.json": lambda path: activitynet(path, REFERENCE.events, REFERENCE.videos),
    "reference_elan": lambda path: elans(path, REFERENCE.events, REFERENCE.videos),
}
DETECTIONS: dict[str, Callable[[Path], None]] = {
    "detected.csv": plain_detected,
    "detected_megc.csv": megc,
    "detected.json": lambda path: activitynet(path, DETECTED, NAMELESS),
    "detected_elan": lambda path: elans(path, DETECTED, NAMELESS),
}


def scores() -> object:
    """Return all scores but the intervals, whose limits depend on a generator of random numbers; 6 decimals."""
    found = evaluate(reference=REFERENCE, detected=DETECTED, protocols="all", resamples=1)
    del found["about"], found["strict"]["intervals_95"]
    return json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 6))


def write_all(folder: Path) -> None:
    """Write every golden file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in {**REFERENCES, **DETECTIONS}.items():
        write(folder / name)
    (folder / "scores.json").write_text(json.dumps(scores(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_all(GOLDEN)
