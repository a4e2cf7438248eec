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

from mespot.vision.resample import compiled, warp

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
