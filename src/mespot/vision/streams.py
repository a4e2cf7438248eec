"""The network's input over a video in chunks: crops and flow of the tracked face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mespot.config import BackboneConfig, Config
from mespot.core.profile import NO_PROFILE, Recorder, usable_cores
from mespot.core.signals import Float32
from mespot.core.video import FloatArray
from mespot.vision.align import CropTransforms, Float64, crop
from mespot.vision.decode import FrameChunk, VideoReader
from mespot.vision.flow import FlowExtractor
from mespot.vision.regions import REGIONS, Spans, face_flow, region_spans
from mespot.vision.resample import resized

LONGEST_STEP = 4
"""A gap of more than this many sampling steps between frames is no motion of the face but a hole in the video."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The network's input for consecutive sampled frames.

    Parameters
    ----------
    rgb : (T, 3, S, S) uint8, optional
        Steady crops; None for a network that sees the flow alone.
    flow : (T, 2, S, S) float32 or float16
        TV-L1 flow in px of the crop per sampled step, head motion removed.
    motion : (T, R, 2) float32
        Mean flow of every face region, px per sampled step.
    frames : (T,) int64
        Source frames.
    times_s : (T,) float64
        Their presentation times, s.
    present : (T,) bool
        Whether the face was seen.
    """

    rgb: npt.NDArray[np.uint8] | None
    flow: npt.NDArray[np.floating]
    motion: Float32
    frames: npt.NDArray[np.int64]
    times_s: FloatArray
    present: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        rows = len(self.frames)
        shapes = [self.flow.shape[:2], self.motion.shape[::2]]
        pictures = None if self.rgb is None else self.rgb.shape
        if shapes != [(rows, 2), (rows, 2)] or pictures not in (None, (rows, 3, *self.flow.shape[2:])):
            raise ValueError(f"streams of {rows} rows have shapes {pictures}, {self.flow.shape}, {self.motion.shape}")

    def __len__(self) -> int:
        return len(self.frames)

    @classmethod
    def join(cls, parts: Sequence[Streams]) -> Streams:
        """Return consecutive parts as one."""
        if len({part.rgb is None for part in parts}) > 1:
            raise ValueError("some parts have pictures and some have none")
        names = (name for name in cls.__slots__ if getattr(parts[0], name) is not None)
        joined: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(**{"rgb": None, **joined})


def network_input(
    rgb: npt.NDArray[np.uint8] | None, flow: npt.NDArray[np.floating], config: BackboneConfig
) -> tuple[Float32 | None, Float32]:
    """Scale both streams to [-1, 1]: 8-bit values linearly, flow clipped at ``flow_clip_px``; no pictures stay none."""
    pictures = None if rgb is None else np.divide(rgb, np.float32(127.5), dtype=np.float32)
    if pictures is not None:
        pictures -= 1
    limit = np.float32(config.flow_clip_px)
    motion = np.clip(flow, -limit, limit, dtype=np.float32)
    motion /= limit
    return pictures, motion


def motion_breaks(times_s: FloatArray, starts: npt.NDArray[np.bool_], sampling_fps: float) -> npt.NDArray[np.bool_]:
    """Say of every row whether the step to it is no motion: the first row, a stretch's start, a hole in the video."""
    steps = np.diff(times_s, prepend=times_s[:1]) * sampling_fps
    return starts | (steps <= 0) | (steps > LONGEST_STEP)


def step_scales(times_s: FloatArray, breaks: npt.NDArray[np.bool_], sampling_fps: float, step: int = 1) -> Float32:
    """Return the factor per row that turns flow per sampled frame into px per nominal sampling step.

    Frames need not be 1 / ``sampling_fps`` apart (25 frames a second, variable rate); a velocity is the same number
    for all of them.

    Parameters
    ----------
    times_s : (T,) float64
        Presentation times of the rows, s.
    breaks : (T,) bool
        Rows that begin anew, see `motion_breaks`.
    sampling_fps : float
        Nominal steps per second.
    step : int
        Rows between the two of a pair, ``flow.step``: the flow is the motion since so many rows before, divided by it.

    Returns
    -------
    (T,) float32
        0 where fewer than ``step`` rows lie between the row and the latest break.
    """
    rows = np.arange(len(times_s))
    usable = rows - np.maximum.accumulate(np.where(breaks, rows, 0)) >= step
    scales = np.zeros(len(times_s), np.float32)
    scales[usable] = step / ((times_s[usable] - times_s[rows[usable] - step]) * sampling_fps)
    return scales


def stream_chunks(
    reader: VideoReader,
    transforms: CropTransforms,
    config: Config,
    profile: Recorder = NO_PROFILE,
    device: str = "cpu",
) -> Iterator[Streams]:
    """Yield the streams of the tracked face, a chunk of at most ``config.decode.chunk_frames`` rows at a time.

    The rows are those of the track in ``transforms``; their numbers depend, to the last bit, neither on the chunk
    length nor on the number of threads. ``profile`` receives the times of the stages "decode", "crops", "flow" and
    "regions". ``device`` is where the flow is computed, see `mespot.vision.flow.tvl1`.
    """
    track, sampling_fps = transforms.track, config.decode.sampling_fps
    times_s = reader.info.times_s[track.frames]
    breaks = motion_breaks(times_s, track.starts | ~track.present, sampling_fps)
    scales = step_scales(times_s, breaks, sampling_fps, config.flow.step)
    extractor = FlowExtractor(config.flow, device=device)
    regions = _FaceRegions(transforms, config.align.crop_px)
    row = 0
    with ThreadPoolExecutor(usable_cores(), thread_name_prefix="streams") as pool:
        for chunk in reader.chunks_ahead(config.decode, profile):
            rows = slice(row, row + len(chunk))
            row = rows.stop
            with profile.span("crops"):
                grey, rgb = _crops(chunk, transforms.matrices[rows], config, pool)
            with profile.span("flow"):
                moved = extractor.extract(grey, breaks[rows]).values
            with profile.span("regions"):
                flow, motion = _face_flows(moved, regions.spans(rows), scales[rows], config, pool)
            yield Streams(rgb, flow, motion, track.frames[rows], times_s[rows], track.present[rows])


def _crops(
    chunk: FrameChunk, matrices: Float64, config: Config, pool: Executor
) -> tuple[Float32, npt.NDArray[np.uint8] | None]:
    """Return the (T, H, W) grey crops for the flow and, for a network that sees them, (T, 3, S, S) colour ones."""
    side_px, rows = config.backbone.input_px, range(len(chunk))

    def colour(row: int) -> npt.NDArray[np.uint8]:
        matrix = resized(matrices[row], config.align.crop_px, side_px)
        return np.rint(crop(chunk.rgb(row), matrix, side_px)).astype(np.uint8).transpose(2, 0, 1)

    grey = np.stack(list(pool.map(lambda row: crop(chunk.grey(row), matrices[row], config.align.crop_px), rows)))
    return grey, np.stack(list(pool.map(colour, rows))) if config.backbone.sees_rgb else None


def _face_flows(
    flow: Float32, spans: Sequence[Spans | None], scales: Float32, config: Config, pool: Executor
) -> tuple[Float32, Float32]:
    """Turn (T, 2, H, W) flow into (T, 2, S, S) of the face alone and (T, R, 2) region means, px per sampled step."""
    side_px = config.backbone.input_px
    small = np.zeros((len(flow), 2, side_px, side_px), np.float32)
    motion = np.zeros((len(flow), len(REGIONS), 2), np.float32)

    def reduce(row: int) -> None:
        outlines = spans[row]
        if outlines is not None and scales[row] != 0:
            small[row], motion[row] = face_flow(
                flow[row],
                outlines,
                float(scales[row]),
                side_px,
                mask_face=config.flow.mask_face,
                head_motion=config.flow.head_motion,
            )

    list(pool.map(reduce, range(len(flow))))
    return small, motion


class _FaceRegions:
    """Where face and regions lie in the crops: as at the latest row in which the landmarks were measured.

    In a steady crop they move slowly, and between two such rows nothing more is known.
    """

    def __init__(self, transforms: CropTransforms, side_px: int) -> None:
        self._transforms, self._side_px = transforms, side_px
        rows = np.arange(len(transforms))
        # Among the knots is the first row of every stretch, so none reaches over a gap or a cut.
        self._latest = np.searchsorted(transforms.knots, rows, side="right") - 1
        self._known: tuple[int, Spans] | None = None

    def spans(self, rows: slice) -> list[Spans | None]:
        """Return `region_spans` of consecutive rows; None without a face."""
        present = self._transforms.track.present[rows]
        return [self._at(int(knot)) if there else None for knot, there in zip(self._latest[rows], present, strict=True)]

    def _at(self, knot: int) -> Spans:
        if self._known is None or self._known[0] != knot:
            points = self._transforms.landmarks(self._transforms.knots[knot : knot + 1])[0]
            self._known = knot, region_spans(points, self._side_px)
        return self._known[1]
