"""The whole network: two I3D streams, spatial attention, pyramid, head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mespot.config import Config
from mespot.core.signals import Grid
from mespot.model.attention import SpatialAttention
from mespot.model.head import Head, probabilities
from mespot.model.i3d import I3D, Past, map_channels, map_strides
from mespot.model.pyramid import LEVELS, NECKS, extend

CONTEXT_ROWS = 32
"""Rows of P7 on either side that a neck and the head can see. In BiFPN, on the way from P6 down to P3 and up to P7,
these are five rows of every level (a kernel of 3 and a gate of 9), about 20 rows of P7 together."""


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the network says about every row of P3 to P7.

    Parameters
    ----------
    logits : tuple of (N, K, L) Tensor
        Class logits in the order of `mespot.model.head.CLASS_LOGITS`.
    distances : tuple of (N, 2, L) Tensor
        Sampled frames from the row's centre back to the start of the expression (``centre - start``) and on to
        its stop (``stop - centre``).
    """

    logits: tuple[Tensor, ...]
    distances: tuple[Tensor, ...]


class Network(nn.Module):
    """The spotting network of the paper, section III.

    Parameters
    ----------
    config : Config
        Sections ``backbone`` and ``network`` decide its shape.

    Attributes
    ----------
    strides : tuple of int
        Sampled frames between neighbouring rows of P3 to P7.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        backbone, settings = config.backbone, config.network
        finest = map_strides(backbone.stem_stride)[0]
        self.strides: tuple[int, ...] = tuple(finest * 2**level for level in range(LEVELS))
        self.classes = settings.classes
        self.rgb = self.flow = None
        if backbone.streams in ("both", "rgb"):
            self.rgb = I3D(3, backbone.width, backbone.stem_stride)
        if backbone.streams in ("both", "flow"):
            self.flow = I3D(2, backbone.width, backbone.stem_stride)
        streams = 2 if backbone.streams == "both" else 1
        depths = [streams * count for count in map_channels(backbone.width)]
        self.attention = nn.ModuleList(SpatialAttention(depth, settings.attention) for depth in depths)
        self.reduce = nn.ModuleList(nn.Conv1d(depth, settings.channels, 1) for depth in depths)
        make_neck = NECKS[settings.neck]
        self.neck = nn.Sequential(
            *(make_neck(settings.channels, settings.squeeze_excite) for _ in range(settings.neck_layers))
        )
        self.head = Head(settings.channels, settings.hidden, settings.dropout, settings.classes, LEVELS)

    def encode(self, rgb: Tensor | None, flow: Tensor | None, pasts: tuple[Past, Past] | None = None) -> list[Tensor]:
        """Return the feature maps P3 to P5, the streams concatenated by channel.

        Parameters
        ----------
        rgb : (N, 3, T, S, S) Tensor or None
            Crops in [-1, 1]; None where the configuration has no such stream. T is a multiple of the stride
            of P5.
        flow : (N, 2, T, S, S) Tensor or None
            Flow, clipped and scaled to [-1, 1]; the same.
        pasts : pair of Past, optional
            Of the video of which the pictures are the next chunk, one a stream, see `mespot.model.i3d.I3D.forward`.

        Returns
        -------
        list of (N, D, L, H, W) Tensor
            P3, P4 and P5.

        Raises
        ------
        ValueError
            A stream of the configuration has no input, or T does not fit.
        """
        streams: list[tuple[Tensor, ...]] = []
        for name, backbone, pictures, past in zip(
            ("rgb", "flow"), (self.rgb, self.flow), (rgb, flow), pasts or (None, None), strict=True
        ):
            if backbone is None:
                continue
            if pictures is None:
                raise ValueError(f"this network has a stream '{name}' and got no input for it")
            # channels last is about twice as fast on CPUs (docs/network.md); the results are the same function
            streams.append(backbone(pictures.contiguous(memory_format=torch.channels_last_3d), past))
        return [torch.cat(maps, dim=1) for maps in zip(*streams, strict=True)]

    def pool(self, maps: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Return vectors (N, C, L), at the width of the pyramid, and attention (N, L, H, W) of the maps P3 to P5."""
        pooled = [attention(level) for attention, level in zip(self.attention, maps, strict=True)]
        return [(reduce(vectors), shares) for reduce, (vectors, shares) in zip(self.reduce, pooled, strict=True)]

    def attend(self, rgb: Tensor | None, flow: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Return vectors (N, C, L) and attention (N, L, H, W) of P3 to P5 of the pictures, see `encode`."""
        return self.pool(self.encode(rgb, flow))

    def locate(self, vectors: Sequence[Tensor]) -> Outputs:
        """Return logits and distances of every row.

        Parameters
        ----------
        vectors : sequence of (N, C, L) Tensor
            Attended features P3 to P5 of any length, each level with half the rows (rounded up) of the one
            before.
        """
        logits, distances = self.head(self.neck(extend(vectors)))
        scaled = (rows * stride for rows, stride in zip(distances, self.strides, strict=True))
        return Outputs(tuple(logits), tuple(scaled))

    def forward(self, rgb: Tensor | None, flow: Tensor | None) -> Outputs:
        """Return logits and distances of every row for pictures, see `encode`."""
        return self.locate([vectors for vectors, _ in self.attend(rgb, flow)])

    @property
    def context_frames(self) -> int:
        """Sampled frames on either side beyond which nothing changes what `locate` says, a multiple of all strides."""
        return CONTEXT_ROWS * len(self.neck) * self.strides[-1]

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the (N, 2, L) probabilities of MaE and ME, in this order, for the logits of one level."""
        return probabilities(logits, self.classes)

    def grids(self) -> tuple[Grid, ...]:
        """Return the time grids of P3 to P7: row i stands for the ``stride`` frames from ``stride i`` on."""
        return tuple(Grid((stride - 1) / 2, stride, stride) for stride in self.strides)
