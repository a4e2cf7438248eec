"""What hides the skin of some people: glasses, which follow the head alone, and beards, which follow the skin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.simulate.fields import Box, Frame

_EYES = ((33, 133), (362, 263))
_LENS = (0.245, 0.165)
"""Half width and half height of a lens, share of the eye distance."""
_BRIDGE, _TEMPLE = 0.05, 0.07
"""Heights of the bridge and of the temples above the middle of the lenses, share of the eye distance."""
_BEARD = (
    152, 148, 377, 149, 378, 136, 365, 172, 397, 58, 288, 200,
    199, 18, 194, 418, 204, 424, 211, 431, 202, 422, 212, 432,
)  # fmt: skip
_MOUSTACHE = (164, 167, 393, 165, 391, 92, 322, 186, 410)
_LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)


def glasses(landmarks: npt.NDArray[np.floating], box: Box, rim: float) -> Float32:
    """Return how much of the (h, w) px of ``box`` rims of width ``rim`` (share of the eye distance) cover, 0 to 1."""
    frame = Frame.of(landmarks)
    place = frame.coordinates(box.grid())
    lenses = [frame.coordinates(landmarks[list(eye)]).mean(axis=0) - (0.0, 0.025) for eye in _EYES]
    nearest = np.full(place.shape[:2], np.inf)
    for centre in lenses:
        offset = np.abs(place - centre) / _LENS
        radius = (offset**3.5).sum(axis=-1) ** (1 / 3.5)
        nearest = np.minimum(nearest, np.abs(radius - 1) * _LENS[1])
    height = place[..., 1] - (lenses[0][1] + lenses[1][1]) / 2
    inner, outer = (abs(lenses[0][0]) + side * _LENS[0] * 0.97 for side in (-1, 1))
    across = np.abs(place[..., 0] - (lenses[0][0] + lenses[1][0]) / 2)
    nearest = np.where(across < inner, np.minimum(nearest, np.abs(height - _BRIDGE)), nearest)
    ear = np.abs(frame.coordinates(landmarks[[234, 454]])[:, 0]).min()
    behind = (across > outer) & (across < ear)
    nearest = np.where(behind, np.minimum(nearest, np.abs(height - _TEMPLE)), nearest)
    return np.asarray(np.clip(0.5 + (rim / 2 - nearest) * frame.eye_px, 0.0, 1.0), np.float32)


def grow_beard(picture: Float32, landmarks: npt.NDArray[np.floating], density: float, seed: int) -> Float32:
    """Return the (H, W, 3) picture with a beard of ``density`` (0 to 1) around the mouth and along the jaw."""
    frame = Frame.of(landmarks)
    ys, xs = np.indices(picture.shape[:2]).astype(np.float64)
    place = frame.coordinates(np.stack([xs, ys], axis=-1))
    cover, lips = np.zeros(place.shape[:2]), np.zeros(place.shape[:2])
    for line, total, wide in ((_BEARD, cover, 0.10), (_MOUSTACHE, cover, 0.055), (_LIPS, lips, 0.045)):
        for point in frame.coordinates(landmarks[list(line)]):
            near = np.exp(-((place - point) ** 2).sum(axis=-1) / (2 * wide**2))
            np.maximum(total, near, out=total)
    inner = frame.coordinates(landmarks[[13, 14]]).mean(axis=0)
    lips = np.maximum(lips, np.exp(-(((((place - inner) / (0.2, 0.06)) ** 2).sum(axis=-1)) ** 2)))
    share = np.clip(1.6 * cover - 0.5, 0.0, 1.0) * np.clip(1.15 - 1.3 * lips, 0.0, 1.0)
    hair = np.random.default_rng(seed).uniform(0.5, 1.0, picture.shape[:2])
    hair = (hair + np.roll(hair, 1, axis=0) + np.roll(hair, 2, axis=0)) / 3
    return np.asarray(picture * (1 - density * share * hair)[..., None], np.float32)
