from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import pytest

from mespot.accuracy.curve import EDGES_PX, draw_curve, recall_points
from mespot.core.expression import Kind

Make = Callable[..., Any]


def test_every_me_is_in_the_bin_of_its_displacement(video: Make, mark: Make, detection: Make, found: Make) -> None:
    marks = [mark(50 * i, 50 * i + 10, px=px) for i, px in enumerate((0.25, 0.3, 0.49, 1.2, 9.0))]
    measured = [(video(*marks, mark(900, 950, Kind.MAE, 1.2)), found(detection(50, 60), detection(150, 160)))]
    points = recall_points(60, measured)
    assert [(point.low_px, point.high_px) for point in points] == list(pairwise(EDGES_PX))
    assert [(point.found, point.shown) for point in points] == [(0, 1), (1, 2), (0, 0), (0, 0), (1, 1), (0, 0), (0, 0)]
    assert [point.recall.value for point in points] == [0, pytest.approx(0.5), None, None, 1, None, None]


@pytest.mark.parametrize("shown", [True, False])
def test_the_picture_is_written_whole(video: Make, mark: Make, found: Make, tmp_path: Path, shown: bool) -> None:
    marks = [mark(0, 10, px=0.6)] if shown else []
    measured = [(video(*marks, name=name), found()) for name in ("a.mp4", "b.mp4")]
    points = [point for fps in (30, 200) for point in recall_points(fps, measured)]
    picture = cv2.imread(str(draw_curve(points, tmp_path / "curve.png")))
    assert picture is not None
    assert picture.shape == (550, 900, 3)
    assert picture.std() > 5
    assert [file.name for file in tmp_path.iterdir()] == ["curve.png"]
