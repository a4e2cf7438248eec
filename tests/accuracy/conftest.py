"""Measured videos by hand: what is true and what was found, without a picture."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mespot.accuracy.measurement import Found
from mespot.accuracy.sets import LabelledVideo, Mark
from mespot.core.expression import Attention, Detection, Expression, Kind
from mespot.core.interval import Interval

FPS = 25.0

MakeMark = Callable[..., Mark]
MakeDetection = Callable[..., Detection]
MakeFound = Callable[..., Found]


@pytest.fixture
def mark() -> MakeMark:
    def make(start: int, stop: int, kind: Kind = Kind.ME, px: float = 1.0, actions: str = "12") -> Mark:
        return Mark(Expression(Interval(start, stop), kind, start), px, actions, "both")

    return make


@pytest.fixture
def detection() -> MakeDetection:
    def make(start: int, stop: int, kind: Kind = Kind.ME, region: str = "left lip corner") -> Detection:
        return Detection(Interval(start, stop), kind, 0.5, start, Attention(region))

    return make


@pytest.fixture
def found() -> MakeFound:
    def make(*detections: Detection, seconds: float = 60.0, rejected: str = "") -> Found:
        return Found(detections, 1 / FPS, FPS, seconds, rejected)

    return make


@pytest.fixture
def video(tmp_path: object) -> Callable[..., LabelledVideo]:
    from pathlib import Path

    def make(*marks: Mark, name: str = "a.mp4", distractions: tuple[object, ...] = ()) -> LabelledVideo:
        return LabelledVideo(Path(str(tmp_path)) / name, "one", marks, distractions)  # type: ignore[arg-type]

    return make
