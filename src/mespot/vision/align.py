"""Steady crops: a slow similarity transform per frame, so that what moves in the crop is the face's skin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mespot.config import AlignConfig
from mespot.core.signals import FaceTrack, Float32, PackedLandmarks
from mespot.vision.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from mespot.vision.resample import compiled, warp

Float64 = npt.NDArray[np.float64]

STILL_POINTS: tuple[int, ...] = (
    *(33, 130, 246, 133, 243, 112, 244, 245),  # the person's right eye corners
    *(263, 359, 466, 362, 463, 341, 464, 465),  # the left ones
    *(168, 6, 197, 195, 193, 417, 122, 351, 196, 419, 188, 412, 174, 399),  # bridge of the nose
)
"""Landmarks that expressions hardly move: eye corners and the bridge of the nose."""

_EYE_LINE = 0.38
"""Height of the eye line in the crop, share of its side from the top: brows and chin are inside."""
_SCALE_SLOWNESS = 4.0
"""A changing scale is smoothed this much longer than the position."""
_SCALE_CHANGE = 0.15
"""Relative change of the smoothed scale, within a stretch, above which the crop follows it."""
_BLOCK_KNOTS = 1024
"""Knots whose poses are fitted at a time: bounds memory, changes no result."""


@dataclass(frozen=True, slots=True, eq=False)
class CropTransforms:
    """How every sampled frame becomes a crop.

    Parameters
    ----------
    matrices : (T, 2, 3) float64
        Map from source px to crop px, pixel centres at integers; rows without a face carry the nearest row's.
    track : FaceTrack
        The face that the crops show, T rows.
    """

    matrices: Float64
    track: FaceTrack

    def __post_init__(self) -> None:
        rows = len(self.track)
        if self.matrices.shape != (rows, 2, 3) or not np.isfinite(self.matrices).all():
            raise ValueError(f"matrices must be finite and ({rows}, 2, 3) as the track, got {self.matrices.shape}")

    def __len__(self) -> int:
        return len(self.matrices)

    @property
    def knots(self) -> npt.NDArray[np.int64]:
        """(M,) rows in which the face was measured: between them its landmarks go along straight lines."""
        return self.track.knots

    def landmarks(self, rows: slice | npt.NDArray[np.integer]) -> Float32:
        """Return the track's landmarks of N rows in crop px, (N, K, 2) float32; NaN where the face is absent.

        They are made at each call: those of a whole video would be many times the track's memory.
        """
        linear, offset = self.matrices[rows, :, :2], self.matrices[rows, None, :, 2]
        points: Float32 = (self.track.at(rows) @ linear.transpose(0, 2, 1) + offset).astype(np.float32)
        return points


def steady_transforms(track: FaceTrack, times_s: Float64, config: AlignConfig) -> CropTransforms:
    """Return the transform of every row of ``track`` to a steady canonical crop.

    Parameters
    ----------
    track : FaceTrack
        The face in T sampled frames.
    times_s : (T,) float64
        Presentation time of the rows, s; need not be evenly spaced.
    config : AlignConfig
        Size of the crop, size of the face in it, and the smoothing.

    Returns
    -------
    CropTransforms
        T matrices, with the track.

    Raises
    ------
    ValueError
        ``times_s`` does not match the track.

    Notes
    -----
    Each stretch of the track is treated alone. A similarity is fitted per knot, with Huber weights,
    between the median shape of the stretch's `STILL_POINTS` and those of the knot. Position and angle
    at the time of each row then follow by local linear regression with Gaussian weights over time (Cleveland 1979,
    doi:10.2307/2286407): on an even grid this is the zero-phase Gaussian, and a steady drift passes
    unbent, also at the ends, between knots and through uneven time stamps. The scale is the stretch's median, so
    that it adds no motion; only where the face comes nearer or moves away by more than 15 % (smoothed four times
    as long) does the crop follow.

    Beyond the track, 48 bytes a row are kept; at most 0.2 kB a row and 0.7 kB a knot are held meanwhile.
    """
    rows = len(track)
    if times_s.shape != (rows,):
        raise ValueError(f"times_s must be ({rows},), got {times_s.shape}")
    matrices = np.tile(np.eye(2, 3), (rows, 1, 1))
    for stretch in track.stretches():
        first, last = np.searchsorted(track.knots, [stretch.start, stretch.stop])
        poses = _Poses.fit(track.landmarks, slice(int(first), int(last)), config)
        matrices[stretch] = poses.transforms(times_s[track.knots[first:last]], times_s[stretch], config)
    present = np.flatnonzero(track.present)
    if len(present):
        matrices = matrices[_nearest(present, rows)]
    return CropTransforms(matrices, track)


def eye_corners(config: AlignConfig) -> Float64:
    """Return where the outer eye corners lie in a crop, (2, 2) float64 px: the person's right, then left."""
    middle, height = (config.crop_px - 1) / 2, _EYE_LINE * (config.crop_px - 1)
    half = config.face_width * config.crop_px / 2
    return np.array([[middle - half, height], [middle + half, height]])


def crop(image: npt.NDArray[np.uint8], matrix: Float64, side_px: int) -> Float32:
    """Return the steady crop of a frame.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) uint8
        RGB or grey picture.
    matrix : (2, 3) float64
        One of `CropTransforms.matrices`.
    side_px : int
        Side of the crop, px: ``config.crop_px``.

    Returns
    -------
    (side_px, side_px, 3) or (side_px, side_px) float32
        Values in 0..255, see `mespot.vision.resample.warp`.
    """
    return warp(image, matrix, side_px)


def smooth(values: Float64, times_s: Float64, sigma_s: float, at_s: Float64 | None = None) -> Float64:
    """Return signals smoothed over time: at each time, the line fitted with Gaussian weights around it.

    Parameters
    ----------
    values : (M, N) float64
        Signals, one a column.
    times_s : (M,) float64
        Increasing times of the values, s.
    sigma_s : float
        Standard deviation of the weights, s; 0 changes nothing.
    at_s : (T,) float64, optional
        Increasing times of the result, s, within the times of the values; without them these are taken.

    Returns
    -------
    (T, N) float64
        Linear signals come back as they are. Where there is nothing to fit a line to, values are interpolated.
    """
    at = times_s if at_s is None else at_s
    result = np.column_stack([np.interp(at, times_s, column) for column in values.T])
    if sigma_s > 0 and len(values) > 1:
        _local_lines(values, times_s, sigma_s, at, result)
    return result


@compiled
def _local_lines(values: Any, times_s: Any, sigma_s: float, at_s: Any, result: Any) -> None:
    count, columns = values.shape
    first = last = 0
    reach = 6 * sigma_s  # weights beyond are below 1e-7
    for row in range(len(at_s)):
        now = at_s[row]
        while first < count and times_s[first] < now - reach:
            first += 1
        while last < count and times_s[last] <= now + reach:
            last += 1
        s0 = s1 = s2 = 0.0
        for other in range(first, last):
            lag = (times_s[other] - now) / sigma_s
            weight = np.exp(-0.5 * lag * lag)
            s0 += weight
            s1 += weight * lag
            s2 += weight * lag * lag
        spread = s0 * s2 - s1 * s1
        if spread < 1e-9 * s0 * s0:  # alone within the window: no line to fit
            continue
        for column in range(columns):
            total = 0.0
            for other in range(first, last):
                lag = (times_s[other] - now) / sigma_s
                total += np.exp(-0.5 * lag * lag) * (s2 - s1 * lag) * values[other, column]
            result[row, column] = total / spread


@dataclass(frozen=True, slots=True, eq=False)
class _Poses:
    """Of a stretch: the (P, 2) still points' shape in crop px, and the (M, 4) similarities from it to the source."""

    shape: Float64
    fitted: Float64

    @classmethod
    def fit(cls, landmarks: PackedLandmarks, knots: slice, config: AlignConfig) -> _Poses:
        shape = _canonical_shape(landmarks, knots, config)
        return cls(shape, np.concatenate([_fit(shape, points) for points in _blocks(landmarks, knots, STILL_POINTS)]))

    def transforms(self, knots_s: Float64, times_s: Float64, config: AlignConfig) -> Float64:
        """(T, 2, 3) smoothed transforms at each of the stretch's times, from the poses at the times of the knots."""
        angle = np.unwrap(np.arctan2(self.fitted[:, 1], self.fitted[:, 0]))
        log_scale = np.log(np.hypot(self.fitted[:, 0], self.fitted[:, 1]))
        # the place of the shape's own middle is what the landmarks measure best, whatever the angle
        middle = _apply(self.fitted, self.shape.mean(axis=0, keepdims=True))[:, 0]
        moving = smooth(np.column_stack([middle, angle]), knots_s, config.smoothing_s, times_s)
        log_scale = _steady_scale(log_scale, knots_s, config.smoothing_s, times_s)
        return _inverse_poses(moving, log_scale, self.shape.mean(axis=0))


def _blocks(landmarks: PackedLandmarks, knots: slice, which: Sequence[int]) -> Iterator[Float64]:
    """Yield some of the landmarks of a run of knots, (N, P, 2) float64, some knots at a time."""
    for begin in range(knots.start, knots.stop, _BLOCK_KNOTS):
        yield landmarks.points(slice(begin, min(begin + _BLOCK_KNOTS, knots.stop)), which).astype(np.float64)


def _canonical_shape(landmarks: PackedLandmarks, knots: slice, config: AlignConfig) -> Float64:
    """(P, 2) median shape of the still points, in crop px."""
    corners = eye_corners(config)[None]
    wanted = [*STILL_POINTS, RIGHT_EYE_OUTER, LEFT_EYE_OUTER]
    central = (knots.start + knots.stop) // 2
    one = next(_blocks(landmarks, slice(central, central + 1), wanted))[0]
    upright = _apply(_fit(one[-2:], corners), one[:-2])[0]  # a median is taken along the crop's own axes
    aligned = np.empty((len(wanted), 2, knots.stop - knots.start))
    done = 0
    for every in _blocks(landmarks, knots, wanted):
        block = slice(done, done + len(every))
        done = block.stop
        a, b, x, y = _fit(upright, every[:, :-2]).T[..., None]
        across, down, size = every[..., 0] - x, every[..., 1] - y, a * a + b * b
        aligned[:, 0, block] = ((a * across + b * down) / size).T
        aligned[:, 1, block] = ((a * down - b * across) / size).T
    median = np.array([np.median(point, axis=1) for point in aligned])
    shape: Float64 = _apply(_fit(median[-2:], corners), median[:-2])[0]
    return shape


def _fit(source: Float64, targets: Float64) -> Float64:
    """Fit similarities by least squares with Huber weights.

    Parameters are (P, 2) points and (T, P, 2) targets; each row (a, b, x, y) of the (T, 4) result means
    target = [[a, -b], [b, a]] source + (x, y).
    """
    weights = np.ones(targets.shape[:2])
    fitted = np.zeros((len(targets), 4))
    for _ in range(3):
        share = (weights / weights.sum(axis=1, keepdims=True))[..., None]
        p_mean, q_mean = (share * source).sum(axis=1), (share * targets).sum(axis=1)
        p, q = source - p_mean[:, None], targets - q_mean[:, None]
        size = (share * p**2).sum(axis=(1, 2))
        a = (share * p * q).sum(axis=(1, 2)) / size
        b = (share[..., 0] * (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0])).sum(axis=1) / size
        x = q_mean[:, 0] - a * p_mean[:, 0] + b * p_mean[:, 1]
        y = q_mean[:, 1] - b * p_mean[:, 0] - a * p_mean[:, 1]
        fitted = np.stack([a, b, x, y], axis=1)
        residual = np.linalg.norm(targets - _apply(fitted, source), axis=-1)
        limit = 2 * np.median(residual, axis=1, keepdims=True) + 1e-9 * np.sqrt(size)[:, None]
        weights = limit / np.maximum(residual, limit)
    return fitted


def _apply(poses: Float64, points: Float64) -> Float64:
    """(T, P, 2): (P, 2) points under each of (T, 4) similarities."""
    a, b, x, y = poses.T[..., None]
    across, down = points[..., 0], points[..., 1]
    return np.stack([a * across - b * down + x, b * across + a * down + y], axis=-1)


def _steady_scale(log_scale: Float64, knots_s: Float64, smoothing_s: float, times_s: Float64) -> Float64:
    slow = smooth(log_scale[:, None], knots_s, _SCALE_SLOWNESS * smoothing_s, times_s)[:, 0]
    if np.ptp(slow) > np.log1p(_SCALE_CHANGE):
        return slow
    return np.full_like(slow, np.median(log_scale))


def _inverse_poses(moving: Float64, log_scale: Float64, middle: Float64) -> Float64:
    """Map from source to crop: turn by -angle, scale, and bring the shape's middle to its place."""
    angle = moving[:, 2]
    shrink = np.exp(-log_scale)
    cos, sin = shrink * np.cos(angle), shrink * np.sin(angle)
    linear = np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=-2)
    offset = middle - np.einsum("tij,tj->ti", linear, moving[:, :2])
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def _nearest(present: npt.NDArray[np.intp], rows: int) -> npt.NDArray[np.intp]:
    """For each row the nearest present one, the earlier of two equally near."""
    row = np.arange(rows)
    after = np.clip(np.searchsorted(present, row), 0, len(present) - 1)
    before = np.clip(after - (present[after] > row), 0, len(present) - 1)
    nearer = np.abs(present[after] - row) < np.abs(row - present[before])
    return np.where(nearer, present[after], present[before])
