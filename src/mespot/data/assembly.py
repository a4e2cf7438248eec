"""From the rows of a table and the media beside it to recordings: what all loaders do alike."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mespot.core.errors import AnnotationError
from mespot.core.expression import ME_LONGEST_S, Kind
from mespot.core.offsets import MissingOffset, complete_offset, offset_is_missing
from mespot.data.media import Frames, look_at
from mespot.data.recordings import Annotation, Anomaly, Facts, Numbering, Recording, Recordings

ABOVE = 4
"""Folders above a recording in which its mark is looked for: ``DATASET/rawpic/s15/15_0101``."""
SIMULATED = "SIMULATED.json"
"""File in the root of a dataset that ``mespot simulate --layout`` wrote."""
MANIFEST = "manifest.json"
"""What ``mespot simulate`` writes beside the table of a corpus."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A row of an annotation table, read but not yet judged.

    Parameters
    ----------
    recording, subject : str
        Whose it is.
    kind : Kind
        From the label.
    onset, offset : float
        As written.
    apex : float or None
        As written; None where the cell is empty.
    place : str
        File, sheet, row.
    emotion, action_units : str
        As written.
    """

    recording: str
    subject: str
    kind: Kind
    onset: float
    apex: float | None
    offset: float
    place: str
    emotion: str = ""
    action_units: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a recording comes from.

    Parameters
    ----------
    subject : str
        Who is seen.
    path : Path or None
        Its media.
    fps : float
        As the dataset states it.
    first : int
        Number of the first frame of a video file.
    count_from_first : bool
        Whether a folder of images too counts its frames from ``first``, whatever numbers their names hold.
    """

    subject: str
    path: Path | None
    fps: float
    first: int = 1
    count_from_first: bool = False


@dataclass(slots=True)
class Assembly:
    """Recordings in the making.

    Parameters
    ----------
    name : str
        Of the loader.
    facts : Facts
        Published.
    root : Path
        The dataset's folder, or its table.
    missing_offset : MissingOffset
        The rule for missing offsets.
    expect_first : bool
        Whether images that begin with another number than their source's first are worth a word.
    anomalies : list of Anomaly
        So far.
    left_out : list of (str, Kind)
        Recording and kind of every row that became no annotation.
    """

    name: str
    facts: Facts
    root: Path
    missing_offset: MissingOffset
    expect_first: bool = True
    anomalies: list[Anomaly] = field(default_factory=list)
    left_out: list[tuple[str, Kind]] = field(default_factory=list)

    def note(self, code: str, place: str, fact: str, action: str) -> None:
        """Add an anomaly."""
        self.anomalies.append(Anomaly(code, place, fact, action))

    def build(self, sources: Mapping[str, Source], rows: Iterable[Stated]) -> Recordings:
        """Return the dataset: every source a recording, every row an annotation or an anomaly that says why not.

        Raises
        ------
        AnnotationError
            There is no recording at all.
        """
        if not sources:
            raise AnnotationError(f"{self.root}: holds no recording and no annotation; give the dataset's folder.")
        grouped: dict[str, list[Stated]] = defaultdict(list)
        for row in rows:
            grouped[row.recording].append(row)
        recordings = [self._recording(name, sources[name], grouped[name]) for name in sorted(sources)]
        return Recordings(
            name=self.name,
            facts=self.facts,
            recordings=recordings,
            anomalies=tuple(self.anomalies),
            simulated=is_simulated(self.root, (one.path for one in recordings if one.path is not None)),
            missing_offset=self.missing_offset,
            left_out=tuple(self.left_out),
        )

    def _recording(self, name: str, source: Source, rows: list[Stated]) -> Recording:
        frames = Frames(None, Numbering(source.first))
        if source.path is None:
            fact = f"no folder of images and no video of the recording {name} ({len(rows)} annotations)"
            self.note("media-missing", str(self.root), fact, "it is listed, but can neither be trained on nor spotted")
        else:
            frames, found = look_at(source.path, first=source.first, expect_first=self.expect_first)
            self.anomalies += found
        numbering = Numbering(source.first) if source.count_from_first else frames.numbering
        self._name_twins(rows)
        annotations = []
        for row in rows:
            annotation = self._annotation(row, source.fps)
            if annotation is None:
                self.left_out.append((name, row.kind))
            else:
                annotations.append(annotation)
                self._check_extent(annotation, numbering, frames.count)
        return Recording(name, source.subject, frames.path, source.fps, numbering, tuple(annotations), frames.count)

    def _annotation(self, row: Stated, fps: float) -> Annotation | None:
        apex = self._apex(row)
        if offset_is_missing(apex, row.offset):
            offset = self._completed(row, apex)
            if offset is None:
                return None
        elif row.offset < row.onset:
            self.note("offset-before-onset", row.place, f"onset {row.onset:g}, offset {row.offset:g}", "left out")
            return None
        else:
            offset = row.offset
            self._check_kind(row, fps)
        onset_frame, offset_frame = self._whole(row, offset)
        apex_frame = None if apex is None else min(max(round_half_up(apex), onset_frame), offset_frame)
        stated = (row.onset, row.apex, row.offset)
        return Annotation(
            row.kind, onset_frame, offset_frame, apex_frame, row.place, row.emotion, row.action_units, stated
        )

    def _completed(self, row: Stated, apex: float | None) -> float | None:
        """Return the offset of a row that has none by the rule, None where the row is left out."""
        offset = complete_offset(row.onset, apex, row.offset, self.missing_offset)
        fact = f"offset {row.offset:g} is missing"
        if row.offset > 0:
            fact = f"offset {row.offset:g} lies before apex {apex:g}"
        if offset is not None:
            action = f"offset {offset:g} by the rule '{self.missing_offset}'"
        elif self.missing_offset == "drop":
            action = "left out by the rule 'drop'"
        else:
            action = f"left out: there is no apex for the rule '{self.missing_offset}'"
        self.note("offset-missing", row.place, fact, action)
        return offset

    def _apex(self, row: Stated) -> float | None:
        """Return the apex, or None where the table has none that can be meant."""
        if row.apex is None or row.apex <= 0:
            fact = "the apex is empty" if row.apex is None else f"apex {row.apex:g} is none"
            self.note("apex-missing", row.place, fact, "the annotation has no apex")
            return None
        if row.apex < row.onset:
            fact = f"apex {row.apex:g} lies before onset {row.onset:g}"
            self.note("apex-outside", row.place, fact, "the annotation has no apex")
            return None
        return row.apex

    def _whole(self, row: Stated, offset: float) -> tuple[int, int]:
        onset_frame, offset_frame = round_half_up(row.onset), round_half_up(offset)
        written = [value for value in (row.onset, row.apex, row.offset) if value is not None]
        if any(value != int(value) for value in written):
            fact = f"frames {', '.join(f'{value:g}' for value in written)} are fractional"
            self.note("frames-fractional", row.place, fact, f"nearest frames: {onset_frame} to {offset_frame}")
        return onset_frame, offset_frame

    def _check_kind(self, row: Stated, fps: float) -> None:
        lasts_s = (row.offset - row.onset) / fps
        if (row.kind is Kind.ME) != (lasts_s <= ME_LONGEST_S):
            fact = f"labelled {row.kind}, but lasts {lasts_s:.3f} s from onset to offset (limit {ME_LONGEST_S:g} s)"
            self.note("kind-against-duration", row.place, fact, "the label counts")

    def _check_extent(self, annotation: Annotation, numbering: Numbering, count: int | None) -> None:
        first = numbering.number(0)
        if annotation.onset < first:
            fact = f"onset {annotation.onset} lies before the first frame {first}"
            self.note("onset-before-start", annotation.place, fact, f"frame {first} is meant")
        if count is not None and annotation.offset > numbering.number(count - 1):
            fact = f"offset {annotation.offset} lies after the last frame {numbering.number(count - 1)}"
            self.note("offset-after-end", annotation.place, fact, "training cuts it at the last frame")

    def _name_twins(self, rows: list[Stated]) -> None:
        times = Counter((row.kind, row.onset, row.offset) for row in rows)
        for row in rows:
            if times[row.kind, row.onset, row.offset] > 1:
                fact = f"{row.kind} {row.onset:g} to {row.offset:g} of {row.recording} stands in the table twice"
                self.note("row-twice", row.place, fact, "both count")


def is_simulated(root: Path, media: Iterable[Path] = ()) -> bool:
    """Whether a dataset, or any of its media, was written by the simulator.

    Parameters
    ----------
    root : Path
        The dataset's folder or its table.
    media : iterable of Path
        Its recordings: a mark in a folder above one counts too, up to `ABOVE` levels, so that a table or a folder
        elsewhere cannot make them pass for recorded.

    Notes
    -----
    The mark is `SIMULATED`, or the manifest of a corpus (``mespot simulate`` without a layout). A mark that cannot be
    read counts.
    """
    folders = {root if root.is_dir() else root.parent}
    for path in media:
        folders.update(path.parents[:ABOVE])
    return any(_marked(folder / SIMULATED) or _is_corpus(folder / MANIFEST) for folder in folders)


def _marked(mark: Path) -> bool:
    if not mark.is_file():
        return False
    try:
        content = json.loads(mark.read_text(encoding="utf-8"))
    except ValueError:
        return True
    return not isinstance(content, dict) or content.get("simulated", True) is not False


def _is_corpus(manifest: Path) -> bool:
    """Whether a manifest is one of a simulated corpus; other programs may call a file so too."""
    if not manifest.is_file():
        return False
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(content, dict) and {"version", "seed", "split", "videos"} <= set(content)


def round_half_up(value: float) -> int:
    """Return the nearest whole frame; of two the later."""
    return math.floor(value + 0.5)
