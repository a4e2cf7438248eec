"""The exact motion of a simulated video: how far what is seen at each place has moved from the neutral picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from mespot.core.atomic import whole_file
from mespot.core.signals import Float32
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.render import Instant, Neutral, Renderer, Sensor

SPACING_PX = 8
"""Distance of the grid's points, from the corner px on."""
_PASSES = 12
"""Fixed-point steps from a neutral landmark to where it is seen; the slope of a displacement is far below 1."""


class MotionProbe(Renderer):
    """Records the motion of a simulated video while its pictures are drawn.

    Parameters
    ----------
    neutral : Neutral
        The face at rest.
    landmarks : (468, 2) float32
        Its landmarks, px of the shown picture.

    Notes
    -----
    The renderer knows where in the neutral picture each px that it draws was taken from, through head, skin, lids and
    lips: the motion is the way from there. It is that of the end of the exposure: a blurred picture shows the mean over
    the exposure before.
    """

    def __init__(self, neutral: Neutral, landmarks: Float32) -> None:
        super().__init__(neutral, Sensor.silent())
        self._shown = np.indices(self._scene.shape[:2], np.float32)[::-1].transpose(1, 2, 0) + BORDER_PX
        self._rest = landmarks
        self._displacements: list[npt.NDArray[np.float16]] = []
        self._landmarks: list[Float32] = []

    def displacement(self, instant: Instant) -> Float32:
        """Return (H, W, 2): px by which what is seen at a px has moved, x right and y down."""
        self.draw(instant, np.random.default_rng(0))
        return np.asarray(self._shown - self._trail, np.float32)

    def take(self, instant: Instant) -> None:
        """Take in the next picture."""
        moved = self.displacement(instant)
        self._displacements.append(moved[::SPACING_PX, ::SPACING_PX].transpose(2, 0, 1).astype(np.float16))
        self._landmarks.append(_seen_at(self._rest, moved))

    def save(self, path: Path) -> None:
        """Write the motion of all pictures taken.

        The safetensors file holds ``displacement`` (T, 2, h, w) float16, px at every `SPACING_PX` px of the shown
        picture (0.016 px coarse above 16 px); ``landmarks`` (T, 468, 2) float32, px; ``spacing_px`` (1,) int64.
        """
        tensors: dict[str, npt.NDArray[Any]] = {
            "displacement": np.stack(self._displacements),
            "landmarks": np.stack(self._landmarks),
            "spacing_px": np.array([SPACING_PX], np.int64),
        }
        with whole_file(path) as part:
            save_file(tensors, part)


def _seen_at(points: Float32, moved: Float32) -> Float32:
    """Return where neutral points are seen: the places whose displacement leads back to them.

    Where a lid covers a point there is no such place; it gets the one that leads back most closely.
    """
    best, place = points.copy(), points
    least = np.full(len(points), np.inf, np.float32)
    for _ in range(_PASSES):
        across, down = cv2.split(place[:, None])
        motion = cv2.remap(moved, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        error = np.hypot(*(place - motion - points).T)
        closer = error < least
        best[closer], least[closer] = place[closer], error[closer]
        place = np.asarray(points + motion, np.float32)
    return best
