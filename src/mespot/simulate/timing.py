"""Time courses: how an expression rises, holds and falls, and what an annotator would mark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Kind

FloatArray = npt.NDArray[np.float64]

ONSET_SHARE = 0.05
"""An expression is marked from the first to the last frame whose displacement exceeds this share of the apex."""

_ME_S = (0.12, 0.50)
_ME_LEAST_FRAMES = 4
_MAE_S = (0.50, 4.0)
ME_PX, MAE_PX = (0.2, 3.0), (1.0, 10.0)
"""Greatest displacements at the apex, px at 224: from just visible on."""


def minimum_jerk(phase: npt.ArrayLike) -> FloatArray:
    """Rise smoothly from 0 to 1 over phases 0 to 1 (Flash, Hogan 1985), constant outside.

    Examples
    --------
    >>> float(minimum_jerk(0.5))
    0.5
    """
    x = np.clip(np.asarray(phase, np.float64), 0.0, 1.0)
    return np.asarray(x**3 * (10 + x * (6 * x - 15)))


def _phase_at(share: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(minimum_jerk(middle)) < share else (low, middle)
    return low


_HIDDEN = _phase_at(ONSET_SHARE)
"""Share of a rise (or fall) that lies below the annotation threshold."""


@dataclass(frozen=True, slots=True)
class TimeCourse:
    """Strength of an expression over time, with a peak of 1.

    Parameters
    ----------
    start_s : float
        When the motion begins (below the annotation threshold).
    rise_s, hold_s, fall_s : float
        Durations of onset phase, plateau and offset phase.
    sustain : float
        Strength at the end of the plateau, in (0, 1].
    """

    start_s: float
    rise_s: float
    hold_s: float
    fall_s: float
    sustain: float = 1.0

    @property
    def stop_s(self) -> float:
        """When the motion has ended."""
        return self.start_s + self.rise_s + self.hold_s + self.fall_s

    def strength(self, times_s: npt.ArrayLike) -> FloatArray:
        """Return the strength in [0, 1] at ``times_s``."""
        t = np.asarray(times_s, np.float64) - self.start_s
        rise = minimum_jerk(t / self.rise_s)
        fall = 1 - minimum_jerk((t - self.rise_s - self.hold_s) / self.fall_s)
        decay = 1.0 if self.hold_s <= 0 else 1 - (1 - self.sustain) * minimum_jerk((t - self.rise_s) / self.hold_s)
        return np.asarray(rise * fall * decay)

    def annotation(self, fps: float, frames: int) -> tuple[int, int, int] | None:
        """Return onset, apex and offset in frames from 0, the offset inclusive.

        Parameters
        ----------
        fps : float
            Frames per second; frame i is shown at ``i / fps``.
        frames : int
            Frames in the video.

        Returns
        -------
        tuple of int, or None
            First frame above `ONSET_SHARE` of the peak that the frames reach, the peak frame, the last frame above;
            None where the video ends before the peak is reached. An expression that is still held when the video
            ends has its offset at the last frame.
        """
        strengths = self.strength(np.arange(frames) / fps)
        if self.start_s < 0 or self.start_s + self.rise_s > frames / fps or strengths.max(initial=0.0) <= 0:
            return None
        apex = int(np.argmax(strengths))
        above = np.flatnonzero(strengths > ONSET_SHARE * strengths[apex])
        return int(above[0]), apex, int(above[-1])


def draw_course(rng: np.random.Generator, kind: Kind, start_s: float, fps: float) -> TimeCourse:
    """Draw a time course whose annotated duration fits its kind.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    kind : Kind
        An ME lasts 0.12 to 0.5 s and, from 10 frames per second on, at least 4 frames; an MaE 0.5 to 4 s, as annotated.
    start_s : float
        When the motion begins.
    fps : float
        Frames per second: an annotation in whole frames is up to one frame longer than the motion.

    Notes
    -----
    Durations are log-normal within their limits, about 0.29 s (ME) and 1.4 s (MaE) in the median: short ones are more
    frequent. The onset phase is the faster one: Yan et al. 2013 (doi:10.1007/s10919-013-0159-8) report onset phases of
    about half the duration or less; MaE have a plateau.
    """
    if kind is Kind.ME:
        longest = _ME_S[1] - 1 / fps
        marked = _log_normal(rng, 0.30, 0.35, min(max(_ME_S[0], _ME_LEAST_FRAMES / fps), longest), longest)
        hold = marked * rng.uniform(0.0, 0.15)
        moving = (marked - hold) / (1 - _HIDDEN)
        rise = moving * rng.uniform(0.30, 0.52)
        return TimeCourse(start_s, rise, hold, moving - rise, rng.uniform(0.9, 1.0))
    marked = _log_normal(rng, 1.5, 0.7, _MAE_S[0] + 1.5 / fps, _MAE_S[1] - 1 / fps)
    rise = min(rng.uniform(0.2, 0.8), 0.4 * marked) / (1 - _HIDDEN)
    fall = min(rng.uniform(0.25, 1.2), 0.5 * marked) / (1 - _HIDDEN)
    hold = marked - (rise + fall) * (1 - _HIDDEN)
    return TimeCourse(start_s, rise, hold, fall, rng.uniform(0.75, 1.0))


def _log_normal(rng: np.random.Generator, median: float, spread: float, low: float, high: float) -> float:
    """Draw from a log-normal distribution cut off at two limits."""
    normal = NormalDist(math.log(median), spread)
    share = rng.uniform(normal.cdf(math.log(low)), normal.cdf(math.log(high)))
    return min(max(math.exp(normal.inv_cdf(share)), low), high)


def draw_intensity(rng: np.random.Generator, kind: Kind, limit_px: float) -> float:
    """Draw the greatest apex displacement, px at 224.

    It is log-uniform in `ME_PX` or `MAE_PX`, and at most ``limit_px``.
    """
    low, high = ME_PX if kind is Kind.ME else MAE_PX
    return float(math.exp(rng.uniform(math.log(low), math.log(max(low * 1.2, min(high, limit_px))))))
