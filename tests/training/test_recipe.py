"""The defaults are the paper's recipe (section IV-B)."""

from __future__ import annotations

import torch

from mespot.config import Config, TrainingConfig
from mespot.training.loop import learning_rate


def test_the_defaults_are_the_papers_recipe() -> None:
    recipe = TrainingConfig()
    assert recipe.mode == "end_to_end"
    assert (recipe.learning_rate, recipe.batch, recipe.epochs) == (1e-4, 32, 30)
    assert (recipe.weight_decay, recipe.warmup_steps, recipe.cosine, recipe.accumulate) == (0.0, 0, False, 1)
    assert {learning_rate(step, Config(), 480) for step in range(480)} == {1e-4}
    assert (recipe.focal_gamma, recipe.focal_alpha, recipe.regression_weight) == (2.0, 0.25, 1.0)
    assert recipe.crop_jitter > 0
    assert recipe.flip


def test_what_the_paper_does_not_have_is_off_by_default() -> None:
    recipe = TrainingConfig()
    assert (recipe.flow_gain, recipe.short_share, recipe.pastes) == (0.0, 0.0, 0.0)
    assert (recipe.patience, recipe.average, recipe.precision) == (0, 0.0, "float32")


def test_the_optimizer_without_weight_decay_is_adam() -> None:
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 7)) for _ in range(2)]
    optimizers = [
        kind([weight], lr=TrainingConfig().learning_rate, weight_decay=TrainingConfig().weight_decay)
        for kind, weight in zip((torch.optim.AdamW, torch.optim.Adam), weights, strict=True)
    ]
    for step in range(5):
        for weight, optimizer in zip(weights, optimizers, strict=True):
            weight.grad = torch.sin(weight.detach() * (step + 1))
            optimizer.step()
    assert torch.equal(*weights)
    assert not torch.equal(weights[0], torch.linspace(-1, 1, 7))
