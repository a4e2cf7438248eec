"""The backbone: published names, SAME padding, and rows that do not depend on the chunk."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mespot.model.i3d import (
    I3D,
    LEAST_CHUNK_FRAMES,
    Past,
    SameConv3d,
    SameMaxPool3d,
    map_channels,
    map_strides,
    parameter_shapes,
    scaled,
    shapes_only,
)


def _tiny(in_channels: int = 2, stem_stride: int = 2) -> I3D:
    torch.manual_seed(0)
    return I3D(in_channels, 0.125, stem_stride).eval()


def _padded_as_tensorflow(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """Zero-pad every axis by TensorFlow's published rule for SAME."""
    pads: list[int] = []
    for size in reversed(x.shape[2:]):
        wanted = -(-size // stride)
        total = max((wanted - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads)


def test_published_names_and_shapes() -> None:
    shapes = parameter_shapes(3)
    assert shapes["Conv3d_1a_7x7.conv3d.weight"] == (64, 3, 7, 7, 7)
    assert shapes["Conv3d_1a_7x7.bn.running_var"] == (64,)
    assert shapes["Mixed_3b.b1b.conv3d.weight"] == (128, 96, 3, 3, 3)
    assert shapes["Mixed_4f.b3b.bn.weight"] == (128,)
    assert shapes["Mixed_5c.b2a.conv3d.weight"] == (48, 832, 1, 1, 1)
    assert len(shapes) == 57 * 5  # three units of the stem and six in each of nine blocks
    assert not any(name.startswith("logits") or name.endswith("conv3d.bias") for name in shapes)


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_maps_have_the_stated_channels_and_strides(stem_stride: int) -> None:
    with torch.no_grad():
        maps = _tiny(3, stem_stride)(torch.zeros(1, 3, 32, 48, 40))
    expected = [
        (1, channels, 32 // stride, -(-48 // shrink), -(-40 // shrink))
        for channels, stride, shrink in zip(map_channels(0.125), map_strides(stem_stride), (16, 32, 64), strict=True)
    ]
    assert [tuple(level.shape) for level in maps] == expected


def test_full_width_maps_have_the_published_channels() -> None:
    assert map_channels(1.0) == (480, 832, 1024)


@given(st.integers(1, 2048), st.floats(0.01, 1.0))
def test_channels_are_multiples_of_eight_near_the_wanted(channels: int, width: float) -> None:
    count = scaled(channels, width)
    assert count % 8 == 0
    assert count >= 8
    assert count == 8 or abs(count - channels * width) <= 4


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 12), kernel=st.sampled_from([1, 2, 3, 7]), stride=st.sampled_from([1, 2]))
def test_convolution_pads_as_tensorflow_does(size: int, kernel: int, stride: int) -> None:
    torch.manual_seed(1)
    x = torch.randn(1, 2, size, size + 1, 2 * size)
    conv = SameConv3d(2, 3, (kernel,) * 3, (stride,) * 3)
    plain = functional.conv3d(_padded_as_tensorflow(x, kernel, stride), conv.weight, stride=stride)
    torch.testing.assert_close(conv(x), plain, rtol=1e-4, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 12), kernel_stride=st.sampled_from([(2, 2), (3, 1), (3, 2), (1, 1)]))
def test_pooling_of_activations_pads_as_tensorflow_does(size: int, kernel_stride: tuple[int, int]) -> None:
    kernel, stride = kernel_stride
    torch.manual_seed(2)
    x = torch.rand(1, 2, size, size + 1, 2 * size)  # not negative, as after ReLU: zeros are no maximum
    plain = functional.max_pool3d(_padded_as_tensorflow(x, kernel, stride), kernel, stride)
    torch.testing.assert_close(SameMaxPool3d((kernel,) * 3, (stride,) * 3)(x), plain, rtol=0, atol=0)


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("cuts", [(208,), (64, 64, 64, 16), (64, 144), (128, 80), (112, 80, 16)])
def test_chunks_give_the_rows_of_the_long_pass(stem_stride: int, cuts: tuple[int, ...]) -> None:
    network = _tiny(2, stem_stride)
    torch.manual_seed(3)
    video = torch.randn(1, 2, sum(cuts), 32, 32)
    past = Past()
    with torch.no_grad():
        whole = network(video)
        chunks = []
        for number, chunk in enumerate(torch.split(video, list(cuts), dim=2), start=1):
            past.last = number == len(cuts)
            chunks.append(network(chunk, past))
    for long, *parts in zip(whole, *chunks, strict=True):
        torch.testing.assert_close(torch.cat(parts, dim=2), long, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_the_shortest_chunk_gives_rows_of_every_level(stem_stride: int) -> None:
    with torch.no_grad():
        maps = _tiny(2, stem_stride)(torch.zeros(1, 2, LEAST_CHUNK_FRAMES, 32, 32), Past())
    assert min(level.shape[2] for level in maps) >= 1


def test_a_chunk_without_an_output_is_refused() -> None:
    with torch.no_grad(), pytest.raises(ValueError, match="a chunk is too short"):
        _tiny()(torch.zeros(1, 2, 16, 32, 32), Past())


def test_what_is_held_does_not_grow() -> None:
    network, past, held = _tiny(), Past(), []
    with torch.no_grad():
        for _ in range(4):
            network(torch.zeros(1, 2, 64, 32, 32), past)
            held.append(past.nbytes)
    assert held[1] == held[2] == held[3]


@pytest.mark.parametrize("frames", [0, 8, 17])
def test_other_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of 16 frames, got {frames}"):
        _tiny()(torch.zeros(1, 2, frames, 32, 32))


def test_shapes_only_needs_no_memory_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with shapes_only():
        network = I3D(3)
    assert all(tensor.is_meta for tensor in network.state_dict().values())
    assert torch.equal(torch.rand(3), expected)
