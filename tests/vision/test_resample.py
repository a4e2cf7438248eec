"""Resampling against pictures whose value is known everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.vision.resample import compiled, resized, warp

Float64 = npt.NDArray[np.float64]


def similarity(scale: float, angle: float, x: float, y: float) -> Float64:
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def waves(x: Float64, y: Float64) -> Float64:
    """Three smooth channels in 0..255 with wave lengths of 20 px and more."""
    channels = (np.sin(x / 5 + y / 9), np.cos(x / 4 - y / 7), np.sin(x / 6) * np.cos(y / 5))
    return np.stack([127.5 + 100 * channel for channel in channels], axis=-1)


def sampled(function: Callable[[Float64, Float64], Float64], width: int, height: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return np.rint(function(x, y)).astype(np.uint8)


def truth(function: Callable[[Float64, Float64], Float64], matrix: Float64, side: int) -> Float64:
    y, x = np.mgrid[:side, :side].astype(np.float64)
    linear = np.linalg.inv(matrix[:, :2])
    source = np.stack([x, y], axis=-1) @ linear.T - linear @ matrix[:, 2]
    return function(source[..., 0], source[..., 1])


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.5, 3), angle=st.floats(-0.5, 0.5), x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_smooth_pictures_are_met_within_the_rounding_of_the_source(
    scale: float, angle: float, x: float, y: float
) -> None:
    matrix = similarity(scale, angle, 0, 0)
    matrix[:, 2] = [20 + x, 20 + y] - matrix[:, :2] @ [100, 80]  # inside the source, away from its border
    result = warp(sampled(waves, 200, 160), matrix, 40)
    error = result - truth(waves, matrix, 40)
    # half a grey value of rounding, times at most 1.27 for the weights' absolute sum squared, and the wave's cubic term
    assert np.abs(error).max() < (1.5 if scale >= 1 else 3.5)
    assert abs(error.mean()) < 0.15


def test_a_shift_far_below_a_32nd_px_is_met_where_opencv_sees_none() -> None:
    source = sampled(lambda x, y: np.stack([2.0 * x + y] * 3, axis=-1), 80, 60)
    shift = similarity(1, 0, -20 - 1 / 128, -20)
    exact = warp(source, shift, 16) - warp(source, similarity(1, 0, -20, -20), 16)
    np.testing.assert_allclose(exact, 2 / 128, atol=1e-4)
    by_opencv = cv2.warpAffine(source.astype(np.float32), shift, (16, 16), flags=cv2.INTER_CUBIC)
    assert np.array_equal(by_opencv, source[20:36, 20:36])


def test_identity_and_whole_steps_copy_pixels() -> None:
    source = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    assert np.array_equal(warp(source, np.eye(2, 3), 40), source[:40, :40])
    assert np.array_equal(warp(source, similarity(1, 0, -7, -5), 40), source[5:45, 7:47])


@pytest.mark.parametrize("scale", [2.3, 1.0, 0.7, 0.2])
def test_a_flat_picture_stays_flat_also_beyond_its_border(scale: float) -> None:
    source = np.full((30, 50, 3), (10, 100, 250), np.uint8)
    for x in (-500.0, -10.3, 0.0, 700.0):
        result = warp(source, similarity(scale, 0.3, x, 4.7), 32)
        np.testing.assert_allclose(result, np.broadcast_to(source[0, 0], result.shape), atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_border_is_continued(scale: float) -> None:
    source = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    padded = np.pad(source, ((64, 64), (64, 64), (0, 0)), mode="edge")
    matrix = similarity(scale, 0.2, 9.3, 8.1)
    inner = matrix.copy()
    inner[:, 2] -= matrix[:, :2] @ [64, 64]
    np.testing.assert_allclose(warp(source, matrix, 32), warp(padded, inner, 32), atol=1e-3)


def test_fine_detail_does_not_alias_when_the_picture_shrinks() -> None:
    stripes = np.zeros((240, 240, 3), np.uint8)
    stripes[:, ::2] = 255
    small = warp(stripes, similarity(1 / 3, 0.1, 10, 0), 60)[10:-10, 20:-10]
    assert np.abs(small - 127.5).max() < 6
    naive = cv2.warpAffine(stripes, similarity(1 / 3, 0.1, 10, 0), (60, 60), flags=cv2.INTER_CUBIC)[10:-10, 20:-10]
    assert np.ptp(naive) > 200


@pytest.mark.parametrize("scale", [1.4, 0.7, 0.3])
def test_a_grey_picture_is_one_channel_of_a_coloured_one(scale: float) -> None:
    source = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    matrix = similarity(scale, 0.1, 3.3, -4.1)
    coloured = warp(source, matrix, 50)
    for channel in range(3):
        assert np.array_equal(warp(source[:, :, channel], matrix, 50), coloured[:, :, channel])


@pytest.mark.parametrize("degrees", [30, 44, 46, 90, 135, 180, -90])
@pytest.mark.parametrize("scale", [1.5, 0.6])
def test_pictures_may_be_turned_as_far_as_they_like(degrees: float, scale: float) -> None:
    matrix = similarity(scale, math.radians(degrees), 0, 0)
    matrix[:, 2] = [20, 20] - matrix[:, :2] @ [100, 80]
    result = warp(sampled(waves, 200, 160), matrix, 40)
    assert np.abs(result - truth(waves, matrix, 40)).max() < 3.5


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(0.15, 2), angle=st.floats(-0.4, 0.4), x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_a_slope_does_not_move_with_the_fraction_of_its_position(
    scale: float, angle: float, x: float, y: float
) -> None:
    """The weights have no first moment at any phase: a stretched kernel at the result's positions is off by .02 px."""
    source = np.add.outer(np.arange(0, 120), np.arange(0, 120)).astype(np.uint8)  # one grey value a px, exactly
    matrix = similarity(scale, angle, 0, 0)
    matrix[:, 2] = [4, 4] - matrix[:, :2] @ [60 + x, 60 + y]
    wanted = truth(lambda across, down: across + down, matrix, 8)
    np.testing.assert_allclose(warp(source, matrix, 8) * scale, wanted * scale, atol=0.001 * max(1, scale))


@pytest.mark.parametrize("reduction", [1.0, 1.3, 2.0, 3.3, 4.1])
def test_a_crop_that_follows_a_texture_sees_it_stand_still(reduction: float) -> None:
    rng = np.random.default_rng(5)
    frequency, turned, phase = (
        rng.uniform(0.01, 0.2, 30) / max(2, reduction),
        rng.uniform(0, 7, 30),
        rng.uniform(0, 7, 30),
    )
    side, middle = 48, 60 * reduction
    y, x = np.mgrid[: int(2 * middle), : int(2 * middle)]

    def follow(right: float, down: float) -> Float64:
        """Crop a texture of waves that has moved, at the same place of the texture; unrounded, which is also motion."""
        along = np.multiply.outer(np.cos(turned), x - right) + np.multiply.outer(np.sin(turned), y - down)
        waved = np.sin(2 * np.pi * frequency[:, None, None] * along + phase[:, None, None])
        matrix = similarity(1 / reduction, 0.05, 0, 0)
        matrix[:, 2] = [side / 2] * 2 - matrix[:, :2] @ [middle + right, middle + down]
        return warp((127.5 + 9 * waved.sum(axis=0)).astype(np.float32), matrix, side).astype(np.float64)

    still = follow(0, 0)
    down, across = np.gradient(still)
    slopes = np.stack([across.ravel(), down.ravel()], axis=1)
    for shift in ((0.5, 0.0), (0.0, 0.5), (0.31, 0.77)):
        moved = np.linalg.lstsq(slopes, (follow(*shift) - still).ravel(), rcond=None)[0]
        assert np.abs(moved).max() < 0.002


def test_a_map_to_another_size_keeps_the_picture() -> None:
    matrix = similarity(0.9, 0.1, -40, -20)
    source = sampled(waves, 200, 160)
    large = warp(source, matrix, 64)
    small = warp(source, resized(matrix, 64, 32), 32)
    averaged = large.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - averaged)[2:-2, 2:-2].max() < 5
    np.testing.assert_array_equal(resized(matrix, 64, 64), matrix)


def test_values_stay_in_range_beside_hard_edges() -> None:
    source = np.zeros((40, 40, 3), np.uint8)
    source[:, 20:] = 255
    for scale in (0.6, 1.7):
        result = warp(source, similarity(scale, 0.4, 15.2 - 20 * scale, 1.3), 30)
        assert result.dtype == np.float32
        assert result.min() == 0
        assert result.max() == 255


def test_views_are_taken_as_they_are() -> None:
    source = np.random.default_rng(2).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    matrix = similarity(1.3, 0.1, 2, 3)
    assert np.array_equal(warp(source[:, ::-1], matrix, 20), warp(source[:, ::-1].copy(), matrix, 20))


def test_without_a_folder_for_the_cache_the_kernels_compile_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real = numba.njit

    def refusing(*, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", refusing)
    assert compiled(lambda value: value + 1)(1) == 2


@pytest.mark.parametrize("turn", range(-85, 90, 10))
@pytest.mark.parametrize("side_px", [33, 56, 224])
def test_no_place_outside_the_source_is_read(turn: int, side_px: int) -> None:
    """A constant picture stays constant at any turn: nothing foreign comes in, at whatever border."""
    for scale in (0.3, 1.0, 1.7):
        cos, sin = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
        matrix = np.array([[cos, -sin, side_px / 2], [sin, cos, side_px / 3]])
        np.testing.assert_allclose(warp(np.full((61, 47), 200, np.uint8), matrix, side_px), 200, atol=1e-3)
