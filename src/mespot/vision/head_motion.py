"""Head motion beyond a shift: a head that tilts, or comes nearer, moves the whole face by a similarity.

Places and flow are complex numbers, x + iy; then the flow of a similarity is ``shift + change * place``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.vision.resample import compiled

ROUNDS = 5
"""Fits, each with weights by what the last one left."""
TOLERANCE = 1.0
"""What is left of a cell counts half at this multiple of the median over the face."""
LEAST_SHARE = 1 / 16
"""Share of the cells that must show the face: what few cells tell does not hold for the rest."""
_LEAST_SCALE = 1e-3
"""Added to the median, in the unit of the flow: of a face that moves as one every cell then counts alike."""

Complex = npt.NDArray[np.complex128]


def fit_similarity(flow: Float32, face: npt.NDArray[np.bool_]) -> Complex:
    """Fit the similarity by which most of a face moves; a part that moves otherwise, an expression, counts less.

    Parameters
    ----------
    flow : (2, S, S) float32
        Flow.
    face : (S, S) bool
        Cells that show the face.

    Returns
    -------
    (2,) complex128
        The shift at the middle of the crop, and its change over half a side to the right: the real part is a head that
        comes nearer, the imaginary one a head that tilts. In the unit of ``flow``; zeros where less than `LEAST_SHARE`
        of the cells show the face.

    Notes
    -----
    Least squares with Cauchy weights (Holland, Welsch 1977, doi:10.1080/03610927708827533), repeated. Turns and nods
    (a plane as in Black, Yacoob 1997, doi:10.1023/A:1007977618277) would also be fitted to both brows that rise.
    """
    fit = np.zeros(2, np.complex128)
    if np.count_nonzero(face) >= LEAST_SHARE * face.size:
        places = cell_places(flow.shape[-1])
        at = (places[None, :] + 1j * places[:, None])[face]
        _fit(at, flow[0][face] + 1j * flow[1][face].astype(np.float64), fit)
    return fit


def similarity_flow(fit: Complex, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the (2, ...) flow of `fit_similarity` at places in [-1, 1], the crop from edge to edge."""
    flow = fit[0] + fit[1] * (np.asarray(x) + 1j * np.asarray(y))
    return np.stack([flow.real, flow.imag])


def cell_places(side: int) -> npt.NDArray[np.float64]:
    """Return where the centres of the cells of a row lie in [-1, 1]."""
    return np.asarray((np.arange(side) + 0.5) * (2.0 / side) - 1.0, np.float64)


@compiled
def _fit(places: Any, moved: Any, fit: Any) -> None:
    weights = np.ones(len(places))
    for _ in range(ROUNDS):
        middle = (weights * places).sum() / weights.sum()
        shift = (weights * moved).sum() / weights.sum()
        apart = places - middle
        spread = (weights * (apart.real**2 + apart.imag**2)).sum()
        change = (weights * np.conj(apart) * (moved - shift)).sum() / spread
        fit[0], fit[1] = shift - change * middle, change
        left = np.abs(moved - fit[0] - fit[1] * places)
        scale = TOLERANCE * (np.median(left) + _LEAST_SCALE)
        weights = 1 / (1 + (left / scale) ** 2)
