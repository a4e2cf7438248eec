"""Two figures of the steady crops: motion where there is none, and what is left of a head's motion.

1. A motionless real face (one frame of the bundled clip) with fresh sensor noise: how far the crop moves from frame to
   frame and over half a second, against alignment by the landmarks of each frame alone.
2. The same face moved rigidly (translation, rotation, scale) without an expression: mean length of the flow over the
   face, before and after the nose region's mean is removed.

Run it as ``python benchmarks/bench_steady_crops.py [--repetitions N] [--seconds S]``; all lengths are px of a crop of
224. The figures are kept as dated JSON in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from harness import machine, save
from mespot.config import AlignConfig, Config
from mespot.core.signals import FaceTrack, Float32
from mespot.vision.align import CropTransforms, crop, steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter
from mespot.vision.flow import tvl1
from mespot.vision.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from mespot.vision.regions import NOSE, region_means
from mespot.vision.resample import warp
from mespot.vision.tracking import track_face

FPS = 30
SIDE_PX = 352
EVERY = slice(None)
FACE_CENTRE = (297.0, 195.0)
CODECS = {"lossless": ("ffv1", 0), "h264 crf 18": ("libx264", 18), "h264 crf 23": ("libx264", 23)}
Float64 = npt.NDArray[np.float64]


def still_frame() -> npt.NDArray[np.uint8]:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        images = next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)).images
    return np.asarray(images[0], np.uint8)


def head_path(frames: int, speed_px_s: float) -> Float64:
    """(T, 2, 3) maps from the still to the frames: sines whose translation peaks at ``speed_px_s``."""
    time_s = np.arange(frames) / FPS
    share = speed_px_s / 40
    across = speed_px_s / (2 * math.pi * 0.4) * np.sin(2 * math.pi * 0.4 * time_s)
    down = 0.4 * speed_px_s / (2 * math.pi * 0.3) * np.sin(2 * math.pi * 0.3 * time_s + 1)
    angle = math.radians(2) * share * np.sin(2 * math.pi * 0.35 * time_s + 2)
    scale = 1 + 0.02 * share * np.sin(2 * math.pi * 0.2 * time_s)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    offset = SIDE_PX / 2 + np.stack([across, down], -1) - linear @ np.array(FACE_CENTRE)
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def write_video(path: Path, matrices: Float64, sigma: float, codec: str, seed: int) -> None:
    name, crf = CODECS[codec]
    still, rng = still_frame(), np.random.default_rng(seed)
    with VideoWriter(path, width_px=SIDE_PX, height_px=SIDE_PX, fps=FPS, crf=crf, codec=name) as video:
        for matrix in matrices:
            image = warp(still, matrix, SIDE_PX)
            noisy = image + rng.normal(0, sigma, image.shape) if sigma else image
            video.write(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


@contextmanager
def tracked(matrices: Float64, sigma: float, codec: str, seed: int) -> Iterator[tuple[VideoReader, FaceTrack]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.mkv"
        write_video(path, matrices, sigma, codec, seed)
        reader = VideoReader(path)
        yield reader, track_face(reader, Config())


def eye_corner_transforms(track: FaceTrack, config: AlignConfig) -> Float64:
    """(T, 2, 3): the named peer, the outer eye corners of each frame alone brought to their places."""
    right, left = (track.at(EVERY)[:, point].astype(np.float64) for point in (RIGHT_EYE_OUTER, LEFT_EYE_OUTER))
    ratio = config.face_width * config.crop_px / ((left - right) @ [1, 1j])
    linear = np.stack([np.stack([ratio.real, -ratio.imag], -1), np.stack([ratio.imag, ratio.real], -1)], -2)
    middle = (right + left) / 2
    offset = np.array([0.5, 0.38]) * (config.crop_px - 1) - np.einsum("tij,tj->ti", linear, middle)
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def crop_motion(matrices: Float64, lag: int, face: Float64) -> float:
    """Root mean square over time and face of how far a fixed source point moves in the crop within ``lag`` frames."""
    at = np.einsum("tij,kj->tki", matrices, np.column_stack([face, np.ones(len(face))]))
    return float(np.sqrt(((at[lag:] - at[:-lag]) ** 2).sum(axis=2).mean()))


def motionless(frames: int, sigma: float, codec: str, seed: int) -> dict[str, float]:
    config = AlignConfig()
    still = head_path(frames, 0.0)
    with tracked(still, sigma, codec, seed) as (reader, track):
        times_s = reader.info.times_s[track.frames]
        face = np.median(track.at(EVERY), axis=0).astype(np.float64)
        steady = steady_transforms(track, times_s, config).matrices
        unsmoothed = steady_transforms(track, times_s, config.model_copy(update={"smoothing_s": 0.0})).matrices
        ways = {"steady": steady, "still points, not smoothed": unsmoothed}
        ways["eye corners, not smoothed"] = eye_corner_transforms(track, config)
        return {
            f"{name}, {what}": crop_motion(matrices, lag, face)
            for name, matrices in ways.items()
            for what, lag in (("1 frame", 1), ("0.5 s", FPS // 2))
        }


def grey_crops(reader: VideoReader, transforms: CropTransforms, side_px: int) -> list[Float32]:
    return [
        np.asarray(cv2.cvtColor(crop(image, transforms.matrices[frame], side_px), cv2.COLOR_RGB2GRAY), np.float32)
        for chunk in reader.chunks(sampling_fps=None, chunk_frames=64)
        for image, frame in zip(chunk.images, chunk.frames, strict=True)
    ]


def face_flow(grey: list[Float32], transforms: CropTransforms) -> tuple[float, float]:
    """Mean length of the flow over the face, as it is and without the nose region's mean."""
    sums = np.zeros(2)
    for row in range(1, len(grey)):
        flow = tvl1(grey[row - 1], grey[row])
        points = transforms.landmarks(slice(row, row + 1))
        face = np.zeros(grey[row].shape, np.uint8)
        cv2.fillConvexPoly(face, cv2.convexHull(np.rint(points[0]).astype(np.int32)), 1)
        nose = region_means(flow[None], points)[0, NOSE]
        for i, moved in enumerate((flow, flow - nose[:, None, None])):
            sums[i] += float(np.hypot(*moved)[face > 0].mean())
    before, after = sums / (len(grey) - 1)
    return float(before), float(after)


def residual_flow(frames: int, speed_px_s: float, codec: str, seed: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with tracked(head_path(frames, speed_px_s), 1.0, codec, seed) as (reader, track):
        times_s = reader.info.times_s[track.frames]
        for name, smoothing_s in (("steady", AlignConfig().smoothing_s), ("not smoothed", 0.0)):
            config = AlignConfig(smoothing_s=smoothing_s)
            transforms = steady_transforms(track, times_s, config)
            before, after = face_flow(grey_crops(reader, transforms, config.crop_px), transforms)
            figures |= {f"{name}, flow": before, f"{name}, flow without the nose's mean": after}
    return figures


def repeated(measure: Any, repetitions: int, *arguments: Any) -> dict[str, dict[str, float]]:
    runs = [measure(*arguments, seed) for seed in range(repetitions)]
    return {
        name: {"mean": float(np.mean([run[name] for run in runs])), "sd": float(np.std([run[name] for run in runs]))}
        for name in runs[0]
    }


def show(title: str, figures: dict[str, dict[str, float]]) -> None:
    print(title, flush=True)
    for name, figure in figures.items():
        print(f"  {name:40s} {figure['mean']:.4f} px  (sd {figure['sd']:.4f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=3, help="runs with other noise")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each video")
    given = parser.parse_args()
    frames = max(FPS, round(given.seconds * FPS))
    facts = machine()
    results: dict[str, Any] = {"repetitions": given.repetitions, "seconds": given.seconds}
    for sigma in (1.0, 2.0):
        for codec in CODECS:
            title = f"motionless face, noise {sigma:g}, {codec}"
            results[title] = repeated(motionless, given.repetitions, frames, sigma, codec)
            show(title, results[title])
    for speed in (0.0, 5.0, 10.0, 20.0, 40.0):
        title = f"head moving at up to {speed:g} px/s, noise 1, h264 crf 18"
        results[title] = repeated(residual_flow, given.repetitions, frames, speed, "h264 crf 18")
        show(title, results[title])
    print(f"saved {save('steady-crops', results, facts)}")


if __name__ == "__main__":
    main()
