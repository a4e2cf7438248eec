"""What a dataset's loader returns: recordings with their annotations as the tables number them, and every anomaly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something in a dataset's files that is not as it should be, and what was done about it.

    Parameters
    ----------
    code : str
        For programs, for example ``offset-missing``.
    place : str
        For people: file, sheet and row (counted from 1 as a spreadsheet shows it), or folder.
    fact, action : str
        What is there; what the loader made of it.
    """

    code: str
    place: str
    fact: str
    action: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A row of an annotation table, after its quirks.

    Parameters
    ----------
    kind : Kind
        From the label column.
    onset, offset : int
        Frames as the dataset numbers them; ``offset`` inside, completed by the rule for missing offsets.
    apex : int or None
        Inside, or None.
    place : str
        Where it stands, as in `Anomaly`.
    emotion, action_units : str
        As written; "" where the table has none.
    stated : (float, float or None, float)
        Onset, apex and offset as the table writes them, for the scorers that count them otherwise.
    """

    kind: Kind
    onset: int
    offset: int
    apex: int | None
    place: str
    emotion: str = ""
    action_units: str = ""
    stated: tuple[float, float | None, float] = (0.0, None, 0.0)


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a dataset numbers the frames of one recording: index 0, 1, ... in decode order to number and back.

    Parameters
    ----------
    first : int
        Number of the first frame, where numbers have no gaps.
    numbers : (T,) int64 or None
        Number of every frame, strictly increasing, where they have gaps (a folder of images).

    Examples
    --------
    >>> Numbering(1).index(12), Numbering(numbers=np.array([57, 58, 61])).index(60)
    (11, 1)
    """

    first: int = 1
    numbers: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.numbers is not None and (not len(self.numbers) or (np.diff(self.numbers) <= 0).any()):
            raise ValueError("numbers must be strictly increasing and at least one")

    def index(self, number: int) -> int:
        """Return the frame that the number names; in a gap the frame before it, before all of them the first."""
        if self.numbers is None:
            return max(0, number - self.first)
        return max(0, int(np.searchsorted(self.numbers, number, side="right")) - 1)

    def number(self, index: int) -> int:
        """Return the dataset's number of a frame."""
        return self.first + index if self.numbers is None else int(self.numbers[index])


@dataclass(frozen=True, slots=True)
class Recording:
    """A video of a dataset.

    Parameters
    ----------
    name : str
        As scores and tables call it, for example ``s15/15_0101disgustingteeth``, ``006_1``, ``spNO.1/a``.
    subject : str
        As the dataset calls them.
    path : Path or None
        The video file, or the folder of images; None where the media is missing or cannot be numbered.
    fps : float
        Frames a second as the dataset states it; needed for a folder of images.
    numbering : Numbering
        Frames of ``annotations`` to frames from 0.
    annotations : tuple of Annotation
        In the order of the table; none at all is an annotation too.
    frames : int or None
        How many images there are; None where only decoding tells (a video file) or the media is missing.
    """

    name: str
    subject: str
    path: Path | None
    fps: float
    numbering: Numbering
    annotations: tuple[Annotation, ...]
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is published of a dataset.

    Parameters
    ----------
    title, licence, citation, link : str
        For people.
    remark : str
        Where published counts disagree with each other.
    counts : tuple of (name, number)
        Published counts, for example ("videos", 98); their names are those of `Recordings.counts`.
    """

    title: str
    licence: str
    citation: str
    link: str
    remark: str = ""
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Recordings:
    """A dataset as loaded.

    Parameters
    ----------
    name : str
        ``casme2``, ``samm_lv``, ``casme3`` or ``table``.
    facts : Facts
        Published.
    recordings : sequence of Recording
        Sorted by name.
    anomalies : tuple of Anomaly
        Everything that was not as it should be; nothing is dropped silently.
    simulated : bool
        The folder was written by ``mespot simulate --layout``.
    missing_offset : str
        The rule that completed offsets.
    left_out : tuple of (str, Kind)
        Recording and kind of every row that became no annotation; an anomaly says why.
    """

    name: str
    facts: Facts
    recordings: Sequence[Recording]
    anomalies: tuple[Anomaly, ...]
    simulated: bool
    missing_offset: MissingOffset
    left_out: tuple[tuple[str, Kind], ...] = ()

    @property
    def annotated(self) -> tuple[Recording, ...]:
        """The recordings that rows of the table stand for, those left out too."""
        named = {name for name, _ in self.left_out}
        return tuple(one for one in self.recordings if one.annotations or one.name in named)

    @property
    def without_media(self) -> tuple[str, ...]:
        """Names of the recordings whose media is missing or cannot be numbered."""
        return tuple(recording.name for recording in self.recordings if recording.path is None)

    def counts(self) -> dict[str, int | None]:
        """Count subjects, videos, rows of ME and MaE, left out or not, and frames; None where only decoding tells."""
        annotated = self.annotated
        annotations = [annotation for recording in annotated for annotation in recording.annotations]
        kinds = [*(annotation.kind for annotation in annotations), *(kind for _, kind in self.left_out)]
        frames = [recording.frames for recording in annotated]
        known = [count for count in frames if count is not None]
        return {
            "subjects": len({recording.subject for recording in self.recordings}),
            "subjects with annotations": len({recording.subject for recording in annotated}),
            "videos": len(self.recordings),
            "videos with annotations": len(annotated),
            "ME": kinds.count(Kind.ME),
            "MaE": kinds.count(Kind.MAE),
            "ME with an emotion": sum(a.kind is Kind.ME and a.emotion != "" for a in annotations),
            "frames in videos with annotations": sum(known) if len(known) == len(frames) else None,
        }
