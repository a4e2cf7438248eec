"""Dense displacement fields of the actions on one face, and the geometry of its lids and lips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.simulate.actions import ACTIONS, MIRROR, ROWS, Action, Combination, Side

RIGHT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
LEFT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CROP_EYE_PX = 0.40 * 224
"""Distance of the outer eye corners in the crop that intensities refer to, px."""

_SPLIT = 0.045
"""Width of the soft border between the two sides of the face, share of the eye distance."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The face's own axes in the picture.

    Parameters
    ----------
    origin : (2,) float64
        Middle between the outer eye corners, px.
    left, up : (2,) float64
        Unit vectors towards the person's left and towards the forehead.
    eye_px : float
        Distance of the outer eye corners, px.
    """

    origin: npt.NDArray[np.float64]
    left: npt.NDArray[np.float64]
    up: npt.NDArray[np.float64]
    eye_px: float

    @classmethod
    def of(cls, landmarks: npt.NDArray[np.floating]) -> Frame:
        """Find the axes of a face from its 468 landmarks."""
        right, left = landmarks[33].astype(np.float64), landmarks[263].astype(np.float64)
        across = left - right
        eye_px = float(np.hypot(*across))
        axis = across / eye_px
        return cls((right + left) / 2, axis, np.array([axis[1], -axis[0]]), eye_px)

    def coordinates(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return (left, up) of points in units of the eye distance."""
        offset = points - self.origin
        return np.stack([offset @ self.left, offset @ self.up], axis=-1) / self.eye_px


@dataclass(frozen=True, slots=True)
class Box:
    """Rectangle of whole px: the part of the picture where the face moves."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def around(cls, landmarks: npt.NDArray[np.floating], size: tuple[int, int], margin: float = 0.22) -> Box:
        """Surround a face with ``margin`` of its size, within a picture of ``size`` (width, height)."""
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        pad = margin * float((high - low).max())
        x0, y0 = np.maximum(np.floor(low - pad), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(high + pad), np.array(size) - 1).astype(int)
        return cls(int(x0), int(y0), int(x1 - x0 + 1), int(y1 - y0 + 1))

    def grid(self) -> npt.NDArray[np.float64]:
        """(height, width, 2) picture coordinates of the px."""
        ys, xs = np.mgrid[self.y : self.y + self.height, self.x : self.x + self.width]
        return np.stack([xs, ys], axis=-1).astype(np.float64)


def unit_field(action: Action, landmarks: npt.NDArray[np.floating], points: npt.NDArray[np.floating]) -> Float32:
    """Displacement of the skin at ``points`` for a two-sided action whose greatest displacement is 1.

    Parameters
    ----------
    action : Action
        Its pulls are used on both sides.
    landmarks : (468, 2) array
        The neutral face, px.
    points : (..., 2) array
        Where, px.

    Returns
    -------
    (..., 2) float32
        Displacement, x right and y down.

    Notes
    -----
    Pulls are blended as ``sum(w v) / sum(w) * (1 - prod(1 - w))``: exact near a landmark, smooth between, fading
    where no pull reaches, and free of the doubling that a plain sum has between neighbours.
    """
    frame = Frame.of(landmarks)
    place = frame.coordinates(points)
    total = np.full(place.shape[:-1], 1e-9)
    away = np.ones(place.shape[:-1])
    pulled = np.zeros_like(place)
    for landmark, out, up, wide, high in _anchors(action):
        offset = place - frame.coordinates(landmarks[landmark])
        weight = np.exp(-0.5 * ((offset[..., 0] / wide) ** 2 + (offset[..., 1] / high) ** 2))
        total += weight
        away *= 1 - weight
        pulled += weight[..., None] * np.array([out, up])
    blended = pulled * ((1 - away) / total)[..., None]
    field = blended[..., :1] * frame.left + blended[..., 1:] * frame.up
    return np.asarray(field, np.float32)


def _anchors(action: Action) -> list[tuple[int, float, float, float, float]]:
    anchors = []
    for pull in action.pulls:
        anchors.append((pull.landmark, pull.out, pull.up, pull.wide, pull.high))
        if pull.landmark in MIRROR:
            anchors.append((MIRROR[pull.landmark], -pull.out, pull.up, pull.wide, pull.high))
    return anchors


@dataclass(frozen=True, slots=True)
class FaceFields:
    """All actions of one face as dense fields.

    Parameters
    ----------
    box : Box
        Where the fields lie in the picture.
    skin : (2 A, h, w, 2) float32
        Per action (in the order of `ACTIONS`) the person's left and right half, greatest displacement 1 px.
    eye_px : float
        Distance of the outer eye corners, px.
    asymmetry : float
        Strength of the right side relative to the left in this face's two-sided expressions.
    """

    box: Box
    skin: Float32
    eye_px: float
    asymmetry: float = 1.0

    @classmethod
    def of(
        cls,
        landmarks: npt.NDArray[np.floating],
        size: tuple[int, int],
        asymmetry: float = 1.0,
        actions: Mapping[int, Action] = ACTIONS,
    ) -> FaceFields:
        """Compute the fields of a face in a picture of ``size`` (width, height), with ``actions`` of its own."""
        box = Box.around(landmarks, size)
        grid = box.grid()
        frame = Frame.of(landmarks)
        fade = _fade(grid, landmarks, box)
        left = 1 / (1 + np.exp(-(frame.coordinates(grid)[..., 0] - _midline(landmarks, grid, frame)) / _SPLIT))
        skin = np.zeros((2 * len(ACTIONS), box.height, box.width, 2), np.float32)
        for number, row in ROWS.items():
            if actions[number].pulls:
                field = unit_field(actions[number], landmarks, grid) * fade[..., None]
                field /= max(1e-6, float(np.hypot(field[..., 0], field[..., 1]).max()))
                skin[2 * row] = field * left[..., None]
                skin[2 * row + 1] = field - skin[2 * row]
        return cls(box, skin, frame.eye_px, asymmetry)

    def weights(self, combination: Combination, side: Side, intensity_px: float, asymmetry: float = 1.0) -> Float32:
        """Strengths (A, 2: left, right) in px of the picture with greatest displacement ``intensity_px`` at 224.

        ``asymmetry`` is that of this expression, right relative to left, on top of the face's own.
        """
        weights = np.zeros((len(ACTIONS), 2), np.float32)
        sides = {Side.BOTH: (1, self.asymmetry * asymmetry), Side.LEFT: (1, 0), Side.RIGHT: (0, 1)}[side]
        for number, strength in combination.strengths:
            weights[ROWS[number]] = np.array(sides) * strength
        scale = intensity_px * self.eye_px / CROP_EYE_PX / self.greatest(weights)
        return np.asarray(weights * scale, np.float32)

    def displacement(self, weights: npt.NDArray[np.floating]) -> Float32:
        """Displacement (h, w, 2) of the skin in px under ``weights`` (A, 2); lids and lips not counted."""
        flat = weights.reshape(-1).astype(np.float32)
        active = np.flatnonzero(flat)
        return np.asarray(np.tensordot(flat[active], self.skin[active], axes=1), np.float32)

    def greatest(self, weights: npt.NDArray[np.floating]) -> float:
        """Greatest displacement in px of skin, lids and lips under ``weights`` (A, 2)."""
        field = self.displacement(weights)
        skin = float(np.hypot(field[..., 0], field[..., 1]).max())
        edges = edge_motion(weights)
        lips = max(edges[4], edges[5] + edges[6])
        return max(skin, float(np.abs(edges[:4]).max()), float(lips))


def edge_motion(weights: npt.NDArray[np.floating]) -> Float32:
    """Motion of lids and lips in px under action strengths.

    Parameters
    ----------
    weights : (..., A, 2) array
        Strength of every action, left and right, px.

    Returns
    -------
    (..., 7) float32
        Upwards: upper lid left, right, lower lid left, right; parting: upper lip up, lower lip down, jaw down.
    """
    table = np.array([(a.upper_lid, a.lower_lid, a.upper_lip, a.lower_lip, a.jaw) for a in ACTIONS.values()])
    lids = [weights[..., side] @ table[:, column] for column in (0, 1) for side in (0, 1)]
    lips = [weights.mean(axis=-1) @ table[:, column] for column in (2, 3, 4)]
    return np.stack([*lids, *lips], axis=-1).astype(np.float32)


def _midline(
    landmarks: npt.NDArray[np.floating], grid: npt.NDArray[np.float64], frame: Frame
) -> npt.NDArray[np.float64]:
    """Position of the midline at the height of every point: a turned face has it beside the middle of the eyes."""
    line = frame.coordinates(landmarks[[10, 9, 168, 4, 13, 17, 152]])
    heights = frame.coordinates(grid)[..., 1]
    order = np.argsort(line[:, 1])
    return np.asarray(np.interp(heights, line[order, 1], line[order, 0]))


def _fade(grid: npt.NDArray[np.float64], landmarks: npt.NDArray[np.floating], box: Box) -> npt.NDArray[np.float64]:
    """1 within the face oval, falling to 0 outside it and towards the box."""
    oval = landmarks[list(FACE_OVAL)].astype(np.float64)
    centre = (oval.min(axis=0) + oval.max(axis=0)) / 2
    radii = (oval.max(axis=0) - oval.min(axis=0)) / 2
    radius = np.linalg.norm((grid - centre) / radii, axis=-1)
    fade = _smoothstep((1.32 - radius) / 0.32)
    x, y = grid[..., 0] - box.x, grid[..., 1] - box.y
    border = np.minimum(np.minimum(x, box.width - 1 - x), np.minimum(y, box.height - 1 - y))
    return np.asarray(fade * _smoothstep(border / 6))


def _smoothstep(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    t = np.clip(x, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float64)
