"""Following the faces of a video in one pass, and choosing the subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import hypot

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import Config, FaceConfig
from mespot.core.errors import FaceError
from mespot.core.signals import FaceTrack, Float32
from mespot.vision.decode import VideoReader
from mespot.vision.faces import FaceBox, FaceDetector, RgbImage
from mespot.vision.landmarks import LEFT_EYE_OUTER, POINTS, RIGHT_EYE_OUTER, LandmarkNet, Roi

_MOST_FACES = 4
"""Faces followed at a time, the largest first."""
_SAME_IOU = 0.3
"""Overlap of boxes from which two are the same face."""
_DUPLICATE_IOU = 0.5
"""Overlap from which two followed faces have become one."""
_WEAK_SCORE = 0.35
"""Detector confidence that confirms a followed face; a new one needs ``face.detector_score``."""
_UNSEEN_ROUNDS = 4
"""Detections in a row without the face after which it is given up: landmarks may stick to a background."""
_SEARCH_S = 1.0
"""For so long after a loss every sampled frame is searched, so that gaps end on the right frame."""
_REAPPEAR_DISTANCE = 1.0
"""A face that reappears within this many of its sides ..."""
_REAPPEAR_RATIO = 1.5
"""... and whose side changed by at most this factor is the same person."""
_CUT_PX = 32
"""Side of the small grey picture that shows cuts."""


def track_face(reader: VideoReader, config: Config, on_progress: Callable[[int], None] | None = None) -> FaceTrack:
    """Return the subject's track: the largest steady face of the video, or the one that is asked for.

    Parameters
    ----------
    reader : VideoReader
        The video; it is decoded once.
    config : Config
        Sections ``decode`` and ``face``.
    on_progress : callable, optional
        Called after every chunk with the number of sampled frames done so far.

    Returns
    -------
    FaceTrack
        One row a sampled frame.

    Raises
    ------
    FaceError
        No face, fewer faces than ``face.subject``, or the face is seen too seldom.
    VideoError
        The video cannot be decoded.

    Notes
    -----
    The faces are ranked by the area of their box summed over the frames in which they are present, so a large
    face that passes by and a small one in the background both stand behind the one the video is about.

    Memory: 3.7 kB a sampled frame for the landmarks of each face that is followed (at most 4 at a time), of which
    the subject's are kept; 0.8 GB for one face in two hours.
    """
    follower = FaceFollower(config.face)
    frames: list[npt.NDArray[np.int64]] = []
    done = 0
    for chunk in reader.chunks(sampling_fps=config.decode.sampling_fps, chunk_frames=config.decode.chunk_frames):
        for image, time_s in zip(chunk.images, chunk.times_s, strict=True):
            follower.step(image, float(time_s))
        frames.append(chunk.frames)
        done += len(chunk)
        if on_progress is not None:
            on_progress(done)
    people = sorted(follower.people, key=lambda person: -person.total_area)
    return _subject(people, np.concatenate(frames), config.face, str(reader.info.path))


@dataclass(slots=True, eq=False)
class Person:
    """One face through the frames seen so far.

    Parameters
    ----------
    rows : list of int
        Sampled frames in which the face is present.
    landmarks : list of (468, 2) float32
        Points in px, one array a row.
    cuts : set of int
        Rows before which the picture was cut.
    followed : bool
        Whether the face was there in the latest frame.
    unseen : int
        Detections in a row that did not show the face.
    total_area : float
        Sum of the box areas, square px.
    """

    rows: list[int] = field(default_factory=list)
    landmarks: list[Float32] = field(default_factory=list)
    cuts: set[int] = field(default_factory=set)
    followed: bool = True
    unseen: int = 0
    total_area: float = 0.0

    @property
    def box(self) -> FaceBox:
        """Latest bounding box of the landmarks."""
        return _bounds(self.landmarks[-1])

    def add(self, row: int, points: Float32) -> None:
        """Append a row."""
        self.rows.append(row)
        self.landmarks.append(points)
        self.total_area += _bounds(points).area


class FaceFollower:
    """Follows all faces, frame by frame.

    Parameters
    ----------
    config : FaceConfig
        Thresholds and how often to detect.

    Notes
    -----
    Between detections each face is followed by its landmarks, whose region comes from the frame before. A
    face is lost where the landmark network denies it, where it jumps or shrinks away, or where the
    detector misses it for some rounds. A face that appears within one side of the place where a lost one
    was last seen, at a side changed by at most a factor of 1.5, is the same person, whatever the length
    of the gap; after a cut the boxes must overlap.
    """

    def __init__(self, config: FaceConfig) -> None:
        self.people: list[Person] = []
        self._config = config
        self._detector = FaceDetector(
            config.model_copy(update={"detector_score": min(_WEAK_SCORE, config.detector_score)})
        )
        self._net = LandmarkNet()
        self._row = -1
        self._small: Float32 | None = None
        self._cut_row = -1
        self._search_until_s = -np.inf

    def step(self, image: RgbImage, time_s: float) -> None:
        """Take in the next sampled frame, an (H, W, 3) RGB picture."""
        self._row += 1
        if self._is_cut(image):
            self._cut_row = self._row
            for person in self.people:
                person.followed = False
        lost = [person for person in self._followed() if not self._follow(person, image)]
        for person in lost:
            person.followed = False
        self._merge()
        if lost or self._cut_row == self._row:
            self._search_until_s = time_s + _SEARCH_S
        regular = self._row % self._config.detect_every == 0
        if regular or time_s <= self._search_until_s or not self._followed():
            self._detect(image, regular)

    def _followed(self) -> list[Person]:
        return [person for person in self.people if person.followed]

    def _is_cut(self, image: RgbImage) -> bool:
        grey = cv2.cvtColor(cv2.resize(image, (_CUT_PX, _CUT_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        before, self._small = self._small, np.asarray(grey, np.float32)
        if before is None:
            return False
        return float(np.abs(self._small - before).mean()) / 255 > self._config.cut_threshold

    def _follow(self, person: Person, image: RgbImage) -> bool:
        points, presence = self._net(image, Roi.from_landmarks(person.landmarks[-1]))
        if not self._is_face(points, presence, image) or _bounds(points).iou(person.box) < _SAME_IOU:
            return False
        person.add(self._row, points)
        return True

    def _is_face(self, points: Float32, presence: float, image: RgbImage) -> bool:
        """Judge landmarks: confident, of a followable size, not collapsed, and mostly inside the picture."""
        if presence < self._config.presence or not np.isfinite(points).all():
            return False
        box = _bounds(points)
        eyes = hypot(*(points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]).tolist())
        height, width = image.shape[:2]
        inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
        large = max(box.width, box.height) >= self._config.least_size_px
        return large and eyes > 0.15 * box.height and float(inside.mean()) > 0.6

    def _merge(self) -> None:
        """Keep the older of two followed faces that have become one."""
        kept: list[Person] = []
        for person in self._followed():
            if any(person.box.iou(other.box) > _DUPLICATE_IOU for other in kept):
                person.followed = False
            else:
                kept.append(person)

    def _detect(self, image: RgbImage, regular: bool) -> None:
        boxes = self._detector.detect(image)
        for person in self._followed():
            seen = any(_covers(box, person.box) for box in boxes)
            person.unseen = 0 if seen else person.unseen + regular
            person.followed = person.unseen < _UNSEEN_ROUNDS
        strong = [box for box in boxes if box.score >= self._config.detector_score]
        for box in sorted(strong, key=lambda box: -box.area):
            followed = self._followed()
            if len(followed) < _MOST_FACES and not any(_covers(box, person.box) for person in followed):
                self._start(box, image)

    def _start(self, box: FaceBox, image: RgbImage) -> None:
        points, presence = self._net(image, Roi.from_box(box))
        for _ in range(2):  # the region from landmarks differs from the detector's: let the points settle
            if not self._is_face(points, presence, image):
                return
            points, presence = self._net(image, Roi.from_landmarks(points))
        found = _bounds(points)
        if not self._is_face(points, presence, image) or any(_covers(found, person.box) for person in self._followed()):
            return
        person = self._known(found) or self._new()
        person.followed, person.unseen = True, 0
        if person.rows and person.rows[-1] < self._cut_row:
            person.cuts.add(self._row)
        person.add(self._row, points)

    def _known(self, box: FaceBox) -> Person | None:
        """Find the lost person that ``box`` shows again: the latest seen of those that fit."""
        lost = [person for person in self.people if not person.followed and person.rows[-1] < self._row]
        fitting = [person for person in lost if self._fits(person, box)]
        return max(fitting, key=lambda person: person.rows[-1], default=None)

    def _fits(self, person: Person, box: FaceBox) -> bool:
        before = person.box
        if person.rows[-1] < self._cut_row:
            return before.iou(box) >= _SAME_IOU
        side, side_before = max(box.width, box.height), max(before.width, before.height)
        distance = hypot(
            box.x + box.width / 2 - before.x - before.width / 2,
            box.y + box.height / 2 - before.y - before.height / 2,
        )
        ratio = max(side, side_before) / min(side, side_before)
        return distance <= _REAPPEAR_DISTANCE * side_before and ratio <= _REAPPEAR_RATIO

    def _new(self) -> Person:
        person = Person()
        self.people.append(person)
        return person


def _bounds(points: Float32) -> FaceBox:
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


def _covers(box: FaceBox, followed: FaceBox) -> bool:
    """Whether two boxes show one face, also where the detector's is only a part of the other."""
    if box.iou(followed) >= _SAME_IOU:
        return True
    x, y = box.x + box.width / 2, box.y + box.height / 2
    across = abs(x - followed.x - followed.width / 2) / followed.width
    down = abs(y - followed.y - followed.height / 2) / followed.height
    return max(across, down) < 0.35


def _subject(people: list[Person], frames: npt.NDArray[np.int64], config: FaceConfig, name: str) -> FaceTrack:
    if not people:
        raise FaceError(
            f"{name}: no face was found in {len(frames)} sampled frames; give a video that shows a face "
            f"of at least {config.least_size_px} px (face.least_size_px)."
        )
    if config.subject > len(people):
        count = "1 face was" if len(people) == 1 else f"{len(people)} faces were"
        raise FaceError(
            f"{name}: face {config.subject} was asked for but only {count} found; "
            "ask for a lower number (face.subject)."
        )
    track = _track(people[config.subject - 1], frames)
    if track.coverage < config.least_coverage:
        raise FaceError(
            f"{name}: the face is seen in only {100 * track.coverage:.0f} % of the frames "
            f"(at least {100 * config.least_coverage:.0f} % are needed, face.least_coverage); "
            "give a part of the video that shows the face, or lower that value."
        )
    return track


def _track(person: Person, frames: npt.NDArray[np.int64]) -> FaceTrack:
    total = len(frames)
    present = np.zeros(total, np.bool_)
    present[person.rows] = True
    landmarks = np.empty((total, POINTS, 2), np.float32)
    landmarks[~present] = np.nan
    for row in reversed(person.rows):
        landmarks[row] = person.landmarks.pop()  # handed over, not copied: a long video's are the most that is held
    starts = present & ~np.concatenate([[False], present[:-1]])
    starts[list(person.cuts)] = True
    return FaceTrack(frames, landmarks, present, starts)
