"""Spatial attention: a weighted mean over the face."""

from __future__ import annotations

import pytest
import torch

from mespot.model.attention import SpatialAttention


def _attention(channels: int = 6) -> SpatialAttention:
    torch.manual_seed(0)
    attention = SpatialAttention(channels)
    assert attention.score is not None
    torch.nn.init.normal_(attention.score.weight)
    return attention


@pytest.mark.parametrize("enabled", [True, False])
def test_attention_is_a_distribution_over_the_face(enabled: bool) -> None:
    attention = _attention() if enabled else SpatialAttention(6, enabled=False)
    vectors, heat = attention(torch.randn(2, 6, 5, 3, 4))
    assert vectors.shape == (2, 6, 5)
    assert heat.shape == (2, 5, 3, 4)
    assert (heat >= 0).all()
    torch.testing.assert_close(heat.sum(dim=(2, 3)), torch.ones(2, 5))


def test_vectors_are_the_mean_that_the_map_states() -> None:
    maps = torch.randn(2, 6, 5, 3, 4)
    vectors, heat = _attention()(maps)
    torch.testing.assert_close(vectors, torch.einsum("ndlhw,nlhw->ndl", maps, heat))


def test_training_starts_from_the_plain_mean() -> None:
    maps = torch.randn(2, 6, 5, 3, 4)
    learned, plain = SpatialAttention(6), SpatialAttention(6, enabled=False)
    for mine, other in zip(learned(maps), plain(maps), strict=True):
        torch.testing.assert_close(mine, other)


def test_a_moved_spot_moves_the_map_and_keeps_the_vector() -> None:
    maps = torch.randn(1, 6, 2, 4, 4)
    attention = _attention()
    vectors, heat = attention(maps)
    moved_vectors, moved_heat = attention(maps.roll((1, 2), dims=(3, 4)))
    torch.testing.assert_close(moved_vectors, vectors)
    torch.testing.assert_close(moved_heat, heat.roll((1, 2), dims=(2, 3)))


def test_a_constant_map_is_its_own_mean() -> None:
    vectors, _ = _attention()(torch.full((1, 6, 2, 3, 3), 0.7))
    torch.testing.assert_close(vectors, torch.full((1, 6, 2), 0.7))


def test_the_map_stays_exact_in_half_precision() -> None:
    vectors, heat = _attention().bfloat16()(torch.randn(1, 6, 2, 14, 14).bfloat16())
    assert vectors.dtype == torch.bfloat16
    assert heat.dtype == torch.float32
    torch.testing.assert_close(heat.sum(dim=(2, 3)), torch.ones(1, 2))
