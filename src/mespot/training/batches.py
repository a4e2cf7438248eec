"""Windows as one batch on the training device, augmented and scaled there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mespot.config import BackboneConfig
from mespot.training.windows import Place, Window


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows on the training device.

    Parameters
    ----------
    rgb : (N, 3, T, S, S) float32, optional
        In [-1, 1]; None for a network that sees the flow alone.
    flow : (N, 2, T, S, S) float32
        In [-1, 1].
    classes : tuple of (N, L) int64
        Per level.
    distances : tuple of (N, L, 2) float32
        Per level, sampled frames.
    """

    rgb: Tensor | None
    flow: Tensor
    classes: tuple[Tensor, ...]
    distances: tuple[Tensor, ...]


def collate(windows: Sequence[Window], backbone: BackboneConfig, device: torch.device) -> Batch:
    """Move windows to the device, and there augment and scale them.

    8-bit pictures and half-precision flow travel; all arithmetic is in float32 on the device.
    """
    pictures, flows = [], []
    for window in windows:
        rgb = None
        if backbone.sees_rgb and window.rgb is not None:
            rgb = torch.from_numpy(window.rgb).to(device, non_blocking=True).float() / 127.5 - 1.0
        flow = torch.from_numpy(window.flow).to(device, non_blocking=True)
        rgb, flow = augment(rgb, flow.float(), window.place)
        if rgb is not None:
            pictures.append(rgb.transpose(0, 1))
        limit = backbone.flow_clip_px
        flows.append((flow.clamp(-limit, limit) / limit).transpose(0, 1))
    levels = range(len(windows[0].targets))
    classes = [np.stack([window.targets[level].classes for window in windows]) for level in levels]
    distances = [np.stack([window.targets[level].distances for window in windows]) for level in levels]
    return Batch(
        torch.stack(pictures) if pictures else None,
        torch.stack(flows),
        tuple(torch.from_numpy(level).to(device) for level in classes),
        tuple(torch.from_numpy(level).to(device) for level in distances),
    )


def augment(rgb: Tensor | None, flow: Tensor, place: Place) -> tuple[Tensor | None, Tensor]:
    """Return both streams cropped, resized back, flipped and with the flow's gain.

    Parameters
    ----------
    rgb : (T, 3, S, S) float32, optional
        Pictures; none stay none.
    flow : (T, 2, S, S) float32
        Flow in px: a crop that is enlarged by a factor moves faster by it; a flip negates the horizontal component.
    place : Place
        The same change for all frames.
    """
    side = flow.shape[-1]
    smaller = side - round(place.cut[0] * side)
    if smaller != side:
        left, top = (round(share * (side - smaller)) for share in place.cut[1:])
        box = (..., slice(top, top + smaller), slice(left, left + smaller))
        rgb = None if rgb is None else _enlarged(rgb[box], side)
        flow = _enlarged(flow[box], side) * (side / smaller)
    if place.flip:
        rgb, flow = None if rgb is None else rgb.flip(-1), flow.flip(-1)
        flow = flow * flow.new_tensor([-1.0, 1.0])[:, None, None]
    return rgb, flow * place.gain


def _enlarged(pictures: Tensor, side: int) -> Tensor:
    return functional.interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)
