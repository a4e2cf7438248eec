"""Real clips as moving carriers: a face that moves by itself, and expressions drawn into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import Config
from mespot.core.errors import ConfigError, FaceError, VideoError
from mespot.core.signals import FaceTrack, Float32
from mespot.simulate.actions import ACTIONS, Action
from mespot.simulate.fields import FACE_OVAL, Box, FaceFields, Frame, edge_motion
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.openings import Mouth, eyes_of, mouth_colour
from mespot.simulate.render import Instant, Neutral, Renderer, Sensor
from mespot.simulate.scene import Cast, Event
from mespot.vision.align import smooth
from mespot.vision.decode import VideoReader
from mespot.vision.landmarks import POINTS
from mespot.vision.pictures import Image, Picture
from mespot.vision.tracking import track_face

_LEAST_COVERAGE = 0.9
"""Share of the frames that must show the face."""
_SMOOTHING_S = 0.04
"""Standard deviation of the smoothing of landmarks, s: what is drawn must not tremble with their error."""
_LEAST_FPS = 10.0
_CHUNK_FRAMES = 16
_MOST_HELD_BYTES = 1 << 30
"""Memory of the decoded frames of a clip that is played backwards too."""
_MARGIN_PX = 2
_INNER = np.setdiff1d(np.arange(POINTS), FACE_OVAL)
_MEAN_EVENT_S = 1.2
_LEAST_PAUSE_S = 0.5
_ATTEMPTS = 60
"""How often a place is sought in a clip so short that none was found in passing."""
_NO_NOISE = Sensor.silent()


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """A clip of a moving face, played once or forwards and backwards in turn.

    Parameters
    ----------
    path : Path
        The clip.
    fps : float
        Frames per second, on average.
    size : tuple of int
        Width and height, px, even: an odd last column or row is left out.
    landmarks : (S, 468, 2) float32
        Of the S frames of the clip, smoothed, px; NaN where there is no face.
    stretch : (S,) int64
        Number of the stretch without gap or cut that a frame belongs to; -1 where nothing can be drawn.
    order : (T,) int64
        Frame of the clip that is shown at each time.
    """

    path: Path
    fps: float
    size: tuple[int, int]
    landmarks: Float32
    stretch: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def face_px(self) -> float:
        """Median distance between the sides of the face, px."""
        return float(np.nanmedian(np.linalg.norm(self.landmarks[:, 454] - self.landmarks[:, 234], axis=-1)))

    def active(self, event: Event) -> npt.NDArray[np.int64]:
        """Shown frames in which an expression moves the face at all."""
        return np.flatnonzero(event.course.strength(np.arange(len(self)) / self.fps) > 0)

    def holds(self, event: Event) -> bool:
        """Whether an expression lies wholly inside, on a face that is seen without gap or cut."""
        frames = self.active(event)
        inside = event.course.stop_s < (len(self) - 1) / self.fps
        stretches = self.stretch[self.order[frames]]
        return inside and bool((stretches == stretches[0]).all()) and bool(stretches[0] >= 0)

    def pictures(self) -> Iterator[Image]:
        """Yield the (H, W, 3) uint8 RGB pictures in the order shown."""
        frames = self._frames()
        shown = frames if len(self) == len(self.stretch) else self._to_and_fro(list(frames))
        width, height = self.size
        for picture in shown:
            yield picture.rgb()[:height, :width]

    def _frames(self) -> Iterator[Picture]:
        for chunk in VideoReader(self.path).chunks(sampling_fps=None, chunk_frames=_CHUNK_FRAMES):
            yield from chunk.pictures

    def _to_and_fro(self, frames: list[Picture]) -> Iterator[Picture]:
        for number in self.order:
            yield frames[number]


def load_carrier(path: Path, *, repeat: int = 1) -> Carrier:
    """Follow the face of a clip.

    Parameters
    ----------
    path : Path
        Video file.
    repeat : int
        Passes through the clip, forwards and backwards in turn; a frame at a turn is shown once.

    Raises
    ------
    FaceError
        No face, or it is lost in too many frames.
    VideoError
        The file cannot be decoded, or has too few frames per second for an ME.
    ConfigError
        ``repeat`` is none, or the clip is too long to be played backwards.
    """
    if repeat < 1:
        raise ConfigError(f"a clip is played once or more, not {repeat} times; correct the number.")
    reader = VideoReader(path)
    track = track_face(
        reader, Config().override(["decode.sampling_fps=1000", "face.landmarks_every=1", "face.least_coverage=0"])
    )
    if track.coverage < _LEAST_COVERAGE:
        raise FaceError(
            f"{path}: the face is lost in {100 * (1 - track.coverage):.0f} % of the frames (at most "
            f"{100 * (1 - _LEAST_COVERAGE):.0f} % may be); give a clip that shows it throughout."
        )
    times_s = reader.info.times_s
    fps = (len(times_s) - 1) / float(times_s[-1] - times_s[0])
    if fps < _LEAST_FPS:
        raise VideoError(
            f"{path}: has {fps:.1f} frames per second, too few for an ME; give a clip with at least {_LEAST_FPS:g}."
        )
    width, height = reader.info.width_px & ~1, reader.info.height_px & ~1
    if repeat > 1 and len(times_s) * width * height * 3 / 2 > _MOST_HELD_BYTES:
        raise ConfigError(f"{path}: is too long to be played backwards; use it with a repeat of 1.")
    landmarks, stretch = _steady(track, times_s, (width, height))
    return Carrier(path, fps, (width, height), landmarks, stretch, _order(len(times_s), repeat))


def draw_events(rng: np.random.Generator, carrier: Carrier, cast: Cast, per_minute: float) -> tuple[Event, ...]:
    """Draw the expressions of a carrier: none overlap, and all lie where the face can be followed.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    carrier : Carrier
        The clip.
    cast : Cast
        What to draw from.
    per_minute : float
        Expressions per minute, on average, and at least one where it is above 0 and the clip has room for it.
    """
    if per_minute <= 0:
        return ()
    pause = max(0.1, 60 / per_minute - _MEAN_EVENT_S - _LEAST_PAUSE_S)
    events: list[Event] = []
    now = float(rng.uniform(0.1, 1.0)) + min(float(rng.exponential(pause)), pause)
    while now < cast.duration_s:
        event = cast.draw(rng, cast.draw_kind(rng), now, frozenset())
        if event is None or not carrier.holds(event):
            now += 0.25
            continue
        events.append(event)
        now = event.course.stop_s + _LEAST_PAUSE_S + float(rng.exponential(pause))
    for _ in range(0 if events else _ATTEMPTS):
        event = cast.draw(rng, cast.draw_kind(rng), float(rng.uniform(0.05, 0.9)) * cast.duration_s, frozenset())
        if event is not None and carrier.holds(event):
            return (event,)
    return tuple(events)


def inject(carrier: Carrier, events: tuple[Event, ...], actions: Mapping[int, Action] = ACTIONS) -> Iterator[Image]:
    """Yield the pictures of a carrier with expressions drawn into them, which move as ``actions`` say.

    Notes
    -----
    A frame in which no expression is active passes through as it is, and so do all px away from the face. The
    others are warped once, each by its own landmarks: the carrier's motion stays, the expression's is added.
    """
    active = {int(frame): event for event in events for frame in carrier.active(event)}
    current: Injection | None = None
    for frame, picture in enumerate(carrier.pictures()):
        event = active.get(frame)
        if event is None:
            yield picture
            continue
        if current is None or current.event is not event:
            current = Injection(carrier, event, actions)
        yield current.draw(picture, frame)


class Injection:
    """Draws one expression into the frames of a carrier.

    Parameters
    ----------
    carrier : Carrier
        The clip.
    event : Event
        The expression.
    actions : mapping of int to Action
        How this person's muscles pull, see `mespot.simulate.person.personal_actions`.

    Notes
    -----
    The fields of the actions are computed on the face at the apex and carried to each frame by the affine map that
    fits all landmarks best: errors of single landmarks do not reach them. Lids and lips are those of each frame.
    """

    def __init__(self, carrier: Carrier, event: Event, actions: Mapping[int, Action] = ACTIONS) -> None:
        self.event = event
        self._carrier = carrier
        self._face = carrier.landmarks[carrier.order[event.apex]]
        self._fields = FaceFields.of(self._face, carrier.size, actions=actions)
        self._weights = self._fields.weights(event.combination, event.side, event.intensity_px)

    def draw(self, picture: Image, frame: int) -> Image:
        """Return the picture of a shown frame with the expression as strong as it is at that time."""
        carrier = self._carrier
        landmarks = carrier.landmarks[carrier.order[frame]]
        box = Box.around(landmarks, carrier.size)
        skin = self._weights * np.float32(self.event.course.strength(frame / carrier.fps))
        scale = np.float32(Frame.of(landmarks).eye_px / self._fields.eye_px)
        instant = Instant(skin, edge_motion(skin) * scale, np.zeros(2, np.float32), np.zeros(2, np.float32))
        renderer = Renderer(self._neutral(picture, landmarks, box), _NO_NOISE)
        drawn = picture.copy()
        drawn[box.y : box.y + box.height, box.x : box.x + box.width] = renderer.draw(instant, np.random.default_rng(0))
        return drawn

    def _neutral(self, picture: Image, landmarks: Float32, box: Box) -> Neutral:
        """Cut the face out, with the border that the renderer needs."""
        border = BORDER_PX
        wide = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_REFLECT_101)
        cut = wide[box.y : box.y + box.height + 2 * border, box.x : box.x + box.width + 2 * border]
        local = landmarks - np.array([box.x - border, box.y - border], np.float32)
        inner = Box(border, border, box.width, box.height)
        return Neutral(
            picture=np.asarray(cut, np.float32),
            depth=np.zeros(cut.shape[:2], np.float32),
            head=np.ones(cut.shape[:2], np.float32),
            centre=(cut.shape[1] / 2, cut.shape[0] / 2),
            fields=self._carried(landmarks, box, inner),
            eyes=eyes_of(local, inner),
            mouth=Mouth.of(local, inner, mouth_colour(cut, local)),
        )

    def _carried(self, landmarks: Float32, box: Box, inner: Box) -> FaceFields:
        """Carry the fields that the expression needs to the face of another frame."""
        rest = np.column_stack([self._face.astype(np.float64), np.ones(POINTS)])
        affine = np.linalg.lstsq(rest, landmarks.astype(np.float64), rcond=None)[0].T
        linear, back = affine[:, :2], np.linalg.inv(affine[:, :2])
        home = self._fields.box
        offset = back @ (np.array([box.x, box.y]) - affine[:, 2]) - (home.x, home.y)
        skin = np.zeros((len(self._fields.skin), box.height, box.width, 2), np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for row in np.flatnonzero(self._weights):
            moved = cv2.warpAffine(
                self._fields.skin[row], np.column_stack([back, offset]), (box.width, box.height), flags=flags
            )
            skin[row] = moved @ linear.T.astype(np.float32)
        return FaceFields(inner, skin, self._fields.eye_px)


def _steady(
    track: FaceTrack, times_s: npt.NDArray[np.float64], size: tuple[int, int]
) -> tuple[Float32, npt.NDArray[np.int64]]:
    """Return smoothed landmarks, and the number of the stretch in which a frame can be drawn into."""
    landmarks = np.full((len(times_s), POINTS, 2), np.nan, np.float32)
    stretch = np.full(len(times_s), -1, np.int64)
    for number, rows in enumerate(track.stretches()):
        frames = track.frames[rows]
        points = track.at(rows).reshape(len(frames), -1).astype(np.float64)
        landmarks[frames] = smooth(points, times_s[frames], _SMOOTHING_S).reshape(-1, POINTS, 2)
        stretch[frames] = number
    inner = landmarks[:, _INNER]
    with np.errstate(invalid="ignore"):
        inside = (inner >= _MARGIN_PX) & (inner < np.array(size) - 1 - _MARGIN_PX)
    stretch[~inside.all(axis=(1, 2))] = -1
    return landmarks, stretch


def _order(frames: int, repeat: int) -> npt.NDArray[np.int64]:
    """Frames of a clip that is played ``repeat`` times, to and fro."""
    there = np.arange(frames)
    passes = [there if number % 2 == 0 else there[::-1] for number in range(repeat)]
    return np.concatenate([passes[0], *(one[1:] for one in passes[1:])])
