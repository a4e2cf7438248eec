"""A training run on disk: everything that is needed to go on at the next step, in one file without pickle."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mespot.core.errors import CheckpointError

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
    config : str
        Digest of what must not change between the parts of a run.
    """

    step: int = 0
    best: float = -1.0
    config: str = ""


def save_state(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, state: RunState) -> None:
    """Write network, optimizer and progress; a reader sees the old file or the new one, never a half."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, tensor in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = tensor
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    part = path.with_suffix(".part")
    save_file(tensors, str(part), metadata={"state": json.dumps(asdict(state))})
    os.replace(part, path)  # noqa: PTH105 - atomic on every platform


def load_state(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, config: str) -> RunState:
    """Restore network and optimizer in place and return the progress.

    Raises
    ------
    CheckpointError
        The file cannot be read, or belongs to a run with another configuration.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            state = RunState(**json.loads((file.metadata() or {})["state"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: is no training state ({error}); begin the run again.") from error
    if state.config != config:
        raise CheckpointError(
            f"{path}: belongs to a run with another configuration; give the same one, or another folder."
        )
    network.load_state_dict(_below(tensors, "network."))
    kinds = {name.split(".")[1] for name in tensors if name.startswith("optimizer.")}
    moments = {kind: _below(tensors, f"optimizer.{kind}.") for kind in kinds}
    for name, parameter in network.named_parameters():
        optimizer.state[parameter] = {
            # Adam keeps its step count on the CPU.
            kind: values[name] if kind == "step" else values[name].to(parameter.device)
            for kind, values in moments.items()
            if name in values
        }
    return state


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
