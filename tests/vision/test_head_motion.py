"""The affine motion of a face: found whatever a part of it does, and nothing else is taken away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.vision.head_motion import LEAST_CELLS, affine_flow, cell_places, fit_affine, subtract_affine

SIDE = 40
COEFFICIENTS = st.floats(-0.5, 0.5)
AFFINE = st.lists(COEFFICIENTS, min_size=6, max_size=6).map(lambda values: np.reshape(values, (2, 3)))

Array = npt.NDArray[np.float64]


X, Y = np.meshgrid(cell_places(SIDE), cell_places(SIDE))
FACE = (X / 0.7) ** 2 + (Y / 0.9) ** 2 < 1


def head(affine: Array) -> npt.NDArray[np.float32]:
    """Flow of an ellipse that moves by ``affine``; outside nothing moves."""
    return np.where(FACE, affine_flow(affine, X, Y), 0).astype(np.float32)


def still(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Flow of the face without the head's."""
    subtract_affine(flow, fit_affine(flow, FACE), FACE)
    return flow


@given(AFFINE)
def test_a_head_that_moves_alone_leaves_nothing(affine: Array) -> None:
    np.testing.assert_allclose(still(head(affine)), 0, atol=1e-5)


@given(AFFINE)
def test_a_brow_that_moves_besides_is_what_is_left(affine: Array) -> None:
    flow = head(affine)
    brow = np.zeros_like(FACE)
    brow[10:14, 12:28] = True
    flow[1, brow] -= 0.4
    still(flow)
    np.testing.assert_allclose(flow[1, brow], -0.4, atol=0.04)
    assert np.abs(flow[:, FACE & ~brow]).max() < 0.04


def test_least_squares_are_those_of_numpy() -> None:
    """An oracle: what is left is far below the least scale, so that no cell's weight differs from another's."""
    random = np.random.default_rng(3)
    flow = head(random.normal(0, 0.3, (2, 3)))
    flow[:, FACE] += random.normal(0, 1e-6, (2, FACE.sum())).astype(np.float32)
    matrix = np.stack([np.ones(FACE.sum()), X[FACE], Y[FACE]], axis=1)
    expected = np.linalg.lstsq(matrix, flow[:, FACE].T.astype(np.float64), rcond=None)[0].T
    np.testing.assert_allclose(fit_affine(flow, FACE), expected, atol=1e-6)


def test_nothing_is_subtracted_where_nothing_is_shown() -> None:
    flow = still(head(np.array([[0.3, 0.1, 0.0], [0.2, 0.0, -0.1]])))
    assert not flow[:, ~FACE].any()


@pytest.mark.parametrize(("rows", "cells"), [(slice(7, 8), LEAST_CELLS), (slice(7, 9), (LEAST_CELLS - 1) // 2)])
def test_cells_in_one_line_or_too_few_are_left_as_they_are(rows: slice, cells: int) -> None:
    few = np.zeros_like(FACE)
    few[rows, :cells] = True
    flow = np.random.default_rng(0).normal(1, 0.1, (2, SIDE, SIDE)).astype(np.float32)
    assert not fit_affine(flow, few).any()


def test_a_still_face_stays_still() -> None:
    assert not fit_affine(np.zeros((2, SIDE, SIDE), np.float32), FACE).any()
