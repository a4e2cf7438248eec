from pathlib import Path

import pytest
import torch

from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.model.checkpoint import load_checkpoint, save_checkpoint
from mespot.model.network import Network
from mespot.training.average import average_checkpoints
from mespot.training.validate import THRESHOLDS

SMALL = (
    "backbone.width=0.125", "backbone.input_px=32", "backbone.streams=flow", "flow.scales=2", "flow.warps=1",
    "network.channels=16", "network.hidden=16",
)  # fmt: skip


def checkpoint(path: Path, seed: int, *assignments: str) -> Path:
    config = Config().override([*SMALL, *assignments])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        save_checkpoint(path, Network(config), config, facts={"synthetic": False})
    return path


@pytest.fixture
def table(smile_clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "marks.csv"
    path.write_text(f"video,subject,onset,apex,offset,kind\n{smile_clip},a,16,22,71,MaE\n", encoding="utf-8")
    return path


def test_the_mean_has_the_mean_weights_and_thresholds_of_its_own(table: Path, tmp_path: Path) -> None:
    paths = [checkpoint(tmp_path / f"{seed}.safetensors", seed) for seed in (0, 1)]
    out = average_checkpoints(paths, table, out=tmp_path / "mean.safetensors", cache=tmp_path, on_line=lambda _: None)
    mean, *parts = (load_checkpoint(path) for path in (out, *paths))
    first, second = (part.network.state_dict() for part in parts)
    for name, tensor in mean.network.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (first[name] + second[name]) / 2, rtol=2e-3, atol=1e-6)
    assert mean.config.spotting.threshold_mae in THRESHOLDS
    assert mean.facts["mean_of"] == [part.digest for part in parts]


def test_one_checkpoint_has_no_mean(table: Path, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "one.safetensors", 0)
    with pytest.raises(CheckpointError, match="at least two"):
        average_checkpoints([path], table, out=tmp_path / "mean.safetensors", cache=tmp_path)


def test_different_networks_have_no_mean(table: Path, tmp_path: Path) -> None:
    paths = [checkpoint(tmp_path / "a.safetensors", 0), checkpoint(tmp_path / "b.safetensors", 0, "network.neck=fpn")]
    with pytest.raises(CheckpointError, match=r"a\.safetensors: its network is another"):
        average_checkpoints(paths, table, out=tmp_path / "mean.safetensors", cache=tmp_path)
