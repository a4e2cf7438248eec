"""TV-L1 in torch against the kernels of the processor, alone, in batches, compiled, and on CUDA."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from mespot.config import FlowConfig
from mespot.core.signals import Float32
from mespot.vision import tvl1_torch
from mespot.vision.flow import tvl1
from mespot.vision.tvl1_torch import BYTES_PER_PIXEL, solve_batch

SHIFTS = (0.1, 0.3, 1.0, 2.0)
QUICK = FlowConfig(scales=2, warps=2, outer_iterations=2)


@pytest.fixture(scope="module")
def face(grey_face: npt.NDArray[np.uint8]) -> Float32:
    """The face a little smoothed."""
    return np.asarray(cv2.GaussianBlur(grey_face, (0, 0), 2), np.float32)


def moved_pairs(face: Float32, height: int, width: int) -> tuple[Float32, Float32, Float32]:
    """Pairs with each of `SHIFTS` at noise of 1 and 2 grey levels, and the exact flow."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    scale = 288 / max(height, width)
    pairs = []
    for index, shift in enumerate(np.repeat(SHIFTS, 2)):
        angle = random.uniform(0, 2 * np.pi)
        u = shift * (np.cos(angle) + 0.2 * np.sin(y / 16 + 1) * np.cos(x / 18))
        v = shift * (np.sin(angle) + 0.2 * np.cos(x / 14) * np.sin(y / 19))
        flow = np.stack([u, v]).astype(np.float32)
        noise = random.normal(0, 1 + index % 2, (2, height, width))
        pictures = [
            cv2.remap(face, scale * (x + dx), scale * (y + dy), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
            for dx, dy in (flow, np.zeros_like(flow))
        ]
        pairs.append((*np.clip(np.rint(pictures + noise), 0, 255).astype(np.float32), flow))
    first, second, flows = (np.stack(planes) for planes in zip(*pairs, strict=True))
    return first, second, flows


def solve(first: Float32, second: Float32, config: FlowConfig | None = None, device: str = "cpu") -> Float32:
    one, two = (torch.from_numpy(pictures).to(device) for pictures in (first, second))
    flow = solve_batch(one, two, config or FlowConfig())
    assert flow.dtype == torch.float32
    assert flow.device == one.device
    return np.asarray(flow.cpu())


def errors_px(flow: Float32, truth: Float32) -> npt.NDArray[np.float32]:
    """Mean endpoint difference of each pair."""
    return np.asarray(np.hypot(*(flow - truth).swapaxes(0, 1)).mean(axis=(1, 2)))


# Against the kernels of the processor --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "atol"),
    [
        ({"outer_iterations": 1, "inner_iterations": 1, "median_px": 1}, 1e-6),
        ({"outer_iterations": 3, "inner_iterations": 7}, 5e-5),
        ({"outer_iterations": 4, "median_px": 1}, 5e-4),
        ({"outer_iterations": 2, "tau": 0.1, "lambda_": 0.3, "theta": 0.2}, 5e-4),
    ],
)
@pytest.mark.parametrize(("height", "width"), [(48, 61), (61, 48), (8, 40)])
def test_one_warp_equals_the_kernels_to_rounding(
    face: Float32, changes: dict[str, Any], atol: float, height: int, width: int
) -> None:
    first, second, _ = moved_pairs(face, height, width)
    config = FlowConfig(scales=1, warps=1, epsilon=0, **changes)
    expected = tvl1(first, second, config)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(solve(first, second, config), expected, atol=atol)


@pytest.mark.parametrize("changes", [{"warps": 3}, {"warps": 2, "median_px": 1}, {"scales": 3, "scale_step": 0.6}])
def test_agrees_with_the_kernels(face: Float32, changes: dict[str, Any]) -> None:
    first, second, _ = moved_pairs(face, 64, 61)
    config = FlowConfig(epsilon=0, outer_iterations=1, inner_iterations=12, **changes)
    ours, expected = solve(first, second, config), tvl1(first, second, config)
    assert np.abs(expected).max() > 1
    assert errors_px(ours, expected).mean() <= 0.01


def test_each_pair_stops_as_soon_as_its_update_is_small(face: Float32) -> None:
    first, second, _ = moved_pairs(face, 32, 37)
    options: dict[str, Any] = {"scales": 1, "warps": 1, "outer_iterations": 1}
    ours = solve(first, second, FlowConfig(**options, epsilon=0.03))
    steps = [solve(first, second, FlowConfig(**options, epsilon=0, inner_iterations=k)) for k in range(1, 31)]
    updates = np.array([((after - before) ** 2).sum(1).mean((1, 2)) for before, after in pairwise(steps)])
    updates[-1] = 0  # the last iteration in any case
    last = 1 + (updates <= 0.03**2).argmax(axis=0)
    assert len(set(last)) > 1  # the pairs need different numbers of iterations
    np.testing.assert_array_equal(ours, [steps[k][pair] for pair, k in enumerate(last)])


def test_defaults_differ_from_the_kernels_no_more_than_rounding_makes_the_kernels_differ(face: Float32) -> None:
    # Over 25 warps rounding decides whether a pair stops an iteration sooner, and an iteration moves by 0.01 px.
    first, second, truth = moved_pairs(face, 64, 61)
    expected, ours = tvl1(first, second), solve(first, second)
    nudge = np.random.default_rng(1).choice([-1e-5, 1e-5], second.shape).astype(np.float32)
    nudged = tvl1(first, second + nudge)
    assert errors_px(ours, expected).mean() <= 1.5 * errors_px(nudged, expected).mean() + 0.005
    assert errors_px(ours, truth).mean() <= 1.02 * errors_px(expected, truth).mean() + 0.001


def test_a_large_motion_leaves_the_picture(face: Float32) -> None:
    first = np.ascontiguousarray(face[None, 100:140:1, 100:148])
    second = np.ascontiguousarray(face[None, 100:140, 112:160])
    config = FlowConfig(scales=1, warps=2, lambda_=2.0)
    flow = tvl1(first, second, config)
    assert np.abs(flow).max() > 6  # samples beyond the border
    np.testing.assert_allclose(solve(first, second, config), flow, atol=0.02)


# Batches -------------------------------------------------------------------------------------------------------------


def test_a_pair_does_not_depend_on_its_batch(face: Float32) -> None:
    first, second, _ = moved_pairs(face, 32, 37)
    together = solve(first, second)
    for pair in (0, 3, 6):
        np.testing.assert_array_equal(solve(first[pair : pair + 1], second[pair : pair + 1])[0], together[pair])
    reverse = solve(first[::-1].copy(), second[::-1].copy())
    np.testing.assert_array_equal(reverse[::-1], together)


def test_pairs_stop_apart(face: Float32) -> None:
    # A still pair stops at once; were it not masked, the noise of the others' median filters would change it.
    first, second, _ = moved_pairs(face, 32, 37)
    first[3] = second[3]
    flow = solve(first, second, QUICK)
    assert not flow[3].any()
    assert all(np.abs(flow[pair]).max() > 0.05 for pair in range(len(flow)) if pair != 3)


def test_an_empty_batch() -> None:
    assert solve(np.zeros((0, 16, 20), np.float32), np.zeros((0, 16, 20), np.float32)).shape == (0, 2, 16, 20)


@settings(max_examples=10)
@given(
    height=st.integers(8, 24),
    width=st.integers(8, 24),
    kind=st.sampled_from(["flat", "saturated", "noise", "step"]),
    seed=st.integers(0, 99),
)
def test_any_picture_gives_finite_flow(height: int, width: int, kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    pictures = random.uniform(0, 255, (2, 2, height, width))
    if kind == "flat":
        pictures[:] = pictures[..., :1, :1]
    elif kind == "saturated":
        pictures = np.where(pictures > 128, 255, 0)
    elif kind == "step":
        pictures = np.where(np.arange(width) > width // 2, 255, 0) * np.ones_like(pictures)
    first, second = pictures.astype(np.float32)
    flow = solve(first, second, QUICK)
    assert np.isfinite(flow).all()
    # One warp, all iterations: on noise, rounding decides when an update stops and grows with every warp.
    fixed = QUICK.model_copy(update={"epsilon": 0.0, "warps": 1, "scales": 1})
    np.testing.assert_allclose(solve(first, second, fixed)[0], tvl1(first[0], second[0], fixed), atol=0.05)


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        (torch.zeros(16, 16), torch.zeros(16, 16), ValueError),
        (torch.zeros(1, 16, 16), torch.zeros(2, 16, 16), ValueError),
        (torch.zeros(1, 16, 16), torch.zeros(1, 16, 16, device="meta"), ValueError),
        (torch.zeros(1, 16, 16), torch.zeros(1, 16, 16, dtype=torch.uint8), TypeError),
    ],
)
def test_wrong_pictures_are_refused(first: torch.Tensor, second: torch.Tensor, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"float32|one shape"):
        solve_batch(first, second, FlowConfig())


class Peak(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Most bytes of all tensors that were alive after an operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self._weak: Any = StorageWeakRef  # which has no types
        self._alive: dict[Any, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        result = function(*arguments, **(options or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._alive[self._weak(storage)] = storage.nbytes()
        self._alive = {storage: size for storage, size in self._alive.items() if not storage.expired()}
        self.bytes = max(self.bytes, sum(self._alive.values()))
        return result


def test_memory_a_pixel_is_as_stated(face: Float32) -> None:
    first, second, _ = moved_pairs(face, 64, 64)
    with Peak() as peak:
        one, two = torch.from_numpy(first).clone(), torch.from_numpy(second).clone()
        solve_batch(one, two, FlowConfig(warps=2, outer_iterations=1))
    assert 0.8 * BYTES_PER_PIXEL < peak.bytes / first.size <= BYTES_PER_PIXEL


# Parts ---------------------------------------------------------------------------------------------------------------


def test_median_equals_numpys() -> None:
    planes = np.random.default_rng(0).normal(size=(2, 8, 13)).astype(np.float32)
    padded = np.pad(planes, ((0, 0), (2, 2), (2, 2)), mode="edge")
    expected = np.median(np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (1, 2)), axis=(3, 4))
    np.testing.assert_array_equal(tvl1_torch.median5(torch.from_numpy(planes)).numpy(), expected)


def random_iteration(pairs: int, height: int, width: int, device: str = "cpu") -> tuple[Any, ...]:
    random = torch.Generator().manual_seed(pairs)
    planes = torch.randn(10, pairs, height, width, generator=random).to(device).unbind()
    active = (torch.arange(pairs) != 1).to(device)
    return planes[:6], planes[6:], active, torch.tensor([0.3, 0.045, 0.8, 1e3]).to(device)


def test_a_stopped_pair_stays() -> None:
    state, data, active, numbers = random_iteration(3, 9, 12)
    after, still = tvl1_torch.iterate(state, data, active, numbers)
    for old, new in zip(state, after, strict=True):
        assert torch.equal(old[1], new[1])
        assert not torch.equal(old[0], new[0])
    assert not still[1]


# Compiled, and on a device -------------------------------------------------------------------------------------------


def check_compiled(kernels: tvl1_torch.Kernels, device: str, *names: str) -> None:
    """Compare compiled kernels with the plain ones on sizes that they were not compiled for."""
    for pairs, height, width in ((3, 16, 17), (5, 31, 24), (2, 8, 8)):
        state, data, active, numbers = random_iteration(pairs, height, width, device)
        image = torch.randn(pairs, 3, height + 8, width + 8, generator=torch.Generator().manual_seed(0)).to(device)
        calls = {"warp": (data[2], image, *state[:2]), "median": state[:1]}
        calls["iterate"] = (state, data, active, numbers)
        plain = tvl1_torch.kernels_for("cpu")
        for name in names:
            ours, expected = (getattr(k, name)(*calls[name]) for k in (kernels, plain))
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_the_public_function_takes_a_device(face: Float32, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = moved_pairs(face, 24, 24)
    expected = solve(first, second, QUICK)
    monkeypatch.setattr("mespot.vision.flow.DEVICE_BYTES", 2 * BYTES_PER_PIXEL * first[0].size)  # pairs by twos
    found = tvl1(first, second, QUICK, device="cpu:0")
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(tvl1(first[0], second[0], QUICK, device="cpu:0"), expected[0])


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about torch
def test_the_iteration_compiles_once_for_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tvl1_torch.compile_kernels()
    monkeypatch.setattr("torch._dynamo.config.error_on_recompile", True)
    check_compiled(compiled, "cpu", "iterate")


def test_without_a_working_compiler_the_plain_kernels_are_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no C compiler\nand a long report")

    plain = tvl1_torch.kernels_for("cpu")
    choose = tvl1_torch.kernels_for.__wrapped__  # what it decides, not what it remembers
    monkeypatch.setattr(tvl1_torch, "find_spec", lambda _: None)
    assert choose("cuda") == plain
    monkeypatch.setattr(tvl1_torch, "find_spec", lambda _: object())
    monkeypatch.setattr(tvl1_torch, "compile_kernels", refuse)
    assert choose("cuda") == plain
    assert "triton is not installed" in caplog.messages[0]
    assert caplog.messages[1].endswith("no C compiler")


@pytest.fixture
def cuda() -> str:
    if not torch.cuda.is_available():
        if os.environ.get("MESPOT_REQUIRE_GPU") == "1":
            pytest.fail("MESPOT_REQUIRE_GPU=1, but torch finds no CUDA device")
        pytest.skip("no CUDA device")
    return "cuda"


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore")
def test_cuda_agrees_with_the_kernels_of_the_processor(face: Float32, cuda: str) -> None:
    first, second, truth = moved_pairs(face, 64, 61)
    fixed: dict[str, Any] = {"epsilon": 0, "outer_iterations": 1, "inner_iterations": 12}
    one_warp = FlowConfig(scales=1, warps=1, **fixed)
    ours, expected = solve(first, second, one_warp, cuda), tvl1(first, second, one_warp)
    np.testing.assert_allclose(ours, expected, atol=5e-4)
    for pair in (0, 5):
        alone = solve(first[pair : pair + 1], second[pair : pair + 1], one_warp, cuda)
        np.testing.assert_allclose(alone[0], ours[pair], atol=5e-4)
    config = FlowConfig(warps=3, **fixed)
    assert errors_px(solve(first, second, config, cuda), tvl1(first, second, config)).mean() <= 0.01
    ours, expected = solve(first, second, device=cuda), tvl1(first, second)
    assert errors_px(ours, truth).mean() <= 1.02 * errors_px(expected, truth).mean() + 0.001


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore")
def test_cuda_kernels_are_compiled_where_triton_is(cuda: str) -> None:
    pytest.importorskip("triton")
    compiled = tvl1_torch.kernels_for(cuda)
    assert compiled.iterate is not tvl1_torch.iterate
    check_compiled(compiled, cuda, "warp", "median", "iterate")


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore")
def test_cuda_needs_no_more_memory_than_stated(face: Float32, cuda: str) -> None:
    first, second, _ = moved_pairs(face, 128, 128)
    solve(first, second, QUICK, cuda)  # compilers take memory too
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    solve(first, second, device=cuda)
    assert torch.cuda.max_memory_allocated() - before <= BYTES_PER_PIXEL * first.size
