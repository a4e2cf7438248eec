"""What runs the backbone over a video: PyTorch, the reference and the trainer, or OpenVINO, faster on a CPU.

Either way a video goes through in chunks, in order, and every frame once; the engines agree to 1e-4 of the largest
value in float32 (a test), and to about 1 % where a stream runs in bfloat16 (``backbone.bfloat16``).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mespot.config import BackboneConfig
from mespot.core.errors import ConfigError
from mespot.core.signals import Float32
from mespot.model.i3d import I3D, Past
from mespot.model.network import Network
from mespot.model.openvino_engine import Stream, load_openvino

Encode = Callable[[Float32 | None, Float32 | None, bool], list[tuple[Float32, Float32]]]
"""The next (T, 3, S, S) rgb and (T, 2, S, S) flow of a video, both in [-1, 1] or None where the network has no such
stream, and whether they are the last, to the next (L, C) vectors and (L, H, W) attention of each level."""


class Engine(Protocol):
    """Runs backbone and attention of one network."""

    name: str
    """With version and precision, for the record."""

    def begin(self) -> Encode:
        """Return what encodes one video, chunk by chunk."""


class TorchEngine:
    """The reference: the network's own modules, float32, on the device where they are."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._device = next(network.parameters()).device
        self.name = f"torch {torch.__version__} float32 on {self._device.type}"

    def begin(self) -> Encode:
        """Return what encodes one video, chunk by chunk."""
        pasts = (Past(), Past())

        def encode(rgb: Float32 | None, flow: Float32 | None, last: bool) -> list[tuple[Float32, Float32]]:
            for past in pasts:
                past.last = last
            with torch.inference_mode():
                maps = self._network.encode(self._batch(rgb), self._batch(flow), pasts)
                return pooled(self._network, maps)

        return encode

    def _batch(self, pictures: Float32 | None) -> Tensor | None:
        if pictures is None:
            return None
        return torch.from_numpy(pictures).transpose(0, 1)[None].to(self._device)


class OpenVinoEngine:
    """The backbone in OpenVINO on the CPU, attention in PyTorch; it is compiled here, for some tenths of a second.

    Raises
    ------
    ImportError
        OpenVINO is not installed.
    RuntimeError
        OpenVINO cannot run the network on this processor.
    """

    def __init__(self, network: Network, config: BackboneConfig) -> None:
        self._network = network
        narrow = {"none": (), "both": ("rgb", "flow")}.get(config.bfloat16, (config.bfloat16,))
        self._streams = {
            name: Stream(stream, config.input_px, bfloat16=name in narrow)
            for name, stream in (("rgb", network.rgb), ("flow", network.flow))
            if isinstance(stream, I3D)
        }
        for stream in self._streams.values():
            stream.compiled()
        precision = ", ".join(f"{name} {'bfloat16' if name in narrow else 'float32'}" for name in self._streams)
        self.name = f"openvino {load_openvino().__version__.split('-')[0]} {precision}"

    def begin(self) -> Encode:
        """Return what encodes one video, chunk by chunk."""
        passes = {name: stream.begin() for name, stream in self._streams.items()}

        def encode(rgb: Float32 | None, flow: Float32 | None, last: bool) -> list[tuple[Float32, Float32]]:
            levels = []
            for name, pictures in (("rgb", rgb), ("flow", flow)):
                if name in passes:
                    if pictures is None:
                        raise ValueError(f"this network has a stream '{name}' and got no input for it")
                    levels.append(passes[name](pictures.swapaxes(0, 1)[None], last))
            with torch.inference_mode():
                maps = [torch.cat([torch.from_numpy(part) for part in parts], 1) for parts in zip(*levels, strict=True)]
                return pooled(self._network, maps)

        return encode


def check_engine(config: BackboneConfig, device: str) -> None:
    """Say before anything is loaded whether the engine that is asked for can be had.

    Raises
    ------
    ConfigError
        OpenVINO is asked for and not installed, or the network is not to run on the CPU.
    """
    if config.engine == "openvino" and not _can_be_openvino(device):
        remedy = "install it with: pip install 'mespot[fast]'" if device == "cpu" else "give --device cpu"
        raise ConfigError(f"backbone.engine = openvino: it is not available here; {remedy}, or leave it at auto.")


def choose_engine(network: Network, config: BackboneConfig) -> Engine:
    """Return the engine that ``backbone.engine`` names, or with ``auto`` the fastest that runs here.

    Raises
    ------
    ConfigError
        OpenVINO is asked for and cannot be had, or does not run.
    """
    device = next(network.parameters()).device.type
    check_engine(config, device)
    if config.engine == "torch" or not _can_be_openvino(device):
        return TorchEngine(network)
    try:
        return OpenVinoEngine(network, config)
    except (ImportError, RuntimeError) as error:  # a broken installation, or a processor that it cannot use
        if config.engine == "openvino":
            raise ConfigError(f"backbone.engine = openvino: it does not run here ({error}); use torch.") from error
        return TorchEngine(network)


def _can_be_openvino(device: str) -> bool:
    return device == "cpu" and importlib.util.find_spec("openvino") is not None


def pooled(network: Network, maps: list[Tensor]) -> list[tuple[Float32, Float32]]:
    """Return (L, C) vectors and (L, H, W) attention of each level of one video's maps."""
    return [
        (np.ascontiguousarray(vectors[0].T.cpu().numpy()), attention[0].cpu().numpy())
        for vectors, attention in network.pool(maps)
    ]
