"""Checkpoints: exact return, and one sentence for whatever is wrong with a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import mespot
from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.model.checkpoint import (
    HEADER_KEY,
    LARGEST_HEADER_BYTES,
    load_checkpoint,
    save_checkpoint,
    stored_state,
)
from mespot.model.network import Network

CONFIG = Config().override(
    [
        "backbone.width=0.125",
        "backbone.input_px=32",
        "network.channels=16",
        "network.hidden=16",
        "backbone.streams=flow",
    ]
)
FACTS = {"trained_on": "simulated videos", "held_out": None, "scores": {"f1_me": 0.25}}


def _network() -> Network:
    torch.manual_seed(0)
    network = Network(CONFIG)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
    return network


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, _network(), CONFIG, facts=FACTS)
    return path


def test_a_loaded_network_stays_as_it_is_when_its_file_is_overwritten(saved: Path) -> None:
    network = load_checkpoint(saved).network
    before = {name: value.clone() for name, value in stored_state(network).items()}
    with saved.open("r+b") as file:
        file.write(b"\xff" * saved.stat().st_size)
    assert all(torch.equal(value, before[name]) for name, value in stored_state(network).items())


def _rewrite(
    path: Path,
    tensors: Mapping[str, Tensor | None] = MappingProxyType({}),
    *,
    header: Callable[[dict[str, Any]], Any] | None = None,
) -> None:
    """Change the header and tensors of a checkpoint; None takes a tensor out."""
    with safe_open(path, framework="pt") as file:
        values = json.loads(file.metadata()[HEADER_KEY])
    state = {**load_file(path), **tensors}
    if header:
        header(values)
    save_file({k: v for k, v in state.items() if v is not None}, path, metadata={HEADER_KEY: json.dumps(values)})


def test_a_checkpoint_comes_back_exactly(saved: Path) -> None:
    checkpoint, network = load_checkpoint(saved), _network()
    assert checkpoint.config == CONFIG
    assert checkpoint.facts == FACTS
    assert not checkpoint.network.training
    for (name, mine), (other_name, other) in zip(
        network.state_dict().items(), checkpoint.network.state_dict().items(), strict=True
    ):
        assert name == other_name
        assert torch.equal(mine, other), name


def test_a_loaded_network_gives_the_same_and_can_be_trained_on(saved: Path) -> None:
    flow = torch.rand(2, 2, 32, 32, 32)
    loaded, network = load_checkpoint(saved).network, _network().eval()
    with torch.no_grad():
        assert torch.equal(loaded(None, flow).logits[0], network(None, flow).logits[0])
    loaded.train()
    logits = loaded.locate([torch.rand(2, 16, rows) for rows in (8, 4, 2)]).logits
    torch.autograd.backward(logits[0].sum())
    assert loaded.head.classify.weight.grad is not None


def test_saving_again_gives_the_same_bytes_and_digest(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    checkpoint = load_checkpoint(saved)
    save_checkpoint(again, checkpoint.network, checkpoint.config, facts=checkpoint.facts)
    assert again.read_bytes() == saved.read_bytes()
    assert load_checkpoint(again).digest == checkpoint.digest


def test_the_digest_tells_weights_apart(saved: Path) -> None:
    before = load_checkpoint(saved).digest
    _rewrite(saved, {"head.scales": torch.full((5,), 2.0)})
    assert load_checkpoint(saved).digest != before


def test_the_code_version_is_written(saved: Path) -> None:
    with safe_open(saved, framework="pt") as file:
        assert json.loads(file.metadata()[HEADER_KEY])["version"] == mespot.__version__


def test_half_the_size_keeps_three_digits_and_the_statistics(saved: Path, tmp_path: Path) -> None:
    small, network = tmp_path / "half.safetensors", _network()
    save_checkpoint(small, network, CONFIG, facts={}, half=True)
    assert small.stat().st_size < 0.65 * saved.stat().st_size
    loaded = stored_state(load_checkpoint(small).network)
    for name, tensor in stored_state(network).items():
        assert loaded[name].dtype == torch.float32
        exact = name.endswith(("running_mean", "running_var"))
        torch.testing.assert_close(loaded[name], tensor, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6)


def test_half_does_not_overflow(tmp_path: Path) -> None:
    path, network = tmp_path / "half.safetensors", _network()
    with torch.no_grad():
        network.head.scales.fill_(1e6)
    save_checkpoint(path, network, CONFIG, facts={}, half=True)
    assert torch.equal(load_checkpoint(path).network.head.scales, torch.full((5,), 1e6))


def test_a_write_that_fails_leaves_the_former_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full_disk(_tensors: object, path: Path, metadata: object) -> None:  # noqa: ARG001 - the signature of save_file
        path.write_bytes(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr("mespot.model.checkpoint.save_file", full_disk)
    with pytest.raises(CheckpointError, match="no space left"):
        save_checkpoint(saved, _network(), CONFIG, facts={})
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "none" / "x.safetensors", _network(), CONFIG, facts={})


# --- what is wrong with a file ---


def _refused(path: Path, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert text.endswith(".")


def test_a_missing_file(tmp_path: Path) -> None:
    _refused(tmp_path / "none.safetensors", "there is no such file")


def test_a_folder(tmp_path: Path) -> None:
    _refused(tmp_path, "cannot be read")


@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"not weights at all", b"PK\x03\x04" * 40])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    _refused(path, "is not a (whole )?safetensors file")


def test_a_header_of_absurd_size(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes((LARGEST_HEADER_BYTES + 1).to_bytes(8, "little") + b"{}")
    _refused(path, "no valid header")


def test_a_truncated_file(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])
    _refused(saved, "is not a whole safetensors file")


@pytest.mark.parametrize("metadata", [{}, {HEADER_KEY: "{"}, {HEADER_KEY: "[1]"}, {HEADER_KEY: "{}"}])
def test_weights_of_another_program(tmp_path: Path, metadata: dict[str, str]) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata=metadata)
    _refused(path, "is not a mespot checkpoint")


def test_another_format(saved: Path) -> None:
    _rewrite(saved, header=lambda header: header.update(format=99))
    _refused(saved, "has checkpoint format 99, and this version reads 1")


@pytest.mark.parametrize("key", ["config", "facts"])
def test_a_header_without_its_parts(saved: Path, key: str) -> None:
    _rewrite(saved, header=lambda header: header.pop(key))
    _refused(saved, "has a damaged header")


def test_an_unknown_configuration_key(saved: Path) -> None:
    _rewrite(saved, header=lambda header: header["config"]["network"].update(heads=3))
    _refused(saved, "unknown key 'network.heads'")


def test_features_of_another_version(saved: Path) -> None:
    _rewrite(saved, header=lambda header: header.update(features="0" * 16))
    _refused(saved, "features that this version makes differently")


def test_a_missing_tensor(saved: Path) -> None:
    _rewrite(saved, {"head.scales": None})
    _refused(saved, "the tensor 'head.scales' is missing")


def test_an_unknown_tensor(saved: Path) -> None:
    _rewrite(saved, {"extra": torch.zeros(1)})
    _refused(saved, "the tensor 'extra' is unknown")


def test_a_tensor_of_another_shape(saved: Path) -> None:
    _rewrite(saved, {"head.scales": torch.zeros(6)})
    _refused(saved, r"the tensor 'head.scales' is \(6,\) and not \(5,\)")


def test_a_tensor_of_whole_numbers(saved: Path) -> None:
    _rewrite(saved, {"head.scales": torch.zeros(5, dtype=torch.int64)})
    _refused(saved, "holds torch.int64 and no floats")


def test_a_configuration_larger_than_its_weights_costs_no_memory(saved: Path) -> None:
    _rewrite(saved, header=lambda header: header["config"]["network"].update(channels=10**6, hidden=10**6))
    _refused(saved, "is missing|and not")  # 10^12 weights a layer: built, this would not fit anywhere


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), header_only=st.booleans())
def test_a_damaged_byte_gives_weights_or_one_sentence(saved: Path, place: float, byte: int, header_only: bool) -> None:
    content = bytearray(saved.read_bytes())
    span = 8 + int.from_bytes(content[:8], "little") if header_only else len(content)
    content[int(place * span)] = byte
    damaged = saved.with_name("damaged.safetensors")
    damaged.write_bytes(content)
    try:
        digest = load_checkpoint(damaged).digest
    except CheckpointError as error:
        sentence = str(error)
        digest = ""
    assert digest or sentence.startswith(str(damaged))


# --- features ---


def test_the_same_features_fit(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    checkpoint.check_features(CONFIG.override(["spotting.threshold_me=0.9", "decode.chunk_frames=7"]))


def test_other_features_are_refused_with_the_trained_values(saved: Path) -> None:
    other = CONFIG.override(["flow.step=2", "backbone.input_px=64"])
    with pytest.raises(CheckpointError, match=r"flow.step = 1 and backbone.input_px = 32"):
        load_checkpoint(saved).check_features(other)
