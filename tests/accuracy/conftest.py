"""Measured videos by hand: what is true and what was found, without a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from mespot.accuracy.measurement import Spotted
from mespot.accuracy.sets import LabelledVideo, Mark
from mespot.config import Config
from mespot.core.expression import Attention, Detection, Expression, Kind
from mespot.core.interval import Interval
from mespot.model.checkpoint import save_checkpoint
from mespot.model.network import Network
from mespot.simulate.nuisance import Distraction

FPS = 25.0

MakeMark = Callable[..., Mark]
MakeDetection = Callable[..., Detection]
MakeFound = Callable[..., Spotted]
MakeVideo = Callable[..., LabelledVideo]


@pytest.fixture
def mark() -> MakeMark:
    def make(start: int, stop: int, kind: Kind = Kind.ME, px: float = 1.0, actions: str = "12") -> Mark:
        return Mark(Expression(Interval(start, stop), kind, (start + stop) // 2), px, actions, "both")

    return make


@pytest.fixture
def detection() -> MakeDetection:
    def make(start: int, stop: int, kind: Kind = Kind.ME, region: str = "left lip corner") -> Detection:
        return Detection(Interval(start, stop), kind, 0.5, stop - 1, Attention(region))

    return make


@pytest.fixture
def found() -> MakeFound:
    def make(*detections: Detection, seconds: float = 60.0, rejected: str = "") -> Spotted:
        return Spotted(detections, 1 / FPS, FPS, seconds, rejected)

    return make


@pytest.fixture
def video() -> MakeVideo:
    def make(
        *marks: Mark, name: str = "a.mp4", subject: str = "one", distractions: tuple[Distraction, ...] = ()
    ) -> LabelledVideo:
        return LabelledVideo(Path(name), subject, marks, distractions)

    return make


@pytest.fixture(scope="package")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return a maker of checkpoints of a tiny network with random weights that reports something everywhere."""
    small = (
        "backbone.width=0.125", "backbone.input_px=32", "backbone.streams=flow", "backbone.engine=torch",
        "align.crop_px=64", "flow.scales=2", "flow.warps=1", "flow.outer_iterations=1", "flow.inner_iterations=5",
        "flow.median_px=1", "network.channels=16", "network.hidden=16", "spotting.threshold_me=0",
        "spotting.threshold_mae=0",
    )  # fmt: skip

    def make(seed: int) -> Path:
        path = tmp_path_factory.mktemp("weights") / f"random-{seed}.safetensors"
        config = Config().override(small)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = Network(config)
            for layer in (network.head.classify, network.head.regress):
                nn.init.normal_(layer.weight)
        save_checkpoint(path, network, config, facts={"data": "none: random weights for tests"})
        return path

    return make
