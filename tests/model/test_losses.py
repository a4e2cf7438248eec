import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mespot.config import TrainingConfig
from mespot.model.losses import SMOOTH_L1_BETA, focal_joint, focal_per_kind, spotting_loss
from mespot.model.network import Outputs

STRIDES = (4, 8)


def batch(seed: int = 0, classes: int = 3) -> tuple[Outputs, list[Tensor], list[Tensor]]:
    noise = torch.Generator().manual_seed(seed)
    lengths = (16, 8)
    outputs = Outputs(
        tuple(torch.randn(2, classes, length, generator=noise, requires_grad=True) for length in lengths),
        tuple(torch.randn(2, 2, length, generator=noise).mul(8).requires_grad_() for length in lengths),
    )
    wanted = [torch.randint(-1, 3, (2, length), generator=noise) for length in lengths]
    distances = [torch.rand(2, length, 2, generator=noise) * 20 for length in lengths]
    return outputs, wanted, distances


def test_without_focus_and_with_equal_weights_it_is_half_the_cross_entropy() -> None:
    logits, classes = torch.randn(3, 3, 20), torch.randint(0, 3, (3, 20))
    expected = functional.cross_entropy(logits, classes, reduction="none") / 2
    torch.testing.assert_close(focal_joint(logits, classes, 0.5, 0.0), expected)


def test_focus_takes_weight_from_rows_that_are_already_right() -> None:
    logits = torch.tensor([[[6.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    classes = torch.zeros(1, 2, dtype=torch.long)
    plain, focused = (focal_joint(logits, classes, 0.25, gamma)[0] for gamma in (0.0, 2.0))
    p = torch.softmax(logits, dim=1)[0, 0]
    torch.testing.assert_close(focused, plain * (1 - p) ** 2)


def test_a_macro_expression_is_background_to_the_head_of_micro_expressions() -> None:
    logits = torch.zeros(1, 4, 1)
    logits[0, 1], logits[0, 2] = 9.0, 9.0
    right, wrong = (focal_per_kind(logits, torch.tensor([[kind]]), 0.25, 2.0).item() for kind in (1, 2))
    assert right == pytest.approx(0.0, abs=1e-6)
    assert wrong > 1.0


@pytest.mark.parametrize(("heads", "classes"), [("joint", 3), ("per_kind", 4)])
def test_ignored_rows_change_neither_loss_nor_gradient(heads: str, classes: int) -> None:
    outputs, wanted, distances = batch(classes=classes)
    ignored = wanted[0] == -1
    losses = spotting_loss(outputs, wanted, distances, STRIDES, heads, TrainingConfig())  # type: ignore[arg-type]
    losses.total.backward()  # type: ignore[no-untyped-call]
    gradient = outputs.logits[0].grad
    assert gradient is not None
    assert ignored.any()
    assert (gradient.transpose(1, 2)[ignored] == 0).all()
    assert (gradient.transpose(1, 2)[~ignored] != 0).any()


def test_regression_is_smooth_l1_in_strides_over_positive_rows() -> None:
    outputs, wanted, distances = batch(3)
    found = spotting_loss(outputs, wanted, distances, STRIDES, "joint", TrainingConfig())
    total, positives = 0.0, 0
    for level, stride in enumerate(STRIDES):
        for window, row in np.argwhere(wanted[level].numpy() > 0):
            positives += 1
            for side in range(2):
                truth = distances[level][window, row, side].item()
                error = abs(outputs.distances[level][window, side, row].item() - truth) / stride
                small = error < SMOOTH_L1_BETA
                total += error**2 / (2 * SMOOTH_L1_BETA) if small else error - SMOOTH_L1_BETA / 2
    assert found.positives == positives
    assert found.regression.item() == pytest.approx(total / positives, rel=1e-5)


def test_the_total_weighs_the_regression() -> None:
    found = spotting_loss(*batch(1), STRIDES, "joint", TrainingConfig(regression_weight=3.0))
    torch.testing.assert_close(found.total, found.classification + 3 * found.regression)


def test_a_batch_without_expressions_has_a_finite_loss() -> None:
    outputs, wanted, distances = batch(2)
    found = spotting_loss(outputs, [level * 0 for level in wanted], distances, STRIDES, "joint", TrainingConfig())
    assert found.positives == 0
    assert found.regression.item() == 0
    assert 0 < found.total.item() < float("inf")
