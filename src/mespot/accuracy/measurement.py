"""What a checkpoint reports of many videos, kept on disk: crops and flow once for all checkpoints, detections for each.

Detections are those of `mespot.pipeline.detect`, with the thresholds that stand in the checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import FaceError, VideoError
from mespot.core.expression import Attention, Detection, Kind
from mespot.core.interval import Interval
from mespot.core.signals import Float32
from mespot.core.workers import each_done
from mespot.model.checkpoint import Checkpoint, load_checkpoint
from mespot.model.engine import Engine, choose_engine
from mespot.pipeline import OnProgress, Progress, check_length, detect, load_default_weights
from mespot.vision.align import steady_transforms
from mespot.vision.cache import STAGE_VERSION, cache_path, load_streams, save_streams, video_digest
from mespot.vision.decode import VideoReader
from mespot.vision.features import encode_features, typical_landmarks
from mespot.vision.streams import Streams, stream_chunks
from mespot.vision.tracking import track_face

VERSION = 2
"""Raised whenever the same weights and video give other detections."""


@dataclass(frozen=True, slots=True)
class Spotted:
    """What a checkpoint reports of one video.

    Parameters
    ----------
    detections : tuple of Detection
        In frames of the video, without heat maps.
    frame_s : float
        Time between frames, s.
    sampled_fps : float
        Sampled frames a second.
    seconds : float
        How long the sampled frames last.
    rejected : str
        Why the video was refused, otherwise empty; its expressions were missed then.
    """

    detections: tuple[Detection, ...]
    frame_s: float
    sampled_fps: float
    seconds: float
    rejected: str = ""

    @property
    def minutes(self) -> float:
        """How long the sampled frames last."""
        return self.seconds / 60

    def to_json(self) -> str:
        """Return all as JSON."""
        entries = [
            {
                "kind": str(one.kind),
                "onset": one.interval.onset,
                "apex": one.apex,
                "offset": one.interval.offset,
                "score": one.score,
                "region": one.attention.region,
            }
            for one in self.detections
        ]
        facts = {"frame_s": self.frame_s, "sampled_fps": self.sampled_fps, "seconds": self.seconds}
        return json.dumps({"detections": entries, **facts, "rejected": self.rejected}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Spotted:
        """Read what `to_json` returned; a ValueError, KeyError or TypeError where it is something else."""
        values: dict[str, Any] = json.loads(text)
        detections = tuple(_detection(entry) for entry in values.pop("detections"))
        return cls(detections, **values)


class Measurer:
    """Runs a checkpoint over videos and keeps what it spotted.

    Parameters
    ----------
    weights : Path, optional
        A checkpoint; the shipped default weights otherwise.
    folder : Path
        Where streams and detections are kept, keyed by the content of the videos, the configuration, the
        weights and the engine.
    workers : int
        Processes that make crops and flow.

    Raises
    ------
    CheckpointError
        The weights cannot be read.
    """

    def __init__(self, weights: Path | None, folder: Path, *, workers: int = 1) -> None:
        self.checkpoint: Checkpoint = load_checkpoint(weights) if weights else load_default_weights()
        self.config = self.checkpoint.config
        self._streams = folder / "streams"
        self._kept = folder / "detections" / f"{self.checkpoint.digest}-{self.config.digest()}"
        self._workers = workers
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """What runs the backbone; chosen when it is first needed."""
        if self._engine is None:
            self._engine = choose_engine(self.checkpoint.network, self.config.backbone)
        return self._engine

    def measure(self, videos: Sequence[Path], *, on_progress: OnProgress, stage: str = "measuring") -> list[Spotted]:
        """Return what the checkpoint reports of every video, from the folder where it is kept there already.

        A video that the pipeline refuses (no face, too short) has no detections.
        """
        files = [self._file(video) for video in videos]
        found = {place: kept for place, file in enumerate(files) if (kept := _read(file)) is not None}
        missing = [place for place in range(len(videos)) if place not in found]
        on_progress(Progress(stage, len(found), len(videos)))
        make = partial(keep_streams, config=self.config, cache=self._streams)
        for number, rejected in each_done(make, [videos[place] for place in missing], self._workers):
            place = missing[number]
            found[place] = self._find(videos[place], rejected)
            _write(files[place], found[place].to_json())
            on_progress(Progress(stage, len(found), len(videos)))
        return [found[place] for place in range(len(videos))]

    def _file(self, video: Path) -> Path:
        key = f"{VERSION}-{STAGE_VERSION}-{self.engine.name}-{video_digest(video)}"
        return self._kept / f"{video.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"

    def _find(self, video: Path, rejected: str) -> Spotted:
        if rejected:
            info = VideoReader(video).info
            return Spotted((), info.frame_duration_s, self.config.decode.sampling_fps, info.duration_s, rejected)
        streams, landmarks = kept_streams(video, self.config, self._streams)
        features = encode_features(
            [streams],
            self.engine.begin(),
            self.checkpoint.network.grids()[:3],
            self.config.backbone,
            landmarks=landmarks,
        )
        detections = detect(features, self.checkpoint.network, self.config)
        lean = tuple(replace(one, attention=Attention(one.attention.region)) for one in detections)
        frame_s = float(np.polyfit(streams.frames, streams.times_s, 1)[0])
        sampled_s = float(np.median(np.diff(streams.times_s)))
        return Spotted(lean, frame_s, 1 / sampled_s, float(streams.times_s[-1] - streams.times_s[0]) + sampled_s)


def keep_streams(video: Path, config: Config, cache: Path) -> str:
    """Make what `kept_streams` returns, unless it is there; return why the video is refused, otherwise nothing."""
    try:
        if not all(file.is_file() for file in _stream_files(video, config, cache)):
            kept_streams(video, config, cache)
    except (FaceError, VideoError) as error:
        return str(error)
    return ""


def kept_streams(video: Path, config: Config, cache: Path) -> tuple[Streams, Float32]:
    """Return the network's input for a whole video and a typical face in px of the crop, (K, 2), kept in ``cache``.

    The streams are those of `mespot.pipeline.extract_streams`, in the same file; the face says where the regions lie.

    Raises
    ------
    VideoError, FaceError
        The file is no usable video, or has no usable face.
    """
    streams_file, face_file = _stream_files(video, config, cache)
    if face_file.is_file() and (kept := load_streams(streams_file)):
        return kept, np.load(face_file, allow_pickle=False)
    reader = VideoReader(video)
    track = track_face(reader, config)
    check_length(reader, track)
    transforms = steady_transforms(track, reader.info.times_s[track.frames], config.align)
    chunks = stream_chunks(reader, transforms, config)
    streams = Streams.join([replace(chunk, flow=chunk.flow.astype(np.float16)) for chunk in chunks])
    face = typical_landmarks(transforms)
    save_streams(streams, streams_file)
    with whole_file(face_file) as part, part.open("wb") as file:
        np.save(file, face, allow_pickle=False)
    return streams, face


def _stream_files(video: Path, config: Config, cache: Path) -> tuple[Path, Path]:
    streams = cache_path(cache, video, config)
    return streams, streams.with_suffix(".face.npy")


def _detection(entry: Mapping[str, Any]) -> Detection:
    interval = Interval.from_onset_offset(entry["onset"], entry["offset"], first_frame=0)
    return Detection(interval, Kind(entry["kind"]), entry["score"], entry["apex"], Attention(entry["region"]))


def _read(file: Path) -> Spotted | None:
    """Return what is kept; None where there is nothing usable, so that it is made again."""
    try:
        return Spotted.from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as part:
        part.write_text(text, encoding="utf-8")
