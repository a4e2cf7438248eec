"""Lay the flow of another stretch of video over a training window: two motions at once on one face.

The few real and simulated heads, blinks and stretches of speech then meet each other at many strengths and paces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.model.candidates import MAE, ME
from mespot.training.paste import MARGIN, PASTED_ROWS, TRIES, Change, changed, drawn_relief, drawn_shift, paced
from mespot.training.sample import Sample

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

GAINS = (0.4, 1.1)
"""Factors on the flow."""
PACES = (0.8, 1.25)
"""Factors on the duration."""


@dataclass(frozen=True, slots=True)
class Overlay(Change):
    """A stretch of video that is added to a window, so long that it fills what the window shows.

    Parameters
    ----------
    sample, start : int
        Which video, and its first sampled row.
    """

    sample: int
    start: int

    def rows(self, frames: int) -> int:
        """Return how many rows of the other video fill ``frames`` rows of the window."""
        return math.ceil(frames / self.pace)

    def intervals(self, other: Sample) -> FloatArray:
        """Return the (M, 2) expressions of the other video in rows of the window."""
        return (other.intervals - self.start) * self.pace

    def present(self, other: Sample, frames: int) -> npt.NDArray[np.bool_]:
        """Return (frames,) whether the other video shows a face where each row begins."""
        return other.streams.present[self.start + (np.arange(frames) / self.pace).astype(np.int64)]

    def flow(self, other: Sample, frames: int) -> Float32:
        """Return the (frames, 2, S, S) flow that is added."""
        rows = self.rows(frames)
        part = other.streams.flow[self.start : self.start + rows].astype(np.float32)
        return changed(paced(part, np.arange(frames + 1) / self.pace), self)


def draw_overlay(
    rng: np.random.Generator, samples: Sequence[Sample], shares: FloatArray, taken: FloatArray, frames: int
) -> Overlay | None:
    """Draw an overlay of a window, none of whose expressions meets an expression of the window.

    Parameters
    ----------
    rng : Generator
        Is drawn from.
    samples : sequence of Sample
        Videos to choose from.
    shares : (S,) float64
        How often each is chosen.
    taken : (M, 2) float64
        The window's expressions, in its rows.
    frames : int
        Rows that the window shows.

    Returns
    -------
    Overlay or None
        None where after some tries none fits.
    """
    held = taken[(taken[:, 0] < frames) & (taken[:, 1] > 0)]
    for _ in range(TRIES):
        overlay = _drawn(rng, int(rng.choice(len(samples), p=shares)))
        other = samples[overlay.sample]
        latest = len(other.streams) - overlay.rows(frames)
        if latest < 0:
            continue
        overlay = replace(overlay, start=int(rng.integers(latest + 1)))
        added = overlay.intervals(other)
        within = (added[:, 0] < frames) & (added[:, 1] > 0)
        apart = (added[:, :1] - MARGIN >= held[:, 1]) | (added[:, 1:] + MARGIN <= held[:, 0])
        if apart.all() and _keep_kind(added[within], other.kinds[within], overlay.pace):
            return overlay
    return None


def _drawn(rng: np.random.Generator, sample: int) -> Overlay:
    """Draw how a video is changed; where it begins is not said yet."""
    return Overlay(
        sample=sample,
        start=0,
        flip=bool(rng.random() < 0.5),
        gain=float(rng.uniform(*GAINS)),
        pace=float(np.exp(rng.uniform(*np.log(PACES)))),
        shift=drawn_shift(rng),
        relief=drawn_relief(rng),
    )


def _keep_kind(intervals: FloatArray, kinds: IntArray, pace: float) -> bool:
    """Return whether no ME was slowed beyond the longest one that a paste may be, no MaE sped up below the shortest."""
    lasting = intervals[:, 1] - intervals[:, 0]
    longest, shortest = PASTED_ROWS[ME][1], PASTED_ROWS[MAE][0]
    other_kind = (kinds == ME) & (lasting > longest) if pace > 1 else (kinds == MAE) & (lasting < shortest)
    return not other_kind.any()
