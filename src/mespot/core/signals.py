"""Arrays with their time grid: face tracks, optical flow and network features.

Axis letters: T sampled frames, L rows of a pyramid level, D channels, K landmarks, R face regions, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grid:
    """Row ``i`` of a level stands for the sampled frame ``first + stride * i``.

    Parameters
    ----------
    first : float
        Sampled frame at the centre of row 0.
    stride : int
        Sampled frames between neighbouring rows.
    window : int
        Sampled frames that one row is responsible for.
    """

    first: float
    stride: int
    window: int

    def __post_init__(self) -> None:
        if self.stride < 1 or self.window < 1:
            raise ValueError(f"a grid needs stride and window of at least 1, got {self.stride} and {self.window}")

    def centre(self, row: float) -> float:
        """Return the sampled frame (fractional) at the centre of ``row``."""
        return self.first + self.stride * row

    def row(self, frame: float) -> float:
        """Return the row (fractional) whose centre is ``frame``: the inverse of `centre`."""
        return (frame - self.first) / self.stride


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face through the sampled frames of a video.

    Parameters
    ----------
    frames : (T,) int64
        Source frame of every row, strictly increasing.
    landmarks : (T, K, 2) float32
        Dense landmarks in px of the source picture (x right, y down); NaN where not present.
    present : (T,) bool
        Whether the face was found in the row's frame: gaps are explicit.
    starts : (T,) bool
        Whether a new stretch begins at the row (first row, first after a gap, after a cut): the step from the row
        before it is no motion of the face.
    """

    frames: npt.NDArray[np.int64]
    landmarks: Float32
    present: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        rows = len(self.frames)
        if self.landmarks.ndim != 3 or self.landmarks.shape[0] != rows or self.landmarks.shape[2] != 2:
            raise ValueError(f"landmarks must be ({rows}, K, 2), got {self.landmarks.shape}")
        if self.present.shape != (rows,) or self.starts.shape != (rows,):
            raise ValueError(f"present and starts must be ({rows},), got {self.present.shape}, {self.starts.shape}")
        if rows > 1 and int(np.diff(self.frames).min()) <= 0:
            raise ValueError("frames must increase strictly")
        # a row's largest value is NaN if any is: no copy of all landmarks
        if np.isnan(self.landmarks.max(axis=(1, 2), initial=-np.inf)[self.present]).any():
            raise ValueError("a present face has no NaN landmarks")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def coverage(self) -> float:
        """Share of the sampled frames in which the face is present."""
        return float(self.present.mean()) if len(self) else 0.0

    def stretches(self) -> Iterator[slice]:
        """Yield the runs of rows in which the face is present without a gap or a cut."""
        begin: int | None = None
        for row in range(len(self)):
            if begin is not None and (not self.present[row] or self.starts[row]):
                yield slice(begin, row)
                begin = None
            if begin is None and self.present[row]:
                begin = row
        if begin is not None:
            yield slice(begin, len(self))


@dataclass(frozen=True, slots=True)
class FlowField:
    """Optical flow between neighbouring crops.

    Parameters
    ----------
    values : (T, 2, H, W) float32
        Displacement in px per sampled step; channel 0 to the right, channel 1 downwards. Row t is the motion from
        row t - 1 to row t; it is zero where no such motion exists (first row, after a gap or a cut).
    """

    values: Float32

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or self.values.shape[1] != 2 or self.values.dtype != np.float32:
            raise ValueError(f"flow must be (T, 2, H, W) float32, got {self.values.dtype} {self.values.shape}")

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Level:
    """One pyramid level of attended features.

    Parameters
    ----------
    vectors : (L, D) float32
        Attended features, one vector a row.
    attention : (L, H, W) float32
        Spatial attention of the row over the face crop.
    grid : Grid
        Time grid of the rows.
    """

    vectors: Float32
    attention: Float32
    grid: Grid

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.attention.ndim != 3 or len(self.vectors) != len(self.attention):
            raise ValueError(
                f"a level needs (L, D) vectors and (L, H, W) attention, got {self.vectors.shape} and "
                f"{self.attention.shape}"
            )


@dataclass(frozen=True, slots=True)
class Features:
    """All that the detector needs of a video; its size does not depend on the size of the pictures.

    Parameters
    ----------
    levels : tuple of Level
        P3, P4 and P5.
    frames : (T,) int64
        Source frame of every sampled frame.
    times_s : (T,) float64
        Presentation time of every sampled frame, in seconds.
    present : (T,) bool
        Whether the face was seen.
    motion : (T, R, 2) float32
        Mean flow of every face region in px per step (head motion removed), see ``mespot.vision.regions``.
    landmarks : (K, 2) float32
        A typical face of the track in px of the crop: where the regions lie.
    """

    levels: tuple[Level, ...]
    frames: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]
    motion: Float32
    landmarks: Float32

    def __post_init__(self) -> None:
        rows = len(self.frames)
        if self.times_s.shape != (rows,) or self.present.shape != (rows,):
            raise ValueError(f"times_s and present must be ({rows},)")
        if self.motion.ndim != 3 or len(self.motion) != rows or self.motion.shape[2] != 2:
            raise ValueError(f"motion must be ({rows}, R, 2), got {self.motion.shape}")

    def __len__(self) -> int:
        return len(self.frames)
