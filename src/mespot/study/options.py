"""What a study varies: where the network begins and which of its parts it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from mespot.config import Config
from mespot.core.errors import ConfigError
from mespot.model.checkpoint import file_digest
from mespot.model.network import Network
from mespot.training.initial import own_config, starting_network

Mode = Literal["frozen_backbone", "end_to_end"]
Initialise = Literal["default", "kinetics", "scratch"]
Loss = Literal["focal", "cross_entropy"]
QUICK = (
    "training.epochs=3",
    "training.windows_per_epoch=128",
    "training.batch=8",
    "training.window_frames=128",
    "training.learning_rate=5e-4",
)
"""A study of a size for tests and first looks; the paper's is that of `mespot.config.TrainingConfig`."""

OWN = {"training.mode": "--mode", "training.seed": "--seed"}
"""Values of the configuration that an option of the study always decides."""


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What the command line chooses beside the configuration; None leaves what the initial weights have.

    Parameters
    ----------
    mode : str
        ``frozen_backbone`` or ``end_to_end`` (method.md 8).
    initialise : str
        ``default``: the weights that ship with mespot; ``kinetics``: I3D weights that ``mespot models import-i3d``
        wrote; ``scratch``: random ones, at the size of the shipped weights.
    weights : Path, optional
        The file of ``kinetics``; or, with ``default``, another checkpoint than the shipped one.
    streams, neck, loss : str, optional
        As in the paper's ablations.
    attention : bool, optional
        Learned spatial attention, or the plain mean.
    seed : int
        Of everything drawn at random.
    quick : bool
        Train at the size `QUICK`.
    """

    mode: Mode = "frozen_backbone"
    initialise: Initialise = "default"
    weights: Path | None = None
    streams: Literal["both", "rgb", "flow"] | None = None
    neck: Literal["bifpn", "panet", "fpn", "none"] | None = None
    attention: bool | None = None
    loss: Loss = "focal"
    seed: int = 0
    quick: bool = False

    def __post_init__(self) -> None:
        if self.initialise == "kinetics" and self.weights is None:
            raise ConfigError("--initialise kinetics: needs the file that 'mespot models import-i3d' wrote; --weights.")
        if self.initialise == "scratch" and self.weights is not None:
            raise ConfigError("--weights: is not for --initialise scratch, which begins at random; leave it out.")

    def assignments(self) -> list[str]:
        """Return the values over the configuration."""
        values = list(QUICK) if self.quick else []
        values += [f"training.mode={self.mode}", f"training.seed={self.seed}"]
        if self.streams is not None:
            values.append(f"backbone.streams={self.streams}")
        if self.neck is not None:
            values.append(f"network.neck={self.neck}")
        if self.attention is not None:
            values.append(f"network.attention={str(self.attention).lower()}")
        if self.loss == "cross_entropy":
            values.append("training.focal_gamma=0")
        return values

    def to_json(self, config: Config) -> dict[str, Any]:
        """Return what the study was run with, as JSON values; what was left open is told by the configuration."""
        return {
            "mode": self.mode,
            "initialise": self.initialise,
            "initial_weights": self.initial_digest(),
            "streams": config.backbone.streams,
            "neck": config.network.neck,
            "attention": config.network.attention,
            "loss": self.loss,
            "seed": self.seed,
        }

    def initial_digest(self) -> str | None:
        """Return a digest of the weights' file; None for random ones."""
        if self.initialise == "scratch":
            return None
        with self._file() as path:
            return file_digest(path)[:16]

    def config(self, overlay: Path | None = None, assignments: Sequence[str] = ()) -> Config:
        """Return the resolved configuration: that of the initial weights, then a file, then values, then these options.

        Raises
        ------
        ConfigError, CheckpointError
            A value, the file or the weights are not as they should be.
        """
        for one in assignments:
            if (key := one.partition("=")[0].strip()) in OWN:
                raise ConfigError(f"--set {one}: a study takes this value from {OWN[key]}; use that option.")
        with self._file() as path:
            config = own_config(path)
        if self.quick:
            config = config.override(QUICK)
        if overlay is not None:
            config = config.overlay(overlay)
        config = config.override([*assignments, *(one for one in self.assignments() if one not in QUICK)])
        self._check_streams(config)
        return config

    def _check_streams(self, config: Config) -> None:
        if self.initialise != "default":
            return
        with self._file() as path:
            theirs = own_config(path).backbone.streams
        if theirs not in ("both", config.backbone.streams):
            raise ConfigError(
                f"--streams {config.backbone.streams}: the initial weights have the stream '{theirs}' alone; use "
                f"--streams {theirs}, or --initialise kinetics or scratch."
            )

    def network(self, config: Config) -> Network | None:
        """Return the network that every fold begins with; None begins at random with ``config.training.seed``.

        The backbone alone must fit: another neck, attention or head begins at random.
        """
        if self.initialise == "scratch":
            if self.mode == "end_to_end":
                return None
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                return Network(config)
        training = config.training.model_copy(update={"mode": "frozen_backbone"})
        with self._file() as path:
            return starting_network(path, config.model_copy(update={"training": training}))

    @contextmanager
    def _file(self) -> Iterator[Path]:
        """Yield the file of the initial weights; of random ones that whose size they have."""
        if self.weights is not None:
            yield self.weights
            return
        with resources.as_file(resources.files("mespot.assets") / "default.safetensors") as path:
            yield path


def study_options(**chosen: Any) -> StudyOptions:
    """Return options of which some came as text.

    Raises
    ------
    ConfigError
        A value is none of those that there are.
    """
    allowed: dict[str, tuple[str, ...]] = {
        "mode": get_args(Mode),
        "initialise": get_args(Initialise),
        "streams": ("both", "rgb", "flow"),
        "neck": ("bifpn", "panet", "fpn", "none"),
        "loss": get_args(Loss),
    }
    for name, values in allowed.items():
        if chosen.get(name) is not None and chosen[name] not in values:
            raise ConfigError(f"--{name} {chosen[name]}: choose one of {', '.join(values)}.")
    return StudyOptions(**chosen)
