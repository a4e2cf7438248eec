"""Intervals of frames, half-open, and the one intersection over union of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Frames ``start <= frame < stop``, counted from 0.

    Parameters
    ----------
    start, stop : int
        First frame inside, first frame after; ``0 <= start < stop``.

    Notes
    -----
    The field annotates onset and offset as inclusive frames and adds one to lengths; the half-open
    form gives exactly that intersection over union without the "+1".

    Examples
    --------
    >>> Interval.from_onset_offset(10, 19, first_frame=0).iou(Interval(15, 25))
    0.3333333333333333
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"an interval needs 0 <= start < stop, got [{self.start}, {self.stop})")

    @classmethod
    def from_onset_offset(cls, onset: int, offset: int, *, first_frame: int) -> Self:
        """Make an interval from inclusive onset and offset, counted from ``first_frame``."""
        return cls(onset - first_frame, offset - first_frame + 1)

    @property
    def onset(self) -> int:
        """First frame inside."""
        return self.start

    @property
    def offset(self) -> int:
        """Last frame inside."""
        return self.stop - 1

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, frame: int) -> bool:
        return self.start <= frame < self.stop

    def shift(self, frames: int) -> Self:
        """Return the same interval ``frames`` later."""
        return type(self)(self.start + frames, self.stop + frames)

    def intersection(self, other: Interval) -> int:
        """Count the frames in both intervals."""
        return max(0, min(self.stop, other.stop) - max(self.start, other.start))

    def iou(self, other: Interval) -> float:
        """Intersection over union in [0, 1]."""
        shared = self.intersection(other)
        return shared / (len(self) + len(other) - shared)
