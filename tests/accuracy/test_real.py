from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mespot.accuracy.real import marked_records
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.video import VideoInfo

Make = Callable[..., Any]

INFO = VideoInfo(Path("clip.mp4"), np.arange(300, dtype=np.int64), Fraction(1, 25), 64, 48)


def test_a_mark_has_the_detection_of_its_kind_that_overlaps_it_most(detection: Make) -> None:
    mark = Expression(Interval(50, 100), Kind.MAE)
    detected = [detection(50, 100), detection(40, 60, Kind.MAE), detection(55, 100, Kind.MAE, "chin")]
    found, besides = marked_records([mark], detected, INFO)
    assert found == {
        "clip": "clip.mp4",
        "marked": "MaE 50",
        "found": "MaE frames 55-99-99 score 0.50 chin",
        "onset_error_s": pytest.approx(0.2),
        "iou": pytest.approx(0.9),
    }
    assert [line.split(" score")[0] for line in besides["besides"]] == ["ME frames 50-99-99", "MaE frames 40-59-59"]


def test_a_detection_stands_for_one_mark_and_a_missed_one_says_nothing(detection: Make) -> None:
    marks = [Expression(Interval(5, 15), Kind.ME), Expression(Interval(0, 10), Kind.ME)]
    first, second, besides = marked_records(marks, [detection(0, 10)], INFO)
    assert "found" in first
    assert second == {"clip": "clip.mp4", "marked": "ME 5"}
    assert besides == {"clip": "clip.mp4", "besides": []}
