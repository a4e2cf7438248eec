"""The similarity by which a face moves: found whatever a part of it does, and nothing else is taken for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.vision.head_motion import LEAST_SHARE, Complex, cell_places, fit_similarity, similarity_flow

SIDE = 40
X, Y = np.meshgrid(cell_places(SIDE), cell_places(SIDE))
FACE = (X / 0.7) ** 2 + (Y / 0.9) ** 2 < 1
PARTS = st.floats(-0.5, 0.5)
FITS = st.lists(PARTS, min_size=4, max_size=4).map(lambda parts: np.array([complex(*parts[:2]), complex(*parts[2:])]))


def head(fit: Complex) -> npt.NDArray[np.float32]:
    """Flow of an ellipse that moves by a similarity; outside nothing moves."""
    return np.where(FACE, similarity_flow(fit, X, Y), 0).astype(np.float32)


def left(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Flow of the face without the head's."""
    return np.where(FACE, flow - similarity_flow(fit_similarity(flow, FACE), X, Y), 0)


@given(FITS)
def test_a_head_that_moves_alone_is_found_and_leaves_nothing(fit: Complex) -> None:
    np.testing.assert_allclose(fit_similarity(head(fit), FACE), fit, atol=1e-6)
    np.testing.assert_allclose(left(head(fit)), 0, atol=1e-5)


def test_the_change_is_what_its_docstring_says() -> None:
    nearer, tilted = (similarity_flow(np.array([0, change]), [1.0, 0.0], [0.0, 1.0]) for change in (0.3, 0.3j))
    np.testing.assert_allclose(nearer, [[0.3, 0], [0, 0.3]])  # away from the middle
    np.testing.assert_allclose(tilted, [[0, -0.3], [0.3, 0]])  # the right side down, the lower one to the left


@given(FITS, st.integers(0, 2**32 - 1))
def test_both_brows_that_rise_are_left_though_the_flow_is_noisy(fit: Complex, seed: int) -> None:
    brows = FACE & (np.abs(Y + 0.45) < 0.2)
    flow = head(fit)
    flow[1, brows] -= 0.4
    flow[:, FACE] += np.random.default_rng(seed).normal(0, 0.05, (2, FACE.sum())).astype(np.float32)
    rest = left(flow)
    assert 0.85 < -rest[1, brows].mean() / 0.4 < 1.05
    assert np.abs(rest[:, FACE & ~brows].mean(axis=1)).max() < 0.04


def test_least_squares_are_those_of_numpy() -> None:
    """An oracle: what is left is far below the least scale, so that no cell's weight differs from another's."""
    random = np.random.default_rng(3)
    flow = head(np.array([0.2 - 0.1j, 0.05 + 0.3j]))
    flow[:, FACE] += random.normal(0, 1e-6, (2, FACE.sum())).astype(np.float32)
    ones, zeros = np.ones(FACE.sum()), np.zeros(FACE.sum())
    across = np.stack([ones, zeros, X[FACE], -Y[FACE]], axis=1)
    down = np.stack([zeros, ones, Y[FACE], X[FACE]], axis=1)
    moved = np.concatenate([flow[0, FACE], flow[1, FACE]]).astype(np.float64)
    a, b, c, d = np.linalg.lstsq(np.concatenate([across, down]), moved, rcond=None)[0]
    np.testing.assert_allclose(fit_similarity(flow, FACE), [a + 1j * b, c + 1j * d], atol=1e-7)


@pytest.mark.parametrize("cells", [0, int(LEAST_SHARE * SIDE**2) - 1])
def test_few_cells_of_a_face_say_nothing_of_the_rest(cells: int) -> None:
    few = np.arange(SIDE**2).reshape(SIDE, SIDE) < cells
    assert not fit_similarity(np.ones((2, SIDE, SIDE), np.float32), few).any()
    one_more = np.arange(SIDE**2).reshape(SIDE, SIDE) < LEAST_SHARE * SIDE**2
    assert fit_similarity(np.ones((2, SIDE, SIDE), np.float32), one_more)[0] == pytest.approx(1 + 1j)


def test_a_still_face_stays_still() -> None:
    assert not fit_similarity(np.zeros((2, SIDE, SIDE), np.float32), FACE).any()
