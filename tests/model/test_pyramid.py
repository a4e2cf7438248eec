"""Necks: lengths, the fusion of BiFPN, and independence of the place in time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mespot.model.pyramid import (
    LEVELS,
    NECKS,
    SQUEEZE_ROWS,
    BiFPN,
    Fusion,
    FusionNode,
    Gate,
    double,
    extend,
    halve,
)


def _levels(rows: int, channels: int = 8, batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(rows)
    counts = [rows, -(-rows // 2), -(-rows // 4)]
    return extend([torch.randn(batch, channels, count) for count in counts])


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("name", NECKS)
@pytest.mark.parametrize("rows", [1, 5, 33, 64])
def test_every_neck_keeps_every_length(name: str, gate: bool, rows: int) -> None:
    levels = _levels(rows)
    fused = NECKS[name](8, gate).train(rows > 1)(levels)
    assert [level.shape for level in fused] == [level.shape for level in levels]


@given(st.integers(1, 200))
def test_doubling_undoes_the_length_of_halving(rows: int) -> None:
    x = torch.arange(float(rows)).reshape(1, 1, rows)
    coarse = halve(x)
    assert coarse.shape[-1] == -(-rows // 2)
    assert double(coarse, rows).shape[-1] == rows


def test_doubling_repeats_rows_and_halving_takes_maxima() -> None:
    x = torch.tensor([[[1.0, 5.0, 2.0, 3.0, 0.0]]])
    assert halve(x).tolist() == [[[5.0, 5.0, 3.0]]]
    assert double(torch.tensor([[[1.0, 2.0, 3.0]]]), 5).tolist() == [[[1.0, 1.0, 2.0, 2.0, 3.0]]]


def test_levels_that_do_not_follow_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="a level of 9 rows needs 5"):
        double(torch.zeros(1, 1, 4), 9)


@given(st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=3))
def test_fusion_weights_are_normalised_and_not_negative(weights: list[float]) -> None:
    fusion = Fusion(len(weights))
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor(weights))
    shares = fusion.shares().detach()
    total = sum(max(weight, 0.0) for weight in weights)
    assert (shares >= 0).all()
    assert torch.isfinite(shares).all()
    assert float(shares.sum()) == pytest.approx(total / (total + 1e-4), abs=1e-6)


def test_fusion_is_the_weighted_mean_of_equation_1() -> None:
    fusion = Fusion(3)
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([2.0, -1.0, 6.0]))
    a, b, c = torch.randn(3, 2, 4, 7)
    torch.testing.assert_close(fusion(a, b, c), (2 * a + 6 * c) / (8 + 1e-4))


@pytest.mark.parametrize("inputs", [2, 3])
def test_a_node_of_equal_inputs_is_its_convolution(inputs: int) -> None:
    node = FusionNode(inputs, 8, gate=True).eval()
    x = torch.randn(2, 8, 20)
    torch.testing.assert_close(node(*[x] * inputs), node.conv(x), rtol=1e-3, atol=1e-3)


def test_bifpn_wires_the_nodes_as_the_paper_does() -> None:
    """The inputs that reach each node directly, by the number of fusion weights and projections."""
    neck = BiFPN(8, gate=False)
    inputs = {name: len(node.fusion.weights) for name, node in neck.named_children() if isinstance(node, FusionNode)}
    assert inputs == {
        "p6_td": 2, "p5_td": 2, "p4_td": 2, "p3_out": 2, "p4_out": 3, "p5_out": 3, "p6_out": 3, "p7_out": 2
    }  # fmt: skip
    assert (len(neck.enter), len(neck.enter_again)) == (5, 2)


@pytest.mark.parametrize(
    ("name", "reached"),
    [("bifpn", [0, 1, 2, 3, 4]), ("panet", [0, 1, 2, 3, 4]), ("fpn", [0, 1]), ("none", [1])],
)
def test_which_levels_hear_of_a_change_in_p4(name: str, reached: list[int]) -> None:
    torch.manual_seed(4)
    neck = NECKS[name](8, True).eval()
    levels = _levels(64)
    changed = [level + 3.0 if index == 1 else level for index, level in enumerate(levels)]
    pairs = zip(neck(levels), neck(changed), strict=True)
    assert [index for index, (a, b) in enumerate(pairs) if not torch.allclose(a, b)] == reached


def test_middle_levels_enter_bifpn_twice_and_separately() -> None:
    torch.manual_seed(4)
    neck, levels = BiFPN(8, gate=False).eval(), _levels(64)
    before = neck(levels)
    with torch.no_grad():
        next(neck.enter_again[0].parameters()).add_(1.0)  # P4_in_2 feeds the bottom-up node only
    after = neck(levels)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


@pytest.mark.parametrize("name", NECKS)
def test_rows_do_not_depend_on_their_place_in_the_video(name: str) -> None:
    torch.manual_seed(5)
    neck = NECKS[name](8, True).eval()
    steps = [16, 8, 4, 2, 1]  # one row of P7
    levels = _levels(1024, batch=1)
    shifted = [level.roll(step, dims=-1) for level, step in zip(levels, steps, strict=True)]
    for before, after, step in zip(neck(levels), neck(shifted), steps, strict=True):
        inside = slice(before.shape[-1] // 4, 3 * before.shape[-1] // 4)
        torch.testing.assert_close(after.roll(-step, dims=-1)[..., inside], before[..., inside])


def test_the_gate_only_scales_and_looks_at_its_neighbourhood() -> None:
    torch.manual_seed(6)
    gate, x = Gate(8), torch.randn(1, 8, 40)
    factor = gate(x) / x
    assert ((factor > 0) & (factor < 1)).all()
    far = x.clone()
    far[..., 0] = 100.0
    reach = SQUEEZE_ROWS // 2
    torch.testing.assert_close(gate(far)[..., reach + 1 :], gate(x)[..., reach + 1 :])
    assert not torch.allclose(gate(far)[..., reach], gate(x)[..., reach])


def test_extend_halves_p5_twice() -> None:
    levels = _levels(40)
    assert len(levels) == LEVELS
    assert torch.equal(levels[3], halve(levels[2]))
    assert torch.equal(levels[4], halve(levels[3]))
