"""What following faces through a video remembers: the frames as they are looked at, and the people."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mespot.core.signals import Float32, PackedLandmarks
from mespot.vision.faces import FaceBox, RgbImage
from mespot.vision.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from mespot.vision.pictures import Image, Picture, shrunk

_SAME_IOU = 0.3
"""Overlap of boxes from which two are the same face."""
_LOOK_PX = 16
"""Side of the small grey picture of a face that shows whether something else is in its place."""
_NOWHERE = FaceBox(0, 0, 0, 0, 0, (0, 0), (0, 0))
_PACKED_KNOTS = 64
"""Knots whose landmarks are packed at a time."""


class Frame:
    """A sampled frame, converted when somebody looks at it, and then once.

    Parameters
    ----------
    row : int
        Number among the sampled frames.
    time_s : float
        Presentation time.
    picture : Picture
        The frame as decoded.
    """

    def __init__(self, row: int, time_s: float, picture: Picture) -> None:
        self.row = row
        self.time_s = time_s
        self._picture = picture

    @cached_property
    def rgb(self) -> RgbImage:
        """(H, W, 3) uint8."""
        return self._picture.rgb()

    @cached_property
    def grey(self) -> Image:
        """(H, W) uint8 luma."""
        return self._picture.grey()

    def small(self, side_px: int) -> Float32:
        """Return the whole picture as (side_px, side_px) float32 luma in 0..1."""
        return shrunk(self.grey, side_px)

    def look(self, box: FaceBox) -> Float32:
        """Return what is inside ``box`` as (16, 16) float32 luma in 0..1; zeros where that is outside the picture."""
        left, top = max(0, int(box.x)), max(0, int(box.y))
        right, bottom = max(0, int(box.x + box.width)), max(0, int(box.y + box.height))
        inside = self.grey[top:bottom, left:right]
        return shrunk(inside, _LOOK_PX) if inside.size else np.zeros((_LOOK_PX, _LOOK_PX), np.float32)


@dataclass(slots=True, eq=False)
class Person:
    """One face through the frames seen so far.

    Parameters
    ----------
    knots : list of int
        Rows in which the face was measured.
    packed : list of PackedLandmarks
        The landmarks of the knots but for the ``recent`` ones, 64 at a time.
    recent : list of (468, 2) float32
        The latest, px.
    box : FaceBox
        Bounding box of the very latest.
    starts : set of int
        Knots before which the face was not followed, or the picture was cut; between all others it is present.
    followed : bool
        Whether the face was there when last looked for.
    unseen : int
        Detections in a row that did not show the face.
    total_area : float
        Sum of the box areas over the rows with the face, square px.
    """

    knots: list[int] = field(default_factory=list)
    packed: list[PackedLandmarks] = field(default_factory=list)
    recent: list[Float32] = field(default_factory=list)
    box: FaceBox = _NOWHERE
    starts: set[int] = field(default_factory=set)
    followed: bool = True
    unseen: int = 0
    total_area: float = 0.0

    @property
    def points(self) -> Float32:
        """Latest landmarks, (468, 2) float32, px."""
        return self.recent[-1]

    def moved(self, points: Float32) -> float:
        """Return how far landmarks are from the latest ones on average, as a share of the face's longer side."""
        return float(np.linalg.norm(points - self.points, axis=1).mean()) / max(self.box.width, self.box.height)

    def add(self, row: int, points: Float32, *, start: bool) -> None:
        """Append a knot; the rows since the one before are present too, unless a stretch starts here."""
        before, self.box = self.box.area, bounds(points)
        if start:
            self.starts.add(row)
            self.total_area += self.box.area
        else:
            rows = row - self.knots[-1]
            self.total_area += rows * before + (rows + 1) / 2 * (self.box.area - before)  # linear between the knots
        self.knots.append(row)
        if len(self.recent) == _PACKED_KNOTS:
            self.packed.append(PackedLandmarks.pack(np.stack(self.recent)))
            self.recent.clear()
        self.recent.append(points)

    def landmarks(self) -> PackedLandmarks:
        """Return the landmarks of all knots."""
        return PackedLandmarks.join([*self.packed, PackedLandmarks.pack(np.stack(self.recent))])


def bounds(points: Float32) -> FaceBox:
    """Return the bounding box of (468, 2) landmarks."""
    low, high = points.min(axis=0), points.max(axis=0)
    right, left = points[RIGHT_EYE_OUTER], points[LEFT_EYE_OUTER]
    return FaceBox(
        x=float(low[0]),
        y=float(low[1]),
        width=float(high[0] - low[0]),
        height=float(high[1] - low[1]),
        score=1.0,
        right_eye=(float(right[0]), float(right[1])),
        left_eye=(float(left[0]), float(left[1])),
    )


def same(one: FaceBox, other: FaceBox) -> bool:
    """Whether two boxes overlap enough to be one face."""
    return one.iou(other) >= _SAME_IOU


def covers(box: FaceBox, followed: FaceBox) -> bool:
    """Whether two boxes show one face, also where the detector's is only a part of the other."""
    if same(box, followed):
        return True
    x, y = box.x + box.width / 2, box.y + box.height / 2
    across = abs(x - followed.x - followed.width / 2) / followed.width
    down = abs(y - followed.y - followed.height / 2) / followed.height
    return max(across, down) < 0.35
