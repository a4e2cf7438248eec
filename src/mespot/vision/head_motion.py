"""Head motion beyond a shift: turns, nods and a changing distance move the whole face by a nearly affine flow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.vision.resample import compiled

ROUNDS = 5
"""Fits, each with weights by what the last one left."""
TOLERANCE = 1.5
"""What is left of a cell counts half at this multiple of the median over the face."""
LEAST_CELLS = 24
"""Cells of a face below which there is no fit."""
_LEAST_SCALE_PX = 1e-3


Cells = npt.NDArray[np.bool_]


def fit_affine(flow: Float32, face: Cells) -> npt.NDArray[np.float64]:
    """Fit the affine motion of most of a face: the expression, which moves a part of it, hardly counts.

    Parameters
    ----------
    flow : (2, S, S) float32
        Flow.
    face : (S, S) bool
        Cells that show the face.

    Returns
    -------
    (2, 3) float64
        Of each component the shift at the centre and its change over half the side to the right and down, in the
        unit of ``flow``; zeros where fewer than `LEAST_CELLS` cells show the face, or all in one line.

    Notes
    -----
    Least squares with Cauchy weights (Holland, Welsch 1977, doi:10.1080/03610927708827533), repeated. Black and
    Yacoob (1997, doi:10.1023/A:1007977618277) take the head for a plane; the affine part of its motion is what so few
    cells can tell.
    """
    affine = np.zeros((2, 3))
    _fit(flow, face, affine)
    return affine


def affine_flow(affine: npt.NDArray[np.float64], x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the (2, ...) flow of `fit_affine` at places in [-1, 1], the crop from edge to edge."""
    across, down = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return np.array([shift + right * across + below * down for shift, right, below in affine], np.float64)


def subtract_affine(flow: Float32, affine: npt.NDArray[np.float64], shown: Cells) -> None:
    """Subtract the motion of `fit_affine` from a (2, S, S) flow in place, in the (S, S) cells that are shown."""
    places = cell_places(flow.shape[-1])
    head = affine_flow(affine, places[None, :], places[:, None])
    flow -= np.where(shown, head, 0.0)


def cell_places(side: int) -> npt.NDArray[np.float64]:
    """Return where the centres of the cells of a row lie in [-1, 1]."""
    return np.asarray((np.arange(side) + 0.5) * (2.0 / side) - 1.0, np.float64)


@compiled
def _fit(flow: Any, face: Any, affine: Any) -> None:
    side = flow.shape[1]
    places = np.empty((side * side, 2))
    moved = np.empty((side * side, 2))
    count = 0
    for row in range(side):
        for column in range(side):
            if face[row, column]:
                places[count, 0], places[count, 1] = (column + 0.5) * 2 / side - 1, (row + 0.5) * 2 / side - 1
                moved[count, 0], moved[count, 1] = flow[0, row, column], flow[1, row, column]
                count += 1
    if count < LEAST_CELLS:
        return
    left, weights = np.empty(count), np.ones(count)
    for _ in range(ROUNDS):
        if not _solve(places, moved, weights, affine):
            affine[:] = 0
            return
        for cell in range(count):
            x, y = places[cell]
            across = moved[cell, 0] - (affine[0, 0] + affine[0, 1] * x + affine[0, 2] * y)
            down = moved[cell, 1] - (affine[1, 0] + affine[1, 1] * x + affine[1, 2] * y)
            left[cell] = np.sqrt(across * across + down * down)
        scale = TOLERANCE * (np.median(left) + _LEAST_SCALE_PX)
        for cell in range(count):
            weights[cell] = 1 / (1 + (left[cell] / scale) ** 2)


@compiled
def _solve(places: Any, moved: Any, weights: Any, affine: Any) -> bool:
    """Solve the weighted least squares of both components; False where the places do not determine it."""
    w = wx = wy = wxx = wxy = wyy = 0.0
    sums = np.zeros((2, 3))
    for cell in range(len(weights)):
        x, y = places[cell]
        weight = weights[cell]
        w += weight
        wx += weight * x
        wy += weight * y
        wxx += weight * x * x
        wxy += weight * x * y
        wyy += weight * y * y
        for k in range(2):
            sums[k, 0] += weight * moved[cell, k]
            sums[k, 1] += weight * moved[cell, k] * x
            sums[k, 2] += weight * moved[cell, k] * y
    c00, c01, c02 = wxx * wyy - wxy * wxy, wxy * wy - wx * wyy, wx * wxy - wxx * wy
    c11, c12, c22 = w * wyy - wy * wy, wx * wy - w * wxy, w * wxx - wx * wx
    determinant = w * c00 + wx * c01 + wy * c02
    if determinant <= 1e-9 * w * w * w:
        return False
    for k in range(2):
        a, b, c = sums[k]
        affine[k, 0] = (c00 * a + c01 * b + c02 * c) / determinant
        affine[k, 1] = (c01 * a + c11 * b + c12 * c) / determinant
        affine[k, 2] = (c02 * a + c12 * b + c22 * c) / determinant
    return True
