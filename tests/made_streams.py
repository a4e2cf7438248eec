"""A small configuration, and streams of random numbers, for tests of what is made from them."""

from __future__ import annotations

import numpy as np

from mespot.config import Config
from mespot.vision.regions import REGIONS
from mespot.vision.streams import Streams

SMALL = Config().override(
    ["align.crop_px=64", "backbone.input_px=32", "flow.warps=1", "flow.scales=2", "decode.sampling_fps=15"]
)
FPS = 30.0


def random_streams(rows: int) -> Streams:
    rng = np.random.default_rng(rows)
    return Streams(
        rgb=rng.integers(0, 256, (rows, 3, 2, 2), dtype=np.uint8),
        flow=rng.normal(0, 10, (rows, 2, 2, 2)).astype(np.float32),
        motion=rng.normal(size=(rows, len(REGIONS), 2)).astype(np.float32),
        frames=np.arange(rows) * 2,
        times_s=np.arange(rows) / FPS,
        present=np.ones(rows, np.bool_),
    )
