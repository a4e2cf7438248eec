"""Made-up references and detections, drawn by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent

VIDEOS = (("s1/a", "s1"), ("s1/b", "s1"), ("s2/a", "s2"), ("s3/empty", "s3"))
KINDS = st.sampled_from([Kind.ME, Kind.MAE])


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    """Onset and offset: many that overlap."""
    onset = draw(st.integers(1, 40))
    return onset, onset + draw(st.integers(0, 30))


@st.composite
def references(draw: st.DrawFn, most: int = 8) -> Reference:
    """A reference of four videos, the last without expressions."""
    events = []
    for _ in range(draw(st.integers(0, most))):
        video, subject = draw(st.sampled_from(VIDEOS[:3]))
        onset, offset = draw(spans())
        events.append(ReferenceEvent(video, subject, draw(KINDS), onset, draw(st.integers(onset, offset)), offset))
    return Reference(tuple(events), VIDEOS)


@st.composite
def detections(draw: st.DrawFn, most: int = 10) -> list[DetectedEvent]:
    """Detections in these videos and in one that the reference does not list."""
    found = []
    for _ in range(draw(st.integers(0, most))):
        video = draw(st.sampled_from([*(name for name, _ in VIDEOS), "unlisted"]))
        onset, offset = draw(spans())
        score = draw(st.sampled_from([0.1, 0.5, 0.9]))
        found.append(DetectedEvent(video, draw(KINDS), onset, offset, score))
    return found


def perfect(reference: Reference) -> list[DetectedEvent]:
    """Detections that are the reference."""
    return [DetectedEvent(event.video, event.kind, event.onset, event.offset, 0.9) for event in reference.events]
