"""The published weights: files with random numbers, and the published names, shapes and layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.model.checkpoint import file_digest
from mespot.model.i3d import I3D
from mespot.model.kinetics import HEADER_KEY, import_i3d, load_backbone
from mespot.model.network import Network

UNITS = {
    "Conv3d_1a_7x7": (64, None, 7),
    "Conv3d_2b_1x1": (64, 64, 1),
    "Conv3d_2c_3x3": (192, 64, 3),
}
BLOCKS = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Written out again, not taken from the code under test."""


def _published(in_channels: int) -> dict[str, Tensor]:
    """Return random tensors under the published names, with the 400-class layer."""
    torch.manual_seed(in_channels)
    state: dict[str, Tensor] = {}

    def unit(name: str, out: int, channels: int, kernel: int) -> None:
        state[f"{name}.conv3d.weight"] = torch.randn(out, channels, kernel, kernel, kernel) * 0.02
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.bn.{part}"] = torch.rand(out) + 0.5

    for name, (out, channels, kernel) in UNITS.items():
        unit(name, out, channels or in_channels, kernel)
    for name, (channels, (b0, b1a, b1b, b2a, b2b, b3b)) in BLOCKS.items():
        unit(f"{name}.b0", b0, channels, 1)
        unit(f"{name}.b1a", b1a, channels, 1)
        unit(f"{name}.b1b", b1b, b1a, 3)
        unit(f"{name}.b2a", b2a, channels, 1)
        unit(f"{name}.b2b", b2b, b2a, 3)
        unit(f"{name}.b3b", b3b, channels, 1)
    state["logits.conv3d.weight"] = torch.randn(400, 1024, 1, 1, 1)
    state["logits.conv3d.bias"] = torch.randn(400)
    return state


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, Tensor]]:
    return {"rgb": _published(3), "flow": _published(2)}


@pytest.fixture(scope="module")
def files(states: dict[str, dict[str, Tensor]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("published")
    paths = folder / "rgb_imagenet.pt", folder / "flow_imagenet.pt"
    for path, state in zip(paths, states.values(), strict=True):
        # the published files are older than the zip layout
        torch.save(state, path, _use_new_zipfile_serialization=False)
    return paths


@pytest.fixture(scope="module")
def converted(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return import_i3d(*files, tmp_path_factory.mktemp("converted") / "i3d.safetensors")


def test_every_number_arrives(converted: Path, states: dict[str, dict[str, Tensor]]) -> None:
    tensors = load_file(converted)
    expected = {
        f"{stream}.{name}": tensor
        for stream, state in states.items()
        for name, tensor in state.items()
        if not name.startswith("logits.")
    }
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())


def test_the_sources_are_recorded(converted: Path, files: tuple[Path, Path]) -> None:
    with safe_open(converted, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER_KEY])
    assert header["sources"]["rgb"] == {"file": "rgb_imagenet.pt", "sha256": file_digest(files[0])}


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_a_network_takes_the_streams_that_it_has(
    converted: Path, states: dict[str, dict[str, Tensor]], stem_stride: int
) -> None:
    network = Network(Config().override(["backbone.streams=flow", f"backbone.stem_stride={stem_stride}"]))
    load_backbone(network, converted)
    assert isinstance(network.flow, I3D)
    loaded = network.flow.state_dict()
    assert all(torch.equal(loaded[name], t) for name, t in states["flow"].items() if not name.startswith("logits."))


def test_another_width_is_refused(converted: Path) -> None:
    with pytest.raises(CheckpointError, match=r"set backbone\.width to 1"):
        load_backbone(Network(Config().override(["backbone.width=0.25"])), converted)


def test_other_weights_are_no_backbone(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="holds no I3D weights"):
        load_backbone(Network(Config().override(["backbone.width=0.125"])), path)


def test_batch_counters_of_newer_files_are_left_out(
    files: tuple[Path, Path], states: dict[str, dict[str, Tensor]], tmp_path: Path
) -> None:
    newer = tmp_path / "rgb_imagenet.pt"
    torch.save(states["rgb"] | {"Mixed_3b.b0.bn.num_batches_tracked": torch.tensor(7)}, newer)
    out = import_i3d(newer, files[1], tmp_path / "i3d.safetensors")
    assert not any(name.endswith("num_batches_tracked") for name in load_file(out))


# --- what is wrong with a file ---


def _refused(rgb: Path, flow: Path, sentence: str) -> None:
    out = rgb.parent / "out.safetensors"
    with pytest.raises(CheckpointError, match=sentence) as caught:
        import_i3d(rgb, flow, out)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not out.exists()


def test_swapped_files(files: tuple[Path, Path]) -> None:
    _refused(files[1], files[0], "holds the flow stream and not the rgb stream; swap")


def test_a_missing_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    _refused(tmp_path / "none.pt", files[1], "there is no such file")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 and so on", bytes(range(256))])
def test_other_files(files: tuple[Path, Path], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rgb.pt"
    path.write_bytes(content)
    _refused(path, files[1], "cannot be read as plain tensors")


def test_a_truncated_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "rgb.pt"
    path.write_bytes(files[0].read_bytes()[:100_000])
    _refused(path, files[1], "cannot be read as plain tensors")


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_nothing_in_a_file_is_executed(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rgb.pt"
    torch.save({"a": _Payload()}, path)
    _refused(path, files[1], "cannot be read as plain tensors")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}])
def test_a_file_without_tensors(files: tuple[Path, Path], tmp_path: Path, content: object) -> None:
    path = tmp_path / "rgb.pt"
    torch.save(content, path)
    _refused(path, files[1], "holds no table of tensors")


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("Mixed_4c.b2b.conv3d.weight", None, "'Mixed_4c.b2b.conv3d.weight' is missing"),
        ("Mixed_6a.b0.bn.bias", torch.zeros(8), "'Mixed_6a.b0.bn.bias' is unknown"),
        ("Mixed_4c.b2b.bn.bias", torch.zeros(8), r"'Mixed_4c.b2b.bn.bias' is \(8,\) and not \(64,\)"),
    ],
)
def test_names_and_shapes_are_checked(
    files: tuple[Path, Path],
    states: dict[str, dict[str, Tensor]],
    tmp_path: Path,
    name: str,
    tensor: Tensor | None,
    sentence: str,
) -> None:
    path = tmp_path / "rgb.pt"
    state = states["rgb"] | {name: tensor}
    torch.save({key: value for key, value in state.items() if value is not None}, path)
    _refused(path, files[1], sentence)
