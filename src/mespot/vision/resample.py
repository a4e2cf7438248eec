"""Sub-pixel exact resampling of a picture under an affine map, compiled with Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(function: _Kernel) -> _Kernel:
    """Compile ``function`` with Numba, kept on disk between processes where a folder for it can be written."""
    try:
        return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]


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
    Cubic convolution with a = -1/2 (Keys 1981, doi:10.1109/TASSP.1981.1163711), exact for quadratic pictures, with
    weights at the exact position; ``cv2.warpAffine`` of OpenCV 4 rounds positions to 1/32 px, which is false motion.
    Where the result is smaller than the source, the kernel is stretched by the reduction, against aliasing.
    """
    linear = np.linalg.inv(matrix[:, :2])
    to_source = np.column_stack([linear, -linear @ matrix[:, 2]])
    reduction = max(1.0, float(np.sqrt(abs(np.linalg.det(linear)))))
    result = np.empty((side_px, side_px, 3), np.float32)
    source = np.ascontiguousarray(image)
    if reduction <= 1.0:
        _interpolate(source, to_source, result)
    else:
        _reduce(source, to_source, reduction, result)
    return result


@compiled
def _interpolate(image: Any, to_source: Any, result: Any) -> None:
    height, width, _ = image.shape
    side = result.shape[0]
    one = np.float32(1)
    half = np.float32(0.5)
    low, high = np.float32(0), np.float32(255)
    wx = np.empty(4, np.float32)
    wy = np.empty(4, np.float32)
    xs = np.empty(4, np.int64)
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
            for tap in range(4):
                xs[tap] = min(max(x0 - 1 + tap, 0), width - 1)
            red, green, blue = low, low, low
            for tap in range(4):
                line = image[min(max(y0 - 1 + tap, 0), height - 1)]
                r = wx[0] * line[xs[0], 0] + wx[1] * line[xs[1], 0] + wx[2] * line[xs[2], 0] + wx[3] * line[xs[3], 0]
                g = wx[0] * line[xs[0], 1] + wx[1] * line[xs[1], 1] + wx[2] * line[xs[2], 1] + wx[3] * line[xs[3], 1]
                b = wx[0] * line[xs[0], 2] + wx[1] * line[xs[1], 2] + wx[2] * line[xs[2], 2] + wx[3] * line[xs[3], 2]
                red += wy[tap] * r
                green += wy[tap] * g
                blue += wy[tap] * b
            result[row, column, 0] = min(max(red, low), high)
            result[row, column, 1] = min(max(green, low), high)
            result[row, column, 2] = min(max(blue, low), high)


@compiled
def _stretched(at: float, reduction: float, size: int, weights: Any, nearest: Any) -> None:
    """Weights, of sum one, of the pixels around ``at``, and their places held inside the picture."""
    first = int(np.ceil(at - 2 * reduction))
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
        nearest[tap] = min(max(first + tap, 0), size - 1)
    for tap in range(len(weights)):
        weights[tap] /= total


@compiled
def _reduce(image: Any, to_source: Any, reduction: float, result: Any) -> None:
    height, width, _ = image.shape
    side = result.shape[0]
    low, high = np.float32(0), np.float32(255)
    taps = int(np.ceil(4 * reduction)) + 1
    weights = np.empty((2, taps), np.float32)
    nearest = np.empty((2, taps), np.int64)
    for row in range(side):
        for column in range(side):
            for axis in range(2):
                at = to_source[axis, 0] * column + to_source[axis, 1] * row + to_source[axis, 2]
                _stretched(at, reduction, width if axis == 0 else height, weights[axis], nearest[axis])
            red, green, blue = low, low, low
            for j in range(taps):
                line = image[nearest[1, j]]
                r, g, b = low, low, low
                for i in range(taps):
                    pixel = nearest[0, i]
                    weight = weights[0, i]
                    r += weight * line[pixel, 0]
                    g += weight * line[pixel, 1]
                    b += weight * line[pixel, 2]
                red += weights[1, j] * r
                green += weights[1, j] * g
                blue += weights[1, j] * b
            result[row, column, 0] = min(max(red, low), high)
            result[row, column, 1] = min(max(green, low), high)
            result[row, column, 2] = min(max(blue, low), high)
