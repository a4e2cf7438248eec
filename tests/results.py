"""Results of spotting as tests need them, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from mespot.config import Config
from mespot.core.expression import Attention, Detection, Kind
from mespot.core.interval import Interval
from mespot.core.spotting import Curves, Provenance, Spotting
from mespot.core.video import VideoInfo

SMILE = Detection(Interval(16, 72), Kind.MAE, 0.87, 22, Attention("mouth", ((0.1, 0.2), (1.0, 0.4))))
FLICKER = Detection(Interval(2, 12), Kind.ME, 0.61, 6, Attention("left brow"))


def make_spotting(
    detections: Sequence[Detection] = (FLICKER, SMILE),
    *,
    path: Path = Path("clips/person one.mp4"),
    frames: int = 72,
    quality: tuple[str, ...] = (),
) -> Spotting:
    """Return a result over ``frames`` at 30 per second, sampled at every second frame."""
    rows = np.arange(0, frames, 2)
    wave = (0.5 + 0.5 * np.sin(rows / 7)).astype(np.float32)
    return Spotting(
        video=VideoInfo(path, np.arange(frames) * 3000 + 900, Fraction(1, 90000), 640, 360),
        face=1,
        detections=tuple(detections),
        curves=Curves(
            frames=rows,
            motion=(wave / 3).astype(np.float32),
            score={Kind.MAE: wave, Kind.ME: (1 - wave).astype(np.float32)},
        ),
        provenance=Provenance(
            mespot="0.1.0",
            versions={"numpy": "2.4.0"},
            checkpoint="0123456789abcdef",
            config_digest=Config().digest(),
            config=Config().model_dump(by_alias=True),
            quality=quality,
        ),
    )
