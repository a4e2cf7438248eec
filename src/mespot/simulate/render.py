"""Pictures of a moving face: exact warps of one neutral picture, light and sensor noise.

Every picture is a single resampling of the neutral one, with a cubic B-spline (Unser 1999, doi:10.1109/79.799930):
no table of sub-pixel positions, so a displacement of a hundredth of a pixel shows as such.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.simulate.actions import ROWS
from mespot.simulate.creases import Creases
from mespot.simulate.fields import FaceFields
from mespot.simulate.kernels import (
    BORDER_PX,
    NOISE_TILE_PX,
    add_creases,
    add_fields,
    draw_picture,
    expose,
    spline_coefficients,
)
from mespot.simulate.openings import Eye, Mouth, draw_openings

_BARING = tuple((ROWS[number], share) for number, share in ((10, 0.5), (12, 0.35)))
"""Rows of the actions that bare the upper teeth where lips are apart, and by how much relative to their strength."""


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Small rigid motion of the head from its neutral pose.

    Parameters
    ----------
    yaw, pitch, roll : float
        Radians: nose towards the image's right, nose down, head clockwise as seen.
    x, y : float
        Translation, px.
    scale : float
        Size relative to the neutral pose.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def displacement(self) -> Float32:
        """(2, 4) matrix: displacement as linear function of (X, Y, Z, 1) about the centre of rotation."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        turn = np.array([[cy, 0.0, -sy], [-sp * sy, cp, -sp * cy]])
        linear = self.scale * np.array([[cr, -sr], [sr, cr]]) @ turn - np.eye(3)[:2]
        return np.column_stack([linear, [self.x, self.y]]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """Illumination of one picture: gain, and its slope across half the width and half the height."""

    gain: float = 1.0
    slope_x: float = 0.0
    slope_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Instant:
    """All that moves or shines in one picture.

    Parameters
    ----------
    skin : (A, 2) float32
        Strength of every action, left and right, px.
    edges : (7,) float32
        Lids and lips as `fields.edge_motion` gives them.
    closure : (2,) float32
        How far the left and the right eye are closed, 0 to 1.
    gaze : (2,) float32
        Shift of the irises, px.
    pose : HeadPose
        Head.
    sway : tuple of float
        Shift of the whole picture, px.
    light : Light
        Illumination.
    """

    skin: Float32
    edges: Float32
    closure: Float32
    gaze: Float32
    pose: HeadPose = HeadPose()
    sway: tuple[float, float] = (0.0, 0.0)
    light: Light = Light()


@dataclass(frozen=True, slots=True)
class Sensor:
    """Noise and shutter of the camera.

    Parameters
    ----------
    read, shot : float
        Standard deviation in grey levels of the dark noise, and of the photon noise at mid grey.
    tiles : (2, N, N, 3) float32
        Patterns of unit variance; a picture adds two of them at random offsets.
    exposure : float
        Share of the time between two pictures in which light is collected: what moves in it is blurred.
    """

    read: float
    shot: float
    tiles: Float32
    exposure: float = 0.0

    @classmethod
    def silent(cls) -> Sensor:
        """Return a camera without noise, which blurs nothing."""
        return cls(0.0, 0.0, np.zeros((2, NOISE_TILE_PX, NOISE_TILE_PX, 3), np.float32))

    def sigma(self) -> Float32:
        """(256,) standard deviation for every grey level, per added tile."""
        level = np.arange(256) / 128
        return np.sqrt((self.read**2 + self.shot**2 * level) / 2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Neutral:
    """A face at rest with all that its motion needs.

    Parameters
    ----------
    picture : (H + 2 b, W + 2 b, 3) float32
        RGB, with a border of b = `BORDER_PX`.
    depth : (H + 2 b, W + 2 b) float32
        Depth of the head behind its centre of rotation, px; smaller is nearer.
    head : (H + 2 b, W + 2 b) float32
        Share of the head's motion that a px follows.
    centre : tuple of float
        Centre of rotation, px with border.
    fields : FaceFields
        Actions; their box is in px with border.
    eyes : tuple of Eye
        Left and right.
    mouth : Mouth
        The mouth.
    creases : Creases, optional
        Shade of the folds that actions press into the skin.
    rims : (h, w) float32, optional
        Cover of glasses' rims over the box of the fields.
    rim_level : float
        Grey level of the rims.
    """

    picture: Float32
    depth: Float32
    head: Float32
    centre: tuple[float, float]
    fields: FaceFields
    eyes: tuple[Eye, Eye]
    mouth: Mouth
    creases: Creases | None = None
    rims: Float32 | None = None
    rim_level: float = 0.0


class Renderer:
    """Draws pictures of one face, in the order of time: a camera's exposure blurs what moved since the last one.

    Parameters
    ----------
    neutral : Neutral
        The face at rest.
    sensor : Sensor
        Camera noise.
    """

    def __init__(self, neutral: Neutral, sensor: Sensor) -> None:
        self._face = neutral
        self._sensor = sensor
        self._sigma = sensor.sigma()
        self._spline = spline_coefficients(neutral.picture)
        height, width = neutral.picture.shape[:2]
        self._scene = np.empty((height - 2 * BORDER_PX, width - 2 * BORDER_PX, 3), np.float32)
        self._trail = np.empty((*self._scene.shape[:2], 2), np.float32)
        self._exposure = np.float32(0)  # nothing has moved before the first picture
        box = neutral.fields.box
        self._skin = np.zeros((box.height, box.width, 2), np.float32)
        self._openings = np.zeros((box.height, box.width, 4), np.float32)
        self._shade = np.zeros((box.height, box.width, 1), np.float32)
        rims = np.zeros((box.height, box.width), np.float32) if neutral.rims is None else neutral.rims
        self._rims = np.ascontiguousarray(rims[..., None])
        inside = neutral.mouth.colour
        teeth = np.minimum(inside * np.array([5.3, 8.9, 7.4], np.float32) + 35, np.float32(225))
        self._colours = np.array([inside, teeth, np.full(3, neutral.rim_level)], np.float32)

    def draw(self, instant: Instant, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 RGB picture at an instant; ``rng`` draws the noise pattern."""
        face = self._face
        flat = instant.skin.reshape(-1)
        add_fields(face.fields.skin, np.flatnonzero(np.abs(flat) > 1e-4), flat, self._skin)
        if face.creases is not None:
            add_creases(face.creases.maps, face.creases.weights(instant.skin), self._shade)
        self._open(instant)
        offsets = rng.integers(0, NOISE_TILE_PX, (2, 2))
        draw_picture(
            face.picture,
            self._spline,
            (face.depth, face.head, self._skin, self._openings, self._shade, self._rims),
            np.array([*face.centre, face.fields.box.x, face.fields.box.y, *instant.sway], np.float32),
            instant.pose.displacement(),
            self._colours,
            self._trail,
            self._exposure,
            self._scene,
        )
        self._exposure = np.float32(self._sensor.exposure)
        light = np.array([instant.light.gain, instant.light.slope_x, instant.light.slope_y], np.float32)
        image = np.empty(self._scene.shape, np.uint8)
        expose(self._scene, light, self._sigma, self._sensor.tiles, offsets, image)
        return image

    def _open(self, instant: Instant) -> None:
        """Move lids, irises and lips."""
        self._openings[:] = 0
        bare = sum(share * max(0.0, float(instant.skin[row].mean())) for row, share in _BARING)
        face = self._face
        draw_openings(face.eyes, face.mouth, instant.edges, instant.closure, instant.gaze, bare, self._openings)
