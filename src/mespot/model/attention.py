"""Spatial attention: where on the face a row of a level looks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SpatialAttention(nn.Module):
    """One vector per row of a map, the mean over the face weighted by a learned softmax map.

    Parameters
    ----------
    channels : int
        Channels D of the map.
    enabled : bool
        False replaces the learned map by a uniform one: the plain mean.

    Notes
    -----
    The weights start at zero, so that training starts from the plain mean.
    """

    def __init__(self, channels: int, enabled: bool = True) -> None:
        super().__init__()
        self.score = nn.Conv3d(channels, 1, 1, bias=False) if enabled else None
        if self.score is not None:
            nn.init.zeros_(self.score.weight)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Pool ``maps`` over space.

        Parameters
        ----------
        maps : (N, D, L, H, W) Tensor
            Feature maps of one level.

        Returns
        -------
        vectors : (N, D, L) Tensor
            Attended features.
        attention : (N, L, H, W) Tensor
            Weights of the mean, float32, not negative, with sum 1 over H and W.
        """
        n, _, rows, height, width = maps.shape
        if self.score is None:
            attention = maps.new_full((n, rows, height, width), 1.0 / (height * width), dtype=torch.float32)
            return maps.mean(dim=(3, 4)), attention
        scores = self.score(maps).flatten(3).squeeze(1)
        attention = torch.softmax(scores.float(), dim=-1).reshape(n, rows, height, width)
        vectors = (maps * attention.unsqueeze(1).to(maps.dtype)).sum(dim=(3, 4))
        return vectors, attention
