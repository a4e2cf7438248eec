"""Full-width two-stream I3D on the CPU: frames a second, ratio to eager PyTorch, share of the machine's limit.

The peer is what public code does: PyTorch, eager, float32, clips of 8 frames one at a time, each stream alone. Ours is
the engine that `mespot spot` uses, a video in chunks, every frame once. The limit is the rate of a large matrix product
in the same engine and precision, in the same run. Run it as ``python benchmarks/bench_network.py [--repetitions N]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from harness import alternate, machine, save
from mespot.config import BackboneConfig, Config
from mespot.core.signals import Float32
from mespot.model.engine import Engine, OpenVinoEngine, TorchEngine
from mespot.model.i3d import SameConv3d
from mespot.model.network import Network
from mespot.model.openvino_engine import compile_model, load_openvino

CLIP_FRAMES = 8
MATRIX = 2048
PRODUCTS = 8


def flop_per_frame(network: Network, side_px: int) -> float:
    """Count multiplications and additions of all convolutions of both streams a frame, padding included."""
    total = 0.0

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        assert isinstance(layer, SameConv3d)
        nonlocal total
        total += 2.0 * layer.weight[0].numel() * output.numel()

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, SameConv3d)]
    frames = 16
    with torch.inference_mode():
        rgb, flow = (torch.zeros(1, channels, frames, side_px, side_px) for channels in (3, 2))
        network.encode(rgb, flow)
    for hook in hooks:
        hook.remove()
    return total / frames


def eager_clips(network: Network, rgb: Float32, flow: Float32) -> Callable[[], None]:
    """Public code's way: contiguous float32 clips of 8 frames, one after the other, up to the pooling before P5."""
    clips = [
        [torch.from_numpy(part[begin : begin + CLIP_FRAMES]).transpose(0, 1)[None].contiguous() for part in (rgb, flow)]
        for begin in range(0, len(rgb), CLIP_FRAMES)
    ]

    def run() -> None:
        with torch.inference_mode():
            for pair in clips:
                for stream, x in zip((network.rgb, network.flow), pair, strict=True):
                    assert stream is not None
                    for module in list(stream.children())[:-1]:  # 8 frames are too few for the last pooling
                        x = module(x)

    return run


def chunks(engine: Engine, rgb: Float32, flow: Float32) -> Callable[[], None]:
    """One more chunk of a video that is under way."""
    encode = engine.begin()
    encode(rgb, flow, False)
    return lambda: void(encode(rgb, flow, False))


def void(_: object) -> None:
    """Let a result go."""


def product(precision: str) -> Callable[[], None]:
    """Return a large matrix product in OpenVINO; several in one call, so that the conversions weigh little."""
    openvino = load_openvino()
    ops = openvino.opset13
    x = ops.parameter([MATRIX, MATRIX], np.float32)
    node = x
    rng = np.random.default_rng(0)
    for _ in range(PRODUCTS):
        node = ops.matmul(
            node, ops.constant(rng.normal(size=(MATRIX, MATRIX)).astype(np.float32) / MATRIX), False, True
        )
    model = openvino.Model([ops.result(ops.reduce_max(node, np.array([0, 1]), False))], [x], "product")
    request = compile_model(model, {"INFERENCE_PRECISION_HINT": precision}).create_infer_request()
    values = rng.normal(size=(MATRIX, MATRIX)).astype(np.float32)
    return lambda: void(request.infer([values], share_inputs=True))


def disagreement(engine: Engine, network: Network, rgb: Float32, flow: Float32) -> list[float]:
    """Return the largest difference to the reference of each level's vectors, as a share of their largest value."""
    found, wanted = (one.begin()(rgb, flow, True) for one in (engine, TorchEngine(network)))
    return [float(np.abs(a - b).max() / np.abs(b).max()) for (a, _), (b, _) in zip(found, wanted, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--frames", type=int, default=64, help="frames a chunk, and of the clips together")
    options = parser.parse_args()
    facts = machine()
    torch.manual_seed(0)
    config = Config()
    network = Network(config).eval()
    rng = np.random.default_rng(0)
    side = config.backbone.input_px
    rgb, flow = (rng.uniform(-1, 1, (options.frames, count, side, side)).astype(np.float32) for count in (3, 2))
    engines = {name: OpenVinoEngine(network, BackboneConfig(bfloat16=name)) for name in ("both", "rgb", "none")}
    calls: dict[str, Callable[[], None]] = {
        f"ours, bfloat16 {name}": chunks(one, rgb, flow) for name, one in engines.items()
    }
    calls |= {"eager": eager_clips(network, rgb, flow), "limit bf16": product("bf16"), "limit f32": product("f32")}
    timing = alternate(calls, options.repetitions)
    work = flop_per_frame(network, side)
    limits = {name: PRODUCTS * 2.0 * MATRIX**3 / timing[f"limit {name}"].least_s for name in ("bf16", "f32")}
    print(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_before']}")
    print(
        f"{work / 1e9:.2f} GFLOP a frame; limit: {limits['bf16'] / 1e9:.0f} GFLOP/s bfloat16, "
        f"{limits['f32'] / 1e9:.0f} float32"
    )
    figures: dict[str, Any] = {"flop_per_frame": work, "limits": limits, "timing": timing, "frames": options.frames}
    for name, one in engines.items():
        ours, eager = timing[f"ours, bfloat16 {name}"], timing["eager"]
        ratio = eager.median_s / ours.median_s
        rate = options.frames / ours.median_s
        # the work of both streams against the limits of the precisions in which they run
        share = {"both": 1.0, "rgb": 0.5, "none": 0.0}[name]
        ideal_s = work * options.frames * (share / limits["bf16"] + (1 - share) / limits["f32"])
        apart = disagreement(one, network, rgb, flow)
        print(
            f"  bfloat16 {name:5} {ours}  {rate:6.1f} frames/s  {ratio:5.1f} x eager  "
            f"{ideal_s / ours.least_s:.0%} of the limit  features apart by {max(apart):.1e}"
        )
        figures[name] = {"ratio": ratio, "frames_per_s": rate, "share_of_limit": ideal_s / ours.least_s, "apart": apart}
    print(f"  eager clips    {timing['eager']}  {options.frames / timing['eager'].median_s:6.1f} frames/s")
    print(f"saved {save('network', figures, facts)}")


if __name__ == "__main__":
    main()
