"""The temporal pyramid: levels P3 to P7 and the necks that fuse them (paper, section III-C).

A level is (N, C, L): batch, channels, rows in time. Level i + 1 has ceil(L / 2) rows of level i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 5
EPSILON = 1e-4
"""Keeps the fused mean finite when all weights are zero (Tan, Pang, Le 2020, section 3.3)."""
SQUEEZE_ROWS = 9
"""Rows over which the gate averages; odd, so that they lie evenly around the gated row."""


def halve(x: Tensor) -> Tensor:
    """Max-pool (N, C, L) to (N, C, ceil(L / 2))."""
    return functional.max_pool1d(x, kernel_size=3, stride=2, padding=1)


def double(x: Tensor, rows: int) -> Tensor:
    """Repeat every row of (N, C, ceil(rows / 2)) and crop to (N, C, rows)."""
    coarse = -(-rows // 2)
    if x.shape[-1] != coarse:
        raise ValueError(f"a level of {rows} rows needs {coarse} in the next coarser one, got {x.shape[-1]}")
    return x.repeat_interleave(2, dim=-1)[..., :rows]


def extend(levels: Sequence[Tensor]) -> list[Tensor]:
    """Return P3 to P7 of P3 to P5: two more levels by max pooling."""
    p6 = halve(levels[-1])
    return [*levels, p6, halve(p6)]


def projection(channels: int) -> nn.Sequential:
    """Return the 1 x 1 convolution with batch norm through which a level enters a neck."""
    return nn.Sequential(nn.Conv1d(channels, channels, 1, bias=False), nn.BatchNorm1d(channels))


class Gate(nn.Module):
    """Squeeze and excitation: every channel of a row is scaled by a factor in (0, 1).

    Notes
    -----
    Hu, Shen, Sun, CVPR 2018, doi:10.1109/CVPR.2018.00745, with one difference: the squeeze is the mean over
    `SQUEEZE_ROWS` rows, not over all. A row then does not depend on how long the video is, and training
    windows and whole videos give the same.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        narrow = max(channels // reduction, 4)
        self.squeeze = nn.Conv1d(channels, narrow, 1)
        self.excite = nn.Conv1d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated ``x`` (N, C, L)."""
        mean = functional.avg_pool1d(x, SQUEEZE_ROWS, 1, SQUEEZE_ROWS // 2, count_include_pad=False)
        return x * torch.sigmoid(self.excite(functional.relu(self.squeeze(mean))))


class SeparableConv(nn.Module):
    """Depthwise separable convolution over time (kernel 3), batch norm, ReLU, and the gate where wanted."""

    def __init__(self, channels: int, gate: bool) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv1d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.gate = Gate(channels) if gate else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, L) activations of ``x`` (N, C, L)."""
        x = functional.relu(self.norm(self.pointwise(self.depthwise(x))))
        return x if self.gate is None else self.gate(x)


class Fusion(nn.Module):
    """Fast normalised fusion: ``sum_i w_i x_i / (eps + sum_i w_i)`` with ``w_i = relu(learned scalar)``.

    Parameters
    ----------
    inputs : int
        How many levels meet.

    Notes
    -----
    Tan, Pang, Le, "EfficientDet", CVPR 2020, section 3.3, doi:10.1109/CVPR42600.2020.01079; equation (1) of
    the paper.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(inputs))

    def shares(self) -> Tensor:
        """Return the normalised weights: not negative, with a sum just below 1."""
        weights = functional.relu(self.weights)
        return weights / (EPSILON + weights.sum())

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the weighted mean of ``inputs``, all (N, C, L)."""
        shares = self.shares()
        return torch.stack([share * x for share, x in zip(shares, inputs, strict=True)]).sum(dim=0)


class FusionNode(nn.Module):
    """A node of BiFPN: fusion, then convolution."""

    def __init__(self, inputs: int, channels: int, gate: bool) -> None:
        super().__init__()
        self.fusion = Fusion(inputs)
        self.conv = SeparableConv(channels, gate)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the (N, C, L) output of the node."""
        out: Tensor = self.conv(self.fusion(*inputs))
        return out


class BiFPN(nn.Module):
    """Weighted bidirectional pyramid over time, one layer.

    Parameters
    ----------
    channels : int
        Pyramid width C.
    gate : bool
        Whether each node has a squeeze-and-excitation gate.

    Notes
    -----
    Paper, section III-C: the middle levels P4 and P5 enter through two separate projections, one for the
    top-down and one for the bottom-up node; P3, P6 and P7 through one.
    """

    def __init__(self, channels: int, gate: bool) -> None:
        super().__init__()
        self.enter = nn.ModuleList(projection(channels) for _ in range(LEVELS))
        self.enter_again = nn.ModuleList(projection(channels) for _ in ("P4", "P5"))
        self.p6_td, self.p5_td, self.p4_td, self.p3_out = (FusionNode(2, channels, gate) for _ in range(4))
        self.p4_out, self.p5_out, self.p6_out = (FusionNode(3, channels, gate) for _ in range(3))
        self.p7_out = FusionNode(2, channels, gate)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Return the five fused levels of ``levels``, P3 to P7, each (N, C, L)."""
        rows = [level.shape[-1] for level in levels]
        p3_in, p4_in_1, p5_in_1, p6_in, p7_in = (f(x) for f, x in zip(self.enter, levels, strict=True))
        p4_in_2, p5_in_2 = (f(x) for f, x in zip(self.enter_again, levels[1:3], strict=True))
        p6_td = self.p6_td(p6_in, double(p7_in, rows[3]))
        p5_td = self.p5_td(p5_in_1, double(p6_td, rows[2]))
        p4_td = self.p4_td(p4_in_1, double(p5_td, rows[1]))
        p3_out = self.p3_out(p3_in, double(p4_td, rows[0]))
        p4_out = self.p4_out(p4_in_2, p4_td, halve(p3_out))
        p5_out = self.p5_out(p5_in_2, p5_td, halve(p4_out))
        p6_out = self.p6_out(p6_in, p6_td, halve(p5_out))
        p7_out = self.p7_out(p7_in, halve(p6_out))
        return [p3_out, p4_out, p5_out, p6_out, p7_out]


class FPN(nn.Module):
    """Top-down pyramid with plain sums (Lin et al. 2017, doi:10.1109/CVPR.2017.106), one layer.

    Parameters
    ----------
    channels : int
        Pyramid width C.
    gate : bool
        Whether each node has a squeeze-and-excitation gate.
    """

    def __init__(self, channels: int, gate: bool) -> None:
        super().__init__()
        self.enter = nn.ModuleList(projection(channels) for _ in range(LEVELS))
        self.top_down = nn.ModuleList(SeparableConv(channels, gate) for _ in range(LEVELS))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Return the five fused levels of ``levels``, P3 to P7, each (N, C, L)."""
        entered = [f(x) for f, x in zip(self.enter, levels, strict=True)]
        out = [self.top_down[-1](entered[-1])]
        for x, conv in zip(entered[-2::-1], reversed(self.top_down[:-1]), strict=True):
            out.append(conv(x + double(out[-1], x.shape[-1])))
        return out[::-1]


class PANet(nn.Module):
    """FPN followed by a bottom-up path (Liu et al. 2018, doi:10.1109/CVPR.2018.00913), one layer.

    Parameters
    ----------
    channels : int
        Pyramid width C.
    gate : bool
        Whether each node has a squeeze-and-excitation gate.
    """

    def __init__(self, channels: int, gate: bool) -> None:
        super().__init__()
        self.fpn = FPN(channels, gate)
        self.bottom_up = nn.ModuleList(SeparableConv(channels, gate) for _ in range(LEVELS - 1))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Return the five fused levels of ``levels``, P3 to P7, each (N, C, L)."""
        fused = self.fpn(levels)
        out = [fused[0]]
        for x, conv in zip(fused[1:], self.bottom_up, strict=True):
            out.append(conv(x + halve(out[-1])))
        return out


class Separate(nn.Module):
    """No fusion: every level keeps to itself, through its projection only.

    Parameters
    ----------
    channels : int
        Pyramid width C.
    gate : bool
        Not used: there are no nodes.
    """

    def __init__(self, channels: int, gate: bool) -> None:  # noqa: ARG002 - the signature of NECKS
        super().__init__()
        self.enter = nn.ModuleList(projection(channels) for _ in range(LEVELS))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Return the five projected levels of ``levels``, P3 to P7, each (N, C, L)."""
        return [f(x) for f, x in zip(self.enter, levels, strict=True)]


NECKS: dict[str, Callable[[int, bool], nn.Module]] = {
    "bifpn": BiFPN,
    "panet": PANet,
    "fpn": FPN,
    "none": Separate,
}
"""The necks of the ablation (paper, figure 2) by their name in the configuration."""
