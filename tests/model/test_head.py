"""The classification and regression network."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mespot.model.head import CLASS_LOGITS, NEIGHBOURHOOD, PRIOR, Head, probabilities


def _head(classes: str = "joint", dropout: float = 0.0) -> Head:
    torch.manual_seed(0)
    return Head(8, 16, dropout, classes, levels=3)


@pytest.mark.parametrize("classes", CLASS_LOGITS)
def test_shapes_on_every_level(classes: str) -> None:
    logits, distances = _head(classes)([torch.randn(2, 8, rows) for rows in (9, 4, 1)])
    assert [tuple(x.shape) for x in logits] == [(2, CLASS_LOGITS[classes], rows) for rows in (9, 4, 1)]
    assert [tuple(x.shape) for x in distances] == [(2, 2, rows) for rows in (9, 4, 1)]


@pytest.mark.parametrize("classes", CLASS_LOGITS)
def test_each_kind_starts_rare(classes: str) -> None:
    logits, _ = _head(classes).eval()([torch.zeros(1, 8, 4)] * 3)
    torch.testing.assert_close(probabilities(logits[0], classes), torch.full((1, 2, 4), PRIOR))


def test_joint_probabilities_leave_room_for_the_background() -> None:
    logits = torch.randn(2, 3, 7)
    both = probabilities(logits, "joint")
    torch.testing.assert_close(1 - both.sum(dim=1), torch.softmax(logits, dim=1)[:, 0])


def test_per_kind_probabilities_are_two_binary_softmaxes() -> None:
    logits = torch.randn(2, 4, 7)
    mae, me = probabilities(logits, "per_kind").unbind(dim=1)
    torch.testing.assert_close(mae, torch.sigmoid(logits[:, 1] - logits[:, 0]))
    torch.testing.assert_close(me, torch.sigmoid(logits[:, 3] - logits[:, 2]))


def test_a_row_is_the_network_of_the_paper_on_its_neighbourhood() -> None:
    """Two unpadded convolutions on five rows, fully connected layers on the one that is left."""
    head, level = _head().eval(), torch.randn(1, 8, 12)
    logits, _ = head([level] * 3)
    row = 6
    x = level[..., row - 2 : row + 3]
    for conv in head.convs:
        x = functional.relu(conv(x))
    vector = x.squeeze(-1)
    assert x.shape[-1] == 1
    for dense in head.dense:
        weight, bias = dense.parameters()
        vector = functional.relu(functional.linear(vector, weight.squeeze(-1), bias))
    expected = functional.linear(vector, head.classify.weight.squeeze(-1), head.classify.bias)
    torch.testing.assert_close(logits[0][..., row], expected)


def test_a_row_sees_five_rows() -> None:
    head = _head()
    level = torch.randn(1, 8, 21, requires_grad=True)
    logits, distances = head([level] * 3)
    (logits[0][..., 10].sum() + distances[0][..., 10].sum()).backward()
    assert level.grad is not None
    touched = level.grad.abs().sum(dim=(0, 1)).nonzero().flatten().tolist()
    assert touched == list(range(10 - NEIGHBOURHOOD // 2, 11 + NEIGHBOURHOOD // 2))


def test_levels_share_all_but_the_scale_of_distances() -> None:
    head, level = _head().eval(), torch.randn(1, 8, 12)
    with torch.no_grad():
        head.scales.copy_(torch.tensor([1.0, 2.0, -3.0]))
    logits, distances = head([level] * 3)
    assert torch.equal(logits[0], logits[2])
    torch.testing.assert_close(distances[1], 2 * distances[0])
    torch.testing.assert_close(distances[2], -3 * distances[0])  # no activation: any sign


def test_dropout_acts_in_training_only() -> None:
    head, level = _head(dropout=0.5), [torch.randn(1, 8, 12)] * 3
    assert not torch.equal(head(level)[0][0], head(level)[0][0])
    head.eval()
    assert torch.equal(head(level)[0][0], head(level)[0][0])
