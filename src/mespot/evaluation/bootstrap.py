"""How sure a figure is: percentile intervals over resampled videos (Efron and Tibshirani 1993, chapter 13).

Videos are resampled and not expressions: those of one video share its face, light and camera.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]
"""Summed counts (..., C) to a figure (...), NaN where it is not defined."""

Weights = Mapping[str, float]
"""Names of counts with the weight of each in a sum."""

RESAMPLES = 4000
"""The limits of a 95 % interval then vary by about a fiftieth of its width with the seed."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Parameters
    ----------
    value : float or None
        Of all videos together; None where there is nothing to measure.
    low, high : float or None
        Limits of the interval; None without a value and where fewer than two videos were measured, which say nothing
        of how videos differ.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def estimate(
    counts: npt.ArrayLike, statistic: Statistic, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return a statistic of summed counts with its percentile interval over resampled videos.

    Parameters
    ----------
    counts : (N, C) array
        One row a video: counts, minutes, or whatever else adds up.
    statistic : Statistic
        Receives the sums over videos; must work on any number of leading axes.
    resamples : int
        How often N videos are drawn with replacement.
    level : float
        Share of the resamples that the interval holds.
    seed : int
        The same seed gives the same interval.

    Notes
    -----
    Resamples in which the statistic is not defined (no expression was drawn) are left out.

    Examples
    --------
    >>> estimate([[3, 4], [3, 4], [3, 4]], lambda sums: sums[..., 0] / sums[..., 1])
    Estimate(value=0.75, low=0.75, high=0.75)
    """
    rows = np.asarray(counts, np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"counts must be finite, one row a video, got shape {rows.shape}")
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"an interval needs resamples and a level in (0, 1), got {resamples} and {level}")
    value = float(statistic(rows.sum(axis=0)))
    if np.isnan(value):
        return Estimate(None)
    if len(rows) < 2:
        return Estimate(value)
    drawn = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=resamples)
    figures = statistic(drawn @ rows)
    defined = figures[~np.isnan(figures)]
    if not len(defined):
        return Estimate(value)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """Counts of many videos by name.

    Parameters
    ----------
    names : tuple of str
        What is counted.
    values : (N, C) float64
        One row a video, one column a name.
    """

    names: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} names do not fit values of shape {self.values.shape}")

    @classmethod
    def of(cls, videos: Sequence[Mapping[str, float]]) -> Self:
        """Gather one mapping a video; what a video does not name is 0."""
        names = tuple(dict.fromkeys(name for video in videos for name in video))
        values = np.array([[video.get(name, 0.0) for name in names] for video in videos], np.float64)
        return cls(names, values.reshape(len(videos), len(names)))

    def total(self, name: str) -> float:
        """Return the sum over videos; 0 for a name that no video has."""
        return float(self.values[:, self.names.index(name)].sum()) if name in self.names else 0.0

    def ratio(self, part: Weights, whole: Weights, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
        """Return weighted sums over weighted sums, as ``{"tp": 2}`` over ``{"tp": 2, "fp": 1, "fn": 1}``."""
        return estimate(self.values, self._ratio(part, whole), resamples=resamples, seed=seed)

    def ratio_difference(self, one: tuple[Weights, Weights], other: tuple[Weights, Weights]) -> Estimate:
        """Return one ratio (part, whole) less another."""
        first, second = self._ratio(*one), self._ratio(*other)
        return estimate(self.values, lambda sums: first(sums) - second(sums))

    def _ratio(self, part: Weights, whole: Weights) -> Statistic:
        above, below = (np.array([weights.get(name, 0.0) for name in self.names]) for weights in (part, whole))

        def ratio(sums: FloatArray) -> FloatArray:
            share, of = np.asarray(sums @ above, np.float64), np.asarray(sums @ below, np.float64)
            quotient: FloatArray = np.divide(share, of, out=np.full(share.shape, np.nan), where=of != 0)
            return quotient

        return ratio


def median_estimate(videos: Sequence[Sequence[float]], seed: int = 0) -> Estimate:
    """Return the median over the values of all videos together, videos resampled.

    Notes
    -----
    The pooled median is a statistic of summed counts too: of how often each value occurs.
    """
    values, columns = np.unique(np.array([value for video in videos for value in video]), return_inverse=True)
    counts = np.zeros((len(videos), len(values)))
    owners = np.repeat(np.arange(len(videos)), [len(video) for video in videos])
    np.add.at(counts, (owners, columns), 1)

    def median(sums: FloatArray) -> FloatArray:
        if not len(values):
            return np.full(sums.shape[:-1], np.nan)
        below = np.cumsum(sums, axis=-1)
        total = below[..., -1:]
        middles = [values[(below > np.floor(place)).argmax(axis=-1)] for place in ((total - 1) / 2, total / 2)]
        return np.where(total[..., 0] > 0, (middles[0] + middles[1]) / 2, np.nan)

    return estimate(counts, median, seed=seed)
