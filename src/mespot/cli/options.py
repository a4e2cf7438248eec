"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from mespot.config import Config

Device = Literal["auto", "cpu", "cuda"]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs; auto takes CUDA where there is one.")]
WeightsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A checkpoint (.safetensors); the shipped weights otherwise.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Values over the default configuration.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One value over the configuration; may be repeated."),
]
ResumeOption = Annotated[bool, typer.Option(help="Continue the run that is in --out.")]
VaryOption = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="How far every person's muscles pull otherwise than the table's, at most; not for test."
    ),
]
CacheOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where crops and flow are kept, so that they are computed once.")
]


def configured(file: Path | None, assignments: Sequence[str] | None) -> Callable[[Config], Config]:
    """Return the function that puts a TOML file and then ``--set`` values over a configuration."""

    def configure(config: Config) -> Config:
        if file is not None:
            config = config.overlay(file)
        return config.override(assignments or ())

    return configure


def check_device(device: Device) -> None:
    """Reject ``cuda`` on a machine without it.

    Raises
    ------
    typer.BadParameter
        There is no CUDA device.
    """
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise typer.BadParameter("no CUDA device can be used here; use --device auto or --device cpu.")
