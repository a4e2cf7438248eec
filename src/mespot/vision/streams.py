"""The network's input over a video in chunks: crops and flow of the tracked face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import AlignConfig, BackboneConfig, Config, FlowConfig
from mespot.core.signals import Float32
from mespot.core.video import FloatArray
from mespot.vision.align import CropTransforms, crop
from mespot.vision.decode import VideoReader
from mespot.vision.flow import FlowExtractor, subtract_nose_mean
from mespot.vision.regions import NOSE, REGIONS, region_masks

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""
LONGEST_STEP = 4
"""A gap of more than this many sampling steps between frames is no motion of the face but a hole in the video."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The network's input for consecutive sampled frames.

    Parameters
    ----------
    rgb : (T, 3, S, S) uint8
        Steady crops.
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

    rgb: npt.NDArray[np.uint8]
    flow: npt.NDArray[np.floating]
    motion: Float32
    frames: npt.NDArray[np.int64]
    times_s: FloatArray
    present: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        rows = len(self.frames)
        shapes = [self.rgb.shape[:2], self.flow.shape[:2], self.motion.shape[::2]]
        if shapes != [(rows, 3), (rows, 2), (rows, 2)] or self.rgb.shape[2:] != self.flow.shape[2:]:
            raise ValueError(
                f"streams of {rows} rows have shapes {self.rgb.shape}, {self.flow.shape}, {self.motion.shape}"
            )

    def __len__(self) -> int:
        return len(self.frames)

    @classmethod
    def join(cls, parts: Sequence[Streams]) -> Streams:
        """Return consecutive parts as one."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("rgb", "flow", "motion", "frames", "times_s", "present")
            )
        )


def network_input(
    rgb: npt.NDArray[np.uint8], flow: npt.NDArray[np.floating], config: BackboneConfig
) -> tuple[Float32, Float32]:
    """Scale both streams to [-1, 1]: 8-bit values linearly, flow clipped at ``flow_clip_px``."""
    scaled = np.clip(flow.astype(np.float32), -config.flow_clip_px, config.flow_clip_px) / config.flow_clip_px
    return rgb.astype(np.float32) / np.float32(127.5) - np.float32(1), scaled


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


def stream_chunks(reader: VideoReader, transforms: CropTransforms, config: Config) -> Iterator[Streams]:
    """Yield the streams of the tracked face, a chunk of at most ``config.decode.chunk_frames`` rows at a time.

    The rows are those of the track in ``transforms``; their numbers do not depend on the chunk length.
    """
    track, sampling_fps = transforms.track, config.decode.sampling_fps
    times_s = reader.info.times_s[track.frames]
    breaks = motion_breaks(times_s, track.starts | ~track.present, sampling_fps)
    scales = step_scales(times_s, breaks, sampling_fps, config.flow.step)
    flows = _FaceFlow(config.flow)
    row = 0
    for chunk in reader.chunks(sampling_fps=sampling_fps, chunk_frames=config.decode.chunk_frames):
        rows = slice(row, row + len(chunk.frames))
        row = rows.stop
        crops = _crops(chunk.images, transforms, rows, config.align)
        flow, motion = flows(crops, transforms.landmarks(rows), breaks[rows], scales[rows])
        yield Streams(
            rgb=_shrink(crops, config.backbone.input_px).round().clip(0, 255).astype(np.uint8).transpose(0, 3, 1, 2),
            flow=_shrink(flow.transpose(0, 2, 3, 1), config.backbone.input_px).transpose(0, 3, 1, 2),
            motion=motion,
            frames=track.frames[rows],
            times_s=times_s[rows],
            present=track.present[rows],
        )


class _FaceFlow:
    """Flow of the face alone: between neighbouring crops, head motion and background removed."""

    def __init__(self, config: FlowConfig) -> None:
        self.config = config
        self.extractor = FlowExtractor(config)

    def __call__(
        self, crops: Float32, landmarks: Float32, breaks: npt.NDArray[np.bool_], scales: Float32
    ) -> tuple[Float32, Float32]:
        """(T, H, W, 3) crops -> (T, 2, H, W) flow and (T, R, 2) region means, px per sampled step."""
        grey = np.ascontiguousarray(crops @ LUMA)
        flow = self.extractor.extract(grey, breaks).values * scales[:, None, None, None]
        motion = np.zeros((len(flow), len(REGIONS), 2), np.float32)
        for row in range(len(flow)):
            points = landmarks[row]
            if scales[row] == 0 or np.isnan(points).any():
                flow[row] = 0
                continue
            masks = region_masks(points, flow.shape[-1])
            if self.config.remove_nose_mean:
                flow[row] = subtract_nose_mean(flow[row : row + 1], masks[NOSE])[0]
            if self.config.mask_face:
                flow[row] *= _face_mask(points, flow.shape[-1])
            for region, mask in enumerate(masks):
                if mask.any():
                    motion[row, region] = flow[row][:, mask].mean(axis=1)
        return flow, motion


def _face_mask(points: Float32, side_px: int) -> Float32:
    mask = np.zeros((side_px, side_px), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.round().astype(np.int32)), 1.0)
    return mask


def _crops(images: npt.NDArray[np.uint8], transforms: CropTransforms, rows: slice, config: AlignConfig) -> Float32:
    matrices = transforms.matrices[rows]
    return np.stack([crop(image, matrix, config.crop_px) for image, matrix in zip(images, matrices, strict=True)])


def _shrink(images: Float32, side_px: int) -> Float32:
    """(T, H, W, C) to (T, side, side, C) by area averaging, which also averages the noise away."""
    side = images.shape[1]
    if side == side_px:
        return images
    if side % side_px == 0:
        factor = side // side_px
        shape = (len(images), side_px, factor, side_px, factor, images.shape[3])
        return np.asarray(images.reshape(shape).mean(axis=(2, 4), dtype=np.float32))
    return np.stack([cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA) for image in images])
