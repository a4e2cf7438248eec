"""Exported models: whole, keyed, and the same function as the network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.core.version import VERSION
from mespot.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mespot.model.exported import MANIFEST, export_backbone
from mespot.model.network import Network
from mespot.model.openvino_engine import compile_model


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    torch.manual_seed(0)
    config = Config().override(["backbone.width=0.125", "backbone.input_px=32", "network.channels=16"])
    save_checkpoint(tmp_path / "small.safetensors", Network(config).eval(), config, facts={})
    return load_checkpoint(tmp_path / "small.safetensors")


def test_an_exported_stream_runs_by_its_manifest(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = export_backbone(checkpoint, tmp_path / "models")
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["weights"] == checkpoint.digest
    assert [model["file"] for model in manifest["models"]] == ["rgb.xml", "flow.xml"]
    flow = torch.rand(1, 2, 96, 32, 32) * 2 - 1
    held = [
        np.zeros((1, one["channels"], one["rows_of_zeros_first"], one["side"], one["side"]), np.float32)
        for one in manifest["models"][1]["held"]
    ]
    model = compile_model(folder / "flow.xml", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = []
    for part, last in ((flow[:, :, :64], 0), (flow[:, :, 64:], 1)):
        results = model([part.numpy(), np.array([last]), *held])
        outputs = [np.asarray(results[index]) for index in range(3 + len(held))]
        rows.append(outputs[:3])
        held = outputs[3:]
    assert checkpoint.network.flow is not None
    with torch.no_grad():
        expected = checkpoint.network.flow(flow)
    for level, wanted in enumerate(expected):
        found = np.concatenate([part[level] for part in rows], axis=2)
        np.testing.assert_allclose(found, wanted.numpy(), rtol=0, atol=1e-4 * float(wanted.abs().max()))


def test_an_export_is_made_once(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = export_backbone(checkpoint, tmp_path)
    before = (folder / MANIFEST).stat().st_mtime_ns
    assert export_backbone(checkpoint, tmp_path) == folder
    assert (folder / MANIFEST).stat().st_mtime_ns == before
    assert folder.name.startswith(f"{checkpoint.digest}-mespot-{VERSION}-openvino-")


def test_a_folder_that_cannot_be_written_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        export_backbone(checkpoint, tmp_path / "file")
