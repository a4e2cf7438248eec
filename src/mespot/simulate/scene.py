"""The script of a simulated video: who, which expressions when, and everything else that happens."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from mespot.core.expression import ME_LONGEST_S, Kind
from mespot.core.signals import Float32
from mespot.simulate.actions import ACTIONS_OF, Combination, Side, combinations_of, free_combination, table_combination
from mespot.simulate.fields import CROP_EYE_PX, FaceFields, edge_motion
from mespot.simulate.identity import Variation
from mespot.simulate.kernels import NOISE_TILE_PX
from mespot.simulate.nuisance import Distraction, FloatArray, Nuisance, draw_nuisance
from mespot.simulate.render import HeadPose, Instant, Light, Sensor
from mespot.simulate.timing import TimeCourse, draw_course, draw_intensity

_FACE_SHARE = (0.17, 0.41)
"""Width of the face as share of the picture's width: 110 to 260 px of 640."""
PER_MINUTE = 9.0
"""Expressions per minute, on average; spontaneous recordings have fewer, training wants many."""
_MEAN_EVENT_S = 1.9
"""Mean duration of an expression with what belongs to it, s."""
ME_SHARE = 0.55
"""Share of ME among the expressions that do not accompany another one."""
_COMPANIONS = {Kind.ME: 0.22, Kind.MAE: 0.15}
"""Share of MaE with an ME, or another MaE, of other muscles inside or beside it."""


@dataclass(frozen=True, slots=True)
class Event:
    """An expression that will be annotated.

    Parameters
    ----------
    kind : Kind
        Micro- or macro-expression.
    combination : Combination
        What moves.
    side : Side
        Where.
    intensity_px : float
        Greatest displacement at the apex, px at 224.
    course : TimeCourse
        When.
    onset, apex, offset : int
        Annotation in frames from 0, offset inclusive.
    """

    kind: Kind
    combination: Combination
    side: Side
    intensity_px: float
    course: TimeCourse
    onset: int
    apex: int
    offset: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides a simulated video.

    Parameters
    ----------
    size : tuple of int
        Width and height, px.
    fps : float
        Frames per second.
    frames : int
        Length.
    variation : Variation
        How the face departs from its source.
    events : tuple of Event
        Expressions, by onset.
    nuisance : Nuisance
        All else.
    sensor : Sensor
        Camera noise.
    crf : int
        Quality of the H.264 encoding.
    """

    size: tuple[int, int]
    fps: float
    frames: int
    variation: Variation
    events: tuple[Event, ...]
    nuisance: Nuisance
    sensor: Sensor
    crf: int

    @property
    def times_s(self) -> FloatArray:
        """Time of every frame."""
        return np.arange(self.frames) / self.fps

    def skin(self, fields: FaceFields) -> Float32:
        """Strength (T, A, 2: left, right) of every action in px of the picture, expressions and distractions."""
        both = self.nuisance.skin[:, :, None] * (fields.eye_px / CROP_EYE_PX)
        strengths = np.repeat(both, 2, axis=2).astype(np.float32)
        for event in self.events:
            weights = fields.weights(event.combination, event.side, event.intensity_px)
            course = event.course.strength(self.times_s).astype(np.float32)
            strengths += course[:, None, None] * weights
        return strengths

    def instants(self, fields: FaceFields) -> Sequence[Instant]:
        """Return what is to be drawn in each frame."""
        skin = self.skin(fields)
        edges = edge_motion(skin)
        nuisance = self.nuisance
        return [
            Instant(
                skin=skin[t],
                edges=edges[t],
                closure=nuisance.closure[t].astype(np.float32),
                gaze=(nuisance.gaze[t] * fields.eye_px).astype(np.float32),
                pose=_pose(nuisance.pose[t], fields.eye_px),
                sway=(float(nuisance.sway[t, 0]), float(nuisance.sway[t, 1])),
                light=Light(*(float(value) for value in nuisance.light[t])),
            )
            for t in range(self.frames)
        ]


@dataclass(frozen=True, slots=True)
class Cast:
    """What the expressions of one video are drawn from.

    Parameters
    ----------
    split : str
        Which combinations of actions may occur, see `combinations_of`.
    me_share : float
        Share of ME.
    fps : float
        Frames per second.
    frames : int
        Length of the video.
    free_share : float
        Share of the expressions whose actions are put together by chance, see `free_combination`.
    """

    split: str
    me_share: float
    fps: float
    frames: int
    free_share: float = 0.0

    @property
    def duration_s(self) -> float:
        """Length of the video, s."""
        return self.frames / self.fps

    def draw_kind(self, rng: np.random.Generator) -> Kind:
        """Draw ME or MaE."""
        return Kind.ME if rng.random() < self.me_share else Kind.MAE

    def draw(self, rng: np.random.Generator, kind: Kind, start_s: float, blocked: Set[str]) -> Event | None:
        """Draw an expression that begins at ``start_s`` in none of the ``blocked`` regions of the face.

        Returns
        -------
        Event or None
            None where the video ends too early or no region is free.
        """
        combination = self._draw_combination(rng, kind, blocked)
        if combination is None:
            return None
        one_sided = rng.random() < combination.one_sided
        side = (Side.LEFT if rng.random() < 0.5 else Side.RIGHT) if one_sided else Side.BOTH
        course = draw_course(rng, kind, start_s, self.fps)
        marks = course.annotation(self.fps, self.frames)
        intensity = draw_intensity(rng, kind, combination.limit_px())
        if marks is None or (marks[2] + 1 >= self.frames and not _enough(kind, marks, self.fps)):
            return None
        return Event(kind, combination, side, intensity, course, *marks)

    def _draw_combination(self, rng: np.random.Generator, kind: Kind, blocked: Set[str]) -> Combination | None:
        if self.free_share and rng.random() < self.free_share:
            regions = [region for region in ACTIONS_OF if region not in blocked]
            if not regions:
                return None
            actions = np.array([len(ACTIONS_OF[region]) for region in regions])
            region = regions[int(rng.choice(len(regions), p=actions / actions.sum()))]
            return free_combination(rng, region, self.split)
        allowed = [combination for combination in combinations_of(self.split) if combination.region not in blocked]
        return table_combination(rng, kind, allowed) if allowed else None


def draw_scene(
    rng: np.random.Generator,
    *,
    sizes: Sequence[tuple[int, int]],
    rates: Sequence[float],
    clip_s: float,
    split: str = "all",
    per_minute: float = PER_MINUTE,
    me_share: float = ME_SHARE,
    free_share: float = 0.0,
) -> Scene:
    """Draw the script of one video.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    sizes, rates : sequence
        Picture sizes and frame rates to choose from, each entry equally likely.
    clip_s : float
        Duration.
    split : str
        Which combinations of actions occur, see `combinations_of`.
    per_minute : float
        Expressions per minute, on average, about 20 at most; a video has two thirds to four thirds of it, one in 25
        none, and every one none if it is 0.
    me_share : float
        Share of ME among them.
    free_share : float
        Share of them whose actions are put together by chance.
    """
    size = sizes[int(rng.integers(len(sizes)))]
    fps = float(rates[int(rng.integers(len(rates)))])
    frames = max(2, round(clip_s * fps))
    low, high = _FACE_SHARE
    short = min(size[0], size[1] * 4 / 3)
    variation = Variation.draw(rng, (low * short, high * short))
    nuisance = draw_nuisance(rng, np.arange(frames) / fps)
    cast = Cast(split, me_share, fps, frames, free_share)
    events = _draw_events(rng, cast, nuisance.distractions, per_minute)
    tiles = _noise_tiles(rng)
    read, shot = float(rng.uniform(0.2, 1.5)), float(rng.uniform(0.3, 2.6))
    sensor = Sensor(read=read, shot=shot, tiles=tiles, exposure=nuisance.exposure)
    return Scene(size, fps, frames, variation, events, nuisance, sensor, crf=int(rng.integers(14, 27)))


def _pose(values: FloatArray, eye_px: float) -> HeadPose:
    yaw, pitch, roll, x, y, scale = (float(value) for value in values)
    return HeadPose(yaw, pitch, roll, x * eye_px, y * eye_px, 1 + scale)


def _draw_events(
    rng: np.random.Generator, cast: Cast, distractions: Sequence[Distraction], per_minute: float
) -> tuple[Event, ...]:
    if rng.random() < 0.04 or per_minute <= 0:
        return ()
    pause = max(1.0, 60 / (per_minute * float(rng.uniform(2 / 3, 4 / 3))) - _MEAN_EVENT_S)
    events: list[Event] = []
    now = float(rng.uniform(0.3, 4.0))
    while now < cast.duration_s:
        event = cast.draw(rng, cast.draw_kind(rng), now, _blocked(now, distractions))
        if event is None:
            now += 1.0
            continue
        together = [event, *_companions(rng, cast, event, events, distractions)]
        events += together
        now = max(one.course.stop_s for one in together) + 0.7 + float(rng.exponential(pause - 0.7))
    return tuple(sorted(events, key=lambda event: (event.onset, event.offset)))


def _companions(
    rng: np.random.Generator,
    cast: Cast,
    event: Event,
    earlier: Sequence[Event],
    distractions: Sequence[Distraction],
) -> list[Event]:
    """Draw the expressions of other muscles that overlap an MaE, or stand beside it, as in SAMM."""
    found: list[Event] = []
    # With actions above or below, those of the middle would make combinations that are held out (4+9, 7+10).
    if event.kind is not Kind.MAE or event.combination.region == "middle":
        return found
    for kind, share in _COMPANIONS.items():
        if rng.random() >= share:
            continue
        first = -0.6 if kind is Kind.ME else -0.2
        lasting = event.course.stop_s - event.course.start_s
        start = max(0.0, event.course.start_s + float(rng.uniform(first, 1.0 if kind is Kind.ME else 0.7)) * lasting)
        busy = {one.combination.region for one in (event, *found)} | {"middle"} | _blocked(start, distractions)
        companion = cast.draw(rng, kind, start, busy)
        if companion is None or any(_share_muscle(companion, one) for one in (event, *found)):
            continue
        if all(_apart(companion, other) for other in earlier):
            found.append(companion)
    return found


def _share_muscle(one: Event, other: Event) -> bool:
    return bool(dict(one.combination.strengths).keys() & dict(other.combination.strengths).keys())


def _apart(one: Event, other: Event) -> bool:
    return one.offset < other.onset or other.offset < one.onset


def _blocked(start_s: float, distractions: Sequence[Distraction]) -> set[str]:
    """Regions that speech occupies from ``start_s`` on."""
    talking = any(one.kind == "speech" and one.start_s - 4.0 < start_s < one.stop_s + 0.3 for one in distractions)
    return {"lower", "middle"} if talking else set()


def _enough(kind: Kind, marks: tuple[int, int, int], fps: float) -> bool:
    """Whether an expression that the end of the video cuts off is still one of its kind."""
    return kind is Kind.MAE and (marks[2] + 1 - marks[0]) / fps > ME_LONGEST_S


def _noise_tiles(rng: np.random.Generator) -> Float32:
    """Two patterns of unit variance, softened a little as by a camera's own processing."""
    tiles = rng.standard_normal((2, NOISE_TILE_PX, NOISE_TILE_PX, 3)).astype(np.float32)
    share = float(rng.uniform(0.0, 0.5))
    for axis in (1, 2):
        tiles = tiles + share * np.roll(tiles, 1, axis=axis)
    shared = float(rng.uniform(0.0, 0.9))
    tiles = (1 - shared) * tiles + shared * tiles.mean(axis=-1, keepdims=True)
    return np.asarray(tiles / tiles.std(), np.float32)
