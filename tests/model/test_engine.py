"""The engines against the network itself: the same rows, whatever the chunks."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from mespot.config import BackboneConfig, Config
from mespot.core.errors import ConfigError
from mespot.core.signals import Float32
from mespot.model.engine import Engine, OpenVinoEngine, TorchEngine, choose_engine
from mespot.model.network import Network
from mespot.model.openvino_engine import TELEMETRY, Stream, load_openvino

SMALL = ("backbone.width=0.125", "backbone.input_px=32", "network.channels=16", "network.hidden=16")
FRAMES = 208
CUTS = ((FRAMES,), (64, 64, 64, 16), (112, 80, 16))
AGREEMENT = 1e-4
"""Largest difference in float32, of the largest value of a level."""
AGREEMENT_BFLOAT16 = 0.05


def build(*assignments: str) -> tuple[Network, Config]:
    torch.manual_seed(0)
    config = Config().override([*SMALL, *assignments])
    network = Network(config).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):  # as after training: folding them is no identity
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    for name, parameter in network.attention.named_parameters():
        assert name.endswith("score.weight")
        nn.init.normal_(parameter, std=0.1)
    return network, config


def pictures() -> tuple[Float32, Float32]:
    rng = np.random.default_rng(1)
    return (
        rng.uniform(-1, 1, (FRAMES, 3, 32, 32)).astype(np.float32),
        rng.uniform(-1, 1, (FRAMES, 2, 32, 32)).astype(np.float32),
    )


def reference(network: Network) -> list[tuple[Float32, Float32]]:
    rgb, flow = (torch.from_numpy(part).transpose(0, 1)[None] for part in pictures())
    with torch.no_grad():
        levels = network.attend(rgb, flow)
    return [(vectors[0].T.numpy(), attention[0].numpy()) for vectors, attention in levels]


def encoded(engine: Engine, cuts: Sequence[int]) -> list[tuple[Float32, Float32]]:
    encode, (rgb, flow), parts, begin = engine.begin(), pictures(), [], 0
    for count in cuts:
        rows = slice(begin, begin + count)
        begin += count
        parts.append(encode(rgb[rows], flow[rows], begin == FRAMES))
    return [
        (np.concatenate([part[level][0] for part in parts]), np.concatenate([part[level][1] for part in parts]))
        for level in range(3)
    ]


def assert_agree(found: list[tuple[Float32, Float32]], expected: list[tuple[Float32, Float32]], share: float) -> None:
    for got, wanted in zip(found, expected, strict=True):
        for one, other in zip(got, wanted, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=0, atol=share * np.abs(other).max())


@pytest.mark.parametrize(("streams", "stem_stride"), [("both", 2), ("flow", 1), ("rgb", 2)])
def test_openvino_agrees_with_the_network_whatever_the_chunks(streams: str, stem_stride: int) -> None:
    network, config = build(f"backbone.streams={streams}", f"backbone.stem_stride={stem_stride}")
    engine, expected = OpenVinoEngine(network, config.backbone), reference(network)
    whole = encoded(engine, CUTS[0])
    assert_agree(whole, expected, AGREEMENT)
    for cuts in CUTS[1:]:
        assert_agree(encoded(engine, cuts), whole, 1e-6)


def test_torch_in_chunks_agrees_with_the_network() -> None:
    network, _ = build()
    expected = reference(network)
    for cuts in CUTS:
        assert_agree(encoded(TorchEngine(network), cuts), expected, AGREEMENT)


def test_bfloat16_is_near_and_only_where_it_is_asked_for() -> None:
    network, config = build("backbone.bfloat16=rgb")
    engine = OpenVinoEngine(network, config.backbone)
    assert engine.name.endswith("rgb bfloat16, flow float32")
    assert_agree(encoded(engine, CUTS[1]), reference(network), AGREEMENT_BFLOAT16)


def test_videos_at_the_same_time_do_not_mix() -> None:
    network, config = build("backbone.streams=flow")
    engine, (_, flow) = OpenVinoEngine(network, config.backbone), pictures()
    one, other = engine.begin(), engine.begin()
    one(None, flow[:64], False)
    other(None, flow[64:128], False)
    expected = engine.begin()
    expected(None, flow[:64], False)
    assert_agree(one(None, flow[128:], True), expected(None, flow[128:], True), 0)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_missing_stream_is_named(engine: str) -> None:
    network, config = build()
    encode = choose_engine(network, config.backbone.model_copy(update={"engine": engine})).begin()
    with pytest.raises(ValueError, match="stream 'rgb'"):
        encode(None, pictures()[1], True)


def test_auto_takes_the_fastest_and_names_can_be_given() -> None:
    network, config = build()
    assert choose_engine(network, config.backbone).name.startswith("openvino")
    assert choose_engine(network, BackboneConfig(engine="torch")).name.startswith("torch")


def test_without_openvino_auto_is_torch_and_asking_for_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    network, config = build()
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert choose_engine(network, config.backbone).name.startswith("torch")
    with pytest.raises(ConfigError, match="pip install 'mespot\\[fast\\]'"):
        choose_engine(network, BackboneConfig(engine="openvino"))


def test_openvino_comes_without_its_telemetry() -> None:
    load_openvino()
    stand_in = sys.modules.get(TELEMETRY)
    assert stand_in is None or not hasattr(stand_in, "__path__")


def test_threads_can_encode_videos_at_the_same_time() -> None:
    network, config = build("backbone.streams=flow")
    engine = OpenVinoEngine(network, config.backbone)
    expected = encoded(engine, CUTS[1])
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(lambda cuts: encoded(engine, cuts), [CUTS[1]] * 3):
            assert_agree(found, expected, 1e-6)


def test_where_openvino_cannot_compile_auto_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("this processor is too old")

    monkeypatch.setattr(Stream, "compiled", refuse)
    network, config = build("backbone.streams=flow")
    assert choose_engine(network, config.backbone).name.startswith("torch")
    with pytest.raises(ConfigError, match="does not run here"):
        choose_engine(network, config.backbone.model_copy(update={"engine": "openvino"}))


class SignalStack(ctypes.Structure):
    """The C structure ``stack_t`` of Linux."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def signal_stack() -> tuple[int | None, int, int]:
    stack = SignalStack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
    return stack.address, stack.flags, stack.size


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads a structure of Linux")
def test_compiling_leaves_this_thread_able_to_be_interrupted() -> None:
    before = signal_stack()
    network, config = build("backbone.streams=flow")
    encoded(OpenVinoEngine(network, config.backbone), CUTS[1])
    assert signal_stack() == before
