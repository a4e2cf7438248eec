"""What the shipped weights do on real clips, against marks made by eye (tests/media/marks.csv).

1. Expressions in real clips: onset error in seconds and IoU of every marked expression, and whatever else is reported.
2. A motionless real face for a minute (one neutral frame of each clip, fresh sensor noise, H.264): detections a minute.

Run it as ``python benchmarks/bench_spotting.py [--weights FILE] [--table marks.csv]``; the figures are kept
as dated JSON in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness import machine, save
from mespot.accuracy.real import describe, marked_records
from mespot.data.table import load_table
from mespot.pipeline import Spotter
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter

MARKS = Path(__file__).parent.parent / "tests" / "media" / "marks.csv"
NEUTRAL_FRAMES = {"neutral_to_smile.mp4": 6, "smile_then_talk.mp4": 120}
"""A frame of each clip in which the face rests, by eye."""
MOTIONLESS_S, FPS = 60, 30
NOISE_SIGMAS = (1.0, 2.0)
"""Sensor noise, grey levels."""


def marked_clips(spotter: Spotter, table: Path) -> Iterator[dict[str, Any]]:
    """Yield one record a marked expression and one for whatever else each clip's result holds."""
    for video in load_table(table, unit="frames", videos_root=table.parent, first_frame=0):
        spotting = spotter.spot(video.path)
        yield from marked_records(video.resolve(spotting.video), spotting.detections, spotting.video)


def motionless(spotter: Spotter, clip: Path, frame: int, sigma: float, folder: Path) -> dict[str, Any]:
    """Return the detections in a minute of one frame under fresh noise."""
    images = next(VideoReader(clip).chunks(sampling_fps=None, chunk_frames=frame + 1)).images
    still, rng = images[frame].astype(np.float32), np.random.default_rng(0)
    path = folder / f"{clip.stem}-{sigma:g}.mp4"
    height, width = still.shape[:2]
    with VideoWriter(path, width_px=width, height_px=height, fps=FPS, crf=20) as video:
        for _ in range(MOTIONLESS_S * FPS):
            noisy = still + rng.normal(0, sigma, still.shape).astype(np.float32)
            video.write(noisy.round().clip(0, 255).astype(np.uint8))
    found = spotter.spot(path).detections
    return {"clip": clip.name, "noise": sigma, "minutes": MOTIONLESS_S / 60, "found": [describe(one) for one in found]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a checkpoint; the shipped weights otherwise")
    parser.add_argument("--table", type=Path, default=MARKS, help="marked real clips")
    arguments = parser.parse_args()
    facts = machine()
    spotter = Spotter(arguments.weights)
    records = []
    for record in marked_clips(spotter, arguments.table):
        records.append(record)
        print(json.dumps(record))
    clips = [video.path for video in load_table(MARKS, unit="frames", videos_root=MARKS.parent, first_frame=0)]
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips:
            for sigma in NOISE_SIGMAS:
                records.append(motionless(spotter, clip, NEUTRAL_FRAMES[clip.name], sigma, Path(folder)))
                print(json.dumps(records[-1]))
    print(f"saved {save('spotting', {'weights': spotter.checkpoint.digest, 'records': records}, facts)}")


if __name__ == "__main__":
    main()
