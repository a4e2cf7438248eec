"""A training run on disk: everything that is needed to go on at the next step, in one file without pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import CheckpointError
from mespot.training.maps import MappedSample
from mespot.training.sample import Sample
from mespot.vision.flow_library import FlowLibrary

STATE_FILE = "resume.safetensors"


@dataclass(slots=True)
class RunState:
    """How far a run has come.

    Parameters
    ----------
    step : int
        Updates done.
    best : float
        Best validation score so far; -1 before the first validation.
    best_epoch : int
        Its epoch; -1 before the first validation.
    config, data : str
        Digests of what must not change between the parts of a run: the configuration, and the videos with their
        annotations and the library of flows.
    """

    step: int = 0
    best: float = -1.0
    best_epoch: int = -1
    config: str = ""
    data: str = ""


def config_digest(config: Config) -> str:
    """Digest of what a resumed run may not change: all but how long it goes on.

    With a cosine the number of epochs decides the rate of every step, so that it may not change either.
    """
    epochs = config.training.epochs if config.training.cosine else 1
    ending = config.training.model_copy(update={"epochs": epochs, "patience": 0})
    return config.model_copy(update={"training": ending}).digest()


def data_digest(train: Sequence[Sample], validation: Sequence[Sample], library: FlowLibrary | None = None) -> str:
    """Digest of what a run learns from: names, lengths, annotations and kept maps of its videos in order; its library.

    Parameters
    ----------
    train, validation : sequence of Sample
        Videos.
    library : FlowLibrary, optional
        What is pasted into them.
    """
    videos = [[_described(sample) for sample in samples] for samples in (train, validation)]
    described = [*videos, *([] if library is None else [library.digest()])]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]


def _described(sample: Sample) -> list[object]:
    marks = [[one.interval.start, one.interval.stop, str(one.kind)] for one in sample.expressions]
    backbone = sample.maps.backbone if isinstance(sample, MappedSample) else ""
    return [sample.name, len(sample.streams), marks, backbone]


def save_state(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: RunState,
    mean: nn.Module | None = None,
) -> None:
    """Write network, optimizer, moving mean and progress; a reader sees the old file or the new one, never a half."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    if mean is not None:
        tensors |= {f"mean.{name}": tensor for name, tensor in mean.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, tensor in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = tensor
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole_file(path) as part:
        save_file(tensors, str(part), metadata={"state": json.dumps(asdict(state))})


def load_state(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    begun: RunState,
    mean: nn.Module | None = None,
) -> RunState:
    """Restore network, optimizer and moving mean in place and return the progress.

    Parameters
    ----------
    path : Path
        Of `save_state`.
    network, optimizer, mean
        As for `save_state`.
    begun : RunState
        Its digests are those of the run that goes on.

    Raises
    ------
    CheckpointError
        The file cannot be read, or belongs to a run with another configuration or on other videos, annotations or
        flows.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            state = RunState(**json.loads((file.metadata() or {})["state"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: is no training state ({error}); begin the run again.") from error
    if state.config != begun.config:
        raise CheckpointError(
            f"{path}: belongs to a run with another configuration; give the same one, or another folder."
        )
    if state.data != begun.data:
        raise CheckpointError(
            f"{path}: belongs to a run on other videos, annotations or flows; give the same tables and library, or "
            "another folder."
        )
    network.load_state_dict(_below(tensors, "network."))
    if mean is not None:
        mean.load_state_dict(_below(tensors, "mean."))
    _restore(optimizer, network, tensors)
    return state


def _restore(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    kinds = {name.split(".")[1] for name in tensors if name.startswith("optimizer.")}
    moments = {kind: _below(tensors, f"optimizer.{kind}.") for kind in kinds}
    for name, parameter in network.named_parameters():
        found = {
            # Adam keeps its step count on the CPU.
            kind: values[name] if kind == "step" else values[name].to(parameter.device)
            for kind, values in moments.items()
            if name in values
        }
        if found:  # a frozen weight has none
            optimizer.state[parameter] = found


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
