"""Face detection in single pictures with YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import FaceConfig

RgbImage = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, channels red, green, blue."""

_PIXELS_AVERAGED = 3
"""Of a picture that is made small, about so many pixels a side are averaged; those between them are left out."""
_NMS_IOU = 0.3
"""Overlap above which YuNet drops the weaker of two boxes; OpenCV's own default."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face as the detector sees it.

    Parameters
    ----------
    x, y : float
        Top left corner in px of the picture (x right, y down).
    width, height : float
        Size in px.
    score : float
        Confidence in [0, 1].
    right_eye, left_eye : tuple of float
        Centres (x, y) in px of the person's own right and left eye.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]

    @property
    def area(self) -> float:
        """Area of the box in square px."""
        return self.width * self.height

    def fits(self, width_px: int, height_px: int) -> bool:
        """Whether the box is one of a picture of this size: its middle inside, no longer than twice its longer side."""
        if not np.isfinite([*self.right_eye, *self.left_eye]).all():
            return False
        across, down = self.x + self.width / 2, self.y + self.height / 2
        longest = 2.0 * max(width_px, height_px)
        return 0 <= across <= width_px and 0 <= down <= height_px and 0 < max(self.width, self.height) <= longest

    def iou(self, other: FaceBox) -> float:
        """Intersection over union of the two boxes, in [0, 1]."""
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        shared = max(0.0, wide) * max(0.0, high)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


class FaceDetector:
    """Finds faces in a picture, without memory between pictures.

    Parameters
    ----------
    config : FaceConfig
        ``detector_px`` sets the size at which the detector looks, ``detector_score`` the least confidence.

    Notes
    -----
    The model file (MIT) is part of the package. An instance is for one thread.
    """

    def __init__(self, config: FaceConfig) -> None:
        self._longer_px = config.detector_px
        model = np.frombuffer(_asset("face_detection_yunet_2023mar.onnx"), np.uint8)
        nothing = np.empty(0, np.uint8)
        size = (config.detector_px, config.detector_px)
        self._net = cv2.FaceDetectorYN.create("onnx", model, nothing, size, config.detector_score, _NMS_IOU)

    def detect(self, image: RgbImage) -> list[FaceBox]:
        """Return the faces of a picture, the most confident first.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB picture of any size; the detector sees it scaled so that its longer side is ``detector_px``.

        Returns
        -------
        list of FaceBox
            Boxes in px of ``image``; empty where there is no face.
        """
        height, width = image.shape[:2]
        scale = self._longer_px / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        step = max(1, int(1 / scale / _PIXELS_AVERAGED))
        few = image if step == 1 else np.ascontiguousarray(image[step // 2 :: step, step // 2 :: step])
        small = cv2.resize(few, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        self._net.setInputSize(size)
        found: object = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        to_source = (width / size[0], height / size[1])
        boxes = (_box(row, to_source) for row in rows)
        # Of pictures a few px high YuNet makes boxes beyond all measure, or none that is a number.
        return sorted((box for box in boxes if box.fits(width, height)), key=lambda box: -box.score)


def _asset(name: str) -> bytes:
    return files("mespot.assets").joinpath(name).read_bytes()


def _box(row: npt.NDArray[np.float64], to_source: tuple[float, float]) -> FaceBox:
    """Read a row of YuNet: x, y, w, h, five points (right eye, left eye, ...), score."""
    x, y, width, height, right_x, right_y, left_x, left_y = (
        float(value) * to_source[i % 2] for i, value in enumerate(row[:8])
    )
    return FaceBox(x, y, width, height, float(min(1.0, row[14])), (right_x, right_y), (left_x, left_y))
