"""Dense face landmarks: 468 points of the MediaPipe face mesh (Kartynnik et al. 2019, arXiv:1907.06724)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import FaceConfig
from mespot.core.signals import Float32
from mespot.vision.faces import FaceBox, FaceDetector, RgbImage

POINTS = 468
"""Number of landmarks."""
RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Outer eye corners; right and left are the person's own."""

_INPUT_PX = 192
_BOX_SIDE = 1.35
"""Side of the region over the longer side of a YuNet box."""
_MESH_SIDE = 1.5
"""Side of the region over the longer extent of the landmarks, as in MediaPipe's face pipeline."""


@dataclass(frozen=True, slots=True)
class Roi:
    """The rotated square of a picture that the landmark network looks at.

    Parameters
    ----------
    centre : tuple of float
        Centre (x, y) in px of the picture.
    side : float
        Side in px.
    angle : float
        Clockwise rotation as seen on the screen, in radians; 0 is upright.
    """

    centre: tuple[float, float]
    side: float
    angle: float

    @classmethod
    def from_box(cls, box: FaceBox) -> Self:
        """Surround a detected face, rotated by the line through its eyes."""
        angle = math.atan2(box.left_eye[1] - box.right_eye[1], box.left_eye[0] - box.right_eye[0])
        centre = (box.x + box.width / 2, box.y + box.height / 2)
        return cls(centre, _BOX_SIDE * max(box.width, box.height), angle)

    @classmethod
    def from_landmarks(cls, points: npt.NDArray[np.floating]) -> Self:
        """Surround (468, 2) landmarks, as of the frame before, rotated by the line through the eyes."""
        across = points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]
        angle = math.atan2(float(across[1]), float(across[0]))
        turn = _rotation(angle)
        upright = points.astype(np.float64) @ turn
        low, high = upright.min(axis=0), upright.max(axis=0)
        x, y = turn @ ((low + high) / 2)
        return cls((float(x), float(y)), _MESH_SIDE * float((high - low).max()), angle)

    def to_source(self, side_px: int) -> npt.NDArray[np.float64]:
        """(2, 3) map from px of a ``side_px`` square to px of the picture; pixel centres are integers."""
        linear = _rotation(self.angle) * (self.side / side_px)
        middle = (side_px - 1) / 2
        offset = np.asarray(self.centre) - linear @ np.array([middle, middle])
        return np.column_stack([linear, offset])


class LandmarkNet:
    """Places 468 landmarks on a face whose whereabouts are known.

    Notes
    -----
    The model file (Apache-2.0) is part of the package; it runs in OpenCV. An instance is for one thread.
    """

    def __init__(self) -> None:
        model = files("mespot.assets").joinpath("face_landmark_468.tflite").read_bytes()
        self._net = cv2.dnn.readNetFromTFLite(np.frombuffer(model, np.uint8))
        self._outputs = self._net.getUnconnectedOutLayersNames()

    def __call__(self, image: RgbImage, roi: Roi) -> tuple[Float32, float]:
        """Return the landmarks in ``roi`` and how sure the network is of a face.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB picture.
        roi : Roi
            Where the face is.

        Returns
        -------
        landmarks : (468, 2) float32
            Points (x, y) in px of ``image``.
        presence : float
            Confidence in [0, 1] that there is a face in ``roi``.
        """
        mesh, presence = self.mesh(image, roi)
        return np.ascontiguousarray(mesh[:, :2]), presence

    def mesh(self, image: RgbImage, roi: Roi) -> tuple[Float32, float]:
        """Return the landmarks with their depth.

        Returns
        -------
        mesh : (468, 3) float32
            x and y in px of ``image``; z in px at the same scale, smaller is nearer to the camera.
        presence : float
            Confidence in [0, 1] that there is a face in ``roi``.
        """
        to_source = roi.to_source(_INPUT_PX)
        self._net.setInput(cv2.dnn.blobFromImage(_patch(image, roi), 1 / 255))
        outputs = [np.asarray(output).ravel() for output in self._net.forward(self._outputs)]
        logit, values = sorted(outputs, key=len)
        local = values.reshape(POINTS, 3).astype(np.float64)
        mesh = np.empty((POINTS, 3), np.float32)
        mesh[:, :2] = local[:, :2] @ to_source[:, :2].T + to_source[:, 2]
        mesh[:, 2] = local[:, 2] * (roi.side / _INPUT_PX)
        return mesh, 1 / (1 + math.exp(-float(logit[0])))


def find_landmarks(image: RgbImage) -> Float32 | None:
    """Return the landmarks of the largest face of a still picture.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB picture.

    Returns
    -------
    (468, 2) float32 or None
        Points in px of ``image``; None where there is no face.

    Notes
    -----
    Detection, then three passes of the network: each refines the region for the next.
    """
    config = FaceConfig()
    boxes = FaceDetector(config).detect(image)
    if not boxes:
        return None
    net = LandmarkNet()
    roi = Roi.from_box(max(boxes, key=lambda box: box.area))
    points, presence = net(image, roi)
    for _ in range(2):
        points, presence = net(image, Roi.from_landmarks(points))
    return points if presence >= config.presence else None


def _patch(image: RgbImage, roi: Roi) -> RgbImage:
    """Cut the region out at the network's size; large faces are averaged down first, against aliasing."""
    to_source = roi.to_source(_INPUT_PX)
    factor = int(roi.side // _INPUT_PX)
    if factor >= 2:
        reach = math.ceil(roi.side / 2 * (abs(math.cos(roi.angle)) + abs(math.sin(roi.angle)))) + 2 * factor
        left, top = (max(0, math.floor(value) - reach) for value in roi.centre)
        near = image[top : top + 2 * reach, left : left + 2 * reach]
        high, wide = near.shape[0] // factor, near.shape[1] // factor
        if high < 1 or wide < 1:
            return np.zeros((_INPUT_PX, _INPUT_PX, 3), np.uint8)
        near = near[: high * factor, : wide * factor]
        image = np.asarray(cv2.resize(near, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)
        to_source = to_source / factor
        to_source[:, 2] -= (np.array([left, top]) + (factor - 1) / 2) / factor
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, to_source, (_INPUT_PX, _INPUT_PX), flags=flags), np.uint8)


def _rotation(angle: float) -> npt.NDArray[np.float64]:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])
