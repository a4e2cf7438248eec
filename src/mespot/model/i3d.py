"""Inception I3D, the backbone: a channel table and the network that it describes.

Maps are (N, C, T, H, W): batch, channels, sampled frames (or rows), rows and columns of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Unit:
    """A convolution with its batch norm and ReLU: output channels at width 1, kernel and stride (T, H, W)."""

    channels: int
    kernel: Triple
    stride: Triple = (1, 1, 1)


@dataclass(frozen=True, slots=True)
class Pool:
    """Max pooling: kernel and stride (T, H, W)."""

    kernel: Triple
    stride: Triple


@dataclass(frozen=True, slots=True)
class Inception:
    """Output channels at width 1 of the units b0, b1a, b1b, b2a, b2b and b3b of an Inception block."""

    channels: tuple[int, int, int, int, int, int]


STAGES: dict[str, Unit | Pool | Inception] = {
    "Conv3d_1a_7x7": Unit(64, (7, 7, 7), (2, 2, 2)),
    "MaxPool3d_2a_3x3": Pool((1, 3, 3), (1, 2, 2)),
    "Conv3d_2b_1x1": Unit(64, (1, 1, 1)),
    "Conv3d_2c_3x3": Unit(192, (3, 3, 3)),
    "MaxPool3d_3a_3x3": Pool((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": Inception((64, 96, 128, 16, 32, 32)),
    "Mixed_3c": Inception((128, 128, 192, 32, 96, 64)),
    "MaxPool3d_4a_3x3": Pool((3, 3, 3), (2, 2, 2)),
    "Mixed_4b": Inception((192, 96, 208, 16, 48, 64)),
    "Mixed_4c": Inception((160, 112, 224, 24, 64, 64)),
    "Mixed_4d": Inception((128, 128, 256, 24, 64, 64)),
    "Mixed_4e": Inception((112, 144, 288, 32, 64, 64)),
    "Mixed_4f": Inception((256, 160, 320, 32, 128, 128)),
    "MaxPool3d_5a_2x2": Pool((2, 2, 2), (2, 2, 2)),
    "Mixed_5b": Inception((256, 160, 320, 32, 128, 128)),
    "Mixed_5c": Inception((384, 192, 384, 48, 128, 128)),
    "MaxPool3d_6a_2x2": Pool((2, 2, 2), (2, 2, 2)),
}
"""Inception-v1 inflated to 3D (Carreira, Zisserman 2017, figure 3), and one pooling more at the end.

The names are those of the published PyTorch weights; the last stage has none, as it has no weights.
"""

TAPS = ("MaxPool3d_4a_3x3", "MaxPool3d_5a_2x2", "MaxPool3d_6a_2x2")
"""The stages whose outputs are P3, P4 and P5: the 3rd, 4th and 5th pooling layers of the paper."""


LATE = (2, 1)
"""Kernel and stride in time of a layer that looks one row ahead and uses none: it makes rows wait."""
LEAST_CHUNK_FRAMES = 64
"""Shortest chunk but the last: every layer has an output, though it looks ahead."""


def scaled(channels: int, width: float) -> int:
    """Return ``channels * width`` rounded to a multiple of 8, at least 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)


def map_channels(width: float) -> tuple[int, int, int]:
    """Return the channels of P3, P4 and P5 of one stream."""
    counts: list[int] = []
    current = 0
    for name, stage in STAGES.items():
        if isinstance(stage, Unit):
            current = scaled(stage.channels, width)
        elif isinstance(stage, Inception):
            current = sum(scaled(stage.channels[index], width) for index in (0, 2, 4, 5))
        if name in TAPS:
            counts.append(current)
    return counts[0], counts[1], counts[2]


def map_strides(stem_stride: int) -> tuple[int, int, int]:
    """Return the sampled frames between neighbouring rows of P3, P4 and P5."""
    return 2 * stem_stride, 4 * stem_stride, 8 * stem_stride


class Past:
    """What the temporal layers of one stream still hold of the frames before: a video in chunks, nothing seen twice.

    Notes
    -----
    A layer with kernel k and stride s gives, of the n rows that it has by now, ``(n - k) // s + 1``, and keeps the
    rows that later outputs need. Before the first chunk it has the zeros of SAME padding in front, in the last one it
    gets those behind. So the rows of all chunks together are those of one pass over the whole video, each row is
    computed once, and the memory does not depend on the length of the video. Zeros also pad the poolings: what they
    see is never negative.
    """

    def __init__(self) -> None:
        self._held: dict[nn.Module, Tensor] = {}
        self.last = False

    @property
    def nbytes(self) -> int:
        """Memory of the held rows, bytes."""
        return sum(rows.nbytes for rows in self._held.values())

    def meet(self, layer: nn.Module, x: Tensor, kernel: int, stride: int) -> Tensor:
        """Return the rows from which ``layer`` makes its next outputs, and keep what it needs again.

        Raises
        ------
        ValueError
            Too few rows for a single output.
        """
        front, behind = temporal_padding(kernel, stride)
        held = self._held.get(layer)
        parts = [_zero_rows(x, front) if held is None else held, x]
        rows = torch.cat([*parts, _zero_rows(x, behind)] if self.last else parts, dim=2)
        outputs = (rows.shape[2] - kernel) // stride + 1
        if outputs < 1:
            raise ValueError(f"a chunk is too short: {rows.shape[2]} rows for a kernel of {kernel}")
        # a copy: a view would keep the whole chunk alive
        self._held[layer] = rows[:, :, outputs * stride :].clone(memory_format=torch.channels_last_3d)
        return rows[:, :, : (outputs - 1) * stride + kernel]


def temporal_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Return the rows of SAME padding in front and behind, for a length that is a multiple of the stride."""
    front = (kernel - stride) // 2
    return front, kernel - stride - front


def _zero_rows(x: Tensor, rows: int) -> Tensor:
    n, channels, _, height, width = x.shape
    return x.new_zeros(n, channels, rows, height, width)


def same_padding(sizes: Sequence[int], kernel: Triple, stride: Triple) -> tuple[Triple, Triple]:
    """Return the padding in front and behind of TensorFlow's SAME, for which the weights were published."""
    front, behind = [], []
    for size, k, s in zip(sizes, kernel, stride, strict=True):
        total = max(k - (size % s or s), 0)
        front.append(total // 2)
        behind.append(total - total // 2)
    return (front[0], front[1], front[2]), (behind[0], behind[1], behind[2])


class SameConv3d(nn.Conv3d):
    """A 3D convolution without bias whose output has ceil(input / stride) rows (SAME padding)."""

    def __init__(self, in_channels: int, channels: int, kernel: Triple, stride: Triple) -> None:
        super().__init__(in_channels, channels, kernel, stride, bias=False)
        self.kernel, self.step = kernel, stride

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Return the (N, channels, ...) convolution of ``x`` (N, in_channels, T, H, W)."""
        front, behind = same_padding(x.shape[2:], self.kernel, self.step)
        if past is not None and self.kernel[0] > 1:
            x = past.meet(self, x, self.kernel[0], self.step[0])
            front, behind = (0, *front[1:]), (0, *behind[1:])
        if front != behind:  # only the stem: the copy is of few channels
            pads = (front[2], behind[2], front[1], behind[1], front[0], behind[0])
            x, front = functional.pad(x, pads), (0, 0, 0)
        return functional.conv3d(x, self.weight, None, self.step, front)


class SameMaxPool3d(nn.Module):
    """Max pooling whose output has ceil(input / stride) rows (SAME padding)."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.step = kernel, stride

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Return the maxima of ``x`` (N, C, T, H, W)."""
        front, _ = same_padding(x.shape[2:], self.kernel, self.step)
        if past is not None and self.kernel[0] > 1:
            x = past.meet(self, x, self.kernel[0], self.step[0])
            front = (0, *front[1:])
        # ceil_mode adds the one row by which the padding behind may exceed that in front
        return functional.max_pool3d(x, self.kernel, self.step, front, ceil_mode=True)


class Unit3D(nn.Module):
    """Convolution, batch norm, ReLU; parameter names are those of the published weights."""

    def __init__(self, in_channels: int, channels: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.conv3d = SameConv3d(in_channels, channels, kernel, stride)
        self.bn = nn.BatchNorm3d(channels, eps=0.001, momentum=0.01)
        nn.init.kaiming_normal_(self.conv3d.weight, nonlinearity="relu")

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Return the (N, channels, ...) activations of ``x`` (N, in_channels, T, H, W)."""
        return functional.relu(self.bn(self.conv3d(x, past)), inplace=True)


class InceptionBlock(nn.Module):
    """Four branches side by side: 1x1; 1x1 and 3x3; 1x1 and 3x3; pooling and 1x1."""

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        one, three = (1, 1, 1), (3, 3, 3)
        self.b0 = Unit3D(in_channels, channels[0], one)
        self.b1a = Unit3D(in_channels, channels[1], one)
        self.b1b = Unit3D(channels[1], channels[2], three)
        self.b2a = Unit3D(in_channels, channels[3], one)
        self.b2b = Unit3D(channels[3], channels[4], three)
        self.b3a = SameMaxPool3d(three, one)
        self.b3b = Unit3D(in_channels, channels[5], one)
        self.channels = channels[0] + channels[2] + channels[4] + channels[5]

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Return the (N, channels, T, H, W) branches of ``x``, concatenated."""
        pointwise = self.b0(x)
        if past is not None:  # the other branches wait for one row more
            pointwise = past.meet(self.b0, pointwise, *LATE)[:, :, :-1]
        branches = [
            pointwise,
            self.b1b(self.b1a(x), past),
            self.b2b(self.b2a(x), past),
            self.b3b(self.b3a(x, past)),
        ]
        return torch.cat(branches, dim=1)


class I3D(nn.Module):
    """The maps P3, P4 and P5 of one stream of Inception I3D.

    Parameters
    ----------
    in_channels : int
        3 for RGB, 2 for flow.
    width : float
        Channel multiplier; 1 is the published network. Channels are rounded to multiples of 8.
    stem_stride : int
        Temporal stride of the first convolution: 2 as published, 1 halves all temporal strides.

    Notes
    -----
    Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, doi:10.1109/CVPR.2017.502. Parameter
    names equal those of the published PyTorch weights without their classifier (``logits``). The temporal
    length must be a multiple of `stride`: then SAME padding is the same for every length, and a chunk that
    begins at such a multiple sees the rows of the whole video.
    """

    def __init__(self, in_channels: int, width: float = 1.0, stem_stride: int = 2) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.stride = map_strides(stem_stride)[-1]
        channels = in_channels
        for name, stage in STAGES.items():
            module: nn.Module
            if isinstance(stage, Unit):
                stride = (stem_stride, 2, 2) if name == "Conv3d_1a_7x7" else stage.stride
                module = Unit3D(channels, scaled(stage.channels, width), stage.kernel, stride)
                channels = scaled(stage.channels, width)
            elif isinstance(stage, Inception):
                module = InceptionBlock(channels, tuple(scaled(count, width) for count in stage.channels))
                channels = module.channels
            else:
                module = SameMaxPool3d(stage.kernel, stage.stride)
            self.add_module(name, module)

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return P3, P4 and P5 of ``x``.

        Parameters
        ----------
        x : (N, in_channels, T, H, W) Tensor
            Pixels or flow in [-1, 1]; T a multiple of `stride`.
        past : Past, optional
            Of the video of which ``x`` is the next chunk: the outputs are the next rows, later ones the more
            the layers look ahead, and the rest comes with the chunk for which ``past.last`` is set. All chunks but
            the last need at least `LEAST_CHUNK_FRAMES` frames.

        Returns
        -------
        tuple of Tensor
            (N, C, L, ceil(H / s), ceil(W / s)): strides in time 4, 8 and 16 for ``stem_stride`` 2, in
            space s = 16, 32 and 64.

        Raises
        ------
        ValueError
            T is not a positive multiple of `stride`.
        """
        if x.shape[2] == 0 or x.shape[2] % self.stride:
            raise ValueError(f"I3D needs a multiple of {self.stride} frames, got {x.shape[2]}")
        taps: list[Tensor] = []
        for name, module in self.named_children():
            x = module(x, past)
            if name in TAPS:
                taps.append(x)
        return taps[0], taps[1], taps[2]


_DRAWS = ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_")


class _NoDraws(TorchFunctionMode):
    """Leaves out the initialisation, which on the meta device would import torch's compiler, for seconds."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Within the block, modules are built with names and shapes but without memory and values."""
    with torch.device("meta"), _NoDraws():
        yield


def parameter_shapes(in_channels: int) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every published tensor of the full-width network, without building it."""
    with shapes_only():
        state: dict[str, Any] = I3D(in_channels).state_dict()
    counters = "num_batches_tracked"  # newer than the published files
    return {name: tuple(value.shape) for name, value in state.items() if not name.endswith(counters)}
