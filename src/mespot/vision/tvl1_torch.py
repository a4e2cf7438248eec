"""TV-L1 optical flow of many pairs side by side in torch, for graphics processors.

The algorithm is that of the kernels in `mespot.vision.tvl1`, written as whole-array expressions over (N, H, W) planes:
slices and zero padding instead of indices, a sorting network for the median, so that a compiler fuses each of the three
functions that do all the work, `warp`, `median5` and `iterate`, into one or two passes over memory. A pair that has
converged is masked at once and leaves the batch when half of it has, so its result is that of the pair alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mespot.config import FlowConfig

BYTES_PER_PIXEL = 192
"""Most device memory that `solve_batch` takes for a pixel of a pair, the two pictures and the result included.

From 64 px a side; 9.6 MB a pair at 224 x 224, so 1 GiB holds 111 pairs. Compiled kernels keep less between operations.
"""

_LEAST_LEVEL_PX = 16  # smallest side of a level of the pyramid, but for the picture itself
_CHECK_EVERY = 5  # iterations between two looks at which pairs are left; each look waits for the device
_BEYOND_PX = 2  # at this distance from the picture a bicubic sample is black
_BORDER_PX = 4  # reach of the bicubic kernel from there
_CUBIC = -0.75  # OpenCV's; Keys 1981 has -0.5
_TINY = 1.2e-7  # squared slope below which a pixel says nothing about motion

_log = logging.getLogger(__name__)


Planes = tuple[Tensor, ...]
"""(N, H, W) float32 each. A state: flow u and v, and their dual variables ux, uy, vx, vy. A brightness difference:
slopes to the right and down, what is left of the difference without motion, and 1 / slope^2."""


class Kernels(NamedTuple):
    """The three functions that do the work, compiled or not."""

    warp: Callable[..., Planes]
    median: Callable[..., Tensor]
    iterate: Callable[..., tuple[Planes, Tensor]]


@torch.no_grad()
def solve_batch(first: Tensor, second: Tensor, config: FlowConfig) -> Tensor:
    """Estimate the dense TV-L1 optical flow of every pair of a batch.

    Parameters
    ----------
    first, second : (N, H, W) float32
        Grey pictures in 0 to 255, finite, on one device; see `BYTES_PER_PIXEL` for the choice of N.
    config : FlowConfig
        Parameters of the method.

    Returns
    -------
    (N, 2, H, W) float32
        Displacement in px on the same device, channel 0 to the right and channel 1 downwards.

    Raises
    ------
    ValueError, TypeError
        The pictures are not two batches of one shape on one device, or not float32.

    Notes
    -----
    Zach, Pock, Bischof, "A duality based approach for realtime TV-L1 optical flow", DAGM 2007,
    doi:10.1007/978-3-540-74936-3_22, as `mespot.vision.flow.tvl1`. The stopping sum is taken in float64: the order in
    which a device adds, which depends on the size of the batch, then does not decide when a pair stops.
    """
    _check(first, second)
    kernels = kernels_for(first.device.type)
    pyramid = _pyramid(first, second, config)
    u, v = (torch.zeros_like(plane) for plane in pyramid[-1])
    while pyramid and len(first):
        u, v = _solve_level(*pyramid.pop(), u, v, config, kernels)
        if pyramid:
            height, width = pyramid[-1][0].shape[1:]
            scale_y, scale_x = u.shape[1] / height, u.shape[2] / width
            u, v = (resize(plane, (height, width), scale_y, scale_x) * (1 / config.scale_step) for plane in (u, v))
    return torch.stack([u, v], dim=1)


@cache
def kernels_for(device: str) -> Kernels:
    """Return the kernels for a type of device: compiled for CUDA where a compiler works, else as they are."""
    if device != "cuda":
        return Kernels(warp, median5, iterate)
    reason = "triton is not installed"
    if find_spec("triton") is not None:
        try:  # it may lack what it needs: a C compiler, headers, a recent enough device
            compiled = compile_kernels()
            first, second, u, v = torch.zeros((4, 3, _LEAST_LEVEL_PX, _LEAST_LEVEL_PX + 1), device=device)
            _solve_level(first, second, u, v, FlowConfig(warps=1), compiled)
            return compiled
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
    _log.warning("TV-L1 on %s runs uncompiled, several times slower: %s", device, reason)
    return Kernels(warp, median5, iterate)


def compile_kernels() -> Kernels:
    """Return the kernels behind `torch.compile`, once for all sizes of pictures and batches."""
    compiled = partial(torch.compile, dynamic=True)
    return Kernels(compiled(warp), compiled(median5), compiled(iterate))


def warp(first: Tensor, image: Tensor, u: Tensor, v: Tensor) -> Planes:
    """Linearise the brightness difference around the present flow.

    Parameters
    ----------
    first, u, v : (N, H, W) float32
        First picture in 0 to 255, and flow in px.
    image : (N, 3, H + 8, W + 8) float32
        Second picture and its slopes to the right and downwards, black in a border of 4 px.
    """
    height, width = first.shape[1:]
    columns = torch.arange(width, device=u.device)
    rows = torch.arange(height, device=u.device)[:, None]
    # Displacements rather than positions, whose fractions would lose digits to the number of the column.
    x = torch.minimum(torch.maximum(u, -_BEYOND_PX - columns), width - 1 + _BEYOND_PX - columns)
    y = torch.minimum(torch.maximum(v, -_BEYOND_PX - rows), height - 1 + _BEYOND_PX - rows)
    whole_x, whole_y, pitch = x.floor(), y.floor(), image.shape[3]
    corner = (rows + whole_y.long() + _BORDER_PX - 1) * pitch + columns + whole_x.long() + _BORDER_PX - 1
    sampled = _sample(image.flatten(2), corner.flatten(1), pitch, _cubic(x - whole_x), _cubic(y - whole_y))
    warped, slope_x, slope_y = (plane.contiguous() for plane in sampled.view(-1, 3, height, width).unbind(1))
    square = slope_x * slope_x + slope_y * slope_y
    rest = warped - slope_x * u - slope_y * v - first
    return slope_x, slope_y, rest, torch.where(square > _TINY, 1 / square, 0.0)


def median5(plane: Tensor) -> Tensor:
    """Return the 5 x 5 median of (N, H, W) planes, edges repeated."""
    height, width = plane.shape[1:]
    wide = functional.pad(plane[None], (2, 2, 2, 2), mode="replicate")[0]
    ranks = _sort5(*(wide[:, r : r + height] for r in range(5)))
    # Columns are sorted, then the rows of ranks. 13 of the 25 are left, on three antidiagonals, and of these only the
    # greatest of the first, the median of the second and the least of the third.
    kept = zip(ranks, (slice(3, 5), slice(2, 5), slice(1, 4), slice(0, 3), slice(0, 2)), strict=True)
    rows = (_sort5(*(rank[..., i : i + width] for i in range(5)))[part] for rank, part in kept)
    (a4, a5), (b3, b4, b5), (c2, c3, c4), (d1, d2, d3), (e1, e2) = rows
    first = torch.maximum(torch.maximum(a4, b3), torch.maximum(c2, d1))
    third = torch.minimum(torch.minimum(b5, c4), torch.minimum(d3, e2))
    middle = _sort5(a5, b4, c3, d2, e1)[2]
    return torch.maximum(torch.minimum(first, third), torch.minimum(torch.maximum(first, third), middle))


def iterate(state: Planes, difference: Planes, active: Tensor, numbers: Tensor) -> tuple[Planes, Tensor]:
    """Return the state after one primal-dual iteration, and which pairs have not converged.

    Parameters
    ----------
    state, difference
        See `Planes`.
    active : (N,) bool
        Pairs to work on; the others stay as they are.
    numbers : (4,) float32
        theta, lambda theta, tau / theta, and the summed squared change of the flow at which a pair stops, px^2.
    """
    u, v, ux, uy, vx, vy = state
    slope_x, slope_y, rest, inverse = difference
    theta, threshold, taut, limit = numbers.unbind()
    moving = active[:, None, None]
    step = torch.minimum(torch.maximum((rest + slope_x * u + slope_y * v) * inverse, -threshold), threshold)
    du = theta * _divergence(ux, uy) - step * slope_x
    dv = theta * _divergence(vx, vy) - step * slope_y
    u, v = torch.where(moving, u + du, u), torch.where(moving, v + dv, v)
    change = (du * du + dv * dv).sum(2, dtype=torch.float64).sum(1)
    dual = (*_ascend(u, ux, uy, taut, moving), *_ascend(v, vx, vy, taut, moving))
    return (u, v, *dual), active & (change > limit)


def resize(plane: Tensor, size: tuple[int, int], scale_y: float, scale_x: float) -> Tensor:
    """Return (N, H, W) planes resampled bilinearly to a size, pixel centres aligned; a scale is source px per px."""
    for axis, scale in ((1, scale_y), (2, scale_x)):
        last = plane.shape[axis] - 1
        at = ((torch.arange(size[axis - 1], device=plane.device) + 0.5) * scale - 0.5).clamp(0, last)
        here = at.long()
        low, high = (plane.index_select(axis, index) for index in (here, (here + 1).clamp(max=last)))
        plane = low + ((at - here)[:, None] if axis == 1 else at - here) * (high - low)
    return plane


def _check(first: Tensor, second: Tensor) -> None:
    if first.ndim != 3 or first.shape != second.shape or first.device != second.device:
        facts = (f"{tuple(batch.shape)} on {batch.device}" for batch in (first, second))
        raise ValueError(f"two (N, H, W) batches of one shape on one device are needed, got {' and '.join(facts)}")
    if first.dtype != torch.float32 or second.dtype != torch.float32:
        raise TypeError(f"pictures must be float32 in 0 to 255, got {first.dtype} and {second.dtype}")


def _pyramid(first: Tensor, second: Tensor, config: FlowConfig) -> list[tuple[Tensor, Tensor]]:
    levels = [(first, second)]
    while len(levels) < config.scales:
        height, width = (round(side * config.scale_step) for side in first.shape[1:])
        if min(height, width) < _LEAST_LEVEL_PX:
            break
        back = 1 / config.scale_step
        first, second = (resize(plane, (height, width), back, back) for plane in (first, second))
        levels.append((first, second))
    return levels


def _with_slopes(picture: Tensor) -> Tensor:
    wide = functional.pad(picture[None], (1, 1, 1, 1), mode="replicate")[0]
    slope_x = 0.5 * (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2])
    slope_y = 0.5 * (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1])
    return functional.pad(torch.stack([picture, slope_x, slope_y], dim=1), 4 * (_BORDER_PX,))


def _cubic(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    # Weights of the four samples around points t in [0, 1) behind the second one.
    s = 1 - t
    b = ((_CUBIC + 2) * t - (_CUBIC + 3)) * t * t + 1
    c = ((_CUBIC + 2) * s - (_CUBIC + 3)) * s * s + 1
    return _CUBIC * t * s * s, b, c, _CUBIC * s * t * t


def _sample(image: Tensor, corner: Tensor, pitch: int, along: tuple[Tensor, ...], down: tuple[Tensor, ...]) -> Tensor:
    # (N, 3, pixels) weighted sums of the 4 x 4 samples from each corner.
    total = torch.zeros_like(corner, dtype=image.dtype)[:, None]
    for j, weight_y in enumerate(down):
        row = torch.zeros_like(total)
        for i, weight_x in enumerate(along):
            at = (corner + (j * pitch + i))[:, None]
            row = row + weight_x.flatten(1)[:, None] * image.gather(2, at.expand(-1, 3, -1))
        total = total + weight_y.flatten(1)[:, None] * row
    return total


def _solve_level(
    first: Tensor, second: Tensor, u: Tensor, v: Tensor, config: FlowConfig, kernels: Kernels
) -> tuple[Tensor, Tensor]:
    theta, limit = config.theta, config.epsilon**2 * first[0].numel()
    numbers = first.new_tensor((theta, config.lambda_ * theta, config.tau / theta, limit))
    image = _with_slopes(second)
    state: Planes = (u, v, *(torch.zeros_like(u) for _ in range(4)))
    for _ in range(config.warps):
        state = _minimise(state, kernels.warp(first, image, *state[:2]), numbers, config, kernels)
    return state[0], state[1]


def _minimise(state: Planes, difference: Planes, numbers: Tensor, config: FlowConfig, kernels: Kernels) -> Planes:
    # The iterations of one warp, on the pairs `rows`: all, until half of them have converged.
    whole = state
    rows = torch.arange(len(state[0]), device=numbers.device)
    active = torch.ones_like(rows, dtype=torch.bool)
    for _ in range(config.outer_iterations):
        if config.median_px > 1:
            moving = active[:, None, None]
            state = (*(torch.where(moving, kernels.median(plane), plane) for plane in state[:2]), *state[2:])
        for done in range(0, config.inner_iterations, _CHECK_EVERY):
            for _ in range(min(_CHECK_EVERY, config.inner_iterations - done)):
                state, active = kernels.iterate(state, difference, active, numbers)
            left = active.nonzero()[:, 0]
            if 2 * len(left) > len(rows):
                continue
            whole = _store(whole, state, rows)
            if not len(left):
                return whole
            rows, active = rows[left], active[left]
            state, difference = (tuple(plane[left] for plane in planes) for planes in (state, difference))
    return _store(whole, state, rows)


def _store(whole: Planes, part: Planes, rows: Tensor) -> Planes:
    if len(rows) == len(whole[0]):
        return part
    return tuple(target.index_copy_(0, rows, plane) for target, plane in zip(whole, part, strict=True))


def _sort5(*planes: Tensor) -> Planes:
    ranks = list(planes)
    for i, k in ((0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)):
        ranks[i], ranks[k] = torch.minimum(ranks[i], ranks[k]), torch.maximum(ranks[i], ranks[k])
    return tuple(ranks)


def _divergence(x: Tensor, y: Tensor) -> Tensor:
    # The dual variables are zero in the last column and row, and outside.
    left = functional.pad(x[..., :-1], (1, 0))
    above = functional.pad(y[:, :-1], (0, 0, 1, 0))
    return (x - left) + (y - above)


def _ascend(plane: Tensor, x: Tensor, y: Tensor, taut: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
    # No gradient across the right and the lower edge.
    dx = functional.pad(plane[..., 1:] - plane[..., :-1], (0, 1))
    dy = functional.pad(plane[:, 1:] - plane[:, :-1], (0, 0, 0, 1))
    inverse = 1 / (1 + taut * torch.sqrt(dx * dx + dy * dy))
    return torch.where(moving, (x + taut * dx) * inverse, x), torch.where(moving, (y + taut * dy) * inverse, y)
