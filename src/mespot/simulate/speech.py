"""Speech as it looks: syllables of jaw and lips, with the beats of head and brows that go with them.

Notes
-----
Calibrated to the motion of five speakers of the GRID corpus (Cooke, Barker, Cunningham, Shao 2006,
doi:10.1121/1.2229005; 3 s of 25 frames per second each, of which about 2 s are spoken). Mean flow of the face's
regions, px at 224 between two frames, root mean square over a clip across and down: lower lip 0.13 and 1.08, chin
0.12 and 1.00, upper lip 0.08 and 0.24, lip corner 0.21 and 0.34, cheek 0.09 and 0.11, brow 0.06 and 0.05. The 95th
percentile is 2.4 at the lower lip and the chin, 0.9 at the lip corners; two thirds of the power of the lower lip lie
between 2.5 and 5.5 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mespot.simulate.actions import ACTIONS, ROWS

FloatArray = npt.NDArray[np.float64]

_OPEN, _PART, _SPREAD, _ROUND, _PRESS, _LIFT, _CHIN, _BEAT = range(8)
_SIZES: tuple[tuple[int, int, float], ...] = (
    # what is articulated, action unit, px at 224 at full articulation
    (_OPEN, 26, 8.2),
    (_OPEN, 15, 3.4),
    (_OPEN, 6, -1.3),
    (_PART, 25, 2.6),
    (_SPREAD, 20, 3.8),
    (_ROUND, 23, 3.7),
    (_PRESS, 24, 2.2),
    (_LIFT, 10, 3.7),
    (_CHIN, 17, 1.4),
    (_BEAT, 1, 0.35),
    (_BEAT, 2, 0.35),
)
_NOD_RAD = 0.02
"""Greatest nod of a stressed syllable."""


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """What a burst of speech moves.

    Parameters
    ----------
    skin : (T, A) float64
        Strength of the actions, px at 224.
    pitch : (T,) float64
        Beats of the head, radians, nose down.
    """

    skin: FloatArray
    pitch: FloatArray


def articulate(rng: np.random.Generator, times_s: FloatArray, start_s: float, stop_s: float, loud: float) -> Speech:
    """Draw a burst of speech.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    times_s : (T,) float64
        Times of the frames.
    start_s, stop_s : float
        When the mouth leaves its rest and is back there.
    loud : float
        Size relative to the speakers of the calibration.
    """
    moments, places = _syllables(rng, start_s, stop_s)
    after = np.clip(np.searchsorted(moments, times_s, side="right"), 1, len(moments) - 1)
    phase = np.clip((times_s - moments[after - 1]) / (moments[after] - moments[after - 1]), 0.0, 1.0)
    phase = (1 - np.cos(np.pi * phase)) / 2
    course = places[after - 1] + phase[:, None] * (places[after] - places[after - 1])
    skin = np.zeros((len(times_s), len(ACTIONS)))
    for articulated, number, size in _SIZES:
        skin[:, ROWS[number]] += loud * size * course[:, articulated]
    return Speech(skin, _NOD_RAD * float(rng.uniform(0.2, 1.0)) * course[:, _BEAT])


def _syllables(rng: np.random.Generator, start_s: float, stop_s: float) -> tuple[FloatArray, FloatArray]:
    """Return when the mouth is where: a consonant and a vowel per syllable, now and then a pause at rest."""
    rest = np.zeros(_BEAT + 1)
    moments, places = [start_s], [rest]
    tempo = float(rng.uniform(0.85, 1.2))
    closing, opening = 0.09 * tempo, 0.12 * tempo
    now = start_s
    while now < stop_s:
        now += closing * float(rng.uniform(0.7, 1.4))
        moments.append(now)
        places.append(_consonant(rng, places[-1]))
        now += opening * float(rng.uniform(0.7, 1.5))
        moments.append(now)
        places.append(_vowel(rng))
        if rng.random() < 0.07:
            now += float(rng.uniform(0.12, 0.2))
            moments += [now, now + float(rng.uniform(0.1, 0.5))]
            places += [rest, rest]
            now = moments[-1]
    spoken = int(np.searchsorted(moments, stop_s - 0.1))
    moments, places = moments[:spoken], places[:spoken]
    moments.append(min(stop_s, moments[-1] + 0.25))
    places.append(rest)
    return np.array(moments), np.array(places)


def _vowel(rng: np.random.Generator) -> FloatArray:
    place = np.zeros(_BEAT + 1)
    place[_OPEN] = rng.beta(2.2, 1.8)
    place[_PART] = rng.uniform(0.2, 1.0)
    # Rounded as in "two", spread as in "bee", or neither.
    place[int(rng.choice([_ROUND, _SPREAD]))] = max(0.0, float(rng.uniform(-0.3, 1.0)))
    place[_LIFT] = rng.uniform(0.0, 0.6)
    if rng.random() < 0.15:
        place[_BEAT] = rng.uniform(0.3, 1.0)
    return place


def _consonant(rng: np.random.Generator, before: FloatArray) -> FloatArray:
    """Return a closure of the lips (b, m, p), of the lip against the teeth (f, v), or of the tongue alone."""
    place = 0.5 * before
    place[_BEAT] = 0.0
    kind = rng.random()
    if kind < 0.25:
        place[[_OPEN, _PART, _LIFT]] = 0.0
        place[_PRESS], place[_CHIN] = rng.uniform(0.4, 1.0), rng.uniform(0.2, 1.0)
    elif kind < 0.4:
        place[[_OPEN, _PART]] = 0.05, 0.0
        place[_LIFT], place[_CHIN] = rng.uniform(0.2, 1.0), rng.uniform(0.2, 0.8)
    else:
        place[_OPEN] = rng.uniform(0.0, 0.35)
        place[_PART] = rng.uniform(0.1, 0.6)
    return place
