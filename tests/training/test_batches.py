from collections.abc import Callable

import torch
from hypothesis import given
from hypothesis import strategies as st

from mespot.config import BackboneConfig, Config
from mespot.core.signals import Grid
from mespot.training.batches import augment, collate
from mespot.training.sample import Sample
from mespot.training.windows import Place, WindowSampler
from mespot.vision.streams import network_input

MakeSample = Callable[..., Sample]
GRIDS = (Grid(1.5, 4, 4), Grid(3.5, 8, 8))
LENGTHS = (16, 8)


def streams(side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth pictures and the flow of an expansion by 1 % about the centre."""
    at = torch.arange(side, dtype=torch.float32)
    y, x = torch.meshgrid(at, at, indexing="ij")
    rgb = torch.stack([x, y, x + y])[None] / side
    centre = (side - 1) / 2
    flow = torch.stack([x - centre, y - centre])[None] * 0.01
    return rgb, flow


@given(st.booleans(), st.floats(0, 0.2), st.floats(0, 1), st.floats(0, 1))
def test_an_augmented_expansion_is_the_same_expansion(flip: bool, cut: float, left: float, top: float) -> None:
    rgb, flow = streams()
    _, changed = augment(rgb, flow, Place(0, 0, 64, cut=(cut, left, top), flip=flip))
    # However it is cut, enlarged or mirrored, the flow still grows by 0.01 px a px. Edges are clamped by the resizing.
    grown_x = (changed[0, 0, :, 2:] - changed[0, 0, :, :-2])[2:-2, 2:-2] / 2
    grown_y = (changed[0, 1, 2:, :] - changed[0, 1, :-2, :])[2:-2, 2:-2] / 2
    torch.testing.assert_close(grown_x, torch.full_like(grown_x, 0.01), atol=2e-5, rtol=0)
    torch.testing.assert_close(grown_y, torch.full_like(grown_y, 0.01), atol=2e-5, rtol=0)


def test_a_flip_twice_is_no_flip_and_mirrors_the_pictures() -> None:
    rgb, flow = streams()
    flipped = augment(rgb, flow, Place(0, 0, 64, flip=True))
    assert flipped[0] is not None
    torch.testing.assert_close(flipped[0], rgb.flip(-1))
    back = augment(*flipped, Place(0, 0, 64, flip=True))
    torch.testing.assert_close(back, (rgb, flow))


def test_the_gain_scales_the_flow_alone() -> None:
    rgb, flow = streams()
    changed = augment(rgb, flow, Place(0, 0, 64, gain=1.5))
    torch.testing.assert_close(changed, (rgb, flow * 1.5))


def test_training_sees_what_spotting_sees(config: Config, make_sample: MakeSample) -> None:
    backbone = BackboneConfig(flow_clip_px=1.5)
    sampler = WindowSampler([make_sample(0, pictures=True)], config.training)
    window = sampler.cut(Place(sample=0, start=10, frames=64), GRIDS, LENGTHS)
    batch = collate([window, window], backbone, torch.device("cpu"))
    rgb, flow = network_input(window.rgb, window.flow, backbone)
    assert batch.rgb is not None
    assert rgb is not None
    torch.testing.assert_close(batch.rgb[1].transpose(0, 1), torch.from_numpy(rgb))
    torch.testing.assert_close(batch.flow[1].transpose(0, 1), torch.from_numpy(flow))
    assert batch.flow.abs().max() == 1
    assert [level.shape for level in batch.classes] == [(2, length) for length in LENGTHS]
    assert [level.shape for level in batch.distances] == [(2, length, 2) for length in LENGTHS]


def test_a_network_that_sees_the_flow_alone_gets_no_pictures(config: Config, make_sample: MakeSample) -> None:
    batches = []
    for pictures in (False, True):
        sampler = WindowSampler([make_sample(0, pictures=pictures)], config.training)
        place = Place(sample=0, start=10, frames=64, cut=(0.1, 0.3, 0.7), flip=True, gain=1.2)
        window = sampler.cut(place, GRIDS, LENGTHS)
        assert (window.rgb is not None) == pictures
        batches.append(collate([window], config.backbone, torch.device("cpu")))
    assert batches[0].rgb is None
    assert batches[1].rgb is None
    assert batches[0].flow.shape == batches[1].flow.shape
