"""Videos that a small network can learn in seconds: a patch of flow that goes and comes back."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from mespot.config import Config
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.model.candidates import MAE, ME
from mespot.training.sample import Sample
from mespot.vision.flow_library import FlowLibrary
from mespot.vision.streams import Streams

SIDE = 32
MakeSample = Callable[..., Sample]
MakeLibrary = Callable[..., FlowLibrary]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Run in one thread: such small arrays gain nothing from more, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config() -> Config:
    """Return the smallest network on the flow alone."""
    values = {
        "backbone": {"width": 0.125, "input_px": SIDE, "flow_clip_px": 4, "streams": "flow"},
        "network": {"channels": 32, "hidden": 32, "dropout": 0.2},
        "training": {
            "window_frames": 64,
            "batch": 4,
            "windows_per_epoch": 12,
            "epochs": 2,
            "learning_rate": 3e-3,
            "crop_jitter": 0.05,
        },
    }
    return Config.parse(values, source="test")


@pytest.fixture
def make_sample() -> MakeSample:
    """Return a maker of videos with known expressions, alternately ME and MaE, with pictures where asked for."""

    def make(seed: int, frames: int = 300, step: int = 1, *, pictures: bool = False) -> Sample:
        rng = np.random.default_rng(seed)
        flow = rng.normal(0, 0.05, (frames, 2, SIDE, SIDE)).astype(np.float16)
        expressions: list[Expression] = []
        at = 20
        while at < frames - 60:
            kind = (Kind.ME, Kind.MAE)[len(expressions) % 2]
            lasting = int(rng.integers(8, 15) if kind is Kind.ME else rng.integers(18, 40))
            speed = 2.0 if kind is Kind.ME else 1.0
            flow[at : at + lasting // 2, 1, 8:20, 8:20] += speed
            flow[at + lasting // 2 : at + lasting, 1, 8:20, 8:20] -= speed
            expressions.append(Expression(Interval(step * at, step * (at + lasting)), kind))
            at += lasting + int(rng.integers(15, 40))
        streams = Streams(
            rgb=rng.integers(0, 255, (frames, 3, SIDE, SIDE)).astype(np.uint8) if pictures else None,
            flow=flow,
            motion=np.zeros((frames, 3, 2), np.float32),
            frames=step * np.arange(frames, dtype=np.int64),
            times_s=np.arange(frames) / 30,
            present=np.ones(frames, bool),
        )
        return Sample(f"video {seed}", streams, tuple(expressions))

    return make


@pytest.fixture
def make_library() -> MakeLibrary:
    """Return a maker of libraries that move the whole crop to the right and back: 10 rows an ME, 30 a MaE."""

    def make(kinds: tuple[int, ...] = (ME, MAE), side: int = SIDE, px: float = 1.0) -> FlowLibrary:
        lengths = [10 if kind == ME else 30 for kind in kinds]
        steps = [np.repeat([1.0, -1.0], length // 2) / (length // 2) for length in lengths]
        fields = np.zeros((len(kinds), 2, side, side), np.float16)
        fields[:, 0] = px
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        intervals = np.array([(0, length) for length in lengths])
        return FlowLibrary(fields, np.concatenate(steps).astype(np.float32), bounds, intervals, np.array(kinds))

    return make
