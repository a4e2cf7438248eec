"""The maps of a frozen backbone: computed once for every video, kept on disk, and read row by row.

Maps are (L, H, W, C) float16 on disk, rows of a level one after the other: a window is a few contiguous reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import CheckpointError
from mespot.core.expression import Expression
from mespot.core.signals import Features, Float32, Grid, Level
from mespot.model.checkpoint import stored_state
from mespot.model.engine import pooled
from mespot.model.i3d import Past
from mespot.model.network import Network
from mespot.training.sample import Sample
from mespot.vision.features import encode_features
from mespot.vision.streams import Streams

MAPS_VERSION = 1
"""Raised whenever the same streams and backbone give other maps."""
LEVELS = ("P3", "P4", "P5")
LARGEST = 65504.0
"""Beyond it float16 is infinite."""
BLOCK_FRAMES = 1024
"""Sampled frames that are attended at a time in validation, a multiple of all strides; changes memory, not results."""


def backbone_digest(network: Network, config: Config) -> str:
    """Return a digest of the weights of both streams and of how they are applied; maps belong to one such digest."""
    digest = hashlib.sha256(json.dumps([MAPS_VERSION, config.feature_sections()["backbone"]]).encode())
    for stream in ("rgb", "flow"):
        backbone = getattr(network, stream)
        for name, tensor in stored_state(backbone).items() if backbone is not None else ():
            digest.update(f"{stream}.{name}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


class VideoMaps:
    """The maps P3 to P5 of one video, memory-mapped: only the rows that are asked for are read.

    Parameters
    ----------
    path : Path
        A file that `MapStore` wrote.

    Attributes
    ----------
    backbone : str
        `backbone_digest` of the weights that made them.
    streams : Streams
        Rows of the video without pictures: the flow is 1 x 1 px and zero.

    Raises
    ------
    OSError, SafetensorError, KeyError
        The file is missing or no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        reader: Any = safe_open  # has no types
        self._file = reader(str(path), framework="numpy").__enter__()
        self.backbone: str = self._file.metadata()["backbone"]
        rows = {name: self._file.get_tensor(name) for name in ("frames", "times_s", "present", "motion")}
        flow = np.broadcast_to(np.zeros((1, 2, 1, 1), np.float16), (len(rows["frames"]), 2, 1, 1))
        self.streams = Streams(rgb=None, flow=flow, **rows)
        self._levels = [self._file.get_slice(name) for name in LEVELS]

    def read(self, start: int, stop: int, grids: Sequence[Grid]) -> list[npt.NDArray[np.float16]]:
        """Return the (L, H, W, C) maps of the sampled frames from ``start``, a multiple of all strides, to ``stop``."""
        return [
            level[start // grid.stride : min(-(-stop // grid.stride), level.get_shape()[0])]
            for level, grid in zip(self._levels, grids, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class MappedSample(Sample):
    """A video to learn from of which the maps are kept; its streams have no pictures.

    Parameters
    ----------
    maps : VideoMaps
        Of the backbone that stays as it is.
    """

    maps: VideoMaps

    def features(self, network: Network) -> Features:
        """Return what the network attends to in the whole video, as from the streams, but for float16 rounding."""
        streams, grids = self.streams, network.grids()[: len(LEVELS)]
        device = next(network.parameters()).device
        parts = []
        with torch.inference_mode():
            for start in range(0, len(streams), BLOCK_FRAMES):
                maps = self.maps.read(start, min(start + BLOCK_FRAMES, len(streams)), grids)
                parts.append(pooled(network, [as_maps(level[None], device) for level in maps]))
        levels = tuple(
            Level(np.concatenate([part[0] for part in level]), np.concatenate([part[1] for part in level]), grid)
            for level, grid in zip(zip(*parts, strict=True), grids, strict=True)
        )
        nowhere = np.zeros((0, 2), np.float32)
        return Features(levels, streams.frames, streams.times_s, streams.present, streams.motion, nowhere)


class MapStore:
    """A folder with the maps of one frozen backbone; all folds of a leave-one-subject-out share it.

    Parameters
    ----------
    folder : Path
        Made where missing.
    network : Network
        Its streams make the maps, in evaluation mode; nothing else of it matters.
    config : Config
        Sections ``backbone`` and ``network`` of the network.
    """

    def __init__(self, folder: Path, network: Network, config: Config) -> None:
        self._folder, self._network, self._config = folder, network, config
        self.backbone = backbone_digest(network, config)

    def sample(
        self, name: str, key: str, streams: Callable[[], Streams], expressions: tuple[Expression, ...]
    ) -> MappedSample:
        """Return a video with its maps, made where they are not kept yet.

        Parameters
        ----------
        name : str
            Of the video, for messages and the file name.
        key : str
            Tells these streams from all others, for example the file name of their cache.
        streams : callable
            Makes the streams; called only where there are no maps yet.
        expressions : tuple of Expression
            In source frames.

        Raises
        ------
        CheckpointError
            The maps cannot be written.
        """
        digest = hashlib.sha256(f"{key}-{self.backbone}".encode()).hexdigest()[:16]
        path = self._folder / f"{Path(name).stem}-{digest}.maps.safetensors"
        try:
            maps = VideoMaps(path)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            self._write(path, streams())
            maps = VideoMaps(path)
        return MappedSample(name, maps.streams, expressions, maps)

    def _write(self, path: Path, streams: Streams) -> None:
        names = ("frames", "times_s", "present", "motion")
        arrays: dict[str, npt.NDArray[Any]] = {name: np.ascontiguousarray(getattr(streams, name)) for name in names}
        arrays |= dict(zip(LEVELS, self._maps(streams), strict=True))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as part:
                save_file(arrays, str(part), metadata={"backbone": self.backbone})
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{path}: the maps cannot be written ({error}); check the folder and the free space."
            ) from error

    def _maps(self, streams: Streams) -> list[npt.NDArray[np.float16]]:
        """Run the backbone over a whole video, as `mespot.model.engine.TorchEngine` does."""
        network, pasts = self._network, (Past(), Past())
        device = next(network.parameters()).device
        kept: list[list[npt.NDArray[np.float16]]] = [[] for _ in LEVELS]

        def encode(rgb: Float32 | None, flow: Float32 | None, last: bool) -> list[tuple[Float32, Float32]]:
            for past in pasts:
                past.last = last
            pictures, motion = (
                None if x is None else torch.from_numpy(x).transpose(0, 1)[None].to(device) for x in (rgb, flow)
            )
            with torch.inference_mode():
                maps = network.encode(pictures, motion, pasts)
            for parts, level in zip(kept, maps, strict=True):
                narrow = level[0].permute(1, 2, 3, 0).clamp(max=LARGEST).half()
                parts.append(narrow.cpu().numpy())
            return [(np.zeros((level.shape[2], 0), np.float32), _no_attention(level)) for level in maps]

        grids = network.grids()[: len(LEVELS)]
        training = network.training
        network.eval()
        try:
            encode_features([streams], encode, grids, self._config.backbone, landmarks=np.zeros((0, 2), np.float32))
        finally:
            network.train(training)
        rows = [-(-len(streams) // grid.stride) for grid in grids]
        return [np.ascontiguousarray(np.concatenate(parts)[:count]) for parts, count in zip(kept, rows, strict=True)]


def _no_attention(level: Tensor) -> Float32:
    return np.zeros((level.shape[2], 0, 0), np.float32)


def as_maps(rows: npt.NDArray[np.float16], device: torch.device) -> Tensor:
    """Return (N, L, H, W, C) rows as the (N, C, L, H, W) float32 maps that a network attends to, on the device."""
    return torch.from_numpy(rows).to(device, non_blocking=True).permute(0, 4, 1, 2, 3).float()
