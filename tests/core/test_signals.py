from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.signals import FaceTrack, Features, FlowField, Grid, Level

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


def track(present: list[bool], starts: list[bool]) -> FaceTrack:
    landmarks = np.zeros((len(present), 5, 2), np.float32)
    landmarks[~np.array(present, bool)] = np.nan
    return FaceTrack(np.arange(len(present)) * 3, landmarks, np.array(present, bool), np.array(starts, bool))


@given(st.floats(-10, 10), st.integers(1, 64), st.integers(-500, 500))
def test_row_is_the_inverse_of_centre(first: float, stride: int, row: int) -> None:
    grid = Grid(first, stride, 2 * stride)
    assert grid.row(grid.centre(row)) == pytest.approx(row, abs=1e-9)
    assert grid.centre(row + 1) - grid.centre(row) == pytest.approx(stride)


def test_a_grid_goes_forward() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Grid(0.0, 0, 4)


@given(FLAGS)
def test_stretches_hold_every_present_row_once_and_never_cross_a_gap_or_a_start(flags: list[tuple[bool, bool]]) -> None:
    face = track([present for present, _ in flags], [start for _, start in flags])
    rows = [row for stretch in face.stretches() for row in range(stretch.start, stretch.stop)]
    assert rows == np.flatnonzero(face.present).tolist()
    for stretch in face.stretches():
        assert face.present[stretch].all()
        assert not face.starts[stretch.start + 1 : stretch.stop].any()
        before = stretch.start - 1
        assert before < 0 or not face.present[before] or face.starts[stretch.start]


def test_coverage_is_the_share_of_rows_with_the_face() -> None:
    assert track([True, False, True, True], [True, False, True, False]).coverage == 0.75
    assert track([], []).coverage == 0.0


def test_a_track_rejects_what_does_not_fit() -> None:
    face = track([True, True], [True, False])
    with pytest.raises(ValueError, match="landmarks"):
        FaceTrack(face.frames, face.landmarks[:1], face.present, face.starts)
    with pytest.raises(ValueError, match="present and starts"):
        FaceTrack(face.frames, face.landmarks, face.present[:1], face.starts)
    with pytest.raises(ValueError, match="increase strictly"):
        FaceTrack(face.frames[::-1].copy(), face.landmarks, face.present, face.starts)
    with pytest.raises(ValueError, match="NaN"):
        FaceTrack(face.frames, np.full_like(face.landmarks, np.nan), face.present, face.starts)


@pytest.mark.parametrize("values", [np.zeros((2, 3, 4, 4), np.float32), np.zeros((2, 2, 4, 4), np.float64)])
def test_flow_has_two_channels_of_float32(values: npt.NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="flow"):
        FlowField(values)


def test_flow_counts_its_steps() -> None:
    assert len(FlowField(np.zeros((7, 2, 4, 4), np.float32))) == 7


def features(*, rows: int = 6, times: int = 6, motion: tuple[int, ...] = (6, 9, 2)) -> Features:
    level = Level(np.zeros((2, 8), np.float32), np.zeros((2, 7, 7), np.float32), Grid(1.5, 4, 4))
    return Features(
        levels=(level,),
        frames=np.arange(rows),
        times_s=np.arange(times) / 30,
        present=np.ones(rows, bool),
        motion=np.zeros(motion, np.float32),
        landmarks=np.zeros((468, 2), np.float32),
    )


def test_features_check_their_rows() -> None:
    assert len(features()) == 6
    with pytest.raises(ValueError, match="times_s"):
        features(times=5)
    with pytest.raises(ValueError, match="motion"):
        features(motion=(6, 9, 3))


def test_a_level_needs_an_attention_map_for_every_row() -> None:
    with pytest.raises(ValueError, match="level"):
        Level(np.zeros((2, 8), np.float32), np.zeros((3, 7, 7), np.float32), Grid(0.0, 4, 4))
