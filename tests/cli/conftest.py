"""A network for the command line: tiny, of random weights, and quick; what it finds has no meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mespot.config import Config
from mespot.model.checkpoint import save_checkpoint
from mespot.model.network import Network

SMALL = (
    "backbone.width=0.125", "backbone.input_px=64", "align.crop_px=64", "flow.scales=2", "flow.warps=1",
    "flow.outer_iterations=1", "flow.inner_iterations=5", "flow.median_px=1", "network.channels=16",
    "network.hidden=16",
)  # fmt: skip


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that reports expressions at any threshold of zero."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    config = Config().override(SMALL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_checkpoint(path, Network(config), config, facts={"data": "none: random weights for tests"})
    return path
