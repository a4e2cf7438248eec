"""Creases that an action presses into the skin: shade that no displacement of a smooth cheek or forehead can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.simulate.actions import ROWS
from mespot.simulate.fields import CROP_EYE_PX, Box, Frame

Points = npt.NDArray[np.float64]

_DARKEST = 0.28
"""Share of the light that the deepest crease takes."""
_DEPTH_PX = 9.0
"""Strength of an action, px at 224, at which a crease has 63 % of its depth."""
_CAUSES: tuple[dict[int, float], ...] = (
    {6: 0.3, 9: 0.7, 10: 1.0, 12: 0.9},  # nasolabial fold
    {4: 1.0, 9: 0.4},  # furrow between the brows
    {1: 0.5, 2: 0.5},  # lines of the forehead
)
"""Per crease, how much each action deepens it."""
_FOLDS = ((358, 423, 426, 436, 432), (129, 203, 206, 216, 212))
_FURROWS = ((285, 8, 336, 9), (55, 8, 107, 9))
_BROWS = (105, 66, 107, 9, 336, 296, 334)
_FOREHEAD = (104, 69, 108, 151, 337, 299, 333)


@dataclass(frozen=True, slots=True, eq=False)
class Creases:
    """The creases of one face.

    Parameters
    ----------
    maps : (2 K, h, w, 1) float32
        Per crease the person's left and right half over the box of the fields: share of the light that is lost
        where the crease is deepest.
    eye_px : float
        Distance of the outer eye corners, px.
    """

    maps: Float32
    eye_px: float

    @classmethod
    def of(cls, landmarks: npt.NDArray[np.floating], box: Box) -> Creases:
        """Find the creases of a face from its 468 landmarks."""
        points = landmarks.astype(np.float64)
        frame = Frame.of(points)
        grid = box.grid()
        left = 1 / (1 + np.exp(-frame.coordinates(grid)[..., 0] / 0.04))
        folds = [_line(grid, points[list(line)], 0.018 * frame.eye_px) for line in _FOLDS]
        furrows = [
            _line(
                grid, np.array([0.5 * (points[a] + points[b]), 0.6 * points[c] + 0.4 * points[d]]), 0.014 * frame.eye_px
            )
            for a, b, c, d in _FURROWS
        ]
        brows, row = points[list(_BROWS)], points[list(_FOREHEAD)]
        heights = [brows + share * (row - brows) for share in (0.6, 1.0)]
        lines = np.max([_line(grid, height, 0.013 * frame.eye_px) for height in heights], axis=0)
        maps = np.stack([*folds, *furrows, lines * left, lines * (1 - left)])[..., None]
        return cls((_DARKEST * maps).astype(np.float32), frame.eye_px)

    def weights(self, skin: Float32) -> Float32:
        """Depth (2 K,) in 0..1 of every crease under the actions' strengths (A, 2), px of the picture."""
        strengths = np.array([sum(share * skin[ROWS[n]] for n, share in causes.items()) for causes in _CAUSES])
        at_224 = np.maximum(strengths, 0.0) * (CROP_EYE_PX / self.eye_px)
        return np.asarray(1 - np.exp(-at_224 / _DEPTH_PX), np.float32).reshape(-1)


def _line(grid: Points, line: Points, wide: float) -> Points:
    """Gaussian across a line of points, with standard deviation ``wide`` px, fading towards its ends."""
    best = np.zeros(grid.shape[:-1])
    for i, (start, stop) in enumerate(pairwise(line)):
        way = stop - start
        along = np.clip((grid - start) @ way / float(way @ way), 0.0, 1.0)
        distance = np.linalg.norm(grid - start - along[..., None] * way, axis=-1)
        ends = np.sin(np.pi * np.clip((i + along + 0.3) / (len(line) - 0.4), 0.0, 1.0)) ** 0.5
        best = np.maximum(best, ends * np.exp(-0.5 * (distance / wide) ** 2))
    return best
