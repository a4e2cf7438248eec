"""Training with a frozen backbone: windows of its kept maps through attention, pyramid and head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.model.network import Network, Outputs
from mespot.model.targets import Target
from mespot.training.maps import LEVELS, MappedSample, as_maps, backbone_digest
from mespot.training.windows import WindowSampler

PLAIN = {
    "crop_jitter": 0.0,
    "flip": False,
    "flow_gain": 0.0,
    "flow_relief": 0.0,
    "overlay_share": 0.0,
    "pastes": 0.0,
    "reverse": False,
    "short_share": 0.0,
}
"""No change of pictures or flow: the backbone has seen them already."""


@dataclass(frozen=True, slots=True)
class MapWindow:
    """Maps of a window with targets.

    Parameters
    ----------
    maps : tuple of (L, H, W, C) float16
        P3 to P5; short videos are continued by zeros.
    targets : tuple of Target
        One per level.
    """

    maps: tuple[npt.NDArray[np.float16], ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class MapBatch:
    """Windows of maps on the training device.

    Parameters
    ----------
    maps : tuple of (N, C, L, H, W) float32
        P3 to P5.
    classes : tuple of (N, L) int64
        Per level.
    distances : tuple of (N, L, 2) float32
        Per level, sampled frames.
    """

    maps: tuple[Tensor, ...]
    classes: tuple[Tensor, ...]
    distances: tuple[Tensor, ...]

    @classmethod
    def of(cls, windows: Sequence[MapWindow], device: torch.device) -> Self:
        """Move windows to the device."""
        maps = zip(*(window.maps for window in windows), strict=True)
        levels = list(zip(*(window.targets for window in windows), strict=True))
        return cls(
            tuple(as_maps(np.stack(level), device) for level in maps),
            tuple(torch.from_numpy(np.stack([one.classes for one in level])).to(device) for level in levels),
            tuple(torch.from_numpy(np.stack([one.distances for one in level])).to(device) for level in levels),
        )


class MapWindows:
    """Windows of kept maps through attention, pyramid and head: training with a frozen backbone.

    Parameters
    ----------
    samples : sequence of MappedSample
        Videos.
    config : Config
        Section ``training``.
    network : Network
        Its streams are frozen here.

    Raises
    ------
    CheckpointError
        The maps are those of another backbone.

    Notes
    -----
    Windows begin at rows of the coarsest kept level and are not augmented (`PLAIN`). Their first and last rows know
    the frames beyond, as in a whole video; in end-to-end training they see zeros there.
    """

    def __init__(self, samples: Sequence[MappedSample], config: Config, network: Network) -> None:
        ours = backbone_digest(network, config)
        for sample in samples:
            if sample.maps.backbone != ours:
                raise CheckpointError(
                    f"{sample.maps.path}: holds maps of another backbone than the network's; make them anew."
                )
        for stream in (network.rgb, network.flow):
            if stream is not None:
                stream.requires_grad_(False)
        self._samples, self._frames = samples, config.training.window_frames
        self._sampler = WindowSampler(samples, config.training.model_copy(update=PLAIN))
        self._grids = network.grids()
        self._lengths = [-(-self._frames // grid.stride) for grid in self._grids]

    def cut(self, epoch: int, index: int) -> MapWindow:
        """Return window ``index`` of ``epoch``."""
        place = self._sampler.draw(epoch, index)
        grids = self._grids[: len(LEVELS)]
        place = replace(place, start=place.start - place.start % grids[-1].stride)
        maps = self._samples[place.sample].maps.read(place.start, place.start + self._frames, grids)
        return MapWindow(
            tuple(_filled(level, rows) for level, rows in zip(maps, self._lengths, strict=False)),
            self._sampler.cut(place, self._grids, self._lengths).targets,
        )

    def collate(self, windows: Sequence[MapWindow], device: torch.device) -> MapBatch:
        """Move windows to the device as one batch."""
        return MapBatch.of(windows, device)

    def run(self, network: Network, batch: MapBatch) -> Outputs:
        """Return what the network says about a batch."""
        return network.locate([vectors for vectors, _ in network.pool(batch.maps)])


def _filled(level: npt.NDArray[np.float16], rows: int) -> npt.NDArray[np.float16]:
    return np.pad(level, ((0, rows - len(level)), (0, 0), (0, 0), (0, 0)))
