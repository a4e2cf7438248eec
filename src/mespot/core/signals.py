"""Arrays with their time grid: face tracks, optical flow and network features.

Axis letters: T sampled frames, L rows of a pyramid level, D channels, K landmarks, R face regions, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

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


@dataclass(frozen=True, slots=True, eq=False)
class PackedLandmarks:
    """Dense landmarks of M pictures in half the memory of float32.

    Parameters
    ----------
    values : (M, K, 2) int16
        Coordinates in the picture's unit, from its origin.
    origins : (M, 2) float32
        Middle of the points, to the next unit, px (x right, y down).
    units_px : (M,) float32
        Length of the unit, px.

    Notes
    -----
    The unit is the power of two that makes the longer side of the points at most 65532 units, and the origin a multiple
    of it. So the error is at most half a unit, 1/65532 of the face (0.002 px for a face of 200 px), and what one point
    becomes does not depend on the others.
    """

    values: npt.NDArray[np.int16]
    origins: Float32
    units_px: Float32

    def __post_init__(self) -> None:
        count = len(self.values)
        if self.values.ndim != 3 or self.values.shape[2] != 2 or self.values.dtype != np.int16:
            raise ValueError(f"landmarks must be (M, K, 2) int16, got {self.values.dtype} {self.values.shape}")
        if self.origins.shape != (count, 2) or self.units_px.shape != (count,):
            raise ValueError(
                f"origins and units_px must be for {count} pictures, got {self.origins.shape}, {self.units_px.shape}"
            )
        if not np.isfinite(self.origins).all() or not np.isfinite(self.units_px).all():
            raise ValueError("a measured face has no NaN landmarks")

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def pack(cls, points: Float32) -> Self:
        """Return (M, K, 2) landmarks in px, rounded; a ValueError where one is not finite."""
        low, high = points.min(axis=1), points.max(axis=1)
        extents = np.maximum((high - low).max(axis=1), 1e-3)
        if not np.isfinite(extents).all():
            raise ValueError("a measured face has no NaN landmarks")
        units = np.exp2(np.ceil(np.log2(extents / 65532))).astype(np.float32)
        origins = (np.rint((low + high) / 2 / units[:, None]) * units[:, None]).astype(np.float32)
        values = np.rint((points - origins[:, None]) / units[:, None, None]).astype(np.int16)
        return cls(values, origins, units)

    @classmethod
    def join(cls, parts: Sequence[PackedLandmarks]) -> Self:
        """Return one or more parts as one."""
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.origins for part in parts]),
            np.concatenate([part.units_px for part in parts]),
        )

    def points(self, which: slice | npt.NDArray[np.intp], landmarks: slice | Sequence[int] = slice(None)) -> Float32:
        """Return all or some landmarks of N of the pictures, (N, K, 2) float32, px."""
        return self.values[which][:, landmarks] * self.units_px[which, None, None] + self.origins[which, None]


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """One face through the sampled frames of a video, measured at some of them.

    Parameters
    ----------
    frames : (T,) int64
        Source frame of every row, strictly increasing.
    present : (T,) bool
        Whether the face was found in the row's frame: gaps are explicit.
    starts : (T,) bool
        Whether a new stretch begins at the row (first row, first after a gap, after a cut): the step from the row
        before it is no motion of the face.
    knots : (M,) int64
        Rows in which the landmarks were measured, strictly increasing; among them are both ends of every stretch.
    landmarks : PackedLandmarks
        The measured landmarks in px of the source picture, M times K.
    """

    frames: npt.NDArray[np.int64]
    present: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.bool_]
    knots: npt.NDArray[np.int64]
    landmarks: PackedLandmarks

    def __post_init__(self) -> None:
        rows = len(self.frames)
        if self.present.shape != (rows,) or self.starts.shape != (rows,):
            raise ValueError(f"present and starts must be ({rows},), got {self.present.shape}, {self.starts.shape}")
        if rows > 1 and int(np.diff(self.frames).min()) <= 0:
            raise ValueError("frames must increase strictly")
        if self.knots.shape != (len(self.landmarks),):
            raise ValueError(f"landmarks must be of {self.knots.shape} knots, got {len(self.landmarks)}")
        if len(self.knots) and (self.knots[0] < 0 or self.knots[-1] >= rows or (np.diff(self.knots) <= 0).any()):
            raise ValueError(f"knots must increase strictly within the {rows} rows")
        measured = np.zeros(rows, np.bool_)
        measured[self.knots] = True
        begins, ends = self._ends()
        if (measured & ~self.present).any() or not measured[begins].all() or not measured[ends].all():
            raise ValueError("knots must be rows with the face, among them both ends of every stretch")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def coverage(self) -> float:
        """Share of the sampled frames in which the face is present."""
        return float(self.present.mean()) if len(self) else 0.0

    def stretches(self) -> Iterator[slice]:
        """Yield the runs of rows in which the face is present without a gap or a cut."""
        for begin, end in zip(*self._ends(), strict=True):
            yield slice(int(begin), int(end) + 1)

    def at(self, rows: slice | npt.NDArray[np.integer]) -> Float32:
        """Return the landmarks of N rows, (N, K, 2) float32, in px of the source picture; NaN where absent.

        Notes
        -----
        Measured ones at knots; in between, on the straight line from the knot before to the knot after.
        """
        wanted = np.arange(len(self))[rows]
        points = np.full((len(wanted), *self.landmarks.values.shape[1:]), np.nan, np.float32)
        present = self.present[wanted]
        inside = wanted[present]
        after = np.searchsorted(self.knots, inside)
        before = np.maximum(after - (self.knots[after] != inside), 0)
        share = (inside - self.knots[before]) / np.maximum(self.knots[after] - self.knots[before], 1)
        first, last = self.landmarks.points(before), self.landmarks.points(after)
        points[present] = first + share[:, None, None].astype(np.float32) * (last - first)
        return points

    def _ends(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """First and last rows of the stretches."""
        before = np.concatenate([[False], self.present[:-1]]) if len(self) else self.present
        begins = np.flatnonzero(self.present & (self.starts | ~before))
        goes_on = np.concatenate([self.present[1:] & ~self.starts[1:], [False]]) if len(self) else self.present
        return begins, np.flatnonzero(self.present & ~goes_on)


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
