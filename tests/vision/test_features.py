"""Features of an encoder whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mespot.config import BackboneConfig, Config
from mespot.core.signals import FaceTrack, Features, Float32, Grid
from mespot.vision import features as features_module
from mespot.vision.align import CropTransforms, steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.features import encode_features, region_cells, typical_landmarks
from mespot.vision.landmarks import find_landmarks
from mespot.vision.regions import REGIONS, region_masks
from mespot.vision.streams import Streams, network_input, stream_chunks

SMALL = Config().override(
    ["align.crop_px=64", "backbone.input_px=32", "flow.warps=1", "flow.scales=2", "decode.sampling_fps=15"]
)
FPS = 30.0


@pytest.fixture(scope="module")
def reader(smile_clip: Path) -> VideoReader:
    return VideoReader(smile_clip)


@pytest.fixture(scope="module")
def transforms(reader: VideoReader) -> CropTransforms:
    """The clip's first face, kept through the video but for a gap."""
    frames, face = [], None
    for chunk in reader.chunks(sampling_fps=SMALL.decode.sampling_fps, chunk_frames=64):
        face = find_landmarks(chunk.images[0]) if face is None else face
        frames.append(chunk.frames)
    assert face is not None
    rows = len(np.concatenate(frames))
    present = np.ones(rows, np.bool_)
    present[12:15] = False
    landmarks = np.tile(face, (rows, 1, 1))
    landmarks[~present] = np.nan
    starts = present & ~np.concatenate([[False], present[:-1]])
    track = FaceTrack(np.concatenate(frames), landmarks, present, starts)
    return steady_transforms(track, reader.info.times_s[track.frames], SMALL.align)


def all_streams(reader: VideoReader, transforms: CropTransforms, *assignments: str) -> Streams:
    return Streams.join(list(stream_chunks(reader, transforms, SMALL.override(assignments))))


def random_streams(rows: int) -> Streams:
    rng = np.random.default_rng(rows)
    return Streams(
        rgb=rng.integers(0, 256, (rows, 3, 2, 2), dtype=np.uint8),
        flow=rng.normal(0, 10, (rows, 2, 2, 2)).astype(np.float32),
        motion=rng.normal(size=(rows, len(REGIONS), 2)).astype(np.float32),
        frames=np.arange(rows) * 2,
        times_s=np.arange(rows) / FPS,
        present=np.ones(rows, np.bool_),
    )


REACH = 24  # rows that the fake encoder sees on either side
STRIDES = (4, 8, 16)
GRIDS = tuple(Grid(first=(stride - 1) / 2, stride=stride, window=stride) for stride in STRIDES)
KERNEL = np.random.default_rng(7).normal(size=2 * REACH + 1)


def convolve(rgb: Float32, flow: Float32) -> list[tuple[Float32, Float32]]:
    """Convolve both streams over time, zeros beyond the ends, and take every 4th, 8th and 16th row."""
    rows = len(rgb)
    signal = np.concatenate([rgb.reshape(rows, -1), flow.reshape(rows, -1)], axis=1).astype(np.float64)
    padded = np.pad(signal, ((REACH, REACH), (0, 0)))
    seen = np.stack([KERNEL @ padded[row : row + 2 * REACH + 1] for row in range(rows)]).astype(np.float32)
    return [(seen[::stride], seen[::stride, :4].reshape(-1, 2, 2)) for stride in STRIDES]


def encoded(streams: Streams, part_rows: int, chunk_frames: int = 64) -> Features:
    def parts() -> Iterator[Streams]:
        for begin in range(0, len(streams), part_rows):
            yield Streams(*(getattr(streams, name)[begin : begin + part_rows] for name in Streams.__slots__))

    return encode_features(
        parts(),
        convolve,
        GRIDS,
        BackboneConfig(chunk_frames=chunk_frames),
        context_frames=32,
        landmarks=np.zeros((468, 2), np.float32),
    )


@pytest.mark.parametrize("rows", [16, 17, 63, 64, 65, 97, 160, 251])
def test_features_in_chunks_are_those_of_one_pass(rows: int) -> None:
    streams = random_streams(rows)
    rgb, flow = network_input(streams.rgb, streams.flow, BackboneConfig())
    missing = -rows % 16
    rgb = np.pad(rgb, ((0, missing), (0, 0), (0, 0), (0, 0)), mode="edge")
    flow = np.pad(flow, ((0, missing), (0, 0), (0, 0), (0, 0)))
    expected = convolve(rgb, flow)
    for part_rows in (7, 64, 1000):
        features = encoded(streams, part_rows)
        for level, (vectors, attention), grid in zip(features.levels, expected, GRIDS, strict=True):
            assert len(level.vectors) == -(-rows // grid.stride)
            np.testing.assert_allclose(level.vectors, vectors[: len(level.vectors)], atol=1e-5)
            np.testing.assert_allclose(level.attention, attention[: len(level.vectors)], atol=1e-5)
        for name in ("frames", "times_s", "present", "motion"):
            np.testing.assert_array_equal(getattr(features, name), getattr(streams, name))


def test_too_little_context_would_show() -> None:
    """The oracle above tells: with a wider kernel than the context, chunks and the whole differ."""
    streams = random_streams(160)
    whole, pieces = encoded(streams, 64, chunk_frames=192), encoded(streams, 64)
    np.testing.assert_allclose(pieces.levels[0].vectors, whole.levels[0].vectors, atol=1e-5)
    narrow = encode_features(
        [streams], convolve, GRIDS, BackboneConfig(chunk_frames=64), context_frames=16, landmarks=whole.landmarks
    )
    assert np.abs(narrow.levels[0].vectors - whole.levels[0].vectors).max() > 0.1


def test_nothing_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="no rows"):
        encode_features(
            [], convolve, GRIDS, BackboneConfig(), context_frames=32, landmarks=np.zeros((468, 2), np.float32)
        )


def test_shares_of_the_cells_sum_to_the_regions(transforms: CropTransforms) -> None:
    points = typical_landmarks(transforms)
    for cells in (4, 7, 8):
        shares = region_cells(points, 64, cells)
        assert shares.shape == (len(REGIONS), cells, cells)
        assert 0 <= shares.min() <= shares.max() <= 1
        pixels = shares.sum(axis=(1, 2)) * (64 / cells) ** 2
        np.testing.assert_allclose(pixels, region_masks(points, 64).sum(axis=(1, 2)), rtol=1e-3)


def test_the_typical_face_is_the_median_of_rows_from_the_whole_video(
    transforms: CropTransforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = np.flatnonzero(transforms.track.present)
    everyone = np.median(transforms.landmarks(present), axis=0)
    np.testing.assert_allclose(typical_landmarks(transforms), everyone, rtol=1e-6)
    monkeypatch.setattr(features_module, "TYPICAL_ROWS", 2)
    ends = transforms.landmarks(present[[0, -1]]).mean(axis=0)
    np.testing.assert_allclose(typical_landmarks(transforms), ends, rtol=1e-6)
