"""Steady crops: what the transforms must keep, follow and ignore."""

from __future__ import annotations

import math
import tracemalloc
from importlib.resources import as_file, files

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.config import AlignConfig
from mespot.core.signals import FaceTrack, PackedLandmarks
from mespot.vision import align
from mespot.vision.align import STILL_POINTS, CropTransforms, crop, smooth, steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, find_landmarks

Float64 = npt.NDArray[np.float64]
CONFIG = AlignConfig()
FPS = 30
EVERY = slice(None)


def real_face() -> Float64:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        found = find_landmarks(next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)).images[0])
    assert found is not None
    return found.astype(np.float64)


FACE = real_face()


def moved(x: Float64, y: Float64, angle: Float64, scale: Float64) -> Float64:
    """(T, 468, 2) rigid motion of the face about the middle of its still points."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    middle = FACE[list(STILL_POINTS)].mean(axis=0)
    path: Float64 = np.einsum("tij,kj->tki", turn, FACE - middle) + middle + np.stack([x, y], -1)[:, None]
    return path


def resized(scale: Float64) -> Float64:
    nothing = np.zeros(len(scale))
    return moved(nothing, nothing, nothing, scale)


def still(rows: int) -> Float64:
    return resized(np.ones(rows))


def track_of(landmarks: Float64, absent: list[int] | None = None, cuts: list[int] | None = None) -> FaceTrack:
    rows = len(landmarks)
    present = np.ones(rows, np.bool_)
    present[absent or []] = False
    values = landmarks.astype(np.float32)
    values[~present] = np.nan
    starts = present & ~np.concatenate([[False], present[:-1]])
    starts[cuts or []] = True
    knots = np.flatnonzero(present)
    return FaceTrack(np.arange(rows), present, starts, knots, PackedLandmarks.pack(values[knots]))


def seconds(rows: int) -> Float64:
    return np.arange(rows) / FPS


def eyes(transforms: CropTransforms) -> Float64:
    return transforms.landmarks(EVERY)[:, [RIGHT_EYE_OUTER, LEFT_EYE_OUTER]].astype(np.float64)


def test_a_still_face_gets_one_canonical_transform() -> None:
    transforms = steady_transforms(track_of(still(40)), seconds(40), CONFIG)
    assert np.ptp(transforms.matrices, axis=0).max() < 1e-6
    right, left = eyes(transforms)[0]
    assert left - right == pytest.approx([CONFIG.face_width * 224, 0], abs=0.05)
    assert (left + right) / 2 == pytest.approx([111.5, 0.38 * 223], abs=0.05)
    inside = transforms.landmarks(EVERY)[0]
    assert inside.min() > 5  # brows and chin are in the crop
    assert inside.max() < 219


@settings(max_examples=20, deadline=None)
@given(speed=st.tuples(st.floats(-60, 60), st.floats(-60, 60)), turning=st.floats(-0.3, 0.3), seed=st.integers(0, 99))
def test_a_steady_drift_is_followed_to_the_very_ends(speed: tuple[float, float], turning: float, seed: int) -> None:
    times_s = np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.07, 80))  # uneven time stamps
    path = moved(speed[0] * times_s, speed[1] * times_s, turning * times_s, np.ones(80))
    transforms = steady_transforms(track_of(path), times_s, CONFIG)
    assert np.ptp(transforms.landmarks(EVERY)[:, STILL_POINTS], axis=0).max() < 0.05


@settings(max_examples=20, deadline=None)
@given(angle=st.floats(-1.5, 1.5), scale=st.floats(0.5, 4), x=st.floats(-200, 500), y=st.floats(-200, 500))
def test_the_crop_does_not_depend_on_where_and_how_large_the_face_is(
    angle: float, scale: float, x: float, y: float
) -> None:
    rng = np.random.default_rng(3)
    path = still(30) + rng.normal(0, 0.3, (30, 468, 2))
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    one = steady_transforms(track_of(path), seconds(30), CONFIG)
    other = steady_transforms(track_of(path @ turn.T + [x, y]), seconds(30), CONFIG)
    np.testing.assert_allclose(other.landmarks(EVERY), one.landmarks(EVERY), atol=0.02)


def test_an_expression_does_not_move_the_crop() -> None:
    path = still(60)
    smiling = path.copy()
    mouth_and_brows = [61, 291, 0, 17, 13, 14, 152, 105, 334, 107, 336, 50, 280]
    smiling[20:40, mouth_and_brows] += [3.0, -5.0]
    before = steady_transforms(track_of(path), seconds(60), CONFIG)
    after = steady_transforms(track_of(smiling), seconds(60), CONFIG)
    assert np.array_equal(before.matrices, after.matrices)


def test_one_eye_corner_gone_astray_hardly_moves_the_crop() -> None:
    path = still(60)
    path[30, [33, 130, 246]] += [8, 5]
    transforms = steady_transforms(track_of(path), seconds(60), CONFIG)
    assert np.ptp(transforms.landmarks(EVERY)[:, 4], axis=0).max() < 0.05  # it went 8 px


def test_landmark_noise_is_not_passed_on() -> None:
    path = still(150) + np.random.default_rng(0).normal(0, 0.3, (150, 468, 2))

    def step_px(smoothing_s: float) -> float:
        config = CONFIG.model_copy(update={"smoothing_s": smoothing_s})
        matrices = steady_transforms(track_of(path), seconds(150), config).matrices
        return float(np.sqrt((np.diff(matrices @ [300, 200, 1], axis=0) ** 2).sum(axis=1).mean()))

    assert step_px(0.5) < 0.01
    assert step_px(0.5) < step_px(0.0) / 10


def test_rows_without_a_face_carry_the_nearest_transform() -> None:
    path = moved(np.arange(30.0), np.zeros(30), np.zeros(30), np.ones(30))
    transforms = steady_transforms(track_of(path, absent=[0, 1, 10, 11, 12, 13, 29]), seconds(30), CONFIG)
    carried = {0: 2, 1: 2, 10: 9, 11: 9, 12: 14, 13: 14, 29: 28}
    for row, nearest in carried.items():
        assert np.array_equal(transforms.matrices[row], transforms.matrices[nearest])
        assert np.isnan(transforms.landmarks(EVERY)[row]).all()
    assert np.isfinite(transforms.landmarks(EVERY)[2:10]).all()


def test_stretches_do_not_know_of_each_other() -> None:
    rng = np.random.default_rng(1)
    path = still(60) + rng.normal(0, 0.2, (60, 468, 2))
    other = path.copy()
    other[30:] = 2 * other[30:] + 50
    one = steady_transforms(track_of(path, cuts=[30]), seconds(60), CONFIG)
    two = steady_transforms(track_of(other, cuts=[30]), seconds(60), CONFIG)
    assert np.array_equal(one.matrices[:30], two.matrices[:30])
    np.testing.assert_allclose(two.landmarks(EVERY)[30:], one.landmarks(EVERY)[30:], atol=0.02)


def scale_of(transforms: CropTransforms) -> Float64:
    scales: Float64 = np.sqrt(np.linalg.det(transforms.matrices[:, :, :2]))
    return scales


def test_a_small_change_of_size_leaves_the_scale_alone() -> None:
    grows = np.linspace(1, 1.08, 300)
    transforms = steady_transforms(track_of(resized(grows)), seconds(300), CONFIG)
    assert np.ptp(scale_of(transforms)) < 1e-9


def test_a_face_that_comes_near_stays_as_large_in_the_crop() -> None:
    grows = np.linspace(1, 1.6, 300)
    transforms = steady_transforms(track_of(resized(grows)), seconds(300), CONFIG)
    width = np.diff(eyes(transforms)[:, :, 0], axis=1)[:, 0]
    assert np.abs(width / (CONFIG.face_width * 224) - 1).max() < 0.03
    assert np.abs(np.diff(np.log(scale_of(transforms)))).max() < 0.003


def test_a_lone_row_and_a_track_without_a_face_have_transforms() -> None:
    lone = steady_transforms(track_of(still(3), absent=[0, 2]), seconds(3), CONFIG)
    assert np.ptp(lone.matrices, axis=0).max() == 0
    nobody = steady_transforms(track_of(still(3), absent=[0, 1, 2]), seconds(3), CONFIG)
    assert np.array_equal(nobody.matrices, np.tile(np.eye(2, 3), (3, 1, 1)))


def test_times_must_fit() -> None:
    with pytest.raises(ValueError, match="times_s"):
        steady_transforms(track_of(still(3)), seconds(4), CONFIG)


def test_transforms_check_themselves() -> None:
    track = track_of(still(2))
    with pytest.raises(ValueError, match="finite"):
        CropTransforms(np.full((2, 2, 3), np.nan), track)
    with pytest.raises(ValueError, match="as the track"):
        CropTransforms(np.zeros((3, 2, 3)), track)


def test_landmarks_of_some_rows_are_those_of_the_whole() -> None:
    path = moved(np.arange(30.0), np.zeros(30), np.linspace(0, 0.2, 30), np.ones(30))
    transforms = steady_transforms(track_of(path, absent=[4]), seconds(30), CONFIG)
    whole = transforms.landmarks(EVERY)
    rows = np.array([3, 4, 17])
    assert np.array_equal(transforms.landmarks(rows), whole[rows], equal_nan=True)
    assert np.array_equal(transforms.landmarks(slice(3, 9)), whole[3:9], equal_nan=True)


@pytest.mark.parametrize("rows", [1, 7, 16])
def test_blocks_do_not_change_the_transforms(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    track = track_of(still(40) + np.random.default_rng(2).normal(0, 0.3, (40, 468, 2)))
    whole = steady_transforms(track, seconds(40), CONFIG)
    monkeypatch.setattr(align, "_BLOCK_KNOTS", rows)
    pieces = steady_transforms(track, seconds(40), CONFIG)
    np.testing.assert_allclose(pieces.matrices, whole.matrices, rtol=1e-12, atol=1e-12)


def test_a_long_track_needs_little_memory_beyond_its_own() -> None:
    track = track_of(np.tile(FACE, (4000, 1, 1)))
    steady_transforms(track_of(still(2)), seconds(2), CONFIG)  # compiled before memory is measured
    tracemalloc.start()
    try:
        steady_transforms(track, seconds(4000), CONFIG)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used / len(track) < 2000  # all landmarks in float32 are 3744


def test_smoothing_is_the_zero_phase_gaussian() -> None:
    times_s = seconds(600)
    for hertz in (0.1, 0.4, 1.0):
        wave = np.sin(2 * np.pi * hertz * times_s)[:, None]
        expected = math.exp(-0.5 * (2 * math.pi * hertz * 0.5) ** 2)
        inner = slice(150, 450)
        np.testing.assert_allclose(smooth(wave, times_s, 0.5)[inner], expected * wave[inner], atol=2e-3)


def test_a_smooth_head_motion_needs_no_more_than_every_third_row() -> None:
    times_s = seconds(120)
    path = moved(6 * np.sin(times_s), 4 * np.cos(1.3 * times_s), 0.05 * np.sin(2 * times_s), np.ones(120))
    every = track_of(path, cuts=[61])
    knots = np.array([row for row in range(120) if row % 3 == 0 or row in (60, 61, 119)])
    few = FaceTrack(
        every.frames, every.present, every.starts, knots, PackedLandmarks.pack(path[knots].astype(np.float32))
    )
    one, other = steady_transforms(every, times_s, CONFIG), steady_transforms(few, times_s, CONFIG)
    assert np.array_equal(other.knots, knots)
    apart = other.landmarks(EVERY) - one.landmarks(EVERY)
    assert np.abs(apart).max() < 0.5  # at the ends, where fewer rows bear the line ...
    assert np.abs(np.diff(apart[:61], axis=0)).max() < 0.03  # ... but from row to row nothing moves
    unsmoothed = steady_transforms(few, times_s, CONFIG.model_copy(update={"smoothing_s": 0.0}))
    np.testing.assert_allclose(unsmoothed.landmarks(EVERY)[:61], one.landmarks(EVERY)[:1].repeat(61, 0), atol=3)


def test_a_line_is_smoothed_to_itself_at_other_times() -> None:
    times_s = np.cumsum(np.random.default_rng(4).uniform(0.05, 0.2, 40))
    at_s = np.linspace(times_s[0], times_s[-1], 200)
    lines = np.array([[2.0, -3.0]])
    for sigma_s in (0.0, 0.5):
        np.testing.assert_allclose(smooth(times_s[:, None] * lines, times_s, sigma_s, at_s), at_s[:, None] * lines)


def test_smoothing_runs_alike_in_both_directions() -> None:
    values = np.random.default_rng(5).normal(size=(90, 2))
    back = smooth(values[::-1].copy(), seconds(90), 0.3)[::-1]
    np.testing.assert_allclose(back, smooth(values, seconds(90), 0.3), atol=1e-6)


def test_smoothing_of_nothing_and_by_nothing() -> None:
    values = np.array([[1.0], [5.0], [2.0]])
    assert np.array_equal(smooth(values, seconds(3), 0.0), values)
    assert np.array_equal(smooth(values[:1], seconds(1), 0.5), values[:1])
    far_apart = np.array([0.0, 100.0, 200.0])
    assert np.array_equal(smooth(values, far_apart, 0.5), values)


def test_the_crop_shows_the_landmarks_where_the_transforms_say() -> None:
    x, y = np.rint(FACE[4]).astype(int)
    down, across = np.mgrid[:360, :640]
    spot = 80 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * 2.5**2))  # as soft as a lens and a codec leave it
    image = np.repeat((100 + spot).round().astype(np.uint8)[..., None], 3, axis=2)
    transforms = steady_transforms(track_of(still(2)), seconds(2), CONFIG)
    picture = crop(image, transforms.matrices[0], CONFIG.crop_px)
    assert picture.shape == (224, 224, 3)
    weight = picture[..., 0].astype(np.float64) - 100
    rows, columns = np.mgrid[:224, :224]
    seen = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    assert seen == pytest.approx(transforms.matrices[0] @ [x, y, 1], abs=0.02)
