from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.signals import FaceTrack, Features, FlowField, Grid, Level, PackedLandmarks

SEEDS = st.integers(0, 99)
FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


def track(present: list[bool], starts: list[bool]) -> FaceTrack:
    there = np.array(present, bool)
    knots = np.flatnonzero(there)
    landmarks = PackedLandmarks.pack(np.zeros((len(knots), 5, 2), np.float32))
    return FaceTrack(np.arange(len(present)) * 3, there, np.array(starts, bool), knots, landmarks)


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
    face = track([True, True, True], [True, False, False])
    fields = {name: getattr(face, name) for name in ("frames", "present", "starts", "knots", "landmarks")}

    def altered(**changes: object) -> None:
        FaceTrack(**(fields | changes))

    two = PackedLandmarks.pack(np.zeros((2, 5, 2), np.float32))
    with pytest.raises(ValueError, match="knots, got 2"):
        altered(landmarks=two)
    with pytest.raises(ValueError, match="present and starts"):
        altered(present=face.present[:1])
    with pytest.raises(ValueError, match="frames must increase strictly"):
        altered(frames=face.frames[::-1].copy())
    for knots in ([0, 0, 2], [-1, 1, 2], [0, 1, 3]):
        with pytest.raises(ValueError, match="increase strictly within the 3 rows"):
            altered(knots=np.array(knots))
    altered(knots=np.array([0, 2]), landmarks=two)
    with pytest.raises(ValueError, match="both ends of every stretch"):
        altered(knots=np.array([0, 1]), landmarks=two)
    with pytest.raises(ValueError, match="both ends of every stretch"):
        altered(knots=np.array([0, 2]), landmarks=two, starts=np.array([True, False, True]))
    with pytest.raises(ValueError, match="rows with the face"):
        altered(present=np.array([True, False, True]), starts=np.array([True, False, True]))


def test_between_knots_landmarks_go_along_lines_and_never_across_a_gap_or_a_cut() -> None:
    present = np.array([True] * 5 + [False] * 2 + [True] * 5)
    starts = np.zeros(12, bool)
    starts[[0, 7, 9]] = True
    knots = np.array([0, 4, 7, 8, 9, 11])
    shape = np.random.default_rng(0).uniform(0, 100, (7, 2)).astype(np.float32)
    offsets = np.array([0, 8, 100, 101, 500, 502], np.float32)
    face = FaceTrack(np.arange(12), present, starts, knots, PackedLandmarks.pack(shape + offsets[:, None, None]))
    along = np.array([0, 2, 4, 6, 8, np.nan, np.nan, 100, 101, 500, 501, 502], np.float32)
    whole = face.at(slice(None))
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, shape + along[:, None, None], atol=0.005)
    some = np.array([10, 5, 3])
    assert np.array_equal(face.at(some), whole[some], equal_nan=True)
    assert np.array_equal(face.at(slice(2, 9)), whole[2:9], equal_nan=True)
    assert face.at(slice(0, 0)).shape == (0, 7, 2)
    nobody = track([False, False], [False, False])
    assert np.isnan(nobody.at(slice(None))).all()


@given(side=st.floats(1, 4000), x=st.floats(-2000, 6000), y=st.floats(-2000, 6000), count=st.integers(1, 5), seed=SEEDS)
def test_packed_landmarks_are_true_to_a_share_of_the_face(
    side: float, x: float, y: float, count: int, seed: int
) -> None:
    points = np.random.default_rng(seed).uniform(0, side, (count, 9, 2)) + np.array([x, y])
    packed = PackedLandmarks.pack(points.astype(np.float32))
    assert packed.values.nbytes * 2 == points.astype(np.float32).nbytes
    np.testing.assert_allclose(packed.points(slice(None)), points, atol=side / 65532 + 1e-3)
    joined = PackedLandmarks.join([packed, packed])
    assert np.array_equal(joined.points(slice(count, None), [8, 2]), packed.points(slice(None))[:, [8, 2]])


def test_packed_landmarks_reject_what_does_not_fit() -> None:
    values, origins, units = np.zeros((2, 5, 2), np.int16), np.zeros((2, 2), np.float32), np.ones(2, np.float32)
    with pytest.raises(ValueError, match="NaN"):
        PackedLandmarks.pack(np.full((1, 5, 2), np.nan, np.float32))
    with pytest.raises(ValueError, match="int16"):
        PackedLandmarks(values[..., 0], origins, units)
    with pytest.raises(ValueError, match="for 2 pictures"):
        PackedLandmarks(values, origins[:1], units)
    with pytest.raises(ValueError, match="NaN"):
        PackedLandmarks(values, origins, np.full_like(units, np.inf))


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
