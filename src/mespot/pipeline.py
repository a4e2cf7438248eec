"""The whole method, top to bottom: a video in, a `Spotting` out.

Nothing here is a detail: each step is one call into the stage that knows it.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mespot.config import Config
from mespot.core.ahead import ahead
from mespot.core.errors import VideoError
from mespot.core.expression import Detection, Kind
from mespot.core.profile import NO_PROFILE, Recorder
from mespot.core.signals import FaceTrack, Features, Float32
from mespot.core.spotting import Curves, Provenance, Spotting
from mespot.core.timeline import interval_of
from mespot.core.version import VERSION
from mespot.model.candidates import Found, Located, detect_rows, score_curves
from mespot.model.checkpoint import Checkpoint, load_checkpoint
from mespot.model.engine import Engine, check_engine, choose_engine
from mespot.model.network import Network
from mespot.vision.align import CropTransforms, crop, steady_transforms
from mespot.vision.apex import apex_and_place
from mespot.vision.cache import cache_path, load_streams, save_streams
from mespot.vision.decode import VideoReader
from mespot.vision.features import encode_features, typical_landmarks
from mespot.vision.streams import Streams, stream_chunks
from mespot.vision.tracking import track_face

SHORTEST_ROWS = 16
"""Fewer sampled frames than this (0.5 s at 30 per second) cannot hold an expression with its surroundings."""
LOCATED_FRAMES = 16384
"""Sampled frames that pyramid and head see at a time: a multiple of every stride; bounds memory alone."""
RELIABLE_ME_FPS = 25.0
"""Below this rate an ME spans too few frames to be told from noise."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come; ``total`` is None where it is not known."""

    stage: str
    done: int
    total: int | None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Analysis:
    """A spotted video with what it was spotted from, for stills and inspection."""

    spotting: Spotting
    reader: VideoReader
    track: FaceTrack
    transforms: CropTransforms
    features: Features


class Spotter:
    """A network ready to spot: load once, use for many videos.

    Parameters
    ----------
    weights : Path, optional
        A checkpoint; the shipped default weights otherwise.
    configure : callable, optional
        Receives the checkpoint's configuration and returns the one to use; stages that decide what the network
        sees must stay as the weights were trained.
    device : str
        ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.

    Raises
    ------
    CheckpointError
        The weights cannot be read, or belong to another feature configuration.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        configure: Callable[[Config], Config] | None = None,
        device: str = "auto",
    ) -> None:
        self.checkpoint = load_default_weights() if weights is None else load_checkpoint(weights)
        self.config = configure(self.checkpoint.config) if configure else self.checkpoint.config
        self.checkpoint.check_features(self.config)
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.network = self.checkpoint.network.to(self.device).eval()
        check_engine(self.config.backbone, self.device.type)
        pool = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._engine = pool.submit(choose_engine, self.network, self.config.backbone)  # while faces are found
        pool.shutdown(wait=False)

    @property
    def engine(self) -> Engine:
        """What runs the backbone."""
        return self._engine.result()

    def spot(
        self, path: Path | str, *, images_fps: float | None = None, on_progress: OnProgress | None = None
    ) -> Spotting:
        """Find the expressions of the subject's face; parameters and errors are those of `analyse`."""
        return self.analyse(path, images_fps=images_fps, on_progress=on_progress).spotting

    def analyse(
        self,
        path: Path | str,
        *,
        images_fps: float | None = None,
        on_progress: OnProgress | None = None,
        profile: Recorder = NO_PROFILE,
    ) -> Analysis:
        """Find the expressions of the subject's face and keep what they were found from.

        Parameters
        ----------
        path : Path
            A video file, or a folder of numbered images.
        images_fps : float, optional
            Frames per second of a folder of images.
        on_progress : callable, optional
            Receives `Progress` now and then.
        profile : Recorder, optional
            Receives the time of every stage.

        Raises
        ------
        VideoError, FaceError
            The file is no usable video, or has no usable face.
        """
        reader = VideoReader(Path(path), images_fps=images_fps)
        report = on_progress or (lambda _: None)
        rows = reader.expected_rows(self.config.decode.sampling_fps)
        track = track_face(reader, self.config, lambda done: report(Progress("faces", done, rows)), profile)
        check_length(reader, track)
        with profile.span("transforms"):
            transforms = steady_transforms(track, reader.info.times_s[track.frames], self.config.align)
        chunks = stream_chunks(reader, transforms, self.config, profile, self.device.type)
        features = self._features(chunks, transforms, report, profile)
        with profile.span("locate"):
            located = locate(features, self.network)
            detections = _detections(located, features, self.network, self.config)
        spotting = Spotting(
            video=reader.info,
            face=self.config.face.subject,
            detections=detections,
            curves=self._curves(located, features),
            provenance=self._provenance(reader, track),
        )
        return Analysis(spotting, reader, track, transforms, features)

    def _features(
        self, chunks: Iterator[Streams], transforms: CropTransforms, report: OnProgress, profile: Recorder
    ) -> Features:
        """Encode the streams of a video, the next chunk made while the network sees one."""
        encode = self.engine.begin()

        def timed(rgb: Float32 | None, flow: Float32 | None, last: bool) -> list[tuple[Float32, Float32]]:
            with profile.span("network"):
                return encode(rgb, flow, last)

        with closing(ahead(chunks, name="streams")) as made:
            return encode_features(
                _counted(made, len(transforms), report),
                timed,
                self.network.grids()[:3],
                self.config.backbone,
                landmarks=typical_landmarks(transforms),
            )

    def _curves(self, located: Sequence[Located], features: Features) -> Curves:
        mae, me = score_curves(located, self.network.grids(), len(features))
        speed = np.linalg.norm(features.motion, axis=2).mean(axis=1).astype(np.float32)
        return Curves(frames=features.frames, motion=speed, score={Kind.MAE: mae, Kind.ME: me})

    def _provenance(self, reader: VideoReader, track: FaceTrack) -> Provenance:
        packages = ("torch", "opencv-contrib-python-headless", "av", "numpy", "numba")
        versions = {name: importlib.metadata.version(name) for name in packages}
        versions |= {"python": platform.python_version(), "engine": self.engine.name}
        return Provenance(
            mespot=VERSION,
            versions=versions,
            checkpoint=self.checkpoint.digest,
            config_digest=self.config.digest(),
            config=self.config.model_dump(by_alias=True),
            quality=tuple(quality_flags(reader, track)),
        )


def spot(
    path: Path | str,
    *,
    weights: Path | None = None,
    configure: Callable[[Config], Config] | None = None,
    images_fps: float | None = None,
    on_progress: OnProgress | None = None,
) -> Spotting:
    """Find the expressions in one video; see `Spotter` for many.

    Examples
    --------
    >>> spot("interview.mp4").to_dataframe()  # doctest: +SKIP
    """
    spotter = Spotter(weights, configure=configure)
    return spotter.spot(path, images_fps=images_fps, on_progress=on_progress)


def load_default_weights() -> Checkpoint:
    """Load the weights that ship with the package (MODEL_CARD.md)."""
    with resources.as_file(resources.files("mespot.assets") / "default.safetensors") as path:
        return load_checkpoint(path)


def locate(features: Features, network: Network) -> list[Located]:
    """Run pyramid and head over a whole video, `LOCATED_FRAMES` at a time with all that these rows depend on.

    Returns
    -------
    list of ((2, L), (2, L))
        Per level the scores of MaE and ME, and the distances to start and stop in sampled frames.
    """
    parts = [
        _locate_rows(features, network, begin, min(begin + LOCATED_FRAMES, len(features)))
        for begin in range(0, len(features), LOCATED_FRAMES)
    ]
    return [
        (np.concatenate([scores for scores, _ in level], axis=1), np.concatenate([found for _, found in level], axis=1))
        for level in zip(*parts, strict=True)
    ]


def _locate_rows(features: Features, network: Network, begin: int, stop: int) -> list[Located]:
    """Locate sampled frames begin to stop; begin is a multiple of every stride."""
    device = next(network.parameters()).device
    first = max(0, begin - network.context_frames)
    last = min(len(features), stop + network.context_frames)
    with torch.inference_mode():
        vectors = [
            torch.from_numpy(level.vectors[first // level.grid.stride : -(-last // level.grid.stride)].T.copy())
            for level in features.levels
        ]
        outputs = network.locate([level[None].to(device) for level in vectors])
        located = []
        for logits, distances, stride in zip(outputs.logits, outputs.distances, network.strides, strict=True):
            rows = slice((begin - first) // stride, -(-(stop - first) // stride))
            scores = network.probabilities(logits)[0, :, rows]
            located.append((scores.cpu().numpy(), distances[0, :, rows].cpu().numpy()))
        return located


def detect(features: Features, network: Network, config: Config) -> tuple[Detection, ...]:
    """Return the detections of a video in order of onset: the only way from features to detections."""
    return _detections(locate(features, network), features, network, config)


def _detections(
    located: Sequence[Located], features: Features, network: Network, config: Config
) -> tuple[Detection, ...]:
    found = detect_rows(located, network.grids(), features.times_s, features.present, config.spotting)
    return tuple(_detection(row, features, config) for row in found)


def _detection(found: Found, features: Features, config: Config) -> Detection:
    """Turn sampled rows into source frames, and say when the face moved most, and where."""
    interval = interval_of(features.frames, found.start, found.stop)
    first = min(round(found.start), len(features) - 1)
    last = min(max(first, round(found.stop) - 1), len(features) - 1)
    row, attention = apex_and_place(features, first, last, config.align.crop_px)
    apex = min(max(int(features.frames[row]), interval.onset), interval.offset)
    return Detection(interval=interval, kind=found.kind, score=found.score, apex=apex, attention=attention)


def _counted(chunks: Iterable[Streams], rows: int, report: OnProgress) -> Iterator[Streams]:
    done = 0
    report(Progress("motion", done, rows))
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        report(Progress("motion", done, rows))


def check_length(reader: VideoReader, track: FaceTrack) -> None:
    """Reject a video with too few sampled frames.

    Raises
    ------
    VideoError
        Fewer than `SHORTEST_ROWS` sampled frames.
    """
    if len(track) < SHORTEST_ROWS:
        info = reader.info
        raise VideoError(
            f"{info.path}: too short ({info.duration_s:.2f} s, {len(track)} sampled frames); "
            f"at least {SHORTEST_ROWS} sampled frames are needed, record a longer clip."
        )


def quality_flags(reader: VideoReader, track: FaceTrack) -> Iterator[str]:
    """Say in plain words what makes this video's result less reliable."""
    info = reader.info
    if track.coverage < 1:
        yield f"the face is seen in {track.coverage:.0%} of the sampled frames"
    rate = 1 / info.frame_duration_s if info.frame_duration_s else 0.0
    if 0 < rate < RELIABLE_ME_FPS - 0.1:
        yield f"{rate:.1f} frames a second are too few to find micro-expressions reliably"
    if reader.truncated_after_s is not None:
        yield f"the file breaks off after {reader.truncated_after_s:.1f} s"
    if info.repaired_time_stamps:
        yield f"{info.repaired_time_stamps} time stamps were missing or out of order and were repaired"


def extract_streams(
    path: Path, config: Config, cache: Path | None = None, *, images_fps: float | None = None
) -> Streams:
    """Return the network's input for a whole video, from ``cache`` where it was made before; for training.

    The flow is float16: its relative error (5e-4) is far below that of the flow, and twice as much stays in memory.
    """
    reader = VideoReader(path, images_fps=images_fps)
    kept = cache_path(cache, path, config, images_fps=images_fps) if cache else None
    if kept and (streams := load_streams(kept)):
        return streams
    track = track_face(reader, config)
    check_length(reader, track)
    transforms = steady_transforms(track, reader.info.times_s[track.frames], config.align)
    chunks = stream_chunks(reader, transforms, config)
    streams = Streams.join([replace(chunk, flow=chunk.flow.astype(np.float16)) for chunk in chunks])
    if kept:
        save_streams(streams, kept)
    return streams


def stills(analysis: Analysis, frames: Sequence[int], config: Config) -> dict[int, npt.NDArray[np.uint8]]:
    """Return steady crops of the subject's face at the sampled frames nearest to ``frames``.

    Returns
    -------
    dict of int to (S, S, 3) uint8 RGB
        By the frames that were asked for.
    """
    reader, track, transforms = analysis.reader, analysis.track, analysis.transforms
    nearest = {frame: int(np.abs(track.frames - frame).argmin()) for frame in frames}
    wanted, crops, row = set(nearest.values()), {}, 0
    for chunk in reader.chunks_ahead(config.decode):
        for place in range(len(chunk)):
            if row + place in wanted:
                picture = crop(chunk.rgb(place), transforms.matrices[row + place], config.align.crop_px)
                crops[row + place] = picture.round().clip(0, 255).astype(np.uint8)
        row += len(chunk)
        if len(crops) == len(wanted):
            break
    return {frame: crops[row] for frame, row in nearest.items()}
