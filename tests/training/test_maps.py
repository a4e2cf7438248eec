from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.model.network import Network
from mespot.pipeline import locate
from mespot.training.frozen import MapBatch, MapWindows
from mespot.training.maps import MappedSample, MapStore, backbone_digest
from mespot.training.sample import Sample
from mespot.training.validate import validate, video_candidates
from mespot.vision.streams import Streams

MakeSample = Callable[..., Sample]


@pytest.fixture
def network(config: Config) -> Network:
    """A network whose attention is no plain mean and whose statistics are no identity."""
    torch.manual_seed(0)
    network = Network(config)
    with torch.no_grad():
        for attention in network.attention:
            attention.score.weight.normal_()  # type: ignore[union-attr,operator]
        network.train()(None, torch.randn(2, 2, 64, 32, 32))
    return network.eval()


def mapped(folder: Path, network: Network, config: Config, sample: Sample) -> MappedSample:
    store = MapStore(folder, network, config)
    return store.sample(sample.name, sample.name, lambda: sample.streams, sample.expressions)


def unwanted() -> Streams:
    raise AssertionError("the maps are there")


@pytest.mark.parametrize("frames", [40, 200, 1100])
def test_the_kept_maps_say_what_the_whole_network_says(
    frames: int, network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    sample = make_sample(1, frames=frames)
    kept = mapped(tmp_path, network, config, sample)
    ours, theirs = (video_candidates(network, one, config) for one in (kept, sample))
    np.testing.assert_array_equal(ours.kinds, theirs.kinds)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=2e-3)
    np.testing.assert_allclose(ours.starts, theirs.starts, atol=0.05)
    np.testing.assert_allclose(ours.stops, theirs.stops, atol=0.05)
    assert len(locate(kept.features(network), network)) == 5


def test_validation_on_maps_gives_the_scores_of_the_whole_network(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    samples = [make_sample(seed, frames=160) for seed in range(2)]
    kept = [mapped(tmp_path, network, config, sample) for sample in samples]
    assert validate(network, kept, config) == validate(network, samples, config)


def test_maps_are_made_once_for_a_backbone_and_its_videos(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    sample = make_sample(0, frames=100)
    first = mapped(tmp_path, network, config, sample)
    torch.manual_seed(9)
    for module in (network.neck, network.head):
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter)
    again = MapStore(tmp_path, network, config).sample(sample.name, sample.name, unwanted, sample.expressions)
    assert again.maps.path == first.maps.path
    with torch.no_grad():
        network.flow.Conv3d_2b_1x1.conv3d.weight.add_(1e-3)  # type: ignore[union-attr,operator]
    other = mapped(tmp_path, network, config, sample)
    assert other.maps.path != first.maps.path
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_file_of_maps_is_made_again(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    sample = make_sample(0, frames=100)
    path = mapped(tmp_path, network, config, sample).maps.path
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    mapped(tmp_path, network, config, sample)
    assert path.read_bytes() == whole


def test_the_digest_follows_weights_and_how_they_are_applied(network: Network, config: Config) -> None:
    digest = backbone_digest(network, config)
    assert backbone_digest(network, config.override(["training.epochs=9", "network.neck=fpn"])) == digest
    assert backbone_digest(network, config.override(["backbone.flow_clip_px=9"])) != digest


def test_a_window_of_maps_has_the_rows_and_targets_of_its_place(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    kept = mapped(tmp_path, network, config, make_sample(0, frames=200))
    windows = MapWindows([kept], config, network)
    whole = kept.maps.read(0, 200, network.grids()[:3])
    assert [len(level) for level in whole] == [50, 25, 13]
    positives = 0
    for index in range(12):
        window = windows.cut(0, index)
        again = windows.cut(0, index)
        (start,) = [row for row in range(37) if np.array_equal(whole[0][row : row + 16], window.maps[0])]
        assert start % 4 == 0
        for level, rows, same, scale in zip(whole, window.maps, again.maps, (1, 2, 4), strict=True):
            np.testing.assert_array_equal(rows, level[start // scale : start // scale + 16 // scale])
            np.testing.assert_array_equal(rows, same)
        finest, frames = window.targets[0], kept.intervals - 4 * start
        for row in np.flatnonzero(finest.classes > 0):
            positives += 1
            begin, end = 4 * row + 1.5 - finest.distances[row, 0], 4 * row + 1.5 + finest.distances[row, 1]
            assert any(np.allclose((begin, end), frame.clip(0, 64)) for frame in frames)
    assert positives > 10


def test_a_video_shorter_than_the_window_is_continued_by_zeros(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    kept = mapped(tmp_path, network, config, make_sample(0, frames=40))
    window = MapWindows([kept], config, network).cut(0, 0)
    assert [len(level) for level in window.maps] == [16, 8, 4]
    assert [bool(level[rows:].any()) for level, rows in zip(window.maps, (10, 5, 3), strict=True)] == [False] * 3
    assert all(level[:2].any() for level in window.maps)


def test_a_batch_of_maps_runs_as_attention_over_the_backbone(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    kept = mapped(tmp_path, network, config, make_sample(0, frames=200))
    windows = MapWindows([kept], config, network)
    batch = windows.collate([windows.cut(0, index) for index in range(2)], torch.device("cpu"))
    assert isinstance(batch, MapBatch)
    with torch.inference_mode():
        outputs = windows.run(network, batch)
    assert [tuple(level.shape) for level in outputs.logits] == [(2, 3, rows) for rows in (16, 8, 4, 2, 1)]
    assert [tuple(level.shape) for level in batch.classes] == [(2, rows) for rows in (16, 8, 4, 2, 1)]
    assert not any(parameter.requires_grad for parameter in network.flow.parameters())  # type: ignore[union-attr]


def test_maps_of_another_backbone_are_refused(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    kept = mapped(tmp_path, network, config, make_sample(0, frames=100))
    with pytest.raises(CheckpointError, match="holds maps of another backbone"):
        MapWindows([kept], config, Network(config))


def test_maps_that_cannot_be_written_are_one_sentence(
    network: Network, config: Config, make_sample: MakeSample, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="the maps cannot be written"):
        mapped(tmp_path / "file" / "cache", network, config, make_sample(0, frames=64))


def test_both_streams_and_every_stem_stride_have_maps(make_sample: MakeSample, config: Config, tmp_path: Path) -> None:
    both = config.override(["backbone.streams=both", "backbone.stem_stride=1"])
    network = Network(both).eval()
    sample = make_sample(0, frames=90, pictures=True)
    kept = mapped(tmp_path, network, both, sample)
    ours, theirs = (video_candidates(network, one, both) for one in (kept, sample))
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=2e-3)
    assert kept.streams.rgb is None
    assert kept.streams.flow.shape == (90, 2, 1, 1)
    for name in ("frames", "times_s", "present", "motion"):
        np.testing.assert_array_equal(getattr(kept.streams, name), getattr(sample.streams, name))
