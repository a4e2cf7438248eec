"""TV-L1 optical flow between crops."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mespot.config import FlowConfig
from mespot.core.profile import usable_cores
from mespot.core.signals import Float32, FlowField
from mespot.vision import tvl1 as kernels

LEAST_SIDE_PX = 8
"""Smallest picture side for which a flow is estimated."""
MOST_SIDE_PX = 16384
"""Largest one: the kernels count in 16 bits."""
DEVICE_BYTES = 1 << 30
"""Most memory of a batch on a graphics processor."""
_PITCH_STEP = 256  # kernels are compiled once per row pitch, so pitches come in steps


def tvl1(
    first: npt.NDArray[Any],
    second: npt.NDArray[Any],
    config: FlowConfig | None = None,
    *,
    threads: int | None = None,
    device: str = "cpu",
) -> Float32:
    """Estimate the dense TV-L1 optical flow from ``first`` to ``second``.

    Parameters
    ----------
    first, second : (H, W) or (N, H, W) uint8 or float32
        Grey pictures in 0 to 255, or batches of them.
    config : FlowConfig, optional
        Parameters of the method; the defaults are those of OpenCV's DualTVL1.
    threads : int, optional
        Most pairs that are worked on at a time; by default one a core. It does not change the result.
    device : str
        ``cpu``, or a torch device such as ``cuda``, on which all pairs are solved side by side in torch.

    Returns
    -------
    (2, H, W) or (N, 2, H, W) float32
        Displacement in px, channel 0 to the right and channel 1 downwards: ``second(x + flow(x)) ~ first(x)``.

    Raises
    ------
    ValueError
        The shapes differ, a side is shorter than 8 or longer than 16384 px, or a value is not finite.
    TypeError
        The pictures are neither uint8 nor float32.

    Notes
    -----
    Zach, Pock, Bischof, "A duality based approach for realtime TV-L1 optical flow", DAGM 2007,
    doi:10.1007/978-3-540-74936-3_22, with the parameters, pyramid, median filter and stopping rule of OpenCV's
    ``DualTVL1OpticalFlow``, which it follows to rounding but for one point: positions are not rounded to 1/32 px when a
    picture is warped. The problem is not convex, so rounding grows to about 0.01 px over the warps of noisy pictures.

    Examples
    --------
    >>> picture = np.random.default_rng(0).uniform(0, 255, (32, 32)).astype(np.float32)
    >>> float(np.abs(tvl1(picture, picture)).max())
    0.0
    """
    config = config or FlowConfig()
    _check_pictures(first, second)
    batch = first.ndim == 3
    one = _as_batch(first)
    two = _as_batch(second)
    if device != "cpu":
        flow = _solve_on_device(one, two, config, device)
        return flow if batch else flow[0]
    flow = np.empty((len(one), 2, *one.shape[1:]), np.float32)
    solve = partial(_solve_pair, one, two, flow, config)
    workers = min(threads or usable_cores(), len(one))
    if workers > 1:
        with ThreadPoolExecutor(workers, thread_name_prefix="tvl1") as pool:
            list(pool.map(solve, range(len(one))))
    else:
        for pair in range(len(one)):
            solve(pair)
    return flow if batch else flow[0]


class FlowExtractor:
    """Flow of every crop from the one ``config.step`` rows before it, for a video that comes in chunks.

    Parameters
    ----------
    config : FlowConfig, optional
        Parameters of the flow; ``step`` is the distance of a pair in sampled frames.
    threads : int, optional
        As for `tvl1`.
    device : str
        As for `tvl1`.

    Notes
    -----
    The extractor remembers the last crops, so the result does not depend, to the last bit, on how a video is cut into
    chunks. One extractor serves one video.
    """

    def __init__(self, config: FlowConfig | None = None, *, threads: int | None = None, device: str = "cpu") -> None:
        self._config = config or FlowConfig()
        self._threads = threads
        self._device = device
        self._last: Float32 | None = None
        self._age = -1

    def extract(self, grey: npt.NDArray[Any], starts: npt.NDArray[np.bool_]) -> FlowField:
        """Return the flow of the next rows of the video, in px per sampled step.

        Parameters
        ----------
        grey : (T, H, W) float32 or uint8
            Next crops in 0 to 255.
        starts : (T,) bool
            Whether a new stretch begins at the row.

        Returns
        -------
        FlowField
            (T, 2, H, W): row t holds the motion from row ``t - step`` to row t divided by ``step``, and zero where the
            video or a stretch begins less than ``step`` rows before.

        Raises
        ------
        ValueError
            The shapes do not fit each other or the chunk before.
        """
        if grey.ndim != 3 or starts.shape != (len(grey),):
            raise ValueError(f"crops must be (T, H, W) and starts (T,), got {grey.shape} and {starts.shape}")
        if self._last is not None and self._last.shape[1:] != grey.shape[1:]:
            raise ValueError(f"crops of {grey.shape[1:]} follow crops of {self._last.shape[1:]}")
        step = self._config.step
        crops = grey.astype(np.float32) if self._last is None else np.concatenate([self._last, grey], dtype=np.float32)
        ages = self._ages(starts)
        rows = np.flatnonzero(ages >= step)
        values = np.zeros((len(grey), 2, *grey.shape[1:]), np.float32)
        if len(rows):
            at = rows + len(crops) - len(grey)
            values[rows] = tvl1(crops[at - step], crops[at], self._config, threads=self._threads, device=self._device)
            values /= np.float32(step)
        self._last = crops[-step:].copy()
        return FlowField(values)

    def _ages(self, starts: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        ages = np.empty(len(starts), np.int64)
        for row, begins in enumerate(starts):
            self._age = 0 if begins else self._age + 1
            ages[row] = self._age
        return ages


def _check_pictures(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> None:
    if first.ndim not in (2, 3) or first.shape != second.shape:
        raise ValueError(
            f"two (H, W) or (N, H, W) pictures of one shape are needed, got {first.shape} and {second.shape}"
        )
    if min(first.shape[-2:]) < LEAST_SIDE_PX or max(first.shape[-2:]) > MOST_SIDE_PX:
        raise ValueError(f"pictures must have sides of {LEAST_SIDE_PX} to {MOST_SIDE_PX} px, got {first.shape[-2:]}")
    for picture in (first, second):
        if picture.dtype not in (np.uint8, np.float32):
            raise TypeError(f"pictures must be uint8 or float32 in 0 to 255, got {picture.dtype}")
        if not np.isfinite(picture).all():
            raise ValueError("pictures must be finite, got NaN or infinity")


def _as_batch(pictures: npt.NDArray[Any]) -> Float32:
    batch = np.ascontiguousarray(pictures, np.float32)
    return batch if batch.ndim == 3 else batch[None]


def _solve_on_device(first: Float32, second: Float32, config: FlowConfig, device: str) -> Float32:
    """Solve batches of at most `DEVICE_BYTES` in torch, which is imported only here."""
    import torch

    from mespot.vision.tvl1_torch import BYTES_PER_PIXEL, solve_batch

    most = max(1, DEVICE_BYTES // (BYTES_PER_PIXEL * first[0].size))
    parts = []
    for begin in range(0, len(first), most):
        one, two = (torch.from_numpy(batch[begin : begin + most]).to(device) for batch in (first, second))
        parts.append(solve_batch(one, two, config))
    return np.concatenate([part.cpu().numpy() for part in parts])


def _solve_pair(first: Float32, second: Float32, flow: Float32, config: FlowConfig, pair: int) -> None:
    height, width = first.shape[1:]
    scratch = _borrow(height, width, config.scales)
    numbers = (config.tau, config.lambda_, config.theta, config.epsilon, config.scale_step)
    counts = (config.scales, config.warps, config.inner_iterations, config.outer_iterations, config.median_px)
    kernels.solve(first[pair], second[pair], flow[pair], *scratch.arrays, numbers, counts)
    _give_back(scratch)


class Scratch:
    """Arrays that one thread needs to solve pairs of one size, in the order of ``tvl1.solve``.

    Parameters
    ----------
    height, width : int
        Size of the pictures, px.
    scales : int
        Levels of the pyramid.
    """

    def __init__(self, height: int, width: int, scales: int) -> None:
        self.size = (height, width, scales)
        padded = -(-width // kernels.LANES) * kernels.LANES
        # An odd number of cache lines: the planes of a row then do not fall onto the same cache sets.
        pitch = -(-(padded + kernels.LANES) // _PITCH_STEP) * _PITCH_STEP + kernels.LANES
        state, image, work = _records(pitch)
        self.arrays = (
            np.empty((2, scales, height * width), np.float32),
            _aligned(height + 2 * kernels.IMAGE_EDGE, image),
            _aligned(height + 2 * kernels.EDGE, state),
            _aligned(1, work),
        )


@lru_cache(maxsize=8)
def _records(pitch: int) -> tuple[np.dtype[Any], np.dtype[Any], np.dtype[Any]]:
    return kernels.row_dtypes(pitch)


def _aligned(rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    line = 64
    memory = np.zeros(rows * dtype.itemsize + line, np.uint8)
    begin = -memory.ctypes.data % line
    return memory[begin : begin + rows * dtype.itemsize].view(dtype)


_lock = threading.Lock()
_spare: list[Scratch] = []


def _borrow(height: int, width: int, scales: int) -> Scratch:
    with _lock:
        if _spare and _spare[-1].size == (height, width, scales):
            return _spare.pop()
        _spare.clear()  # another size now: its memory goes
    return Scratch(height, width, scales)


def _give_back(scratch: Scratch) -> None:
    with _lock:
        if len(_spare) < usable_cores():
            _spare.append(scratch)
