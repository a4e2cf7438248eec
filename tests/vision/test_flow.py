"""TV-L1 against OpenCV, scikit-image and known truth, and the cutting of videos into chunks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import registration

from mespot.config import FlowConfig
from mespot.core.signals import Float32
from mespot.vision import tvl1 as kernels
from mespot.vision.flow import FlowExtractor, Scratch, tvl1

FINE = 4  # px of the smooth picture per px of a test picture
QUICK = FlowConfig(scales=2, warps=2, outer_iterations=2)


@pytest.fixture(scope="module")
def face(grey_face: npt.NDArray[np.uint8]) -> Float32:
    """A smooth enlarged face, from which pictures are sampled at any place."""
    large = cv2.resize(grey_face.astype(np.float32), (128 * FINE, 128 * FINE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 1.5), np.float32)


def sample(face: Float32, x: Float32, y: Float32) -> Float32:
    centre = (FINE - 1) / 2
    at_x, at_y = (np.float32(FINE) * x + np.float32(centre)), (np.float32(FINE) * y + np.float32(centre))
    return np.asarray(cv2.remap(face, at_x, at_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT), np.float32)


def moved_pair(
    face: Float32, shift: float, noise: float, *, height: int = 128, width: int = 128, seed: int = 0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Float32]:
    """Two pictures and the exact flow between them: a translation and a smooth deformation."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    u = shift * (np.cos(angle) + 0.3 * np.sin(2 * np.pi * y / 100 + 1) * np.cos(2 * np.pi * x / 110))
    v = shift * (np.sin(angle) + 0.3 * np.cos(2 * np.pi * x / 90) * np.sin(2 * np.pi * y / 120))
    flow = np.stack([u, v]).astype(np.float32)
    pictures = (sample(face, x + flow[0], y + flow[1]), sample(face, x, y))
    first, second = (np.clip(np.rint(p + random.normal(0, noise, p.shape)), 0, 255).astype(np.uint8) for p in pictures)
    return first, second, flow


def opencv(first: npt.NDArray[Any], second: npt.NDArray[Any], **options: Any) -> Float32:
    create: Any = vars(cv2.optflow)["DualTVL1OpticalFlow_create"]  # missing in OpenCV's type stubs
    solver = create(**options)
    return np.asarray(solver.calc(first, second, None), np.float32).transpose(2, 0, 1)


def error_px(flow: Float32, truth: Float32) -> float:
    return float(np.hypot(*(flow - truth)).mean())


# Against other implementations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("median", [1, 5])
@pytest.mark.parametrize(("height", "width"), [(128, 128), (61, 97), (8, 40)])
def test_one_warp_equals_opencv_to_rounding(face: Float32, median: Any, height: int, width: int) -> None:
    first, second, _ = moved_pair(face, 1, 1, height=height, width=width)
    config = FlowConfig(scales=1, warps=1, epsilon=1e-6, median_px=median, outer_iterations=3)
    expected = opencv(first, second, nscales=1, warps=1, epsilon=1e-6, medianFiltering=median, outerIterations=3)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(tvl1(first, second, config), expected, atol=2e-5)


def test_stopping_rule_is_opencvs(face: Float32) -> None:
    first, second, _ = moved_pair(face, 0.5, 1)
    for epsilon in (0.1, 0.03, 0.01):  # each stops after another number of iterations
        expected = opencv(first, second, nscales=1, warps=1, epsilon=epsilon)
        np.testing.assert_allclose(
            tvl1(first, second, FlowConfig(scales=1, warps=1, epsilon=epsilon)), expected, atol=2e-5
        )


@pytest.mark.parametrize("shift", [0.1, 0.3, 1, 2])
def test_agrees_with_opencv_and_is_as_accurate(face: Float32, shift: float) -> None:
    ours, theirs, apart = [], [], []
    for noise in (0, 1, 2):
        first, second, truth = moved_pair(face, shift, noise, seed=noise)
        flow, expected = tvl1(first, second), opencv(first, second)
        apart.append(error_px(flow, expected))
        ours.append(error_px(flow, truth))
        theirs.append(error_px(expected, truth))
    assert np.mean(apart) <= 0.02
    assert np.mean(ours) <= 1.02 * np.mean(theirs) + 0.001


def test_agrees_with_scikit_image(face: Float32) -> None:
    first, second, truth = moved_pair(face, 1, 0)
    peer: Any = registration.optical_flow_tvl1
    theirs = peer(first / np.float32(255), second / np.float32(255))[::-1]
    ours = tvl1(first, second)
    assert error_px(ours, theirs) < 0.15
    assert error_px(ours, truth) < 1.2 * error_px(theirs, truth)


# Parts against OpenCV ------------------------------------------------------------------------------------------------


def scratch(height: int, width: int) -> tuple[Any, Any, Any, int]:
    _, image, state, work = Scratch(height, width, 1).arrays
    for record in (image, state, work):
        record.view(np.uint8)[:] = 0
    return image, state, work, -(-width // kernels.LANES) * kernels.LANES


@given(st.integers(2, 40), st.integers(1, 70), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_median_equals_opencv(height: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, height, width)).astype(np.float32)
    _, state, work, padded = scratch(height, width)
    rows, columns = slice(kernels.EDGE, kernels.EDGE + height), slice(kernels.LANES, kernels.LANES + width)
    state["u"][rows, :, columns] = values.transpose(1, 0, 2)
    kernels.median5(state, work[0], height, width, padded)
    for k in range(2):
        np.testing.assert_array_equal(state["u"][rows, k, columns], cv2.medianBlur(values[k], 5))


@pytest.mark.parametrize("spread_px", [0.2, 1, 12])
def test_warp_equals_opencv(spread_px: float) -> None:
    """Also where the flow tears and where it leaves the picture."""
    height, width = 45, 70
    random = np.random.default_rng(1)
    first = random.uniform(0, 255, (height, width)).astype(np.float32)
    image, state, work, padded = scratch(height, width)
    columns = slice(kernels.LANES, kernels.LANES + width)
    inside = slice(kernels.IMAGE_EDGE, kernels.IMAGE_EDGE + height)
    planes = random.uniform(-99, 99, (3, height, width)).astype(np.float32)
    image["planes"][inside, :, columns] = planes.transpose(1, 0, 2)
    flow = (
        np.rint(random.normal(0, spread_px, (2, height, width)) * 32).astype(np.float32) / 32
    )  # OpenCV rounds to this
    rows = slice(kernels.EDGE, kernels.EDGE + height)
    state["u"][rows, :, columns] = flow.transpose(1, 0, 2)
    kernels.warp(state, first, image, work[0], height, width, padded)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grey, *slope = (cv2.remap(p, x + flow[0], y + flow[1], cv2.INTER_CUBIC, borderValue=0) for p in planes)
    for k in range(2):
        np.testing.assert_allclose(state["slope"][rows, k, columns], slope[k], atol=1e-3)
    rho = grey - slope[0] * flow[0] - slope[1] * flow[1] - first
    np.testing.assert_allclose(state["rho"][rows, columns], rho, atol=1e-2)


def solver_state(face: Float32, height: int, width: int) -> tuple[Any, Any, int]:
    first, second, _ = moved_pair(face, 1, 1, height=height, width=width)
    image, state, work, padded = scratch(height, width)
    kernels._prepare(second.astype(np.float32), image, height, width)
    kernels._begin_level(state, work[0], np.zeros((2, height, width), np.float32), np.float32(0.3), padded)
    kernels.warp(state, first.astype(np.float32), image, work[0], height, width, padded)
    return state, work, padded


@pytest.mark.parametrize(("height", "width"), [(2, 16), (9, 33), (40, 70)])
def test_waves_of_iterations_equal_single_ones_to_the_last_bit(face: Float32, height: int, width: int) -> None:
    steps = (np.float32(0.045), np.float32(0.25 / 0.3))
    outcomes = []
    for waves in ([1] * 8, [2, 4, 1, 1], [3, 3, 2], [4, 4]):
        state, work, padded = solver_state(face, height, width)
        errors = []
        for count in waves:
            kernels.iterate(state, work[0], count, height, width, padded, *steps)
            errors.extend(work[0]["errors"][:count].tolist())
        rows = slice(kernels.EDGE, kernels.EDGE + height)
        outcomes.append((errors, *(state[name][rows].copy() for name in ("u", "px", "py"))))
    assert np.abs(outcomes[0][1]).max() > 0.01
    for errors, *planes in outcomes[1:]:
        assert errors == outcomes[0][0]
        for plane, expected in zip(planes, outcomes[0][1:], strict=True):
            np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize(("ratio", "count"), [(0.9, 0), (1.0, 0), (1.01, 1), (1.5, 2), (2.5, 3), (100, 4)])
def test_a_wave_ends_where_the_error_may_reach_the_limit(ratio: float, count: int) -> None:
    limit = np.float32(2)
    errors = np.array([1.2, 1, 0, 0], np.float32) * np.float32(ratio) * limit
    assert kernels._next_wave.py_func(errors, 2, np.float32(np.inf), limit) == (count, errors[1])


# Properties ----------------------------------------------------------------------------------------------------------


@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_identical_pictures_do_not_move(height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    np.testing.assert_array_equal(tvl1(picture, picture), 0)


@pytest.mark.parametrize(("right", "down"), [(1.5, 0), (0, 1.5), (-1.5, 0.75)])
def test_channels_are_right_and_down(face: Float32, right: float, down: float) -> None:
    y, x = np.mgrid[:128, :128].astype(np.float32)
    first, second = sample(face, x, y), sample(face, x - np.float32(right), y - np.float32(down))
    flow = tvl1(first, second)[:, 16:-16, 16:-16]
    np.testing.assert_allclose(flow.mean(axis=(1, 2)), [right, down], atol=0.12)


def test_backward_flow_is_the_negative(face: Float32) -> None:
    first, second, _ = moved_pair(face, 0.3, 0)
    assert error_px(tvl1(first, second), -tvl1(second, first)) < 0.05


def test_grey_values_are_0_to_255_in_both_types(face: Float32) -> None:
    first, second, _ = moved_pair(face, 1, 1, height=40, width=40)
    as_float = tvl1(first.astype(np.float32), second.astype(np.float32))
    np.testing.assert_array_equal(tvl1(first, second), as_float)


def test_batch_threads_and_layout_do_not_change_a_bit(face: Float32) -> None:
    pairs = [moved_pair(face, shift, 1, height=50, width=70)[:2] for shift in (0.1, 2, 0.5, 1, 0.2)]
    first, second = (np.stack(side) for side in zip(*pairs, strict=True))
    singles = np.stack([tvl1(*pair) for pair in pairs])
    np.testing.assert_array_equal(tvl1(first, second, threads=1), singles)
    for threads in (2, 5):
        np.testing.assert_array_equal(tvl1(first, second, threads=threads), singles)
    np.testing.assert_array_equal(tvl1(np.asfortranarray(first), np.asfortranarray(second)), singles)


def test_scratch_of_another_size_leaves_no_trace(face: Float32) -> None:
    small, large = moved_pair(face, 1, 1, height=33, width=47)[:2], moved_pair(face, 1, 1)[:2]
    before = tvl1(*small)
    tvl1(*large)
    np.testing.assert_array_equal(tvl1(*small), before)


EXTREMES = {
    "flat": (np.full((32, 32), 128), np.full((32, 32), 128)),
    "brighter": (np.full((32, 32), 0), np.full((32, 32), 255)),
    "checkerboard": (np.indices((32, 32)).sum(0) % 2 * 255, np.indices((32, 32)).sum(0) % 2 * -255 + 255),
    "smallest": (np.eye(8) * 255, np.eye(8)[::-1] * 255),
    "unrelated": tuple(np.random.default_rng(0).integers(0, 256, (2, 64, 200))),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_hard_pictures_give_finite_flow(name: str) -> None:
    first, second = (picture.astype(np.uint8) for picture in EXTREMES[name])
    flow = tvl1(first, second)
    assert np.isfinite(flow).all()
    if name in ("flat", "brighter"):  # away from the edge nothing tells where it went
        assert np.abs(flow).max() < 1


def test_empty_batch() -> None:
    assert tvl1(np.zeros((0, 9, 9), np.uint8), np.zeros((0, 9, 9), np.uint8)).shape == (0, 2, 9, 9)


@pytest.mark.parametrize(
    ("first", "second", "error", "message"),
    [
        (np.zeros((9, 9), np.uint8), np.zeros((9, 10), np.uint8), ValueError, "of one shape"),
        (np.zeros(9, np.uint8), np.zeros(9, np.uint8), ValueError, r"\(H, W\) or \(N, H, W\)"),
        (np.zeros((1, 99), np.uint8), np.zeros((1, 99), np.uint8), ValueError, "sides of 8 to"),
        (np.zeros((9, 20000), np.uint8), np.zeros((9, 20000), np.uint8), ValueError, "sides of 8 to"),
        (np.zeros((9, 9)), np.zeros((9, 9)), TypeError, "uint8 or float32"),
        (np.full((9, 9), np.nan, np.float32), np.zeros((9, 9), np.float32), ValueError, "finite"),
    ],
)
def test_wrong_pictures_are_refused(
    first: npt.NDArray[Any], second: npt.NDArray[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tvl1(first, second)


def test_kernels_compile_where_no_cache_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = numba.njit

    def without_folder(*, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compiled(**options)

    monkeypatch.setattr(numba, "njit", without_folder)

    def double(number: float) -> float:
        return 2 * number

    assert kernels._compile()(double)(1.5) == 3


# Videos --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def video(face: Float32) -> Float32:
    y, x = np.mgrid[:24, :32].astype(np.float32)
    return np.stack([sample(face, x + 40 + np.float32(0.4 * t), y + 50 - np.float32(0.1 * t)) for t in range(14)])


STARTS = np.isin(np.arange(14), [0, 5, 6, 10])


@given(cuts=st.sets(st.integers(1, 13)), step=st.sampled_from([1, 2, 4]))
@settings(deadline=None, max_examples=25)
def test_result_does_not_depend_on_the_chunks(video: Float32, cuts: set[int], step: Any) -> None:
    config = QUICK.model_copy(update={"step": step})
    whole = FlowExtractor(config).extract(video, STARTS).values
    extractor = FlowExtractor(config)
    bounds = [0, *sorted(cuts), 14]
    chunks = [slice(*pair) for pair in pairwise(bounds)]
    parts = [extractor.extract(video[chunk], STARTS[chunk]).values for chunk in chunks]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("step", [1, 2, 4])
def test_rows_hold_the_motion_per_step_and_zero_after_a_start(video: Float32, step: Any) -> None:
    config = QUICK.model_copy(update={"step": step})
    flow = FlowExtractor(config).extract(video, STARTS).values
    for row in range(len(video)):
        if row < step or STARTS[row - step + 1 : row + 1].any():
            np.testing.assert_array_equal(flow[row], 0)
        else:
            np.testing.assert_array_equal(flow[row], tvl1(video[row - step], video[row], config) / np.float32(step))
    assert np.abs(flow).max() > 0.2


def test_first_row_of_a_video_is_zero_even_without_a_start(video: Float32) -> None:
    flow = FlowExtractor(QUICK).extract(video[:2], np.zeros(2, bool)).values
    assert not flow[0].any()
    assert flow[1].any()


def test_chunks_that_do_not_fit_are_refused(video: Float32) -> None:
    extractor = FlowExtractor(QUICK)
    with pytest.raises(ValueError, match=r"starts \(T,\)"):
        extractor.extract(video[:3], STARTS[:2])
    extractor.extract(video[:3], STARTS[:3])
    with pytest.raises(ValueError, match="follow crops of"):
        extractor.extract(video[3:, :20], STARTS[3:])
