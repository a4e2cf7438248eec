"""What moves or changes in a recording and is no expression: blinks, gaze, head, speech, swallowing, breath, light."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mespot.simulate.actions import ACTIONS, ROWS
from mespot.simulate.fields import CROP_EYE_PX
from mespot.simulate.speech import articulate
from mespot.simulate.timing import TimeCourse, minimum_jerk

FloatArray = npt.NDArray[np.float64]

_LONGEST_EXPOSURE = 0.7
_TALKING = 0.4
"""Share of videos in which the subject speaks."""
_LOUD = (0.4, 1.5)
"""Size of speech relative to the speakers that `speech` is calibrated to."""
_LID = 0.75
"""Travel of the upper lid relative to that of the iris when the gaze rises or sinks."""
_HEAD = np.array([0.022, 0.016, 0.010, 0.022, 0.016, 0.006])
"""Usual size of a motion of the head, in the columns of `Nuisance.pose`."""


@dataclass(frozen=True, slots=True)
class Distraction:
    """A stretch of time in which something other than an expression happens.

    Parameters
    ----------
    kind : str
        "blink", "gaze", "jerk" (of the head, or a change of posture), "nod" (or a shake of the head), "speech",
        "swallow" or "light step".
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
        Strength of actions that are no expression (speech, swallowing, lids that follow the gaze), px at 224.
    light : (T, 3) float64
        Gain, slope across, slope down.
    distractions : list of Distraction
        What happens when.
    exposure : float
        Share of the time between two frames in which the camera collects light.
    """

    closure: FloatArray
    gaze: FloatArray
    pose: FloatArray
    sway: FloatArray
    skin: FloatArray
    light: FloatArray
    distractions: list[Distraction] = field(default_factory=list)
    exposure: float = 0.0


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
        exposure=float(rng.uniform(0.0, _LONGEST_EXPOSURE)),
    )
    for part in (_blink, _look, _drift, _gesture, _sit, _talk, _swallow, _breathe, _sway, _shine, _flicker):
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
    """Add blinks: single, double, half and long; lids close in 60 to 100 ms and open in 120 to 250 ms."""
    rate = 0.0 if rng.random() < 0.08 else float(rng.gamma(4.0, 4.0))
    for moment in _moments(rng, float(times_s[-1]), rate, 0.6):
        style = rng.choice(["single", "double", "half", "long"], p=[0.68, 0.1, 0.15, 0.07])
        depth = rng.uniform(0.35, 0.75) if style == "half" else rng.uniform(0.92, 1.0)
        hold = rng.uniform(0.1, 0.5) if style == "long" else rng.uniform(0.0, 0.05)
        cheek, brow = depth * rng.uniform(0.0, (0.4, 0.25))
        start = moment
        for _ in range(2 if style == "double" else 1):
            course = TimeCourse(start, rng.uniform(0.06, 0.10), hold, rng.uniform(0.12, 0.25))
            strength = course.strength(times_s)
            for side in (0, 1):
                lid = depth * strength * rng.uniform(0.96, 1.0)
                nuisance.closure[:, side] = np.maximum(nuisance.closure[:, side], lid)
            nuisance.skin[:, ROWS[6]] += cheek * strength
            nuisance.skin[:, ROWS[4]] += brow * strength
            start = course.stop_s + rng.uniform(0.02, 0.15)
        nuisance.distractions.append(Distraction("blink", moment, course.stop_s))


def _look(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Add saccades; the upper lid follows a gaze that rises or sinks."""
    rate = 0.0 if rng.random() < 0.25 else float(rng.uniform(3, 25))
    place = np.zeros(2)
    for moment in _moments(rng, float(times_s[-1]), rate, 0.4):
        target = np.zeros(2) if rng.random() < 0.35 else rng.normal(0, 1, 2) * (0.03, 0.012)
        target = np.clip(target, (-0.05, -0.02), (0.05, 0.02))
        lasting = rng.uniform(0.03, 0.08)
        nuisance.gaze += minimum_jerk((times_s - moment) / lasting)[:, None] * (target - place)
        nuisance.distractions.append(Distraction("gaze", moment, moment + lasting))
        place = target
    nuisance.skin[:, ROWS[5]] -= _LID * CROP_EYE_PX * nuisance.gaze[:, 1]


def _drift(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Let the head wander: slowly, and with the small unrest of a head that nothing supports."""
    strength = 0.0 if rng.random() < 0.1 else float(rng.gamma(1.6, 0.55))
    unrest = strength * float(rng.uniform(0.0, 0.06))
    for axis, size in enumerate(_HEAD):
        nuisance.pose[:, axis] += strength * size * rng.uniform(0.3, 1.2) * smooth_noise(rng, times_s, 0.04, 0.5)
        nuisance.pose[:, axis] += unrest * size * smooth_noise(rng, times_s, 0.8, 5.0)


def _gesture(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Add nods, shakes and quick turns of the head."""
    rate = float(rng.choice([0, 1, 3, 6], p=[0.35, 0.3, 0.2, 0.15]))
    for moment in _moments(rng, float(times_s[-1]), rate, 1.0):
        style, size = rng.choice(["nod", "shake", "jerk"], p=[0.3, 0.2, 0.5]), rng.uniform(0.3, 1.6)
        if style == "jerk":
            lasting, back = rng.uniform(0.12, 0.7), rng.uniform(0.5, 4.0)
            step = minimum_jerk((times_s - moment) / lasting) - minimum_jerk((times_s - moment - lasting) / back)
            nuisance.pose += step[:, None] * rng.normal(0, 1, 6) * _HEAD * size
        else:
            lasting = rng.uniform(0.5, 1.6)
            phase = np.clip((times_s - moment) / lasting, 0, 1)
            wave = size * np.sin(2 * math.pi * rng.integers(1, 4) * phase) * np.sin(math.pi * phase)
            turn, shift = (1, 4) if style == "nod" else (0, 3)
            nuisance.pose[:, turn] += 0.04 * wave
            nuisance.pose[:, shift] += 0.02 * wave
            nuisance.pose[:, 2] += 0.01 * rng.normal() * wave
        nuisance.distractions.append(Distraction("jerk" if style == "jerk" else "nod", moment, moment + lasting))


def _sit(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Add changes of posture: the body shifts, leans closer or back, and stays there."""
    rate = float(rng.choice([0, 0.5, 1.5], p=[0.5, 0.3, 0.2]))
    place = np.zeros(6)
    for moment in _moments(rng, float(times_s[-1]), rate, 3.0):
        target = np.clip(rng.normal(0, 1, 6), -2, 2) * (0.03, 0.03, 0.02, 0.08, 0.06, 0.025)
        lasting = rng.uniform(0.5, 2.0)
        nuisance.pose += minimum_jerk((times_s - moment) / lasting)[:, None] * (target - place)
        nuisance.distractions.append(Distraction("jerk", moment, moment + lasting))
        place = target


def _talk(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    duration = float(times_s[-1])
    if rng.random() > _TALKING:
        return
    usual = math.exp(rng.uniform(*np.log(_LOUD)))
    pause = float(rng.uniform(3, 20))
    start = float(rng.uniform(0, 0.4 * duration))
    while start < duration - 1:
        stop = start + float(min(rng.uniform(1.0, 10.0), duration - start))
        loud = float(np.clip(usual * rng.uniform(0.8, 1.25), *_LOUD))
        speech = articulate(rng, times_s, start, stop, loud)
        nuisance.skin += speech.skin
        nuisance.pose[:, 1] += speech.pitch
        nuisance.distractions.append(Distraction("speech", start, stop))
        start = stop + 1.0 + float(rng.exponential(pause))


def _swallow(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    rate = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.5, 1.5))
    for moment in _moments(rng, float(times_s[-1]), rate, 5.0):
        course = TimeCourse(moment, rng.uniform(0.25, 0.4), rng.uniform(0.0, 0.2), rng.uniform(0.3, 0.5))
        size = rng.uniform(0.2, 0.7)
        nuisance.skin[:, ROWS[17]] += size * course.strength(times_s)
        nuisance.skin[:, ROWS[24]] += 0.4 * size * course.strength(times_s)
        nuisance.distractions.append(Distraction("swallow", moment, course.stop_s))


def _breathe(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    size = float(rng.uniform(0.0, 0.006))
    hertz = float(rng.uniform(0.2, 0.4))
    phase = 2 * math.pi * hertz * times_s + 0.6 * smooth_noise(rng, times_s, 0.03, 0.1)
    nuisance.pose[:, 4] += size * np.sin(phase)
    nuisance.pose[:, 5] += 0.15 * size * np.sin(phase + 0.4)


def _sway(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Shake the camera: a hand that holds it, or a table that is knocked against."""
    if rng.random() < 0.15:
        size, tremor = float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.0, 0.12))
        for axis in (0, 1):
            slow, quick = smooth_noise(rng, times_s, 0.2, 3.0), smooth_noise(rng, times_s, 5.0, 11.0)
            nuisance.sway[:, axis] = size * slow + tremor * quick
    for moment in _moments(rng, float(times_s[-1]), float(rng.choice([0, 1], p=[0.8, 0.2])), 2.0):
        after = np.maximum(times_s - moment, 0.0)
        ringing = np.exp(-after / rng.uniform(0.05, 0.25)) * np.sin(2 * math.pi * rng.uniform(3, 9) * after)
        nuisance.sway += ringing[:, None] * rng.normal(0, 1.5, 2)
    np.clip(nuisance.sway, -20, 20, out=nuisance.sway)


def _shine(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Let the light drift, and step where a camera sets its exposure anew."""
    light = nuisance.light
    strength = 0.0 if rng.random() < 0.3 else float(rng.exponential(0.6))
    light[:, 0] += 0.02 * strength * smooth_noise(rng, times_s, 0.02, 0.3)
    for axis in (1, 2):
        light[:, axis] = rng.normal(0, 0.08) + 0.015 * strength * smooth_noise(rng, times_s, 0.02, 0.4)
    for moment in _moments(rng, float(times_s[-1]), float(rng.choice([0, 1, 3], p=[0.75, 0.17, 0.08])), 2.0):
        lasting = rng.uniform(0.03, 0.5)
        light[:, 0] += rng.normal(0, 0.05) * minimum_jerk((times_s - moment) / lasting)
        nuisance.distractions.append(Distraction("light step", moment, moment + lasting))
    light[:, 0] = np.clip(light[:, 0], 0.62, 1.48)


def _flicker(rng: np.random.Generator, times_s: FloatArray, nuisance: Nuisance) -> None:
    """Add the flicker of lamps on the mains (twice 50 or 60 Hz), as an exposure of some length averages it."""
    if rng.random() > 0.25:
        return
    hertz = float(rng.choice([100.0, 120.0])) + float(rng.normal(0, 0.05))
    frame_s = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 0.0
    left = abs(float(np.sinc(hertz * nuisance.exposure * frame_s)))
    size = min(0.02, left * float(rng.uniform(0.005, 0.2)))
    nuisance.light[:, 0] += size * np.sin(2 * math.pi * hertz * times_s + rng.uniform(0, 2 * math.pi))
