"""The moving mean of the weights over the steps: steadier than the weights of any one step."""

from __future__ import annotations

import copy

import torch

from mespot.model.network import Network


class MovingMean:
    """An exponential moving mean of all weights and statistics of a network.

    Parameters
    ----------
    network : Network
        Where the mean begins.
    decay : float
        Weight of the mean against the newest weights at every update, in (0, 1); less during the first updates, so
        that the random beginning is soon forgotten.

    Attributes
    ----------
    network : Network
        The mean, in evaluation mode.

    Notes
    -----
    Polyak and Juditsky 1992, doi:10.1137/0330046; the slow start is that of TensorFlow's ``ExponentialMovingAverage``.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    def update(self, network: Network, step: int) -> None:
        """Move the mean towards ``network``, after ``step`` updates."""
        decay = min(self._decay, (1 + step) / (10 + step))
        means = self.network.state_dict()
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if value.is_floating_point():
                    means[name].lerp_(value, 1.0 - decay)
