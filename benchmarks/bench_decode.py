"""Frames a second of decoding alone, with grey and with colour pictures: ratio to PyAV and OpenCV in the same run.

Run it as ``python benchmarks/bench_decode.py [--repetitions N] [--frames N]``. The videos are made first: a real face
that moves, with noise of the camera, 640 x 480 at 30 and 2040 x 1088 at 200 frames a second. Times are of the
processor (all threads), which other programs disturb little, and of the clock; everything is timed in turns. The limit
is FFmpeg's decoder through PyAV with nothing done to its frames.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from harness import Timing, alternate, machine, save, summarise
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter

SIZES = {"640x480": (640, 480, 30, 4), "2040x1088": (2040, 1088, 200, 1)}
"""Width, height, frames a second, and how many times the stated frames: few small ones would time the first memory."""
SAMPLING_FPS = 30.0
CHUNK_FRAMES = 64
QUALITY = 20
NOISE = 2.0
SWAY_PX = 15
LIMIT = "PyAV, decoding alone"
PEERS = {
    "mespot, decoding alone": LIMIT,
    "mespot, grey": "PyAV to_ndarray gray",
    "mespot, rgb": "PyAV to_ndarray rgb24",
    "mespot, grey at 30 a second": "PyAV to_ndarray gray",
    "mespot, rgb at 30 a second": "PyAV to_ndarray rgb24",
}
OPENCV = {"grey": "OpenCV VideoCapture, cvtColor grey", "rgb": "OpenCV VideoCapture, cvtColor rgb"}
Image = npt.NDArray[np.uint8]


def moving_face(width: int, height: int, fps: int, frames: int) -> Iterator[Image]:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        (chunk, *_) = VideoReader(path).chunks(sampling_fps=1, chunk_frames=1)
    face = chunk.rgb(0)
    margin = SWAY_PX + 5
    scale = max((width + 2 * margin) / face.shape[1], (height + 2 * margin) / face.shape[0])
    face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    random = np.random.default_rng(0)
    noises = [random.normal(0, NOISE, (height, width, 1)).astype(np.float32) for _ in range(8)]
    for number in range(frames):
        angle = 2 * np.pi * number / fps
        x, y = margin + SWAY_PX * np.sin(angle), margin + SWAY_PX * np.cos(angle)
        moved = cv2.warpAffine(face, np.array([[1, 0, -x], [0, 1, -y]]), (width, height))
        yield np.clip(moved + np.roll(noises[number % 8], 13 * number, (0, 1)), 0, 255).astype(np.uint8)


def make_video(path: Path, width: int, height: int, fps: int, frames: int) -> Path:
    with VideoWriter(path, width_px=width, height_px=height, fps=fps, crf=QUALITY) as video:
        for image in moving_face(width, height, fps, frames):
            video.write(image)
    return path


def ours(path: Path, convert: str, sampling_fps: float | None = None) -> None:
    for chunk in VideoReader(path).chunks(sampling_fps=sampling_fps, chunk_frames=CHUNK_FRAMES):
        for row in range(len(chunk)):
            getattr(chunk, convert)(row)


def pyav(path: Path, pixel_format: str | None) -> None:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            if pixel_format is not None:
                frame.to_ndarray(format=pixel_format)


def opencv(path: Path, conversion: int) -> None:
    video = cv2.VideoCapture(str(path))
    while True:
        found, image = video.read()
        if not found:
            break
        cv2.cvtColor(image, conversion)
    video.release()


def calls_for(path: Path) -> dict[str, Callable[[], Any]]:
    return {
        "mespot, decoding alone": lambda: VideoReader(path).info,
        "mespot, grey": lambda: ours(path, "grey"),
        "mespot, rgb": lambda: ours(path, "rgb"),
        "mespot, grey at 30 a second": lambda: ours(path, "grey", SAMPLING_FPS),
        "mespot, rgb at 30 a second": lambda: ours(path, "rgb", SAMPLING_FPS),
        LIMIT: lambda: pyav(path, None),
        "PyAV to_ndarray gray": lambda: pyav(path, "gray"),
        "PyAV to_ndarray rgb24": lambda: pyav(path, "rgb24"),
        OPENCV["grey"]: lambda: opencv(path, cv2.COLOR_BGR2GRAY),
        OPENCV["rgb"]: lambda: opencv(path, cv2.COLOR_BGR2RGB),
    }


def time_both(calls: dict[str, Callable[[], Any]], repetitions: int) -> dict[str, dict[str, Timing]]:
    """Time by the processor and by the clock in the same run."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}

    def clocked(name: str) -> Callable[[], None]:
        def call() -> None:
            begin = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - begin)

        return call

    of_processor = alternate({name: clocked(name) for name in calls}, repetitions, clock=time.process_time)
    return {"processor": of_processor, "clock": {name: summarise(wall[1:]) for name, wall in seconds.items()}}


def rates(times: dict[str, Timing], frames: int) -> dict[str, dict[str, Any]]:
    """Frames of the file a second, the ratio to each peer and the share of the decoder's own rate."""
    found: dict[str, dict[str, Any]] = {}
    for name, timing in times.items():
        row: dict[str, Any] = {"frames_per_s": frames / timing.median_s, "timing": timing}
        row["share_of_limit"] = times[LIMIT].median_s / timing.median_s
        peers = [PEERS[name]] if name in PEERS else []
        peers += [OPENCV[kind] for kind in OPENCV if name.startswith("mespot") and kind in name]
        row["ratio_to"] = {peer: times[peer].median_s / timing.median_s for peer in peers}
        found[name] = row
    return found


def show(title: str, found: dict[str, dict[str, Any]]) -> None:
    print(title)
    for name, row in found.items():
        ratios = ", ".join(f"{ratio:.2f} x {peer}" for peer, ratio in row["ratio_to"].items())
        share = f"{row['share_of_limit']:.0%} of the limit"
        print(f"  {name:36s}{row['frames_per_s']:7.0f} frames/s, {share:18s} {row['timing']}  {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument(
        "--frames", type=int, default=120, help="frames of the large video, four times as many of the small"
    )
    arguments = parser.parse_args()
    facts = {**machine(), "pyav": av.__version__}
    figures: dict[str, Any] = {"crf": QUALITY}
    with tempfile.TemporaryDirectory() as folder:
        for name, (width, height, fps, times) in SIZES.items():
            frames = times * arguments.frames
            path = make_video(Path(folder) / f"{name}.mp4", width, height, fps, frames)
            kilobytes = path.stat().st_size / 1000 / frames
            figures[name] = {"fps": fps, "frames": frames, "kilobytes_per_frame": kilobytes}
            for clock, timings in time_both(calls_for(path), arguments.repetitions).items():
                figures[name][clock] = rates(timings, frames)
                show(f"{name} at {fps} frames/s, {kilobytes:.0f} kB a frame, by the {clock}", figures[name][clock])
    print(save("decode", figures, facts))


if __name__ == "__main__":
    main()
