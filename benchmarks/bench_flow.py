"""TV-L1 flow of 224 x 224 face crops: time a pair, ratio to OpenCV in the same run, accuracy, share of the limit.

Run it as ``python benchmarks/bench_flow.py [--repetitions N]``. Times are of the processor for one core, so that other
programs disturb little, and of the clock for all cores; the peer is timed in turns with us.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any

import cv2
import numba
import numpy as np
import numpy.typing as npt
import torch

from harness import alternate, machine, save
from mespot.config import FlowConfig
from mespot.core.signals import Float32
from mespot.vision import tvl1 as kernels
from mespot.vision.flow import Scratch, tvl1

SIDE_PX = 224
FINE = 4  # px of the smooth picture per px of a crop
SHIFTS_PX = (0.1, 0.3, 1.0, 2.0)
NOISES = (0.0, 1.0, 2.0)
FLOP_PER_UPDATE = 57  # fused primal and dual update of a pixel, square roots and the division as one each
IN_CACHE = 1024  # columns whose operands and result stay in the first cache level
BYTES_PER_UPDATE = 64  # 10 planes read, 6 written
FASTER = FlowConfig(warps=2)  # fewer linearisations than OpenCV's default; the peer stays at its defaults
Grey = npt.NDArray[np.uint8]


def smooth_face() -> Float32:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        video = cv2.VideoCapture(str(path))
        _, frame = video.read()
        video.release()
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32)
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    large = (SIDE_PX * FINE, SIDE_PX * FINE)
    crop = cv2.resize(grey[top : top + side, left : left + side], large, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), 1.5), np.float32)


def moved_pair(face: Float32, shift: float, noise: float, seed: int) -> tuple[Grey, Grey, Float32]:
    """Two crops and the exact flow between them: a translation and a smooth deformation of a third of it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    wave = 2 * np.pi / SIDE_PX
    u = shift * (np.cos(angle) + 0.3 * np.sin(wave * y + 1) * np.cos(wave * x))
    v = shift * (np.sin(angle) + 0.3 * np.cos(1.5 * wave * x) * np.sin(wave * y))
    flow = np.stack([u, v]).astype(np.float32)

    def sample(x: Float32, y: Float32) -> Grey:
        centre = np.float32((FINE - 1) / 2)
        maps = (np.float32(FINE) * x + centre, np.float32(FINE) * y + centre)
        clean = cv2.remap(face, *maps, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
        noisy = clean + random.normal(0, noise, clean.shape)
        return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)

    return sample(x + flow[0], y + flow[1]), sample(x, y), flow


def opencv(first: Grey, second: Grey) -> Float32:
    solver: Any = vars(cv2.optflow)["DualTVL1OpticalFlow_create"]()
    return np.asarray(solver.calc(first, second, None), np.float32).transpose(2, 0, 1)


def error_px(flow: Float32, truth: Float32) -> float:
    return float(np.hypot(*(flow - truth)).mean())


def accuracy(face: Float32, seeds: int) -> list[dict[str, float]]:
    print("  mean endpoint error, px: to OpenCV          to truth")
    print("  shift  noise    ours   2 warps    OpenCV    ours   2 warps")
    names = ("to_opencv", "to_opencv_2_warps", "opencv", "ours", "ours_2_warps")
    table = []
    for shift in SHIFTS_PX:
        for noise in NOISES:
            errors = []
            for seed in range(seeds):
                first, second, truth = moved_pair(face, shift, noise, seed)
                theirs, ours, faster = opencv(first, second), tvl1(first, second), tvl1(first, second, FASTER)
                to_opencv = [error_px(flow, theirs) for flow in (ours, faster)]
                errors.append([*to_opencv, *(error_px(flow, truth) for flow in (theirs, ours, faster))])
            mean = [float(value) for value in np.mean(errors, axis=0)]
            print(f"  {shift:5.1f}  {noise:5.1f}" + "  {:6.4f}    {:6.4f}    {:6.4f}  {:6.4f}    {:6.4f}".format(*mean))
            table.append({"shift_px": shift, "noise": noise, **dict(zip(names, mean, strict=True))})
    own, fewer = (sum(row[name] for row in table) / sum(row["opencv"] for row in table) for name in names[3:])
    print(f"  error to truth over OpenCV's, mean of the table: {own:.3f}, with 2 warps {fewer:.3f}")
    return table


def speed(face: Float32, repetitions: int) -> dict[str, Any]:
    first, second, _ = moved_pair(face, 0.5, 1.0, 0)
    cv2.setNumThreads(1)
    calls = {
        "ours": lambda: tvl1(first, second, threads=1),
        "2 warps": lambda: tvl1(first, second, FASTER, threads=1),
        "opencv": lambda: opencv(first, second),
    }
    one = alternate(calls, repetitions, clock=time.process_time)
    ratio, faster = (one["opencv"].median_s / one[name].median_s for name in ("ours", "2 warps"))
    for name, timing in one.items():
        print(f"  one core, {name:7} {timing}")
    print(f"  ratio to OpenCV on one core: {ratio:.1f}, with 2 warps {faster:.1f}")
    cores = os.cpu_count() or 1
    cv2.setNumThreads(cores)
    batch = [np.stack([picture] * 8) for picture in (first, second)]
    both = alternate(
        {"ours": lambda: tvl1(batch[0], batch[1]), "opencv": lambda: opencv(first, second)}, max(3, repetitions // 3)
    )
    per_pair = both["ours"].median_s / 8
    theirs = both["opencv"].median_s
    print(f"  {cores} cores: ours {1e3 * per_pair:.2f} ms a pair in a batch, OpenCV {1e3 * theirs:.1f} ms")
    return {
        "one_core": one,
        "ratio_one_core": ratio,
        "ratio_one_core_2_warps": faster,
        "all_cores": both,
        "cores": cores,
        "pairs_in_batch": 8,
        "ratio_all_cores": both["opencv"].median_s / per_pair,
    }


@numba.njit(error_model="numpy")  # no fast flags: the divider itself, as in the kernel
def roots(a: Float32, b: Float32, c: Float32, out: Float32) -> None:
    """Compute the two square roots and the division of an update, and nothing else."""
    for _ in range(SIDE_PX * SIDE_PX // IN_CACHE):
        for i in range(IN_CACHE):
            out[i] = (np.sqrt(a[i]) + np.sqrt(b[i])) / c[i]


def limit(face: Float32, repetitions: int) -> dict[str, float]:
    """How much of the machine the inner iteration uses: of fp32 products, of a copy of its memory, of the divider."""
    first, second, _ = moved_pair(face, 0.5, 1.0, 0)
    config = FlowConfig()
    scratch = Scratch(SIDE_PX, SIDE_PX, config.scales)
    state, work = scratch.arrays[2:]
    flow = np.empty((2, SIDE_PX, SIDE_PX), np.float32)
    numbers = (config.tau, config.lambda_, config.theta, config.epsilon, config.scale_step)
    counts = (config.scales, config.warps, config.inner_iterations, config.outer_iterations, config.median_px)
    pair = (first.astype(np.float32), second.astype(np.float32))
    updates = kernels.solve(*pair, flow, *scratch.arrays, numbers, counts)
    threshold, taut = np.float32(config.lambda_ * config.theta), np.float32(config.tau / config.theta)
    size = (SIDE_PX, SIDE_PX, -(-SIDE_PX // kernels.LANES) * kernels.LANES)
    torch.set_num_threads(1)
    matrix = torch.rand(768, 768)
    source = np.zeros(SIDE_PX * SIDE_PX * BYTES_PER_UPDATE // 8, np.float32)  # half of it read, half written
    target = np.empty_like(source)
    operands = np.ones((4, IN_CACHE), np.float32)
    matrix_flop = 2 * len(matrix) ** 3

    def repeated(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(10):  # as in the solver, where the planes stay in the caches
                call()

        return run

    calls = {
        "iterate": repeated(lambda: kernels.iterate(state, work[0], kernels.WAVE, *size, threshold, taut)),
        "roots": repeated(lambda: roots(*operands)),
        "product": repeated(lambda: matrix @ matrix),
        "copy": repeated(lambda: np.copyto(target, source)),
    }
    timing = alternate(calls, 4 * repetitions, clock=time.process_time)
    seconds = {name: value.least_s / 10 for name, value in timing.items()}
    seconds["iterate"] /= kernels.WAVE
    pixels = SIDE_PX * SIDE_PX
    flops = FLOP_PER_UPDATE * pixels / seconds["iterate"]
    rate = BYTES_PER_UPDATE * pixels / seconds["iterate"]
    figures = {
        "updates_per_pixel": float(updates),
        "ns_per_update": 1e9 * seconds["iterate"] / pixels,
        "share_of_product_flops": flops / (matrix_flop / seconds["product"]),
        "share_of_copy_bytes": rate / (2 * source.nbytes / seconds["copy"]),
        "share_of_divider": seconds["roots"] / seconds["iterate"],
    }
    print(
        f"  {updates:.0f} updates a pixel, {figures['ns_per_update']:.2f} ns each: "
        f"{figures['share_of_product_flops']:.0%} of the flops of a matrix product, "
        f"{figures['share_of_copy_bytes']:.0%} of the bytes a second of a copy, "
        f"{figures['share_of_divider']:.0%} of the time is that of its roots and division alone"
    )
    return figures


def compile_s() -> float:
    """Seconds of the first call of this process; small when the kernels come from Numba's cache."""
    begin = time.perf_counter()
    tvl1(np.zeros((SIDE_PX, SIDE_PX), np.uint8), np.zeros((SIDE_PX, SIDE_PX), np.uint8))
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--seeds", type=int, default=2, help="pairs averaged in the accuracy table")
    options = parser.parse_args()
    facts = machine()
    print(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_before']}; OpenCV {facts['opencv']}")
    first_call_s = compile_s()
    print(f"first call: {first_call_s:.2f} s (compiling, or reading the cache)")
    face = smooth_face()
    figures = {
        "first_call_s": first_call_s,
        "speed": speed(face, options.repetitions),
        "limit": limit(face, options.repetitions),
        "accuracy": accuracy(face, options.seeds),
    }
    print(f"saved {save('flow', figures, facts)}")


if __name__ == "__main__":
    main()
