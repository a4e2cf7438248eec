"""Following the faces of a video in one pass, and choosing the subject."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import hypot

import numpy as np
import numpy.typing as npt

from mespot.config import Config, FaceConfig
from mespot.core.errors import FaceError
from mespot.core.profile import NO_PROFILE, Recorder
from mespot.core.signals import FaceTrack, Float32
from mespot.vision.decode import VideoReader
from mespot.vision.faces import FaceBox, FaceDetector
from mespot.vision.followed import Frame, Person, bounds, covers, same
from mespot.vision.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, LandmarkNet, Roi
from mespot.vision.pictures import Picture

_MOST_FACES = 4
"""Faces followed at a time, the largest first."""
_DUPLICATE_IOU = 0.5
"""Overlap from which two followed faces have become one."""
_WEAK_SCORE = 0.35
"""Detector confidence that confirms a followed face; a new one needs ``face.detector_score``."""
_UNSEEN_ROUNDS = 4
"""Detections in a row without the face after which it is given up: landmarks may stick to a background."""
_SEARCH_S = 1.0
"""For so long after a loss every sampled frame is searched."""
_REAPPEAR_DISTANCE = 1.0
"""A face that reappears within this many of its sides ..."""
_REAPPEAR_RATIO = 1.5
"""... and whose side changed by at most this factor is the same person."""
_CUT_PX = 32
"""Side of the small grey picture that shows cuts."""
_QUICK = 0.05
"""Motion between measured frames, as a share of the face's side, from which every frame is measured."""
_ODD = 0.12
"""Mean difference of the face's small picture to those of both measured frames around it, of the full range, from
which something is in between: a hand before the face, a flash."""


def track_face(
    reader: VideoReader,
    config: Config,
    on_progress: Callable[[int], None] | None = None,
    profile: Recorder = NO_PROFILE,
) -> FaceTrack:
    """Return the subject's track: the largest steady face of the video, or the one that is asked for.

    Parameters
    ----------
    reader : VideoReader
        The video; it is decoded once.
    config : Config
        Sections ``decode`` and ``face``.
    on_progress : callable, optional
        Called after every chunk with the number of sampled frames done so far.
    profile : Recorder, optional
        Receives the times of the stages "decode" and "faces".

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

    Landmarks are measured in every ``face.landmarks_every``-th sampled frame, and in every one where a face moves
    by more than 5 % of its side in between, looks like neither of its neighbours, or has come or gone; so gaps and
    cuts lie on their very frames. A picture is converted to colour only where it is measured or searched.

    Memory: 0.6 kB a sampled frame for each face that is followed (at most 4 at a time), of which the subject's are
    kept, and the pictures of ``face.landmarks_every`` frames; 0.14 GB for one face in two hours.
    """
    follower = FaceFollower(config.face)
    frames: list[npt.NDArray[np.int64]] = []
    done = 0
    for chunk in reader.chunks_ahead(config.decode, profile):
        with profile.span("faces"):
            for picture, time_s in zip(chunk.pictures, chunk.times_s, strict=True):
                follower.take(picture, float(time_s))
        frames.append(chunk.frames)
        done += len(chunk)
        if on_progress is not None:
            on_progress(done)
    follower.finish()
    people = sorted(follower.people, key=lambda person: -person.total_area)
    return _subject(people, np.concatenate(frames), config.face, str(reader.info.path))


class FaceFollower:
    """Follows all faces, frame by frame.

    Parameters
    ----------
    config : FaceConfig
        Thresholds, and how often to measure and to detect.

    Notes
    -----
    Frames wait until the next one that is due; if every followed face is found there, has hardly moved and
    looked alike in between, the frames between need no look. Otherwise they are gone through one by one. Which
    frames are due depends on their numbers alone, never on the chunks.

    Between detections each face is followed by its landmarks, whose region comes from the measured frame before.
    A face is lost where the landmark network denies it, where it jumps or shrinks away, or where the
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
        self._rows = 0
        self._waiting: list[Frame] = []
        self._before: Frame | None = None
        self._small: Float32 | None = None
        self._quick = False
        self._cut_row = self._detected_row = -1
        self._search_until_s = -np.inf

    def take(self, picture: Picture, time_s: float) -> None:
        """Take in the next sampled frame."""
        frame = Frame(self._rows, time_s, picture)
        self._rows += 1
        cut = self._is_cut(frame)
        if cut:
            self.finish()
            self._cut_row, self._search_until_s = frame.row, time_s + _SEARCH_S
            for person in self.people:
                person.followed = False
        self._waiting.append(frame)
        if cut or time_s <= self._search_until_s or frame.row % self._config.landmarks_every == 0:
            self.finish()

    def finish(self) -> None:
        """Measure the latest of the frames that wait, and those before it where needed."""
        frames, self._waiting = self._waiting, []
        if not frames:
            return
        if not self._leap(frames):
            before = [(person, person.points) for person in self._followed()]
            for frame in frames:
                self._step(frame)
            self._quick = any(person.followed and person.moved(points) > _QUICK for person, points in before)
        self._before = frames[-1]

    def _followed(self) -> list[Person]:
        return [person for person in self.people if person.followed]

    def _is_cut(self, frame: Frame) -> bool:
        before, self._small = self._small, frame.small(_CUT_PX)
        return before is not None and float(np.abs(self._small - before).mean()) > self._config.cut_threshold

    def _leap(self, frames: list[Frame]) -> bool:
        """Measure the last frame only; say whether that is enough, and change nothing if it is not."""
        last = frames[-1]
        if self._quick or last.time_s <= self._search_until_s:
            return False
        followed = self._followed()
        if not followed:
            return not any(box.score >= self._config.detector_score for box in self._detector.detect(last.rgb))
        found: list[Float32] = []
        for person in followed:
            points = self._measure(person, last)
            if points is None or (len(frames) > 1 and self._is_lively(person, points, frames)):
                return False
            found.append(points)
        for person, points in zip(followed, found, strict=True):
            person.add(last.row, points, start=False)
        self._merge()
        self._detect_when_due(last)
        return True

    def _is_lively(self, person: Person, points: Float32, frames: list[Frame]) -> bool:
        if person.moved(points) > _QUICK or self._before is None:
            return True
        first, *between, last = (frame.look(person.box) for frame in (self._before, *frames))
        return any(min(np.abs(look - first).mean(), np.abs(look - last).mean()) > _ODD for look in between)

    def _step(self, frame: Frame) -> None:
        lost = [person for person in self._followed() if not self._follow(person, frame)]
        for person in lost:
            person.followed = False
        self._merge()
        if lost:
            self._search_until_s = frame.time_s + _SEARCH_S
        self._detect_when_due(frame)

    def _follow(self, person: Person, frame: Frame) -> bool:
        points = self._measure(person, frame)
        if points is None:
            return False
        person.add(frame.row, points, start=False)
        return True

    def _measure(self, person: Person, frame: Frame) -> Float32 | None:
        points, presence = self._net(frame.rgb, Roi.from_landmarks(person.points))
        box = self._face_box(points, presence, frame)
        return points if box is not None and same(box, person.box) else None

    def _face_box(self, points: Float32, presence: float, frame: Frame) -> FaceBox | None:
        """Bound landmarks that are a face: confident, of a followable size, not collapsed, mostly in the picture."""
        if presence < self._config.presence or not np.isfinite(points).all():
            return None
        box = bounds(points)
        eyes = hypot(*(points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]).tolist())
        height, width = frame.grey.shape
        inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
        large = max(box.width, box.height) >= self._config.least_size_px
        return box if large and eyes > 0.15 * box.height and float(inside.mean()) > 0.6 else None

    def _merge(self) -> None:
        """Keep the older of two followed faces that have become one."""
        kept: list[Person] = []
        for person in self._followed():
            if any(person.box.iou(other.box) > _DUPLICATE_IOU for other in kept):
                person.followed = False
            else:
                kept.append(person)

    def _detect_when_due(self, frame: Frame) -> None:
        every = self._config.detect_every
        regular = frame.row // every > self._detected_row // every
        if regular:
            self._detected_row = frame.row
        if regular or frame.time_s <= self._search_until_s or not self._followed():
            self._detect(frame, regular)

    def _detect(self, frame: Frame, regular: bool) -> None:
        boxes = self._detector.detect(frame.rgb)
        for person in self._followed():
            seen = any(covers(box, person.box) for box in boxes)
            person.unseen = 0 if seen else person.unseen + regular
            person.followed = person.unseen < _UNSEEN_ROUNDS
        strong = [box for box in boxes if box.score >= self._config.detector_score]
        for box in sorted(strong, key=lambda box: -box.area):
            followed = self._followed()
            if len(followed) < _MOST_FACES and not any(covers(box, person.box) for person in followed):
                self._start(box, frame)

    def _start(self, box: FaceBox, frame: Frame) -> None:
        points, presence = self._net(frame.rgb, Roi.from_box(box))
        for _ in range(2):  # the region from landmarks differs from the detector's: let the points settle
            if self._face_box(points, presence, frame) is None:
                return
            points, presence = self._net(frame.rgb, Roi.from_landmarks(points))
        found = self._face_box(points, presence, frame)
        if found is None or any(covers(found, person.box) for person in self._followed()):
            return
        person = self._known(found, frame.row) or self._new()
        person.followed, person.unseen = True, 0
        start = not person.knots or person.knots[-1] < max(frame.row - 1, self._cut_row)
        person.add(frame.row, points, start=start)

    def _known(self, box: FaceBox, row: int) -> Person | None:
        """Find the lost person that ``box`` shows again: the latest seen of those that fit."""
        lost = [person for person in self.people if not person.followed and person.knots[-1] < row]
        fitting = [person for person in lost if self._fits(person, box)]
        return max(fitting, key=lambda person: person.knots[-1], default=None)

    def _fits(self, person: Person, box: FaceBox) -> bool:
        before = person.box
        if person.knots[-1] < self._cut_row:
            return same(before, box)
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
    knots = np.array(person.knots, np.int64)
    starts = np.zeros(len(frames), np.bool_)
    starts[list(person.starts)] = True
    present = np.zeros(len(frames), np.bool_)
    present[knots] = True
    for before, knot in pairwise(person.knots):
        if not starts[knot]:
            present[before:knot] = True
    return FaceTrack(frames, present, starts, knots, person.landmarks())
