"""Where the windows of a training come from: videos, or the maps of a frozen backbone; and windows cut ahead."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from mespot.config import Config
from mespot.core.errors import ConfigError
from mespot.model.network import Network, Outputs
from mespot.training.batches import Batch, collate
from mespot.training.frozen import MapWindows
from mespot.training.maps import MappedSample
from mespot.training.sample import Sample
from mespot.training.windows import Window, WindowSampler
from mespot.vision.flow_library import FlowLibrary, view_facts

BATCHES_AHEAD = 3
"""Batches that are cut from the videos while the device computes."""
Cut = TypeVar("Cut")


class Targets(Protocol):
    """A batch on the device, with what the network should say about it."""

    @property
    def classes(self) -> tuple[Tensor, ...]:
        """Per level (N, L) int64."""

    @property
    def distances(self) -> tuple[Tensor, ...]:
        """Per level (N, L, 2) float32, sampled frames."""


class Source(Protocol):
    """What a mode of training learns from."""

    def cut(self, epoch: int, index: int) -> Any:
        """Return window ``index`` of ``epoch``: a function of these and the seed alone; called from many threads."""

    def collate(self, windows: Sequence[Any], device: torch.device) -> Targets:
        """Move windows to the device as one batch."""

    def run(self, network: Network, batch: Any) -> Outputs:
        """Return what the network says about a batch of this source."""


class VideoWindows:
    """Windows of streams through the whole network: end-to-end training.

    Parameters
    ----------
    samples : sequence of Sample
        Videos.
    config : Config
        Sections ``flow``, ``backbone`` and ``training``.
    network : Network
        Its levels.
    library : FlowLibrary, optional
        Expressions that are pasted besides those of the videos.
    """

    def __init__(
        self, samples: Sequence[Sample], config: Config, network: Network, library: FlowLibrary | None = None
    ) -> None:
        self._sampler = WindowSampler(samples, config.training, library, config.flow.step)
        self._backbone = config.backbone
        self._grids = network.grids()
        self._lengths = [-(-config.training.window_frames // grid.stride) for grid in self._grids]

    def cut(self, epoch: int, index: int) -> Window:
        """Return window ``index`` of ``epoch``."""
        return self._sampler.cut(self._sampler.draw(epoch, index), self._grids, self._lengths)

    def collate(self, windows: Sequence[Window], device: torch.device) -> Batch:
        """Move windows to the device, and there augment and scale them."""
        return collate(windows, self._backbone, device)

    def run(self, network: Network, batch: Batch) -> Outputs:
        """Return what the network says about a batch."""
        outputs: Outputs = network(batch.rgb, batch.flow)
        return outputs


def make_source(
    samples: Sequence[Sample], config: Config, network: Network, library: FlowLibrary | None = None
) -> Source:
    """Return what ``config.training.mode`` learns from; ``library`` is for `VideoWindows`.

    Raises
    ------
    ValueError
        The samples have maps where the mode wants streams, or the other way round.
    ConfigError
        A library is given for a mode or a network that cannot learn from flow alone, or was made for another view of
        the face.
    CheckpointError
        The maps are those of another backbone than the network's.
    """
    if library is not None and (config.training.mode == "frozen_backbone" or config.backbone.sees_rgb):
        raise ConfigError(
            "a library of flows teaches networks that see flow alone, end to end; leave it out, or set "
            "backbone.streams=flow and training.mode=end_to_end."
        )
    if library is not None:
        _refuse_other_view(library, config)
    mapped = [sample for sample in samples if isinstance(sample, MappedSample)]
    if config.training.mode == "frozen_backbone":
        if len(mapped) != len(samples):
            raise ValueError("a frozen backbone is trained on samples with maps, see mespot.training.maps.MapStore")
        return MapWindows(mapped, config, network)
    if mapped:
        raise ValueError("end-to-end training needs samples with streams, not those with maps")
    return VideoWindows(samples, config, network, library)


def _refuse_other_view(library: FlowLibrary, config: Config) -> None:
    for name, wanted in view_facts(config).items():
        stated = library.fact(name)
        if library.facts and stated != wanted:
            raise ConfigError(
                f"the library of flows was made with {name} = {stated}, and this training has {wanted}; make the "
                "library with the configuration of this training."
            )


def check_pastes(config: Config, library: FlowLibrary | None) -> None:
    """Refuse changes of windows that a network cannot learn from, and a library of which nothing would be pasted.

    Raises
    ------
    ConfigError
        ``training.pastes`` or ``overlay_share`` does not fit the streams, or the pastes not the library.
    """
    pastes, end_to_end = config.training.pastes, config.training.mode == "end_to_end"
    for name, share in (("pastes", pastes), ("overlay_share", config.training.overlay_share)):
        if share > 0 and end_to_end and config.backbone.sees_rgb:
            raise ConfigError(
                f"training.{name} adds flow that pictures would not show; set it to 0, or backbone.streams=flow."
            )
    if pastes == 0 and end_to_end and library is not None and not config.backbone.sees_rgb:
        raise ConfigError("training.pastes is 0: nothing of the library would be pasted; set it, for example to 3.")


def cut_ahead(cut: Callable[[int], Cut], begin: int, stop: int, size: int) -> Generator[list[Cut], None, None]:
    """Yield batches ``begin`` to ``stop`` of ``size`` windows each, cut in threads a little ahead.

    Parameters
    ----------
    cut : callable
        Makes the window of an index; batch k has the indices from ``k size`` on.
    begin, stop, size : int
        As above.
    """
    waiting: deque[list[Future[Cut]]] = deque()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="windows") as pool:
        try:
            for batch in range(begin, stop + BATCHES_AHEAD):
                if batch < stop:
                    waiting.append([pool.submit(cut, index) for index in range(batch * size, (batch + 1) * size)])
                if batch >= begin + BATCHES_AHEAD:
                    yield [window.result() for window in waiting.popleft()]
        finally:
            pool.shutdown(cancel_futures=True)
