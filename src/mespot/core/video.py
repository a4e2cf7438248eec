"""A video's identity and its time line: the only place where frames become seconds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class VideoInfo:
    """Facts about a decoded video.

    Parameters
    ----------
    path : Path
        The file, or the folder of numbered images.
    pts : (T,) int64
        Presentation time stamp of every shown frame in decode order, strictly increasing, in units of ``time_base``.
    time_base : Fraction
        Seconds per unit of ``pts``.
    width_px, height_px : int
        Size as shown, after rotation.
    rotation : int
        Clockwise degrees (0, 90, 180, 270) that were applied to show the picture upright.
    repaired_time_stamps : int
        How many time stamps were missing or not increasing and were repaired.
    """

    path: Path
    pts: IntArray
    time_base: Fraction
    width_px: int
    height_px: int
    rotation: int = 0
    repaired_time_stamps: int = 0

    def __post_init__(self) -> None:
        if self.pts.ndim != 1 or len(self.pts) == 0 or self.pts.dtype != np.int64:
            raise ValueError(f"pts must be a non-empty (T,) int64 array, got {self.pts.dtype} {self.pts.shape}")
        if len(self.pts) > 1 and int(np.diff(self.pts).min()) <= 0:
            raise ValueError("pts must increase strictly")
        if self.time_base <= 0:
            raise ValueError("time_base must be positive")
        self.pts.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VideoInfo):
            return NotImplemented
        mine = (
            self.path,
            self.time_base,
            self.width_px,
            self.height_px,
            self.rotation,
            self.repaired_time_stamps,
        )
        theirs = (
            other.path,
            other.time_base,
            other.width_px,
            other.height_px,
            other.rotation,
            other.repaired_time_stamps,
        )
        return mine == theirs and np.array_equal(self.pts, other.pts)

    __hash__ = None  # type: ignore[assignment]  # holds an array

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def times_s(self) -> FloatArray:
        """(T,) float64 presentation time of every frame, in seconds."""
        return self.pts.astype(np.float64) * float(self.time_base)

    def seconds(self, frame: int) -> float:
        """Presentation time of ``frame``, in seconds."""
        if not 0 <= frame < len(self.pts):
            raise IndexError(f"frame {frame} is outside 0 to {len(self.pts) - 1}")
        return float(int(self.pts[frame]) * self.time_base)

    def end_seconds(self, frame: int) -> float:
        """Time at which ``frame`` gives way to the next, in seconds; the last frame lasts the median step."""
        if frame == len(self.pts) - 1:
            return self.seconds(frame) + self.frame_duration_s
        return self.seconds(frame + 1)

    def frame(self, seconds: float) -> int:
        """Return the frame whose presentation time is nearest to ``seconds``."""
        times = self.times_s
        right = int(np.clip(np.searchsorted(times, seconds), 1, max(1, len(times) - 1)))
        if len(times) == 1:
            return 0
        return right if times[right] - seconds < seconds - times[right - 1] else right - 1

    @property
    def frame_duration_s(self) -> float:
        """Median time between neighbouring frames, in seconds (0 for a single frame)."""
        return float(np.median(np.diff(self.pts)) * float(self.time_base)) if len(self.pts) > 1 else 0.0

    @property
    def duration_s(self) -> float:
        """Time from the first frame's start to the last frame's end, in seconds."""
        return self.seconds(len(self.pts) - 1) - self.seconds(0) + self.frame_duration_s
