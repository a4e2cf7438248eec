"""Classification and regression network (CRN), the same on every level (paper, section III-D)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

PRIOR = 0.01
"""Probability of each kind before training: focal loss wants rare positives (Lin et al. 2017, section 4.1)."""
NEIGHBOURHOOD = 5
"""Rows that two unpadded convolutions of kernel 3 consume."""

CLASS_LOGITS = {"joint": 3, "per_kind": 4}
"""Logits a row: {background, MaE, ME}, or {not MaE, MaE, not ME, ME}."""


def probabilities(logits: Tensor, classes: str) -> Tensor:
    """Return the (N, 2, L) probabilities of MaE and ME, in this order.

    Parameters
    ----------
    logits : (N, 3, L) or (N, 4, L) Tensor
        As `CLASS_LOGITS` orders them.
    classes : str
        ``joint`` or ``per_kind``.
    """
    if classes == "joint":
        return torch.softmax(logits, dim=1)[:, 1:]
    heads = torch.stack([logits[:, :2], logits[:, 2:]], dim=1)
    return torch.softmax(heads, dim=2)[:, :, 1]


class Head(nn.Module):
    """Class logits and boundary distances of every row of every level.

    Parameters
    ----------
    channels : int
        Pyramid width C.
    hidden : int
        Width of the convolutions and fully connected layers.
    dropout : float
        Share of the hidden units that are dropped in training.
    classes : str
        ``joint`` or ``per_kind``, see `CLASS_LOGITS`.
    levels : int
        How many levels it serves; each has its own learned scale of the distances.

    Notes
    -----
    The paper's fully connected layers see the 5 rows that two unpadded convolutions leave as one; applied at
    every row they are 1 x 1 convolutions, and two rows of zeros at either end keep the length.
    """

    def __init__(self, channels: int, hidden: int, dropout: float, classes: str, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(channels, hidden, 3), nn.Conv1d(hidden, hidden, 3)])
        self.dense = nn.ModuleList([nn.Conv1d(hidden, hidden, 1), nn.Conv1d(hidden, hidden, 1)])
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(hidden, CLASS_LOGITS[classes], 1)
        self.regress = nn.Conv1d(hidden, 2, 1)
        self.scales = nn.Parameter(torch.ones(levels))
        self._initialise(classes)

    def _initialise(self, classes: str) -> None:
        for layer in (*self.convs, *self.dense):
            assert isinstance(layer, nn.Conv1d)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            _fill(layer.bias, 0.0)
        for layer in (self.classify, self.regress):
            nn.init.normal_(layer.weight, std=0.01)
        others = 2 if classes == "joint" else 1
        positive = math.log(PRIOR / (1.0 - others * PRIOR))
        bias = [0.0, positive, positive] if classes == "joint" else [0.0, positive, 0.0, positive]
        assert self.classify.bias is not None
        with torch.no_grad():
            self.classify.bias.copy_(torch.tensor(bias))
        _fill(self.regress.bias, 1.0)  # an expression starts as one row to either side

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return logits and distances of every level.

        Parameters
        ----------
        levels : sequence of (N, C, L) Tensor
            Fused levels, finest first.

        Returns
        -------
        logits : list of (N, K, L) Tensor
            As `CLASS_LOGITS` orders them.
        distances : list of (N, 2, L) Tensor
            From the row's centre back to the start and on to the stop, in rows of the level.
        """
        logits, distances = [], []
        for x, scale in zip(levels, self.scales, strict=True):
            x = functional.pad(x, (NEIGHBOURHOOD // 2, NEIGHBOURHOOD // 2))
            for conv in self.convs:
                x = functional.relu(conv(x))
            for dense in self.dense:
                x = self.dropout(functional.relu(dense(x)))
            logits.append(self.classify(x))
            distances.append(self.regress(x) * scale)
        return logits, distances


def _fill(bias: Tensor | None, value: float) -> None:
    if bias is not None:
        nn.init.constant_(bias, value)
