"""A face at rest: from a still or the beginning of a clip to all that a simulated video of it needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import FaceConfig
from mespot.core.errors import FaceError
from mespot.core.signals import Float32
from mespot.simulate.actions import ACTIONS, Action
from mespot.simulate.creases import Creases
from mespot.simulate.fields import FACE_OVAL, FaceFields, Frame
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.occluders import glasses, grow_beard
from mespot.simulate.openings import Mouth, eyes_of, mouth_colour
from mespot.simulate.render import Neutral
from mespot.vision.faces import FaceDetector, RgbImage
from mespot.vision.landmarks import LandmarkNet, Roi

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
_NEUTRAL_S = 2.0
_NEUTRAL_FRAMES = 20
"""How much of a clip's beginning is searched for a face at rest, and in how many frames at most."""
_WITH_GLASSES, _WITH_BEARD = 0.2, 0.2


@dataclass(frozen=True, slots=True)
class Variation:
    """How a video's face departs from its source, so that one picture serves as many people.

    Parameters
    ----------
    face_px : float
        Wanted distance between the sides of the face, px.
    mirrored : bool
        Left and right exchanged.
    tilt : float
        Rotation of the whole picture, radians.
    shape : (K, 2) float64
        Shifts at random places, share of the eye distance: a smooth warp of the face's proportions.
    shift : tuple of float
        Place of the face, from the middle, as share of the picture's size.
    gamma, saturation, blur_px : float
        Tone, colourfulness and softness.
    gains : tuple of float
        Factor per colour channel.
    side_light : float
        Light from the person's left (positive) or right: gain of that side, loss of the other.
    rim, rim_level : float
        Width of glasses' rims as share of the eye distance, 0 for none; their grey level.
    beard : float
        Density of a beard, 0 for none to 1.
    beard_seed : int
        Decides its texture.
    asymmetry : float
        Strength of the right side of the face relative to the left in two-sided expressions.
    """

    face_px: float
    mirrored: bool
    tilt: float
    shape: npt.NDArray[np.float64]
    shift: tuple[float, float]
    gamma: float
    saturation: float
    blur_px: float
    gains: tuple[float, float, float]
    side_light: float = 0.0
    rim: float = 0.0
    rim_level: float = 0.0
    beard: float = 0.0
    beard_seed: int = 0
    asymmetry: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator, face_px: tuple[float, float]) -> Variation:
        """Draw a variation with a face width between the two ``face_px``."""
        low, high = face_px
        return cls(
            face_px=float(math.exp(rng.uniform(math.log(low), math.log(high)))),
            mirrored=bool(rng.random() < 0.5),
            tilt=float(rng.normal(0, 0.035)),
            shape=rng.normal(0, 0.02, (len(SHAPE_ANCHORS), 2)),
            shift=(float(rng.normal(0, 0.06)), float(rng.normal(0, 0.04))),
            gamma=float(math.exp(rng.normal(0.05, 0.3))),
            saturation=float(np.clip(rng.normal(0.95, 0.2), 0.0, 1.4)),
            blur_px=float(max(0.0, rng.normal(0.0, 0.5))),
            gains=tuple(float(g) for g in np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.05, 3))),  # type: ignore[arg-type]
            side_light=float(np.clip(rng.normal(0, 0.15), -0.4, 0.4)),
            rim=float(rng.uniform(0.012, 0.04)) if rng.random() < _WITH_GLASSES else 0.0,
            rim_level=float(rng.uniform(5, 140)),
            beard=float(rng.uniform(0.15, 0.7)) if rng.random() < _WITH_BEARD else 0.0,
            beard_seed=int(rng.integers(2**31)),
            asymmetry=float(math.exp(np.clip(rng.normal(0, 0.12), -0.35, 0.35))),
        )


SHAPE_ANCHORS = np.array(
    [(-0.5, 0.3), (0.5, 0.3), (0.0, 0.4), (-0.45, -0.45), (0.45, -0.45), (0.0, -0.3), (0.0, -0.75), (0.0, -1.1)]
)
"""Where the shape warp has its centres: (left, up) from the middle of the eyes, in eye distances."""


def load_still(path: Path) -> RgbImage:
    """Return a picture of the face at rest.

    An image is taken as it is; of a clip's first two seconds, the frame with the eyes most open and
    the mouth most closed and least wide.

    Raises
    ------
    FaceError
        The file cannot be read, or shows no face.
    """
    if path.suffix.lower() in IMAGE_SUFFIXES:
        frames = [image for image in [cv2.imread(str(path))] if image is not None]
    else:
        frames = list(_first_frames(path))
    if not frames:
        raise FaceError(f"{path}: cannot be read as an image or a video; give a still or a clip with a face.")
    images = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8) for frame in frames]
    meshes = [find_mesh(image) for image in images]
    rests = [(_restfulness(mesh), image) for mesh, image in zip(meshes, images, strict=True) if mesh is not None]
    if not rests:
        raise FaceError(f"{path}: no face was found; give a still or a clip that begins with a frontal face.")
    return max(rests, key=lambda pair: pair[0])[1]


def _first_frames(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)
    frames = max(_NEUTRAL_FRAMES, round(_NEUTRAL_S * fps)) if 5 <= fps <= 1000 else _NEUTRAL_FRAMES
    chosen = set(np.linspace(0, frames - 1, _NEUTRAL_FRAMES).round().astype(int).tolist())
    for index in range(frames):
        shown, frame = video.read()
        if not shown:
            break
        if index in chosen:
            yield np.asarray(frame, np.uint8)
    video.release()


def _restfulness(mesh: Float32) -> float:
    """Return the openness of the eyes less that of the mouth and half the mouth's width, in eye distances."""
    unit = Frame.of(mesh[:, :2]).eye_px
    eyes = (mesh[145, 1] - mesh[159, 1] + mesh[374, 1] - mesh[386, 1]) / 2
    wide = float(np.hypot(*(mesh[308, :2] - mesh[78, :2])))
    return (float(eyes - (mesh[14, 1] - mesh[13, 1])) - 0.5 * wide) / unit


def find_mesh(image: RgbImage) -> Float32 | None:
    """Return the (468, 3) mesh of the largest face, px; None where there is none."""
    config = FaceConfig()
    boxes = FaceDetector(config).detect(image)
    if not boxes:
        return None
    net = LandmarkNet()
    mesh, presence = net.mesh(image, Roi.from_box(max(boxes, key=lambda box: box.area)))
    for _ in range(2):
        mesh, presence = net.mesh(image, Roi.from_landmarks(mesh[:, :2]))
    return mesh if presence >= config.presence else None


def build_neutral(
    still: RgbImage, variation: Variation, size: tuple[int, int], actions: Mapping[int, Action] = ACTIONS
) -> tuple[Neutral, Float32]:
    """Place a varied face in a picture and prepare its motion.

    Parameters
    ----------
    still : (H, W, 3) uint8
        A face at rest.
    variation : Variation
        How to vary it.
    size : tuple of int
        Width and height of the picture, px.
    actions : mapping of int to Action
        How this person's muscles pull, see `mespot.simulate.person.personal_actions`.

    Returns
    -------
    neutral : Neutral
        What the renderer needs.
    landmarks : (468, 2) float32
        Landmarks of the neutral face in px of the shown picture.

    Raises
    ------
    FaceError
        No face in ``still``.
    """
    mesh = find_mesh(still)
    if mesh is None:
        raise FaceError("no face was found in the still of a simulated identity; choose another one.")
    canvas = _place(still, mesh, variation, size)
    placed = find_mesh(np.asarray(canvas, np.uint8))
    if placed is None:
        plain = replace(variation, shape=np.zeros_like(variation.shape), tilt=0.0, blur_px=0.0)
        canvas = _place(still, mesh, plain, size)
        placed = find_mesh(np.asarray(canvas, np.uint8))
    if placed is None:
        raise FaceError(
            f"the face of a simulated identity was lost in a picture of {size[0]} x {size[1]} px; choose a larger size."
        )
    picture = _tone(canvas, placed[:, :2], variation)
    return _prepare(picture, placed, variation, actions), placed[:, :2] - BORDER_PX


def _place(still: RgbImage, mesh: Float32, variation: Variation, size: tuple[int, int]) -> Float32:
    """Draw the still, scaled, turned, mirrored and warped, onto a picture with border."""
    if variation.mirrored:
        still = np.ascontiguousarray(still[:, ::-1])
        mesh = mesh.copy()
        mesh[:, 0] = still.shape[1] - 1 - mesh[:, 0]
        mesh[[33, 263, 234, 454]] = mesh[[263, 33, 454, 234]]
    width, height = size[0] + 2 * BORDER_PX, size[1] + 2 * BORDER_PX
    frame = Frame.of(mesh[:, :2])
    face_px = float(np.hypot(*(mesh[454, :2] - mesh[234, :2])))
    cover = max(width / still.shape[1], height / still.shape[0])
    scale = max(variation.face_px / face_px, min(cover, 0.55 * height / face_px))
    middle = (mesh[list(FACE_OVAL), :2].min(axis=0) + mesh[list(FACE_OVAL), :2].max(axis=0)) / 2
    angle = math.atan2(frame.left[1], frame.left[0]) + variation.tilt
    target = np.array([width * (0.5 + variation.shift[0]), height * (0.5 + variation.shift[1])])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    target = _covered(target, middle, scale, still.shape[:2], (width, height))
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    offset = np.stack([xs, ys], axis=-1) - target
    offset += _shape_warp(offset / (scale * frame.eye_px), variation.shape) * scale * frame.eye_px
    source = (offset @ turn.T / scale + middle).astype(np.float32)
    smooth = cv2.GaussianBlur(still, (0, 0), max(0.3, 0.45 / scale + variation.blur_px / scale))
    across, down = cv2.split(source)
    picture = cv2.remap(smooth, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(picture, np.float32)


def _covered(
    target: npt.NDArray[np.float64],
    middle: npt.NDArray[np.floating],
    scale: float,
    shape: tuple[int, ...],
    size: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Move ``target`` so that the scaled still covers the picture where it can."""
    moved = target.copy()
    for axis, (extent, length) in enumerate(zip(size, (shape[1], shape[0]), strict=True)):
        highest = float(middle[axis]) * scale
        lowest = extent - (length - float(middle[axis])) * scale
        if lowest <= highest:
            moved[axis] = min(max(moved[axis], lowest), highest)
    return moved


def _shape_warp(place: npt.NDArray[np.float64], shape: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Smooth warp at places in eye distances from the middle of the face."""
    moved = np.zeros_like(place)
    for anchor, shift in zip(SHAPE_ANCHORS, shape, strict=True):
        centre = np.array([anchor[0], -anchor[1] - 0.35])
        moved += np.exp(-((place - centre) ** 2).sum(axis=-1, keepdims=True) / (2 * 0.3**2)) * shift
    return moved


def _tone(picture: Float32, landmarks: npt.NDArray[np.floating], variation: Variation) -> Float32:
    """Apply the beard, light from one side, gamma, colour gains and saturation."""
    if variation.beard > 0:
        picture = grow_beard(picture, landmarks, variation.beard, variation.beard_seed)
    frame = Frame.of(landmarks)
    ys, xs = np.indices(picture.shape[:2]).astype(np.float64)
    across = frame.coordinates(np.stack([xs, ys], axis=-1))[..., :1]
    grey = picture.mean(axis=-1, keepdims=True)
    toned = 255 * (np.clip(grey + variation.saturation * (picture - grey), 0, 255) / 255) ** variation.gamma
    lit = toned * (1 + variation.side_light * np.tanh(across / 0.4))
    return np.asarray(np.clip(lit * np.array(variation.gains), 0, 255), np.float32)


def _prepare(picture: Float32, mesh: Float32, variation: Variation, actions: Mapping[int, Action]) -> Neutral:
    """Measure depth, head region, action fields, eyes, mouth and creases on the placed face."""
    height, width = picture.shape[:2]
    landmarks = mesh[:, :2]
    fields = FaceFields.of(landmarks, (width, height), variation.asymmetry, actions)
    eye_px = fields.eye_px
    depth, head, centre = _head(mesh, (width, height), eye_px)
    box, eyes = fields.box, eyes_of(landmarks, fields.box)
    rims = glasses(landmarks, box, variation.rim) if variation.rim > 0 else None
    mouth, creases = Mouth.of(landmarks, box, mouth_colour(picture, landmarks)), Creases.of(landmarks, box)
    return Neutral(picture, depth, head, centre, fields, eyes, mouth, creases, rims, variation.rim_level)


def _head(mesh: Float32, size: tuple[int, int], eye_px: float) -> tuple[Float32, Float32, tuple[float, float]]:
    """Return depth about the centre of rotation, share of the head's motion, and that centre, over the picture.

    Notes
    -----
    The mesh's depth is spread by normalised Gaussian weights on a coarse grid, so that hair and neck take the depth
    of the nearest skin; the centre of rotation lies 0.7 eye distances behind the face, near the neck's joint.
    """
    width, height = size
    step = max(4, round(eye_px / 10))
    ys, xs = np.mgrid[0 : height + step : step, 0 : width + step : step].astype(np.float64)
    squared = (xs[..., None] - mesh[:, 0]) ** 2 + (ys[..., None] - mesh[:, 1]) ** 2
    squared -= squared.min(axis=-1, keepdims=True)
    weight = np.exp(-squared / (2 * (0.13 * eye_px) ** 2))
    coarse = (weight @ mesh[:, 2].astype(np.float64)) / weight.sum(axis=-1)
    grid = ((np.indices((height, width), np.float32)[::-1]) / step).transpose(1, 2, 0)
    # Two maps: with one of two channels OpenCV 5.0 leaves numbers that are none.
    across, down = cv2.split(grid)
    depth = cv2.remap(coarse.astype(np.float32), across, down, cv2.INTER_LINEAR)
    depth = cv2.GaussianBlur(depth, (0, 0), 0.12 * eye_px) - float(mesh[:, 2].mean()) - 0.7 * eye_px
    oval = mesh[list(FACE_OVAL), :2].astype(np.float64)
    centre = (oval.min(axis=0) + oval.max(axis=0)) / 2
    radii = (oval.max(axis=0) - oval.min(axis=0)) / 2 * (1.12, 1.18)
    radius = np.linalg.norm((grid * step - (centre - (0, 0.15 * radii[1]))) / radii, axis=-1)
    share = np.clip((1.85 - radius) / 0.8, 0.0, 1.0)
    head = share * share * (3 - 2 * share)
    return depth.astype(np.float32), head.astype(np.float32), (float(centre[0]), float(centre[1] + 0.2 * eye_px))
