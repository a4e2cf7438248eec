"""The result of spotting one video, and its file format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, get_type_hints

import numpy as np

from mespot.core.atomic import whole_file
from mespot.core.encoding import decode_curve, decode_runs, encode_curve, encode_runs, whole_number
from mespot.core.errors import SpottingError
from mespot.core.expression import Attention, Detection, Kind
from mespot.core.interval import Interval
from mespot.core.signals import Float32
from mespot.core.video import IntArray, VideoInfo

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mespot.spotting"
"""What the file calls itself."""
FORMAT_VERSION = 1
"""Raised when a reader of the former version would misread the file."""


class Row(TypedDict):
    """One expression as a row of a table; frames count from 0 in decode order, ``offset_frame`` is inside."""

    video: str
    face: int
    kind: str
    onset_frame: int
    apex_frame: int
    offset_frame: int
    onset_s: float
    apex_s: float
    offset_s: float
    duration_s: float
    score: float
    region: str


COLUMNS = tuple(Row.__annotations__)
"""The columns of every table of expressions, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What the detections were read from, over the sampled frames.

    Parameters
    ----------
    frames : (T,) int64
        Source frame of every sampled frame, strictly increasing.
    motion : (T,) float32
        Mean speed of the face regions in px of the crop per step, head motion removed; NaN where not known.
    score : mapping of Kind to (T,) float32
        Score of each kind at every sampled frame, in [0, 1].
    """

    frames: IntArray
    motion: Float32
    score: Mapping[Kind, Float32]

    def __post_init__(self) -> None:
        if self.frames.ndim != 1 or self.frames.dtype != np.int64:
            raise ValueError(f"frames must be (T,) int64, got {self.frames.dtype} {self.frames.shape}")
        if len(self.frames) > 1 and int(np.diff(self.frames).min()) <= 0:
            raise ValueError("frames must increase strictly")
        for name, curve in (
            ("motion", self.motion),
            *((str(kind), curve) for kind, curve in self.score.items()),
        ):
            if curve.shape != self.frames.shape or curve.dtype != np.float32:
                raise ValueError(f"{name} must be {self.frames.shape} float32, got {curve.dtype} {curve.shape}")
            if np.isinf(curve).any():
                raise ValueError(f"{name} must be finite or NaN")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Curves):
            return NotImplemented
        return (
            np.array_equal(self.frames, other.frames)
            and np.array_equal(self.motion, other.motion, equal_nan=True)
            and self.score.keys() == other.score.keys()
            and all(np.array_equal(self.score[kind], other.score[kind], equal_nan=True) for kind in self.score)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a result comes from, so that it can be made again.

    Parameters
    ----------
    mespot : str
        Version of this package.
    versions : mapping of str to str
        Versions of the packages that the numbers depend on.
    checkpoint : str
        Digest of the weights.
    config_digest : str
        Digest of ``config``.
    config : mapping
        The whole resolved configuration.
    quality : tuple of str
        In plain words, what makes the result less reliable; empty when nothing does.
    """

    mespot: str
    versions: Mapping[str, str]
    checkpoint: str
    config_digest: str
    config: Mapping[str, Any]
    quality: tuple[str, ...] = ()

    __hash__ = None  # type: ignore[assignment]  # holds mappings


@dataclass(frozen=True, slots=True)
class Spotting:
    """The expressions of one face in one video.

    Parameters
    ----------
    video : VideoInfo
        The video and its time line.
    face : int
        Which face: 1 is the largest steady one.
    detections : tuple of Detection
        In order of onset.
    curves : Curves
        Motion and scores over time.
    provenance : Provenance
        Versions, weights, configuration and quality.

    Notes
    -----
    The file (`to_json`) is one JSON object, ASCII, with these members; `from_json` restores an equal object::

        format      "mespot.spotting"
        version     1
        video       path, width_px, height_px, rotation, repaired_time_stamps, time_base ("1/90000", seconds)
                    and pts, every frame's time stamp as runs: {"first": 0, "steps": [[step, count], ...]}
        face        1 is the largest steady face
        detections  [{kind, onset, apex, offset (frames from 0, offset inside), score, region, heat (rows from
                    the top), and for other programs onset_s, apex_s, offset_s, duration_s (not read back)}]
        curves      frames (runs as above), motion [px per step], score {"MaE": [..], "ME": [..]}; null: unknown
        provenance  mespot, versions, checkpoint, config_digest, config, quality
    """

    video: VideoInfo
    face: int
    detections: tuple[Detection, ...]
    curves: Curves
    provenance: Provenance

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __post_init__(self) -> None:
        last = len(self.video) - 1
        for detection in self.detections:
            if detection.interval.offset > last:
                raise ValueError(f"a detection ends at frame {detection.interval.offset}, the video at {last}")
        if len(self.curves) and not 0 <= int(self.curves.frames[0]) <= int(self.curves.frames[-1]) <= last:
            raise ValueError(f"the curves lie outside frames 0 to {last}")

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.count(kind)} {kind}" for kind in Kind)
        return f"Spotting({self.video.path.name}: {counts})"

    def count(self, kind: Kind) -> int:
        """Return how many expressions of a kind were found."""
        return sum(detection.kind is kind for detection in self.detections)

    def duration_s(self, detection: Detection) -> float:
        """Time from the start of the onset frame to the end of the offset frame, in seconds."""
        return self.video.end_seconds(detection.interval.offset) - self.video.seconds(detection.interval.onset)

    def rows(self) -> Iterator[Row]:
        """Yield one `Row` a detection."""
        for detection in self.detections:
            onset, apex, offset = detection.interval.onset, detection.apex, detection.interval.offset
            yield Row(
                video=self.video.path.name,
                face=self.face,
                kind=str(detection.kind),
                onset_frame=onset,
                apex_frame=apex,
                offset_frame=offset,
                onset_s=self.video.seconds(onset),
                apex_s=self.video.seconds(apex),
                offset_s=self.video.seconds(offset),
                duration_s=self.duration_s(detection),
                score=detection.score,
                region=detection.attention.region,
            )

    def to_dataframe(self) -> pd.DataFrame:
        """Return the expressions as a pandas table with the columns `COLUMNS`, one row each."""
        import pandas as pd

        # Types are set so that an empty table has those of a full one and tables can be joined.
        dtypes = {int: "int64", float: "float64", str: "str"}
        types = {name: dtypes[kind] for name, kind in get_type_hints(Row).items()}
        frame = pd.DataFrame([dict(row) for row in self.rows()], columns=list(COLUMNS))
        return frame.astype(types)

    def to_json(self) -> str:
        """Return the file's text; every number is restored bit for bit by `from_json`."""
        return json.dumps(_record(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, *, source: str = "spotting") -> Self:
        """Read what `to_json` wrote; ``source`` names the text in an error.

        Raises
        ------
        SpottingError
            The text is no spotting, is damaged, or is of a newer version.
        """
        try:
            record = json.loads(text)
            if record["format"] != FORMAT:
                raise ValueError(f"format is {record['format']!r}")
            if record["version"] == FORMAT_VERSION:
                return cls(**_fields(record))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            fact = f"no member {error}" if isinstance(error, KeyError) else str(error)
            raise SpottingError(
                f"{source}: is not a spotting that mespot can read ({fact}); run mespot spot again."
            ) from error
        raise SpottingError(
            f"{source}: has format version {record['version']!r} and this mespot reads {FORMAT_VERSION}; "
            "install the mespot that wrote it."
        )

    def save(self, path: Path | str) -> Path:
        """Write the JSON file, whole or not at all, and return its path.

        Parameters
        ----------
        path : Path
            The file, or an existing folder in which it is named ``STEM.spotting.json`` after the video.
        """
        path = Path(path)
        if path.is_dir():
            path /= f"{self.video.path.stem}.spotting.json"
        with whole_file(path) as temporary:
            temporary.write_text(self.to_json() + "\n", encoding="ascii")
        return path

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a file that `save` wrote.

        Raises
        ------
        SpottingError
            The file cannot be read, or is no spotting.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpottingError(f"{path}: cannot be read ({error}); check the file.") from error
        return cls.from_json(text, source=str(path))


def _record(spotting: Spotting) -> dict[str, Any]:
    video, curves, provenance = spotting.video, spotting.curves, spotting.provenance
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "video": {
            "path": str(video.path),
            "width_px": video.width_px,
            "height_px": video.height_px,
            "rotation": video.rotation,
            "repaired_time_stamps": video.repaired_time_stamps,
            "time_base": str(video.time_base),
            "pts": encode_runs(video.pts),
        },
        "face": spotting.face,
        "detections": [
            {name.removesuffix("_frame"): value for name, value in row.items() if name not in ("video", "face")}
            | {"heat": detection.attention.heat}
            for row, detection in zip(spotting.rows(), spotting.detections, strict=True)
        ],
        "curves": {
            "frames": encode_runs(curves.frames),
            "motion": encode_curve(curves.motion),
            "score": {str(kind): encode_curve(curve) for kind, curve in curves.score.items()},
        },
        "provenance": {
            "mespot": provenance.mespot,
            "versions": dict(provenance.versions),
            "checkpoint": provenance.checkpoint,
            "config_digest": provenance.config_digest,
            "config": dict(provenance.config),
            "quality": list(provenance.quality),
        },
    }


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    video, curves, provenance = record["video"], record["curves"], record["provenance"]
    sizes = {name: whole_number(video[name]) for name in ("width_px", "height_px", "rotation", "repaired_time_stamps")}
    return {
        "video": VideoInfo(
            path=Path(video["path"]),
            pts=decode_runs(video["pts"]),
            time_base=Fraction(video["time_base"]),
            **sizes,
        ),
        "face": whole_number(record["face"]),
        "detections": tuple(_detection(entry) for entry in record["detections"]),
        "curves": Curves(
            frames=decode_runs(curves["frames"]),
            motion=decode_curve(curves["motion"]),
            score={Kind(name): decode_curve(values) for name, values in curves["score"].items()},
        ),
        "provenance": Provenance(**{**provenance, "quality": tuple(provenance["quality"])}),
    }


def _detection(entry: Mapping[str, Any]) -> Detection:
    onset, apex, offset = (whole_number(entry[name]) for name in ("onset", "apex", "offset"))
    return Detection(
        interval=Interval.from_onset_offset(onset, offset, first_frame=0),
        kind=Kind(entry["kind"]),
        score=float(entry["score"]),
        apex=apex,
        attention=Attention(str(entry["region"]), tuple(tuple(float(v) for v in row) for row in entry["heat"])),
    )
