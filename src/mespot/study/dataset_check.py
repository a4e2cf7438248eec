"""Whether a dataset is whole: counts against the published ones, every anomaly by row, media that does not open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from mespot.core.errors import VideoError
from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset
from mespot.data.loaders import load_recordings
from mespot.data.recordings import Anomaly, Recording, Recordings
from mespot.pipeline import OnProgress, Progress
from mespot.vision.decode import VideoReader
from mespot.vision.images import image_faults

RATE_TOLERANCE = 0.02
"""A video whose frames follow each other by so much faster or slower than its dataset states has another rate."""
NAMES_A_LINE = 8


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things, as published and as found; None where it is not published, or where only decoding tells."""

    name: str
    published: int | None
    found: int | None

    @property
    def agrees(self) -> bool | None:
        """Whether the two are the same; None where one is not known."""
        return None if None in (self.published, self.found) else self.published == self.found


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """What the check of a dataset found.

    Parameters
    ----------
    path : Path
        As given.
    recordings : Recordings
        As loaded.
    opened : mapping of str to int, or None
        Frames of every recording that was decoded, by name; None where none was to be.
    faults : tuple of Anomaly
        What does not open, or does not fit the annotations once decoded.
    """

    path: Path
    recordings: Recordings
    opened: Mapping[str, int] | None
    faults: tuple[Anomaly, ...]

    @property
    def counts(self) -> tuple[Count, ...]:
        """Every count, the published ones beside those found."""
        published = dict(self.recordings.facts.counts)
        found = self.recordings.counts()
        name = "frames in videos with annotations"
        if found[name] is None and self.opened is not None:
            known = [self.opened.get(one.name, one.frames) for one in self.recordings.annotated]
            numbers = [number for number in known if number is not None]
            found[name] = sum(numbers) if len(numbers) == len(known) else None
        return tuple(Count(name, published.get(name), number) for name, number in found.items())

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps the dataset from being whole; published counts are no measure of simulated data."""
        found = []
        if not self.recordings.simulated:
            wrong = [one for one in self.counts if one.agrees is False]
            found += [f"{one.found} {one.name}, published are {one.published}" for one in wrong]
        if missing := self.recordings.without_media:
            found.append(f"{len(missing)} of {len(self.recordings.recordings)} videos have no usable media")
        if self.faults:
            found.append(f"{len(self.faults)} faults in the frames")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return everything, for programs."""
        loaded, facts = self.recordings, self.recordings.facts
        return {
            "name": loaded.name,
            "path": str(self.path),
            "simulated": loaded.simulated,
            "title": facts.title,
            "licence": facts.licence,
            "citation": facts.citation,
            "link": facts.link,
            "remark": facts.remark,
            "missing_offset": loaded.missing_offset,
            "counts": [{**asdict(one), "agrees": one.agrees} for one in self.counts],
            "left_out": [{"recording": name, "kind": str(kind)} for name, kind in loaded.left_out],
            "recordings": [self._recording(one) for one in loaded.recordings],
            "missing_media": list(loaded.without_media),
            "anomalies": [asdict(one) for one in loaded.anomalies],
            "frames": None if self.opened is None else {"opened": dict(self.opened)},
            "faults": [asdict(one) for one in self.faults],
            "problems": list(self.problems),
        }

    def _recording(self, one: Recording) -> dict[str, Any]:
        kinds = [annotation.kind for annotation in one.annotations]
        return {
            "name": one.name,
            "subject": one.subject,
            "path": None if one.path is None else str(one.path),
            "fps": one.fps,
            "frames": (self.opened or {}).get(one.name, one.frames),
            "ME": kinds.count(Kind.ME),
            "MaE": kinds.count(Kind.MAE),
        }

    def lines(self) -> list[str]:
        """Return everything, for people; every heading of simulated data says so."""
        loaded, facts = self.recordings, self.recordings.facts
        mark = "SIMULATED: " if loaded.simulated else ""
        lines = [f"{mark}{facts.title} ({loaded.name}) in {self.path}"]
        if loaded.simulated:
            lines.append("  made by mespot simulate in the layout of that dataset; nothing of the dataset is in it")
        about = (("licence", facts.licence), ("cite", facts.citation), ("link", facts.link), ("note", facts.remark))
        lines += [f"  {name}: {text}" for name, text in about if text]
        lines += [f"  missing offsets: rule '{loaded.missing_offset}'", "", f"{mark}Counts"]
        lines += [f"  {'':36}{'published':>10}{'found':>10}", *(self._count(one) for one in self.counts)]
        if loaded.left_out:
            kinds = [kind for _, kind in loaded.left_out]
            lines.append(f"  left out of these: {kinds.count(Kind.ME)} ME, {kinds.count(Kind.MAE)} MaE (see anomalies)")
        annotated = {one.name for one in loaded.annotated}
        bare = [one.name for one in loaded.recordings if one.name not in annotated]
        lines += _listed(f"{mark}Videos without annotations", bare)
        lines += _listed(f"{mark}Missing media", loaded.without_media)
        lines += _grouped(f"{mark}Anomalies", loaded.anomalies)
        if self.opened is not None:
            heading = f"{mark}Frames: {sum(self.opened.values())} in {len(self.opened)} videos decoded; faults"
            lines += _grouped(heading, self.faults)
        result = "; ".join(self.problems) or "whole"
        return [*lines, "", f"{mark}Result: {result}"]

    def _count(self, one: Count) -> str:
        published, found = ("-" if number is None else str(number) for number in (one.published, one.found))
        differs = "  differs" if one.agrees is False and not self.recordings.simulated else ""
        return f"  {one.name:36}{published:>10}{found:>10}{differs}"


def check_dataset(
    name: str,
    path: Path,
    *,
    missing_offset: MissingOffset = "mirror",
    frames: bool = False,
    on_progress: OnProgress | None = None,
) -> DatasetCheck:
    """Load a dataset and say what is not as it should be.

    Parameters
    ----------
    name, path, missing_offset
        As `mespot.data.loaders.load_recordings` takes them.
    frames : bool
        Decode every frame of every recording, too.
    on_progress : callable, optional
        Is told how many recordings were decoded.

    Raises
    ------
    ConfigError, AnnotationError
        As the loaders raise them.
    """
    loaded = load_recordings(name, path, missing_offset=missing_offset)
    if not frames:
        return DatasetCheck(path, loaded, None, ())
    opened: dict[str, int] = {}
    faults: list[Anomaly] = []
    for done, recording in enumerate(loaded.recordings):
        if on_progress is not None:
            on_progress(Progress("decode", done, len(loaded.recordings)))
        faults += _decoded(recording, opened)
    return DatasetCheck(path, loaded, opened, tuple(faults))


def _decoded(recording: Recording, opened: dict[str, int]) -> list[Anomaly]:
    """Decode a recording, note its number of frames and return what is wrong with it."""
    path = recording.path
    if path is None:
        return []
    try:
        if path.is_dir():
            faults = image_faults(path)
            opened[recording.name] = (recording.frames or 0) - len(faults)
            return [
                Anomaly("frame-unreadable", recording.name, fault, "the recording cannot be used") for fault in faults
            ]
        reader = VideoReader(path)
        opened[recording.name] = len(reader.info)
    except (VideoError, OSError) as error:
        return [Anomaly("media-unreadable", recording.name, str(error), "the recording cannot be used")]
    return [*_video_faults(recording, reader), *_beyond(recording, len(reader.info))]


def _video_faults(recording: Recording, reader: VideoReader) -> list[Anomaly]:
    path, faults = reader.info.path, []
    if reader.truncated_after_s is not None:
        fact = f"{path} breaks off after {reader.truncated_after_s:.2f} s"
        faults.append(Anomaly("video-truncated", recording.name, fact, "what is there is used; copy it again"))
    if reader.skipped_packets:
        fact = f"{path} has {reader.skipped_packets} damaged packets"
        faults.append(Anomaly("frame-unreadable", recording.name, fact, "they are left out; copy it again"))
    fps = 1 / reader.info.frame_duration_s
    if abs(fps - recording.fps) > RATE_TOLERANCE * recording.fps:
        fact = f"{path} has {fps:.2f} frames a second, its dataset {recording.fps:g}"
        faults.append(
            Anomaly("rate-differs", recording.name, fact, "frame numbers may not fit; take the video as released")
        )
    return faults


def _beyond(recording: Recording, count: int) -> list[Anomaly]:
    """Return the annotations that end after the last frame of a video file, which only decoding tells."""
    last = recording.numbering.number(count - 1)
    return [
        Anomaly(
            "offset-after-end",
            annotation.place,
            f"offset {annotation.offset} lies after the last frame {last} of {recording.name}",
            "training cuts it at the last frame",
        )
        for annotation in recording.annotations
        if annotation.offset > last
    ]


def _listed(heading: str, names: Iterable[str]) -> list[str]:
    listed = list(names)
    if not listed:
        return []
    rows = [listed[at : at + NAMES_A_LINE] for at in range(0, len(listed), NAMES_A_LINE)]
    return ["", f"{heading} ({len(listed)})", *(f"  {', '.join(row)}" for row in rows)]


def _grouped(heading: str, anomalies: Iterable[Anomaly]) -> list[str]:
    code = attrgetter("code")
    ordered = sorted(anomalies, key=code)
    lines = ["", f"{heading} ({len(ordered)})"]
    for name, group in groupby(ordered, key=code):
        rows = list(group)
        lines.append(f"  {name} ({len(rows)})")
        lines += [f"    {one.place}: {one.fact} -> {one.action}" for one in rows]
    return lines
