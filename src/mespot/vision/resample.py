"""Sub-pixel exact resampling of a picture under an affine map, compiled with Numba."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numba
import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32

# No fast mathematics: the result must not depend on the compiler's mood.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_LANES = 16
"""float32 values of a 512-bit register: the columns that are worked on together."""

_SPARE = 1.5
"""A thinned source keeps at least so many px a px of the result: cubic weights would move finer detail."""
_ROWS = 5
"""Source rows whose shares are added at a time."""

_ZERO, _HALF, _ONE, _TWO, _THREE, _FOUR, _FULL = (np.float32(value) for value in (0, 0.5, 1, 2, 3, 4, 255))


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` with Numba; the result is kept on disk where a folder for it can be written."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return numba.njit(**_OPTIONS)(function)


def warp(image: npt.NDArray[Any], matrix: npt.NDArray[np.float64], side_px: int) -> Float32:
    """Return the square picture that an affine map makes of ``image``.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) uint8 or float32
        Source picture; beyond its border the nearest pixel counts.
    matrix : (2, 3) float64
        Map from source px to px of the result, a similarity or close to one; pixel centres are integers.
    side_px : int
        Side of the result, px.

    Returns
    -------
    (side_px, side_px) or (side_px, side_px, 3) float32
        Values in 0..255.

    Notes
    -----
    Cubic convolution with a = -1/2 (Keys 1981, doi:10.1109/TASSP.1981.1163711), exact for quadratic pictures,
    with weights at the exact position; ``cv2.warpAffine`` of OpenCV 4 rounds positions to 1/32 px, which is
    false motion.

    It is done in two passes, along the columns of the source and along the rows of the result (Catmull and Smith
    1980, doi:10.1145/800250.807505), in which neighbours in memory have neighbouring weights.

    Where the result is smaller than the source, the source is first smoothed by the same kernel stretched by the
    reduction, and thinned out where it stays fine enough. The smoothing sits on the source's own pixels, so it is
    symmetric and moves nothing; a stretched kernel at the result's positions moves by up to 0.02 px with their
    fraction.
    """
    (a, b, c), (d, e, f) = matrix.tolist()
    det = a * e - b * d
    to_source = np.array([[e, -b, b * f - c * e], [-d, a, c * d - a * f]]) / det
    if abs(to_source[1, 1]) < abs(to_source[0, 1]):  # turned by more than 45 degrees: the source's axes change places
        to_source, image = to_source[::-1], image.swapaxes(0, 1)
    weights, every = _smoothing(max(1.0, 1 / math.sqrt(abs(det))))
    on_grid = to_source / every
    first, counts = _reached(on_grid, side_px)
    on_grid[:, 2] -= first
    box = _box(image, first * every - len(weights) // 2, (counts - 1) * every + len(weights))
    planes = (box,) if box.ndim == 2 else cv2.split(box)
    result = np.empty((len(planes), side_px, -(-side_px // _LANES) * _LANES), np.float32)
    for plane, made in zip(planes, result, strict=True):
        _warp_plane(plane, weights, every, counts, on_grid, made)
    result = result[:, :, :side_px]
    return np.ascontiguousarray(result[0] if image.ndim == 2 else result.transpose(1, 2, 0))


def resized(matrix: npt.NDArray[np.float64], side_px: int, new_side_px: int) -> npt.NDArray[np.float64]:
    """Return the (2, 3) map to the same square in another size: the outer edges of its border pixels stay."""
    factor = new_side_px / side_px
    result = matrix * factor
    result[:, 2] += (factor - 1) / 2
    return result


@lru_cache(maxsize=64)
def _smoothing(reduction: float) -> tuple[Float32, int]:
    """Return the low-pass weights at whole px of the source, of sum one, and every which px is kept."""
    reach = int(np.ceil(2 * reduction)) - 1
    at = np.abs(np.arange(-reach, reach + 1) / reduction)
    outer, inner = 2 - at, np.maximum(1 - at, 0)
    weights = 0.5 * outer**2 * (outer - 1) + inner**2 * (1 - 2 * inner)
    return (weights / weights.sum()).astype(np.float32), max(1, int(reduction / _SPARE))


def _reached(to_source: npt.NDArray[np.float64], side_px: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first (x, y) px of the source that the two passes meet, and how many there are."""
    (a, b, c), (d, e, f) = to_source.tolist()
    last = side_px - 1
    y = f, d * last + f, e * last + f, (d + e) * last + f
    low, high = math.floor(min(y)) - 2, math.ceil(max(y)) + 2
    # The first pass runs down every column of the result over all these rows, also where the second needs them not.
    slope, step, offset = b / e, a - b * d / e, c - b * f / e
    x = [slope * row + step * column for row in (low, high) for column in (0, last)]
    left, right = math.floor(min(x) + offset) - 2, math.ceil(max(x) + offset) + 2
    return np.array([left, low]), np.array([right - left + 1, high - low + 1])


def _box(image: npt.NDArray[Any], corner: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return ``sizes`` (x, y) px of ``image`` from ``corner`` on; beyond the border the nearest pixel counts."""
    limits = np.array(image.shape[1::-1])
    begin, end = np.clip(corner, 0, limits - 1), np.clip(corner + sizes, 1, limits)
    inner = np.ascontiguousarray(image[begin[1] : end[1], begin[0] : end[0]])
    missing = sizes - (end - begin)
    if not missing.any():
        return inner
    left, top = np.clip(begin - corner, 0, missing).tolist()
    right, bottom = (missing - (left, top)).tolist()
    return np.asarray(cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE))


@compiled
def _warp_plane(plane: Any, weights: Any, every: int, counts: Any, to_source: Any, result: Any) -> None:
    """Resample one plane; ``result`` is (side, side padded to whole vectors)."""
    side, padded = result.shape
    across, down = counts
    slim = np.zeros(
        (across + _ROWS - 1, (down + _LANES - 1) // _LANES * _LANES), np.float32
    )  # x first: source columns as rows
    if len(weights) == 1:
        _transpose(plane, slim)
    else:
        low = np.empty((down, plane.shape[1]), np.float32)
        _smooth_rows(plane, weights, every, low)
        turned = np.zeros((plane.shape[1], slim.shape[1]), np.float32)
        _transpose(low, turned)
        _smooth_rows(turned, weights, every, slim[:across])
    a, b, c = to_source[0]
    d, e, f = to_source[1]
    columns = np.empty((side, slim.shape[1]), np.float32)
    _interpolate_rows(slim, down, c - b * f / e, a - b * d / e, b / e, columns)
    rows = np.zeros((down + _ROWS - 1, padded), np.float32)
    _transpose(columns[:, :down], rows)
    _interpolate_rows(rows, side, f, e, d, result)
    for line in result:
        for k in range(padded):
            line[k] = min(max(line[k], _ZERO), _FULL)


@compiled
def _smooth_rows(source: Any, weights: Any, every: int, result: Any) -> None:
    """Set result[i] to the sum over t of weights[t] source[every i + t]; the weights are symmetric, of odd number."""
    half = len(weights) // 2
    for i in range(len(result)):
        line, middle = result[i], source[every * i + half]
        for k in range(len(line)):
            line[k] = weights[half] * np.float32(middle[k])
        for t in range(half):
            above, below = source[every * i + t], source[every * i + 2 * half - t]
            for k in range(len(line)):
                line[k] += weights[t] * (np.float32(above[k]) + np.float32(below[k]))


@compiled
def _transpose(source: Any, result: Any) -> None:
    """Write ``source`` transposed to the upper left of ``result``, by blocks that stay in the first cache."""
    rows, columns = source.shape
    for i0 in range(0, rows, _LANES):
        for j0 in range(0, columns, _LANES):
            for j in range(j0, min(j0 + _LANES, columns)):
                for i in range(i0, min(i0 + _LANES, rows)):
                    result[j, i] = np.float32(source[i, j])


@compiled
def _interpolate_rows(source: Any, columns: int, offset: float, step: float, slope: float, result: Any) -> None:
    """Set result[i, k] to ``source`` at row offset + step i + slope k of column k; rows are padded to whole vectors."""
    padded = result.shape[1]
    # as many columns as stay within one row of each other: five source rows then hold all that they need
    run = padded if abs(slope) * padded < 1 else max(1, int(1 / abs(slope)) // _LANES) * _LANES
    for i in range(len(result)):
        for begin in range(0, columns, run):  # never from beyond the last column: its places lie outside the source
            stop = min(begin + run, padded)
            start = offset + step * i + slope * begin
            end = start + slope * (min(stop, columns) - 1 - begin)
            first, last = int(np.floor(min(start, end))) - 1, int(np.floor(max(start, end))) + 2
            for j in range(first, last + 1, _ROWS):
                _add_five(source, j, np.float32(start - j), np.float32(slope), begin, stop, result[i], j == first)


@compiled
def _add_five(source: Any, top: int, at: Any, slope: Any, begin: int, stop: int, line: Any, anew: bool) -> None:
    """Give the columns begin to stop of ``line`` the share of five source rows; ``at`` is the first place below top."""
    j, left = _natural(top), _natural(begin)
    for k in range(_natural(stop - begin)):
        d = at + slope * np.float32(k)
        c = left + k
        value = (
            _keys(d) * source[j, c]
            + _keys(d - _ONE) * source[j + 1, c]
            + _keys(d - _TWO) * source[j + 2, c]
            + _keys(d - _THREE) * source[j + 3, c]
            + _keys(d - _FOUR) * source[j + 4, c]
        )
        line[c] = value if anew else line[c] + value


@compiled
def _keys(d: Any) -> Any:
    """Cubic convolution's weight at distance ``d``, without a branch."""
    outer, inner = max(_TWO - abs(d), _ZERO), max(_ONE - abs(d), _ZERO)
    return _HALF * outer * outer * (outer - _ONE) + inner * inner * (_ONE - inner - inner)


@compiled
def _natural(n: int) -> int:
    """Show the compiler that a small number is not negative, so that no index wraps round and loops become SIMD."""
    return n & 0xFFFFFF
