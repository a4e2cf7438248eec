"""Features of an encoder whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_streams import random_streams
from mespot.config import BackboneConfig
from mespot.core.signals import Features, Float32, Grid
from mespot.vision import features as features_module
from mespot.vision.align import CropTransforms
from mespot.vision.features import encode_features, region_cells, typical_landmarks
from mespot.vision.regions import REGIONS, region_masks
from mespot.vision.streams import Streams, network_input

STRIDES = (4, 8, 16)
GRIDS = tuple(Grid(first=(stride - 1) / 2, stride=stride, window=stride) for stride in STRIDES)


class Recorder:
    """An encoder that keeps what it sees, and gives every 4th, 8th and 16th row of it."""

    def __init__(self) -> None:
        self.chunks: list[tuple[int, bool]] = []

    def __call__(self, rgb: Float32 | None, flow: Float32 | None, last: bool) -> list[tuple[Float32, Float32]]:
        assert rgb is not None
        assert flow is not None
        self.chunks.append((len(rgb), last))
        seen = np.concatenate([rgb.reshape(len(rgb), -1), flow.reshape(len(flow), -1)], axis=1)
        return [(seen[::stride], seen[::stride, :4].reshape(-1, 2, 2)) for stride in STRIDES]


def encoded(streams: Streams, part_rows: int) -> tuple[Features, Recorder]:
    recorder = Recorder()

    def parts() -> Iterator[Streams]:
        for begin in range(0, len(streams), part_rows):
            yield Streams(*(getattr(streams, name)[begin : begin + part_rows] for name in Streams.__slots__))

    config = BackboneConfig(chunk_frames=64)
    features = encode_features(parts(), recorder, GRIDS, config, landmarks=np.zeros((468, 2), np.float32))
    return features, recorder


@pytest.mark.parametrize("rows", [16, 17, 63, 64, 65, 97, 128, 129, 160, 251])
def test_features_in_chunks_are_those_of_one_pass(rows: int) -> None:
    streams = random_streams(rows)
    rgb, flow = network_input(streams.rgb, streams.flow, BackboneConfig())
    assert rgb is not None
    fill = ((0, -rows % 16), (0, 0), (0, 0), (0, 0))
    expected = Recorder()(np.pad(rgb, fill, mode="edge"), np.pad(flow, fill), True)
    for part_rows in (7, 64, 1000):
        features, _ = encoded(streams, part_rows)
        for level, (vectors, attention), grid in zip(features.levels, expected, GRIDS, strict=True):
            assert len(level.vectors) == -(-rows // grid.stride)
            np.testing.assert_array_equal(level.vectors, vectors[: len(level.vectors)])
            np.testing.assert_array_equal(level.attention, attention[: len(level.vectors)])
        for name in ("frames", "times_s", "present", "motion"):
            np.testing.assert_array_equal(getattr(features, name), getattr(streams, name))


@given(rows=st.integers(1, 300), part_rows=st.integers(1, 200))
@settings(max_examples=25, deadline=None)
def test_every_frame_is_seen_once_and_the_last_chunk_is_announced(rows: int, part_rows: int) -> None:
    _, recorder = encoded(random_streams(rows), part_rows)
    lengths, announced = zip(*recorder.chunks, strict=True)
    assert sum(lengths) == rows + -rows % 16
    assert all(length == 64 for length in lengths[:-1])
    assert list(announced) == [False] * (len(lengths) - 1) + [True]


def test_nothing_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="no rows"):
        encode_features([], Recorder(), GRIDS, BackboneConfig(), landmarks=np.zeros((468, 2), np.float32))


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
