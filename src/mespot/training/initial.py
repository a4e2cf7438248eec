"""The weights that a training begins with."""

from __future__ import annotations

from pathlib import Path

import torch

from mespot.config import Config, TrainingConfig
from mespot.core.errors import CheckpointError, ConfigError
from mespot.model.checkpoint import load_checkpoint, open_weights
from mespot.model.kinetics import HEADER_KEY as PUBLISHED
from mespot.model.kinetics import load_backbone
from mespot.model.network import Network


def starting_network(path: Path | None, config: Config) -> Network | None:
    """Return the network to begin with; None begins at random.

    Parameters
    ----------
    path : Path, optional
        A checkpoint, or I3D weights that ``mespot models import-i3d`` wrote, of which the backbone is taken and the
        rest is random. With a frozen backbone the backbone alone must fit: another neck or head begins at random.
    config : Config
        The network that is wanted, and how it is trained.

    Raises
    ------
    ConfigError
        The backbone is to be frozen and there are no weights for it.
    CheckpointError
        The file cannot be read, or its network is another one than that of ``config``.
    """
    frozen = config.training.mode == "frozen_backbone"
    if path is None:
        if frozen:
            raise ConfigError("training.mode = frozen_backbone: needs the weights of a backbone; give --initial FILE.")
        return None
    if _published(path):
        network = _random(config)
        load_backbone(network, path)
        return network
    checkpoint = load_checkpoint(path)
    theirs, ours = (one.feature_sections()["backbone"] for one in (checkpoint.config, config))
    same = checkpoint.config.network == config.network
    if theirs != ours or not (same or frozen):
        part = "backbone" if theirs != ours else "network"
        raise CheckpointError(
            f"{path}: its {part} is another one than that of the configuration; give the configuration of these "
            "weights, or start without them."
        )
    if same:
        return checkpoint.network
    return with_backbone_of(checkpoint.network, config)


def with_backbone_of(given: Network, config: Config) -> Network:
    """Return the network of ``config`` with the streams of ``given``, which fit; the rest is random."""
    network = _random(config)
    for stream in ("rgb", "flow"):
        if (backbone := getattr(given, stream)) is not None:
            getattr(network, stream).load_state_dict(backbone.state_dict())
    return network


def own_config(path: Path) -> Config:
    """Return the configuration of the network in a checkpoint, trained as by default; the default for imported I3D.

    Raises
    ------
    CheckpointError
        The file cannot be read.
    """
    if _published(path):
        return Config()
    return load_checkpoint(path).config.model_copy(update={"training": TrainingConfig()})


def _published(path: Path) -> bool:
    with open_weights(path) as (metadata, _):
        return PUBLISHED in metadata


def _random(config: Config) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        return Network(config)
