"""Expressions as files state them: the input of every scorer, in the frames of the dataset, onset and offset inside.

A reference keeps what its table says, a missing offset (0) included: how that is completed is part of a protocol.
"""

from __future__ import annotations

from dataclasses import dataclass

from mespot.core.expression import Kind


@dataclass(frozen=True, slots=True)
class ReferenceEvent:
    """A row of a reference.

    Parameters
    ----------
    video : str
        Name of the video, the same in both files.
    subject : str
        Who is seen; "" where the file does not say.
    kind : Kind
        From the label.
    onset, apex, offset : float
        Frames of the dataset, whole but in some releases of SAMM; ``offset`` is inside. 0 (or less) for an apex or an
        offset that the table does not have; an apex may be None.
    emotion : str or None
        For STRS.
    """

    video: str
    subject: str
    kind: Kind
    onset: float
    apex: float | None
    offset: float
    emotion: str | None = None


@dataclass(frozen=True, slots=True)
class DetectedEvent:
    """A row of a result.

    Parameters
    ----------
    video : str
        Name of the video.
    kind : Kind
        As reported.
    onset, offset : float
        Frames of the dataset, ``offset`` inside.
    score : float
        Confidence; 0 for all where the file has none. Order in the file breaks ties.
    emotion : str or None
        For STRS.
    """

    video: str
    kind: Kind
    onset: float
    offset: float
    score: float = 0.0
    emotion: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference file holds.

    Parameters
    ----------
    events : tuple of ReferenceEvent
        In the order of the file.
    videos : mapping-like tuple of (video, subject)
        Every video that was annotated, also those without any expression.
    fps : float
        Frames a second of the dataset.
    """

    events: tuple[ReferenceEvent, ...]
    videos: tuple[tuple[str, str], ...]
    fps: float = 30.0
