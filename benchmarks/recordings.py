"""Recordings for the benchmarks, made from the bundled real clip: any size, rate and length, with sensor noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import Config
from mespot.model.checkpoint import save_checkpoint
from mespot.model.network import Network

NOISE_SIGMA = 2.0
"""Sensor noise, grey levels."""
NOISE_SPARE_PX = 64
"""By so much the field of noise is larger than a picture, which takes another part of it each time."""
ENCODER = {"preset": "veryfast", "crf": "16"}
Pictures = npt.NDArray[np.uint8]


def clip_pictures() -> tuple[Pictures, float]:
    """Return the bundled clip, (T, H, W, 3) uint8 RGB, and its frames a second."""
    name = files("mespot.assets").joinpath("neutral_to_smile.mp4")
    with as_file(name) as path, av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 30)
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]), rate


def record(path: Path, *, seconds: float, width_px: int, height_px: int, fps: float) -> Path:
    """Write the clip, played forth and back at its own speed, with fresh noise in every frame, as H.264.

    The middle of the picture with the wanted shape is enlarged; between two frames of the clip they are blended.
    """
    pictures, rate = clip_pictures()
    pictures = scaled(pictures, width_px, height_px)
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=Fraction(fps), options=ENCODER)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        noise = noises(height_px, width_px)
        for place in forth_and_back(round(seconds * fps), fps / rate, len(pictures)):
            first, share = int(place), place - int(place)
            second = min(first + 1, len(pictures) - 1)
            clean = cv2.addWeighted(pictures[first], 1 - share, pictures[second], share, 0)
            noisy = np.asarray(cv2.add(clean, next(noise), dtype=cv2.CV_8U), np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        target.mux(stream.encode(None))
    return path


def scaled(pictures: Pictures, width_px: int, height_px: int) -> Pictures:
    """Cut the middle to the shape wanted and scale it."""
    height, width = pictures.shape[1:3]
    scale = max(width_px / width, height_px / height)
    cut_width, cut_height = round(width_px / scale), round(height_px / scale)
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    cut = pictures[:, top : top + cut_height, left : left + cut_width]
    size, method = (width_px, height_px), cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.stack([cv2.resize(picture, size, interpolation=method) for picture in cut]).astype(np.uint8)


def forth_and_back(frames: int, slower: float, pictures: int) -> Iterator[float]:
    """Yield a place in the clip for every frame; whole periods, so that the video can follow upon itself."""
    period = 2 * (pictures - 1) * slower
    period = frames / max(1, round(frames / period))
    for frame in range(frames):
        phase = 2 * math.modf(frame / period)[0]
        yield (phase if phase <= 1 else 2 - phase) * (pictures - 1)


def noises(height_px: int, width_px: int) -> Iterator[npt.NDArray[np.int16]]:
    """Yield (H, W, 3) noise without end, grey levels."""
    random = np.random.default_rng(0)
    shape = (height_px + NOISE_SPARE_PX, width_px + NOISE_SPARE_PX, 3)
    field = np.rint(random.normal(0, NOISE_SIGMA, shape)).astype(np.int16)
    while True:
        top, left = random.integers(0, NOISE_SPARE_PX, 2)
        yield field[top : top + height_px, left : left + width_px]


def repeat(source: Path, path: Path, times: int) -> Path:
    """Write the packets of ``source`` again and again into ``path``, without decoding them; return ``path``."""
    with av.open(str(path), "w") as target:
        copy: av.VideoStream | None = None
        for turn in range(times):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                copy = copy or target.add_stream_from_template(stream)
                assert stream.average_rate is not None
                assert stream.time_base is not None
                shift = int(turn * stream.frames / (stream.average_rate * Fraction(stream.time_base)))
                for packet in container.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue  # the empty packet at the end
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = copy
                    target.mux(packet)
    return path


def full_width_weights(path: Path) -> Path:
    """Write a checkpoint of the full-width network of two streams, its weights as they begin; return ``path``.

    Both streams run in bfloat16 and the flow is that of the shipped weights, whose detections bear both.
    """
    config = Config().override(["backbone.bfloat16=both", "flow.warps=2", "flow.scales=3"])
    save_checkpoint(path, Network(config), config, facts={"weights": "not trained; for measuring speed"})
    return path
