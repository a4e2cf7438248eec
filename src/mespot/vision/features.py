"""The attended features of a network over a video's streams: all that the detector needs.

No pictures are kept, but memory still grows with the length of the video: 2.6 kB a sampled frame for the features of
the published network (0.4 kB at an eighth of its width).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from mespot.config import BackboneConfig
from mespot.core.signals import Features, Float32, Grid, Level
from mespot.vision.align import CropTransforms
from mespot.vision.regions import region_masks
from mespot.vision.streams import Streams, network_input

TYPICAL_ROWS = 1000
"""A typical face is taken from so many rows, evenly spread over the video."""

Encoder = Callable[[Float32, Float32], Sequence[tuple[Float32, Float32]]]
"""(T, 3, S, S) rgb and (T, 2, S, S) flow, both in [-1, 1], to (L, D) vectors and (L, H, W) attention per level."""


def encode_features(
    chunks: Iterable[Streams],
    encode: Encoder,
    grids: Sequence[Grid],
    config: BackboneConfig,
    *,
    context_frames: int,
    landmarks: Float32,
) -> Features:
    """Run the backbone over a video's streams in long overlapping chunks.

    Each chunk of ``config.chunk_frames`` rows is seen with ``context_frames`` rows on either side, so that what is
    kept is what one pass over the whole video gives.

    Parameters
    ----------
    chunks : iterable of Streams
        Consecutive parts of one video, of any length.
    encode : Encoder
        The network's backbone and attention.
    grids : sequence of Grid
        Time grids of the levels that ``encode`` returns; every stride divides ``config.chunk_frames``.
    context_frames : int
        Half the receptive field of the backbone, a multiple of the largest stride.
    landmarks : (K, 2) float32
        A typical face in px of the crop, kept with the features.
    """
    step = config.chunk_frames
    kept: list[list[tuple[Float32, Float32]]] = []
    tracks: list[Streams] = []
    held: Streams | None = None
    held_from, begin = 0, 0
    for part in chunks:
        tracks.append(_without_pictures(part))
        held = part if held is None else Streams.join([held, part])
        while held_from + len(held) >= begin + step + context_frames:
            kept.append(_encode_rows(held, held_from, begin, begin + step, context_frames, encode, grids, config))
            begin += step
            drop = max(0, begin - context_frames - held_from)
            held, held_from = _tail(held, drop), held_from + drop
    if held is None:
        raise ValueError("no rows to encode")
    while begin < held_from + len(held):
        stop = min(begin + step, held_from + len(held))
        kept.append(_encode_rows(held, held_from, begin, stop, context_frames, encode, grids, config))
        begin = stop
    whole = Streams.join(tracks)
    levels = tuple(
        Level(
            vectors=np.concatenate([part[index][0] for part in kept]),
            attention=np.concatenate([part[index][1] for part in kept]),
            grid=grid,
        )
        for index, grid in enumerate(grids)
    )
    return Features(levels, whole.frames, whole.times_s, whole.present, whole.motion, landmarks)


def _encode_rows(
    held: Streams,
    held_from: int,
    begin: int,
    stop: int,
    context: int,
    encode: Encoder,
    grids: Sequence[Grid],
    config: BackboneConfig,
) -> list[tuple[Float32, Float32]]:
    """Encode rows begin to stop of the video with their context; keep the level rows that belong to them."""
    first = max(held_from, begin - context)
    window = slice(first - held_from, min(len(held), stop + context - held_from))
    rgb, flow = network_input(held.rgb[window], held.flow[window], config)
    missing = -len(rgb) % max(grid.stride for grid in grids)
    rgb = np.pad(rgb, ((0, missing), (0, 0), (0, 0), (0, 0)), mode="edge")
    flow = np.pad(flow, ((0, missing), (0, 0), (0, 0), (0, 0)))
    levels = encode(rgb, flow)
    kept = []
    for (vectors, attention), grid in zip(levels, grids, strict=True):
        rows = slice((begin - first) // grid.stride, -(-(stop - first) // grid.stride))
        kept.append((vectors[rows], attention[rows]))
    return kept


def _tail(streams: Streams, drop: int) -> Streams:
    names = ("rgb", "flow", "motion", "frames", "times_s", "present")
    return Streams(*(getattr(streams, name)[drop:] for name in names))


def _without_pictures(streams: Streams) -> Streams:
    empty = np.zeros((len(streams), 3, 0, 0), np.uint8)
    return Streams(
        empty, empty[:, :2].astype(np.float16), streams.motion, streams.frames, streams.times_s, streams.present
    )


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
