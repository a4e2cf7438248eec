"""Checkpoints: a network on disk that brings its configuration and its history along.

A checkpoint is a safetensors file whose metadata hold one JSON text under the key ``mespot``: format version, code
version, configuration sections, digest of the feature sections, and facts about the training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import CheckpointError, ConfigError
from mespot.core.version import VERSION
from mespot.model.i3d import shapes_only
from mespot.model.network import Network

FORMAT = 1
"""Version of the file layout; a reader refuses any other."""
HEADER_KEY = "mespot"
LARGEST_HEADER_BYTES = 4 * 2**20
"""Names, shapes and metadata of the largest network take a tenth of this."""
COUNTERS = "num_batches_tracked"
"""Batch norm counts batches only where it has no momentum: never here, so the counters are not stored."""

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A network with its origin.

    Parameters
    ----------
    network : Network
        In evaluation mode, float32, on the CPU.
    config : Config
        The configuration it was trained with.
    facts : dict
        What the training said about itself: data, held-out subject, scores, and the like.
    digest : str
        First 16 hexadecimal digits of the SHA-256 of the file.
    """

    network: Network
    config: Config
    facts: dict[str, Any]
    digest: str

    def check_features(self, config: Config) -> None:
        """Refuse a configuration under which the network would see other features than in its training.

        Raises
        ------
        CheckpointError
            A stage that decides what the network sees differs; the sentence names the first such keys.
        """
        if config.feature_digest() == self.config.feature_digest():
            return
        raise CheckpointError(
            f"weights {self.digest}: they were trained with {_differences(self.config, config)}; keep these values,"
            " or give weights that were trained with yours."
        )


def save_checkpoint(
    path: Path, network: Network, config: Config, *, facts: Mapping[str, Any], half: bool = False
) -> None:
    """Write ``network`` to ``path``; the file is whole or absent.

    Parameters
    ----------
    path : Path
        File to write, by custom ``*.safetensors``.
    network : Network
        On any device.
    config : Config
        The configuration it was built and trained with.
    facts : mapping
        JSON values: data, held-out subject, scores reached, ...
    half : bool
        Store weights as float16, for shipping; batch norm statistics stay float32.

    Raises
    ------
    CheckpointError
        The file cannot be written.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": config.model_dump(mode="json", by_alias=True),
        "features": config.feature_digest(),
        "facts": dict(facts),
    }
    tensors = {name: _stored(name, tensor, half) for name, tensor in stored_state(network).items()}
    write_weights(path, tensors, {HEADER_KEY: json.dumps(header, sort_keys=True)})


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and build its network.

    Raises
    ------
    CheckpointError
        The file is missing, is no safetensors file or no checkpoint of this format, or its tensors do not
        fit its configuration.
    """
    with open_weights(path) as (metadata, file):
        header = _header(path, metadata)
        config = _config(path, header)
        with shapes_only():
            network = Network(config)
        expected = {name: tuple(tensor.shape) for name, tensor in stored_state(network).items()}
        check_shapes(path, shapes(file), expected)
        tensors = {name: _float32(path, name, file.get_tensor(name)) for name in expected}
    for name in network.state_dict():
        tensors.setdefault(name, torch.zeros((), dtype=torch.int64))  # the counters
    network.load_state_dict(tensors, assign=True)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    return Checkpoint(network.eval(), config, header["facts"], file_digest(path)[:16])


def stored_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of ``module`` that a file holds, by name."""
    return {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(COUNTERS)}


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all.

    Raises
    ------
    CheckpointError
        The file cannot be written.
    """
    try:
        with whole_file(path) as part:
            save_file(dict(tensors), part, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error}); check the folder and the free space.") from error


@contextmanager
def open_weights(path: Path) -> Iterator[tuple[dict[str, str], Any]]:
    """Open a safetensors file and yield its metadata and its reader.

    Raises
    ------
    CheckpointError
        The file is missing, or is no whole safetensors file.
    """
    try:
        with path.open("rb") as stream:
            header_bytes = int.from_bytes(stream.read(8), "little")
        if header_bytes > LARGEST_HEADER_BYTES:
            raise CheckpointError(f"{path}: is not a safetensors file (no valid header); give another file.")
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file.metadata() or {}, file
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file; give the path of a weights file.") from error
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror or error}); check the path and its permissions."
        ) from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: is not a whole safetensors file ({error}); fetch it again.") from error


def shapes(file: Any) -> Shapes:
    """Return name and shape of every tensor of an open file, without reading the tensors."""
    return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping


def check_shapes(path: Path, found: Mapping[str, tuple[int, ...]], expected: Shapes) -> None:
    """Compare names and shapes.

    Raises
    ------
    CheckpointError
        A tensor is missing, unknown or of another shape; the sentence names the first.
    """
    remedy = "give weights that belong to this network."
    for name in sorted(expected.keys() - found.keys()):
        raise CheckpointError(f"{path}: the tensor '{name}' is missing; {remedy}")
    for name in sorted(found.keys() - expected.keys()):
        raise CheckpointError(f"{path}: the tensor '{name}' is unknown; {remedy}")
    for name, shape in expected.items():
        if found[name] != shape:
            raise CheckpointError(f"{path}: the tensor '{name}' is {found[name]} and not {shape}; {remedy}")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().to("cpu", torch.float32).contiguous()
    if not half or name.rpartition(".")[2].startswith("running_"):
        return tensor
    narrow = tensor.half()
    fits = bool(torch.isfinite(narrow).all())
    return narrow if fits else tensor  # beyond 65504 float16 would read back as infinite


def _float32(path: Path, name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        raise CheckpointError(
            f"{path}: the tensor '{name}' holds {tensor.dtype} and no floats; give a mespot checkpoint."
        )
    return tensor.to(torch.float32, copy=True)  # a view of the file would change with it, in the middle of a run


def _header(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        header = json.loads(metadata[HEADER_KEY])
        version = header["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: is not a mespot checkpoint (no header); give a file that mespot wrote."
        ) from error
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: has checkpoint format {version}, and this version reads {FORMAT}; use the mespot that wrote it."
        )
    if not isinstance(header.get("config"), dict) or not isinstance(header.get("facts"), dict):
        raise CheckpointError(f"{path}: has a damaged header (no configuration or facts); fetch the file again.")
    return dict(header)


def _config(path: Path, header: dict[str, Any]) -> Config:
    try:
        config = Config.parse(header["config"], source="its configuration")
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if header.get("features") != config.feature_digest():
        raise CheckpointError(
            f"{path}: belongs to features that this version makes differently; use the mespot that wrote it."
        )
    return config


def _differences(trained: Config, wanted: Config) -> str:
    """Name the keys of the feature sections that differ, with the trained values."""
    theirs, ours = trained.feature_sections(), wanted.feature_sections()
    return " and ".join(
        f"{section}.{key} = {value}"
        for section, values in theirs.items()
        for key, value in values.items()
        if ours[section][key] != value
    )
