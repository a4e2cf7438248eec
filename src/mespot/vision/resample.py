"""Sub-pixel exact resampling of a picture under an affine map, compiled with Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32

# No fast mathematics: the result must not depend on the compiler's mood.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` with Numba; the result is kept on disk where a folder for it can be written."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return numba.njit(**_OPTIONS)(function)


def warp(image: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64], side_px: int) -> Float32:
    """Return the square picture that an affine map makes of ``image``.

    Parameters
    ----------
    image : (H, W, 3) uint8
        Source picture; beyond its border the nearest pixel counts.
    matrix : (2, 3) float64
        Map from source px to px of the result; pixel centres are integers.
    side_px : int
        Side of the result, px.

    Returns
    -------
    (side_px, side_px, 3) float32
        Values in 0..255.

    Notes
    -----
    Cubic convolution with a = -1/2 (Keys 1981, doi:10.1109/TASSP.1981.1163711), exact for quadratic pictures,
    with weights at the exact position; ``cv2.warpAffine`` of OpenCV 4 rounds positions to 1/32 px, which is
    false motion.
    Where the result is smaller than the source, the kernel is stretched by the reduction, against aliasing.
    """
    linear = np.linalg.inv(matrix[:, :2])
    offset = -linear @ matrix[:, 2]
    reduction = max(1.0, float(np.sqrt(abs(np.linalg.det(linear)))))
    corners = np.array([[0, 0, side_px - 1, side_px - 1], [0, side_px - 1, 0, side_px - 1]], np.float64)
    reached = linear @ corners + offset[:, None]
    first = np.floor(reached.min(axis=1) - 2 * reduction).astype(np.int64)
    last = np.ceil(reached.max(axis=1) + 2 * reduction).astype(np.int64) + 1
    source = np.ascontiguousarray(image)
    if (first < 0).any() or last[0] >= image.shape[1] or last[1] >= image.shape[0]:
        for axis in (0, 1):  # continue the border, so that the kernel never leaves its picture
            line = np.clip(np.arange(first[axis], last[axis] + 1), 0, image.shape[1 - axis] - 1)
            source = source.take(line, axis=1 - axis)
        offset = offset - first
    result = np.empty((side_px, side_px, 3), np.float32)
    to_source = np.column_stack([linear, offset])
    if reduction > 1.0:
        _reduce(source.reshape(len(source), -1), to_source, reduction, result)
    else:
        _interpolate(source, to_source, result)
    return result


@compiled
def _interpolate(image: Any, to_source: Any, result: Any) -> None:
    side = result.shape[0]
    one = np.float32(1)
    half = np.float32(0.5)
    low, high = np.float32(0), np.float32(255)
    wx = np.empty(4, np.float32)
    wy = np.empty(4, np.float32)
    for row in range(side):
        for column in range(side):
            x = to_source[0, 0] * column + to_source[0, 1] * row + to_source[0, 2]
            y = to_source[1, 0] * column + to_source[1, 1] * row + to_source[1, 2]
            x0, y0 = int(np.floor(x)), int(np.floor(y))
            for weights, offset in ((wx, np.float32(x - x0)), (wy, np.float32(y - y0))):
                rest = one - offset
                weights[0] = -half * offset * rest * rest
                weights[1] = one + offset * offset * (np.float32(1.5) * offset - np.float32(2.5))
                weights[2] = one + rest * rest * (np.float32(1.5) * rest - np.float32(2.5))
                weights[3] = -half * rest * offset * offset
            red, green, blue = low, low, low
            for tap in range(4):
                line = image[y0 - 1 + tap, x0 - 1 : x0 + 3]
                r = wx[0] * line[0, 0] + wx[1] * line[1, 0] + wx[2] * line[2, 0] + wx[3] * line[3, 0]
                g = wx[0] * line[0, 1] + wx[1] * line[1, 1] + wx[2] * line[2, 1] + wx[3] * line[3, 1]
                b = wx[0] * line[0, 2] + wx[1] * line[1, 2] + wx[2] * line[2, 2] + wx[3] * line[3, 2]
                red += wy[tap] * r
                green += wy[tap] * g
                blue += wy[tap] * b
            result[row, column, 0] = min(max(red, low), high)
            result[row, column, 1] = min(max(green, low), high)
            result[row, column, 2] = min(max(blue, low), high)


@compiled
def _reduce(image: Any, to_source: Any, reduction: float, result: Any) -> None:
    side = result.shape[0]
    low, high = np.float32(0), np.float32(255)
    taps = int(np.ceil(4 * reduction))
    across = np.empty(taps, np.float32)
    down = np.empty(taps, np.float32)
    columns = np.empty(3 * taps, np.float32)
    for row in range(side):
        for column in range(side):
            x = to_source[0, 0] * column + to_source[0, 1] * row + to_source[0, 2]
            y = to_source[1, 0] * column + to_source[1, 1] * row + to_source[1, 2]
            left = _weigh(x, reduction, across)
            top = _weigh(y, reduction, down)
            columns[:] = low
            for j in range(taps):  # down the columns first: neighbours in memory, so the compiler uses vectors
                line = image[top + j, 3 * left : 3 * (left + taps)]
                weight = down[j]
                for k in range(3 * taps):
                    columns[k] += weight * np.float32(line[k])
            red, green, blue = low, low, low
            for i in range(taps):
                red += across[i] * columns[3 * i]
                green += across[i] * columns[3 * i + 1]
                blue += across[i] * columns[3 * i + 2]
            result[row, column, 0] = min(max(red, low), high)
            result[row, column, 1] = min(max(green, low), high)
            result[row, column, 2] = min(max(blue, low), high)


@compiled
def _weigh(at: float, reduction: float, weights: Any) -> int:
    """Fill in the weights, of sum one, of the pixels around ``at``; return the first pixel."""
    first = int(np.floor(at - 2 * reduction)) + 1
    step = 1 / reduction
    total = 0.0
    for tap in range(len(weights)):
        d = abs((first + tap - at) * step)
        weight = 0.0
        if d < 1.0:
            weight = 1.0 + d * d * (1.5 * d - 2.5)
        elif d < 2.0:
            weight = 2.0 + d * (-4.0 + d * (2.5 - 0.5 * d))
        weights[tap] = weight
        total += weight
    for tap in range(len(weights)):
        weights[tap] /= total
    return first
