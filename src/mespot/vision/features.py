"""The attended features of a network over a video's streams: all that the detector needs.

No pictures are kept, but memory still grows with the length of the video: some 0.6 kB a sampled frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import BackboneConfig
from mespot.core.signals import Features, Float32, Grid, Level
from mespot.vision.align import CropTransforms
from mespot.vision.regions import region_masks
from mespot.vision.streams import Streams, network_input

TYPICAL_ROWS = 1000
"""A typical face is taken from so many rows, evenly spread over the video."""

Encode = Callable[[Float32 | None, Float32 | None, bool], Sequence[tuple[Float32, Float32]]]
"""The next (T, 3, S, S) rgb and (T, 2, S, S) flow of a video and whether they are the last, to the next (L, C) vectors
and (L, H, W) attention of each level; T is a multiple of every level's stride."""


def encode_features(
    chunks: Iterable[Streams], encode: Encode, grids: Sequence[Grid], config: BackboneConfig, *, landmarks: Float32
) -> Features:
    """Run the backbone over a video's streams, chunk by chunk.

    Parameters
    ----------
    chunks : iterable of Streams
        Consecutive parts of one video, of any length.
    encode : Encode
        The network's backbone and attention, begun for this video.
    grids : sequence of Grid
        Time grids of the levels that ``encode`` returns; every stride divides ``config.chunk_frames``.
    landmarks : (K, 2) float32
        A typical face in px of the crop, kept with the features.

    Raises
    ------
    ValueError
        There are no rows.
    """
    step = config.chunk_frames
    levels: list[list[tuple[Float32, Float32]]] = [[] for _ in grids]
    tracks: list[tuple[npt.NDArray[Any], ...]] = []
    waiting: list[Streams] = []

    def feed(streams: Streams, last: bool) -> None:
        for kept, level in zip(levels, encode(*_padded_input(streams, grids, config), last), strict=True):
            kept.append(level)

    for part in chunks:
        tracks.append((part.frames, part.times_s, part.present, part.motion))
        waiting.append(part)
        if sum(map(len, waiting)) > step:  # a row is left: whether a chunk is the last must be known
            held = Streams.join(waiting)
            whole = (len(held) - 1) // step
            for begin in range(0, whole * step, step):
                feed(_rows(held, slice(begin, begin + step)), last=False)
            waiting = [_rows(held, slice(whole * step, None))]
    if not waiting:
        raise ValueError("no rows to encode")
    feed(Streams.join(waiting), last=True)
    frames, times_s, present, motion = (np.concatenate(parts) for parts in zip(*tracks, strict=True))
    joined = tuple(_level(kept, grid, len(frames)) for kept, grid in zip(levels, grids, strict=True))
    return Features(joined, frames, times_s, present, motion, landmarks)


def _level(parts: Sequence[tuple[Float32, Float32]], grid: Grid, frames: int) -> Level:
    """Join the parts of a level, without the rows that stand for filled up frames alone."""
    rows = -(-frames // grid.stride)
    vectors, attention = (np.concatenate(arrays)[:rows] for arrays in zip(*parts, strict=True))
    return Level(vectors=vectors, attention=attention, grid=grid)


def _rows(streams: Streams, rows: slice) -> Streams:
    names = [name for name in Streams.__slots__ if getattr(streams, name) is not None]
    return replace(streams, **{name: getattr(streams, name)[rows] for name in names})


def _padded_input(
    streams: Streams, grids: Sequence[Grid], config: BackboneConfig
) -> tuple[Float32 | None, Float32 | None]:
    """Scale the streams and fill up to a multiple of the longest stride: still pictures, no motion."""
    rgb, flow = network_input(streams.rgb, streams.flow, config)
    missing = -len(streams) % max(grid.stride for grid in grids)
    if not missing:
        return rgb, flow
    fill = ((0, missing), (0, 0), (0, 0), (0, 0))
    return None if rgb is None else np.pad(rgb, fill, mode="edge"), np.pad(flow, fill)


def region_cells(landmarks: Float32, crop_px: int, cells: int) -> Float32:
    """Share of every attention cell that each face region covers.

    Parameters
    ----------
    landmarks : (K, 2) float32
        A typical face, px of the crop.
    crop_px : int
        Side of the crop.
    cells : int
        Side of the attention map.

    Returns
    -------
    (R, cells, cells) float32
    """
    masks = region_masks(landmarks, crop_px).astype(np.float32)
    return np.stack([cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA) for mask in masks])


def typical_landmarks(transforms: CropTransforms) -> Float32:
    """Return the median landmarks of the face in px of the crop, (K, 2) float32, of at most `TYPICAL_ROWS` rows."""
    present = np.flatnonzero(transforms.track.present)
    spread = np.linspace(0, len(present) - 1, min(len(present), TYPICAL_ROWS)).round().astype(np.intp)
    return np.median(transforms.landmarks(present[spread]), axis=0).astype(np.float32)
