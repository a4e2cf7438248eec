"""Focal cross-entropy over all rows and Smooth L1 over matched ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from mespot.config import TrainingConfig
from mespot.model.network import Outputs
from mespot.model.targets import IGNORE

SMOOTH_L1_BETA = 0.25
"""Error, in strides of the level, below which the regression loss is quadratic: one frame on P3."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalar losses of a batch.

    Parameters
    ----------
    classification, regression : Tensor
        Scalars, each divided by the number of positive rows (at least 1).
    total : Tensor
        Their weighted sum.
    positives : int
        Positive rows in the batch.
    """

    classification: Tensor
    regression: Tensor
    total: Tensor
    positives: int


def spotting_loss(
    outputs: Outputs,
    classes: Sequence[Tensor],
    distances: Sequence[Tensor],
    strides: Sequence[int],
    heads: Literal["joint", "per_kind"],
    config: TrainingConfig,
) -> Losses:
    """Return the losses of a batch.

    Parameters
    ----------
    outputs : Outputs
        Of the network.
    classes : sequence of (N, L) int64
        Targets per level, -1 ignored.
    distances : sequence of (N, L, 2) float32
        Targets per level, sampled frames.
    strides : sequence of int
        Sampled frames per row of each level; regression errors are counted in them.
    heads : {"joint", "per_kind"}
        ``config.network.classes``.
    config : TrainingConfig
        Focal parameters and the weight of the regression.

    Notes
    -----
    Method.md 6. Regression is in strides so that a level weighs its errors as the others do.
    """
    logits = torch.cat([level.float() for level in outputs.logits], dim=2)
    wanted = torch.cat(list(classes), dim=1)
    positive = wanted > 0
    positives = int(positive.sum())
    focal = focal_joint if heads == "joint" else focal_per_kind
    rows = focal(logits, wanted.clamp(min=0), config.focal_alpha, config.focal_gamma)
    classification = (rows * (wanted != IGNORE)).sum() / max(1, positives)
    scaled = [level.float() / stride for level, stride in zip(outputs.distances, strides, strict=True)]
    wanted_scaled = [level / stride for level, stride in zip(distances, strides, strict=True)]
    predicted = torch.cat(scaled, dim=2).transpose(1, 2)[positive]
    truth = torch.cat(wanted_scaled, dim=1)[positive]
    regression = functional.smooth_l1_loss(predicted, truth, reduction="sum", beta=SMOOTH_L1_BETA) / max(1, positives)
    total = classification + config.regression_weight * regression
    return Losses(classification, regression, total, positives)


def focal_joint(logits: Tensor, classes: Tensor, alpha: float, gamma: float) -> Tensor:
    """Return the (N, L) focal loss of one softmax over {background, MaE, ME}.

    Parameters
    ----------
    logits : (N, 3, L)
        Before the softmax.
    classes : (N, L) int64
        0, 1 or 2.
    alpha : float
        Weight of expressions; background has ``1 - alpha``.
    gamma : float
        0 is weighted cross-entropy.

    Notes
    -----
    Lin et al., "Focal loss for dense object detection", ICCV 2017, equation 5 (doi:10.1109/ICCV.2017.324), with a
    softmax in the place of the sigmoid.
    """
    log_p = functional.log_softmax(logits, dim=1).gather(1, classes[:, None])[:, 0]
    weight = torch.where(classes > 0, alpha, 1.0 - alpha)
    return -weight * (1.0 - log_p.exp()) ** gamma * log_p


def focal_per_kind(logits: Tensor, classes: Tensor, alpha: float, gamma: float) -> Tensor:
    """Return the (N, L) sum of the focal losses of the two heads [background, MaE], [background, ME].

    Parameters are those of `focal_joint`, but ``logits`` is (N, 4, L). A MaE is background to the ME head.
    """
    mae = focal_joint(logits[:, :2], (classes == 1).long(), alpha, gamma)
    me = focal_joint(logits[:, 2:], (classes == 2).long(), alpha, gamma)
    return mae + me
