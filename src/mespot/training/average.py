"""The mean of several checkpoints of one training: steadier than any of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mespot.core.errors import CheckpointError
from mespot.data.table import load_table
from mespot.model.checkpoint import load_checkpoint, save_checkpoint
from mespot.training.run import OnLine, samples, score_lines, simulated
from mespot.training.validate import validate


def average_checkpoints(
    paths: Sequence[Path],
    validation_table: Path,
    *,
    out: Path,
    cache: Path,
    first_frame: int = 0,
    on_line: OnLine = print,
) -> Path:
    """Write the mean of the weights, with thresholds chosen on validation videos.

    Parameters
    ----------
    paths : sequence of Path
        Checkpoints of one training (or of one that went on from the other): means of unrelated weights are useless.
    validation_table : Path
        Annotated videos on which the thresholds are chosen; videos lie relative to it.
    out : Path
        The checkpoint to write, weights as float16.
    cache : Path
        Folder where crops and flow of the videos are kept.
    first_frame : int
        Number of a video's first frame in the table.
    on_line : callable
        Receives one line of text now and then.

    Raises
    ------
    CheckpointError
        Less than two checkpoints, or their networks differ.
    """
    checkpoints = [load_checkpoint(path) for path in paths]
    if len(checkpoints) < 2:
        raise CheckpointError("a mean needs at least two checkpoints; name more.")
    last = checkpoints[-1]
    for path, checkpoint in zip(paths, checkpoints, strict=True):
        if (checkpoint.config.backbone, checkpoint.config.network) != (last.config.backbone, last.config.network):
            raise CheckpointError(f"{path}: its network is another one than that of {paths[-1]}; name one training's.")
    states = [checkpoint.network.state_dict() for checkpoint in checkpoints]
    last.network.load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
            for name, tensor in states[-1].items()
        }
    )
    dataset = load_table(validation_table, unit="frames", videos_root=validation_table.parent, first_frame=first_frame)
    found = validate(last.network, list(samples(dataset, last.config, cache, on_line)), last.config)
    for line in score_lines(found.scores, 0.5, simulated(validation_table)):
        on_line(line)
    kept = ("synthetic", "initial", "flows", "library", "train", "validation")
    facts: dict[str, Any] = {name: last.facts[name] for name in kept if name in last.facts}
    facts |= {
        "mean_of": [checkpoint.digest for checkpoint in checkpoints],
        "f1_mae": found.scores.mae.f1,
        "f1_me": found.scores.me.f1,
        "f1_all": found.scores.all.f1,
    }
    save_checkpoint(out, last.network, found.apply(last.config), facts=facts, half=True)
    return out
