"""The peer of the end-to-end benchmark: features as public code of the field takes them, frame by frame.

OpenCV decodes; YuNet looks for the face in every frame; its box is cut out and scaled to 224 x 224; OpenCV's DualTVL1
with its defaults gives the flow between neighbouring crops; two streams of I3D at full width, float32, plain PyTorch,
see clips of 8 frames at stride 8, one at a time. Each library uses the threads that it takes by default. The network's
last pooling, which public code does not have, is left out.

It runs in a process of its own, ``python benchmarks/public_pipeline.py VIDEO [--frames N] [--fps F]``, and prints JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from harness import cpu_clock
from mespot.config import Config
from mespot.model.network import Network

SIDE_PX, CLIP_FRAMES, DETECTOR_PX = 224, 8, 320
MARGIN = 0.2
"""Of the box, on every side."""
FLOW_CLIP_PX = 20.0
Picture = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Stages:
    """Seconds of the clock by stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def mark(self, stage: str) -> None:
        """Count the time since the last mark for ``stage``."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


class PublicPipeline:
    """Decode, detect, crop, flow and network, one after the other."""

    def __init__(self) -> None:
        model = np.frombuffer(
            files("mespot.assets").joinpath("face_detection_yunet_2023mar.onnx").read_bytes(), np.uint8
        )
        self.detector = cv2.FaceDetectorYN.create("onnx", model, np.empty(0, np.uint8), (DETECTOR_PX, DETECTOR_PX), 0.7)
        self.solver: Any = vars(cv2.optflow)["DualTVL1OpticalFlow_create"]()
        network = Network(Config()).eval()
        assert network.rgb is not None
        assert network.flow is not None
        self.rgb, self.flow = (nn.Sequential(*list(stream.children())[:-1]) for stream in (network.rgb, network.flow))

    def crop(self, frame: Picture) -> Picture:
        """Return the BGR crop around the most confident face; the whole frame where there is none."""
        height, width = frame.shape[:2]
        scale = DETECTOR_PX / max(height, width)
        size = (round(width * scale), round(height * scale))
        self.detector.setInputSize(size)
        found: Any = self.detector.detect(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))[1]
        x, y, wide, high = found[0][:4] / scale if found is not None else (0, 0, width, height)
        left, top = max(0, int(x - MARGIN * wide)), max(0, int(y - MARGIN * high))
        right, bottom = int(x + (1 + MARGIN) * wide), int(y + (1 + MARGIN) * high)
        return np.asarray(cv2.resize(frame[top:bottom, left:right], (SIDE_PX, SIDE_PX)), np.uint8)

    def features(self, video: str, frames: int, fps: float | None, stages: Stages) -> Iterator[npt.NDArray[np.float32]]:
        """Yield (2, 1024) features of each clip of the first ``frames`` frames, taken at ``fps`` a second."""
        before: Picture | None = None
        colours, motion = [], []
        for frame in decoded(video, frames, fps):
            stages.mark("decode")
            crop = self.crop(frame)
            grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)
            stages.mark("detect and crop")
            flow = self.solver.calc(grey if before is None else before, grey, None)
            before = grey
            stages.mark("flow")
            colours.append(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB).astype(np.float32) / 127.5 - 1)
            motion.append(np.clip(flow / FLOW_CLIP_PX, -1, 1).astype(np.float32))
            if len(colours) == CLIP_FRAMES:
                clips = [np.stack(part).transpose(3, 0, 1, 2)[None] for part in (colours, motion)]
                colours, motion = [], []
                with torch.no_grad():
                    streams = zip((self.rgb, self.flow), clips, strict=True)
                    maps = [stream(torch.from_numpy(np.ascontiguousarray(clip))) for stream, clip in streams]
                yield torch.stack([rows.mean(dim=(0, 2, 3, 4)) for rows in maps]).numpy()
                stages.mark("network")


def decoded(video: str, frames: int, fps: float | None) -> Iterator[Picture]:
    """Yield BGR frames as OpenCV decodes them, at most ``fps`` a second by their number."""
    capture = cv2.VideoCapture(video)
    every = max(1.0, capture.get(cv2.CAP_PROP_FPS) / fps) if fps else 1.0
    number = taken = 0
    while taken < frames and capture.grab():
        if number >= round(taken * every):
            taken += 1
            good, frame = capture.retrieve()
            if not good:
                break
            yield np.asarray(frame, np.uint8)
        number += 1
    capture.release()


def measure_public(video: str, frames: int, fps: float | None) -> dict[str, Any]:
    """Return wall and CPU milliseconds a frame, after one clip to warm up."""
    pipeline = PublicPipeline()
    for _ in pipeline.features(video, CLIP_FRAMES, fps, Stages()):
        pass
    stages = Stages()
    cpu, begin = cpu_clock(), time.perf_counter()
    clips = len(list(pipeline.features(video, frames, fps, stages)))
    wall_s, cpu_s = time.perf_counter() - begin, cpu_clock() - cpu
    done = clips * CLIP_FRAMES
    if not done:
        raise SystemExit(f"{video}: fewer than {CLIP_FRAMES} frames; give a longer one.")
    return {
        "frames": done,
        "wall_ms": 1e3 * wall_s / done,
        "cpu_ms": 1e3 * cpu_s / done,
        "stages": {stage: seconds / wall_s for stage, seconds in stages.seconds.items()},
        "threads": {"opencv": cv2.getNumThreads(), "torch": torch.get_num_threads()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--fps", type=float, help="frames a second that are used; all by default")
    options = parser.parse_args()
    print(json.dumps(measure_public(options.video, options.frames // CLIP_FRAMES * CLIP_FRAMES, options.fps)))


if __name__ == "__main__":
    main()
