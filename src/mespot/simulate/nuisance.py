"""What moves or changes in a recording and is no expression: blinks, gaze, head, speech, swallowing, breath, light."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mespot.simulate.actions import ACTIONS
from mespot.simulate.timing import TimeCourse, minimum_jerk

FloatArray = npt.NDArray[np.float64]

_ORDER = {number: row for row, number in enumerate(ACTIONS)}


@dataclass(frozen=True, slots=True)
class Distraction:
    """A stretch of time in which something other than an expression happens.

    Parameters
    ----------
    kind : str
        "blink", "gaze", "jerk", "nod", "speech", "swallow" or "light step".
    start_s, stop_s : float
        When.
    """

    kind: str
    start_s: float
    stop_s: float


@dataclass(slots=True)
class Nuisance:
    """Courses over the T frames of a video.

    Parameters
    ----------
    closure : (T, 2) float64
        How far the left and right eye are closed.
    gaze : (T, 2) float64
        Shift of the irises, share of the eye distance.
    pose : (T, 6) float64
        Yaw, pitch, roll (radians), x, y (share of the eye distance), scale less one.
    sway : (T, 2) float64
        Shift of the whole picture, px.
    skin : (T, A) float64
        Strength of actions that are no expression (speech, swallowing), px at 224.
    light : (T, 3) float64
        Gain, slope across, slope down.
    distractions : list of Distraction
        What happens when.
    """

    closure: FloatArray
    gaze: FloatArray
    pose: FloatArray
    sway: FloatArray
    skin: FloatArray
    light: FloatArray
    distractions: list[Distraction] = field(default_factory=list)


def draw_nuisance(rng: np.random.Generator, times_s: FloatArray) -> Nuisance:
    """Draw all nuisances of a video, each in a random strength that may be none."""
    frames = len(times_s)
    nuisance = Nuisance(
        closure=np.zeros((frames, 2)),
        gaze=np.zeros((frames, 2)),
        pose=np.zeros((frames, 6)),
        sway=np.zeros((frames, 2)),
        skin=np.zeros((frames, len(ACTIONS))),
        light=np.tile([1.0, 0.0, 0.0], (frames, 1)),
    )
    for part in (_blink, _look, _move_head, _talk, _swallow, _breathe, _sway, _shine):
        part(rng, times_s, nuisance)
    nuisance.distractions.sort(key=lambda one: one.start_s)
    return nuisance


def smooth_noise(rng: np.random.Generator, times_s: FloatArray, low_hz: float, high_hz: float) -> FloatArray:
    """Return a smooth random course of about unit standard deviation with frequencies between two limits."""
    count = 12
    hertz = np.exp(rng.uniform(math.log(low_hz), math.log(high_hz), count))
    phase = rng.uniform(0, 2 * math.pi, count)
    size = rng.uniform(0.3, 1.0, count) * np.sqrt(low_hz / hertz)
    waves = np.sin(2 * math.pi * hertz * times_s[:, None] + phase) * size
    return np.asarray(waves.sum(axis=1) / math.sqrt(float((size**2).sum()) / 2))


def _moments(rng: np.random.Generator, duration_s: float, per_minute: float, least_s: float) -> list[float]:
    """Draw moments with at least ``least_s`` between them."""
    moments: list[float] = []
    if per_minute <= 0:
        return moments
    spare = max(0.05, 60 / per_minute - least_s)
    moment = float(rng.exponential(spare))
    while moment < duration_s:
        moments.append(moment)
        moment += least_s + float(rng.exponential(spare))
    return moments


def _blink(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    rate = 0.0 if rng.random() < 0.08 else float(rng.gamma(4.0, 4.0))
    for moment in _moments(rng, float(times_s[-1]), rate, 0.6):
        style = rng.choice(["single", "double", "half", "long"], p=[0.68, 0.1, 0.15, 0.07])
        depth = rng.uniform(0.35, 0.75) if style == "half" else rng.uniform(0.92, 1.0)
        hold = rng.uniform(0.1, 0.5) if style == "long" else rng.uniform(0.0, 0.05)
        start = moment
        for _ in range(2 if style == "double" else 1):
            course = TimeCourse(start, rng.uniform(0.06, 0.12), hold, rng.uniform(0.12, 0.25))
            for side in (0, 1):
                lid = depth * course.strength(times_s) * rng.uniform(0.96, 1.0)
                nuisance.closure[:, side] = np.maximum(nuisance.closure[:, side], lid)
            start = course.stop_s + rng.uniform(0.02, 0.15)
        nuisance.skin[:, _ORDER[6]] += 0.35 * depth * rng.random() * course.strength(times_s)
        nuisance.distractions.append(Distraction("blink", moment, course.stop_s))


def _look(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    rate = 0.0 if rng.random() < 0.25 else float(rng.uniform(3, 25))
    place = np.zeros(2)
    for moment in _moments(rng, float(times_s[-1]), rate, 0.4):
        target = np.zeros(2) if rng.random() < 0.35 else rng.normal(0, 1, 2) * (0.03, 0.012)
        target = np.clip(target, (-0.05, -0.02), (0.05, 0.02))
        lasting = rng.uniform(0.03, 0.08)
        nuisance.gaze += minimum_jerk((times_s - moment) / lasting)[:, None] * (target - place)
        nuisance.distractions.append(Distraction("gaze", moment, moment + lasting))
        place = target


def _move_head(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    strength = 0.0 if rng.random() < 0.1 else float(rng.gamma(1.6, 0.45))
    sizes = np.array([0.022, 0.016, 0.010, 0.022, 0.016, 0.006])
    for axis, size in enumerate(sizes):
        drift = smooth_noise(rng, times_s, 0.04, 0.5)
        nuisance.pose[:, axis] += strength * size * rng.uniform(0.3, 1.2) * drift
    for moment in _moments(rng, float(times_s[-1]), float(rng.choice([0, 1, 3, 6], p=[0.4, 0.3, 0.2, 0.1])), 1.0):
        nod = rng.random() < 0.4
        size = rng.uniform(0.3, 1.5)
        if nod:
            lasting = rng.uniform(0.5, 1.6)
            phase = np.clip((times_s - moment) / lasting, 0, 1)
            wave = np.sin(2 * math.pi * rng.integers(1, 3) * phase) * np.sin(math.pi * phase)
            nuisance.pose[:, 1] += 0.035 * size * wave
            nuisance.pose[:, 4] += 0.02 * size * wave
        else:
            lasting = rng.uniform(0.15, 0.7)
            step = minimum_jerk((times_s - moment) / lasting) - minimum_jerk((times_s - moment - lasting) / 4.0)
            nuisance.pose += step[:, None] * rng.normal(0, 1, 6) * sizes * size
        nuisance.distractions.append(Distraction("nod" if nod else "jerk", moment, moment + lasting))


def _talk(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    duration = float(times_s[-1])
    if rng.random() > 0.27:
        return
    start = float(rng.uniform(0, 0.4 * duration))
    while start < duration - 1:
        lasting = float(min(rng.uniform(1.5, 8.0), duration - start))
        envelope = minimum_jerk((times_s - start) / 0.3) * (1 - minimum_jerk((times_s - start - lasting + 0.3) / 0.3))
        loud = float(rng.uniform(0.5, 1.3))
        jaw = np.maximum(0.0, 0.5 + 0.9 * smooth_noise(rng, times_s, 2.0, 5.0))
        nuisance.skin[:, _ORDER[26]] += envelope * loud * 2.6 * jaw
        lips = np.maximum(0.0, 0.4 + smooth_noise(rng, times_s, 3.0, 6.5))
        nuisance.skin[:, _ORDER[25]] += envelope * loud * 1.6 * lips
        for number, size in ((20, 0.6), (23, 0.8), (10, 0.4), (17, 0.5)):
            nuisance.skin[:, _ORDER[number]] += envelope * loud * size * smooth_noise(rng, times_s, 1.5, 5.0)
        nuisance.distractions.append(Distraction("speech", start, start + lasting))
        start += lasting + float(rng.uniform(4, 25))


def _swallow(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    rate = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.5, 1.5))
    for moment in _moments(rng, float(times_s[-1]), rate, 5.0):
        course = TimeCourse(moment, rng.uniform(0.25, 0.4), rng.uniform(0.0, 0.2), rng.uniform(0.3, 0.5))
        size = rng.uniform(0.2, 0.7)
        nuisance.skin[:, _ORDER[17]] += size * course.strength(times_s)
        nuisance.skin[:, _ORDER[24]] += 0.4 * size * course.strength(times_s)
        nuisance.distractions.append(Distraction("swallow", moment, course.stop_s))


def _breathe(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    size = float(rng.uniform(0.0, 0.006))
    hertz = float(rng.uniform(0.2, 0.4))
    phase = 2 * math.pi * hertz * times_s + 0.6 * smooth_noise(rng, times_s, 0.03, 0.1)
    nuisance.pose[:, 4] += size * np.sin(phase)
    nuisance.pose[:, 5] += 0.15 * size * np.sin(phase + 0.4)


def _sway(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    if rng.random() < 0.15:
        size = float(rng.uniform(0.1, 1.0))
        for axis in (0, 1):
            nuisance.sway[:, axis] = np.clip(size * smooth_noise(rng, times_s, 0.2, 3.0), -20, 20)


def _shine(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    light = nuisance.light
    strength = 0.0 if rng.random() < 0.3 else float(rng.exponential(0.5))
    light[:, 0] += 0.02 * strength * smooth_noise(rng, times_s, 0.02, 0.3)
    for axis in (1, 2):
        light[:, axis] = rng.normal(0, 0.06) + 0.015 * strength * smooth_noise(rng, times_s, 0.02, 0.4)
    if rng.random() < 0.25:
        mains_hz = float(rng.choice([100.0, 120.0])) + float(rng.normal(0, 0.05))
        light[:, 0] += float(rng.uniform(0.002, 0.012)) * np.sin(2 * math.pi * mains_hz * times_s)
    for moment in _moments(rng, float(times_s[-1]), float(rng.choice([0, 1, 3], p=[0.75, 0.17, 0.08])), 2.0):
        lasting = rng.uniform(0.03, 0.5)
        light[:, 0] += rng.normal(0, 0.05) * minimum_jerk((times_s - moment) / lasting)
        nuisance.distractions.append(Distraction("light step", moment, moment + lasting))
    light[:, 0] = np.clip(light[:, 0], 0.6, 1.5)
