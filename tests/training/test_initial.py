from pathlib import Path

import pytest
import torch

from mespot.config import Config, TrainingConfig
from mespot.core.errors import CheckpointError, ConfigError
from mespot.model.checkpoint import save_checkpoint
from mespot.model.network import Network
from mespot.training.initial import own_config, starting_network

FROZEN = "training.mode=frozen_backbone"


@pytest.fixture
def network(config: Config) -> Network:
    torch.manual_seed(3)
    return Network(config)


@pytest.fixture
def file(network: Network, config: Config, tmp_path: Path) -> Path:
    path = tmp_path / "initial.safetensors"
    save_checkpoint(path, network, config, facts={})
    return path


def test_a_checkpoint_of_the_same_network_is_taken_whole(network: Network, file: Path, config: Config) -> None:
    for settings in (config, config.override([FROZEN])):
        found = starting_network(file, settings)
        assert found is not None
        for name, value in network.named_parameters():
            assert torch.equal(dict(found.named_parameters())[name], value)


def test_with_a_frozen_backbone_another_neck_begins_at_random(network: Network, file: Path, config: Config) -> None:
    other = config.override([FROZEN, "network.neck=fpn"])
    found = starting_network(file, other)
    assert found is not None
    assert found.flow is not None
    assert network.flow is not None
    for name, value in network.flow.state_dict().items():
        assert torch.equal(found.flow.state_dict()[name], value)
    with pytest.raises(CheckpointError, match="its network is another one"):
        starting_network(file, config.override(["network.neck=fpn"]))


def test_another_backbone_is_refused(file: Path, config: Config) -> None:
    for change in ("backbone.width=0.25", "backbone.flow_clip_px=3"):
        with pytest.raises(CheckpointError, match="its backbone is another one"):
            starting_network(file, config.override([FROZEN, change]))


def test_without_weights_nothing_can_be_frozen(config: Config) -> None:
    assert starting_network(None, config) is None
    with pytest.raises(ConfigError, match="needs the weights of a backbone"):
        starting_network(None, config.override([FROZEN]))


def test_the_own_configuration_is_that_of_the_network_with_the_default_training(file: Path, config: Config) -> None:
    found = own_config(file)
    assert (found.backbone, found.network, found.training) == (config.backbone, config.network, TrainingConfig())
