"""Compiled kernels of TV-L1 optical flow: one pair of pictures, one thread, no temporaries.

Everything that belongs to a picture row lives in one record (`row_dtypes`): a row with all its planes is contiguous,
stays in the first cache levels, and is reused by all scales. Because the offsets in a record are constants, the
compiler sees that planes do not overlap, and turns the loops over columns into SIMD without run-time checks. The
primal and the dual update run in the same sweep, the dual one row behind, and up to `WAVE` iterations run together,
each one row behind the one before, so that a row comes from the outer cache levels once for all of them. The kernels
are in one module because Numba's cache on disk notices a change of the module that it compiled, but not of one that
this module imports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

LANES = 16
"""float32 values of a 512-bit register; rows are padded to a multiple of it, and begin after one."""
EDGE = 2
"""State rows above and below the picture: the reach of the median filter."""
IMAGE_EDGE = 5
"""Black rows above and below a warped picture: the reach of the bicubic kernel."""
WAVE = 4
"""Most iterations in one pass over the rows; the rows of a wave stay in the second cache level."""

_STEEPEST = np.float32(0.7)  # the error of an iteration over that of the one before is seldom less

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
_TWO = np.float32(2)
_THREE = np.float32(3)
_CUBIC = np.float32(-0.75)  # OpenCV's; Keys 1981 has -0.5
_TINY = np.float32(1.2e-7)  # squared slope below which a pixel says nothing about motion

# Sums may be reordered (the stopping sum becomes SIMD), but NaN and infinity keep their meaning.
_FAST = {"contract", "reassoc", "arcp", "nsz"}

Rows = Any
"""Records of `row_dtypes`, or a plane of float32."""
Scalar = np.float32


def _compile(**options: bool) -> Callable[[Callable[..., Any]], Any]:
    settings: dict[str, Any] = {
        "nogil": True,
        "fastmath": _FAST,
        "error_model": "numpy",
        "boundscheck": False,
        **options,
    }

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **settings)(function)
        except RuntimeError:  # no folder for the cache can be written: compile in every process
            return numba.njit(**settings)(function)

    return decorate


_kernel = _compile(no_cfunc_wrapper=True)
_inline = _compile(no_cfunc_wrapper=True, no_cpython_wrapper=True, forceinline=True)


def row_dtypes(pitch: int) -> tuple[np.dtype[Any], np.dtype[Any], np.dtype[Any]]:
    """Return the records of one row of the solver's state, of the warped picture, and of scratch.

    ``pitch`` is the number of float32 values of a plane's row, at least the padded width and twice `LANES`. The order
    of the planes matters: LLVM halves the width of its vectors where a plane that is read beside its column (``px``,
    ``u``) lies less than 2048 bytes below one that is written in the same sweep, for fear of stalled stores.
    """
    one, two = (np.float32, (pitch,)), (np.float32, (2, pitch))
    state = [("px", *two), ("py", *two), ("slope", *two), ("rho", *one), ("inverse", *one), ("u", *two)]
    work = [("theta", *one), ("at", *two), ("warped", np.float32, (3, pitch))]
    ranks = [("rank", np.float32, (2, 5, pitch)), ("low", np.float32, (5, pitch)), ("high", np.float32, (5, pitch))]
    return (
        np.dtype([*state, ("spare", *one)]),
        np.dtype([("planes", np.float32, (3, pitch))]),
        np.dtype([*work, *ranks, ("cell", np.int32, (2, pitch)), ("errors", np.float32, (WAVE,))]),
    )


@_inline
def _count(n: int) -> int:
    # A number below 2**16 shows the compiler that no index is negative, so none wraps round and loops can be SIMD.
    return n & 0xFFFF


@_inline
def _merge(low: Scalar, high: Scalar, low2: Scalar, high2: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    # Two sorted pairs to four sorted numbers; the compiler drops what a caller does not use.
    a, b = max(low, low2), min(high, high2)
    return min(low, low2), min(a, b), max(a, b), max(high, high2)


@_inline
def _insert(
    a: Scalar, b: Scalar, c: Scalar, d: Scalar, new: Scalar
) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar]:  # a to d are sorted
    return min(a, new), max(a, min(b, new)), max(b, min(c, new)), max(c, min(d, new)), max(d, new)


@_inline
def _rank_columns(state: Rows, k: int, work: Rows, r: int, padded: int) -> None:
    # The five rows around row r, sorted in every column, and those around row r + 1, which share four of them.
    top = _count(r - 2)
    for i in range(_count(padded)):
        c = i + LANES
        one, two = state[top + 1].u[k, c], state[top + 2].u[k, c]
        three, four = state[top + 3].u[k, c], state[top + 4].u[k, c]
        v0, v1, v2, v3 = _merge(min(one, two), max(one, two), min(three, four), max(three, four))
        for row in range(2):
            w0, w1, w2, w3, w4 = _insert(v0, v1, v2, v3, state[top + 5 * row].u[k, c])
            work.rank[row, 0, c] = w0
            work.rank[row, 1, c] = w1
            work.rank[row, 2, c] = w2
            work.rank[row, 3, c] = w3
            work.rank[row, 4, c] = w4


@_inline
def _sort_pairs(rank: Rows, low: Rows, high: Rows, width: int, padded: int) -> None:
    # Every column with the one to its right, for the windows that begin or end with them; edges repeated.
    last = LANES + width - 1
    for k in range(5):
        rank[k, last + 1] = rank[k, last]
        for i in range(_count(padded)):
            c = i + LANES
            low[k, c] = min(rank[k, c], rank[k, c + 1])
            high[k, c] = max(rank[k, c], rank[k, c + 1])
        low[k, LANES - 2] = low[k, LANES - 1] = high[k, LANES - 2] = high[k, LANES - 1] = rank[k, LANES]
        low[k, last + 1] = high[k, last + 1] = rank[k, last]


@_inline
def _sort_window(
    rank: Rows, low: Rows, high: Rows, k: int, c: int
) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar]:  # columns c - 2 to c + 2
    v0, v1, v2, v3 = _merge(low[k, c - 2], high[k, c - 2], low[k, c + 1], high[k, c + 1])
    window: tuple[Scalar, Scalar, Scalar, Scalar, Scalar] = _insert(v0, v1, v2, v3, rank[k, c])
    return window


@_inline
def _median_of_ranks(row: Rows, rank: Rows, low: Rows, high: Rows, padded: int) -> None:
    # The rows of ranks are sorted too; 13 of the 25 can still be the median, and of their three antidiagonals only
    # the greatest of the first, the median of the second and the least of the third.
    for i in range(_count(padded)):
        c = i + LANES
        _, _, _, a4, a5 = _sort_window(rank, low, high, 0, c)
        _, _, b3, b4, b5 = _sort_window(rank, low, high, 1, c)
        _, c2, c3, c4, _ = _sort_window(rank, low, high, 2, c)
        d1, d2, d3, _, _ = _sort_window(rank, low, high, 3, c)
        e1, e2, _, _, _ = _sort_window(rank, low, high, 4, c)
        v0, v1, v2, v3 = _merge(min(a5, b4), max(a5, b4), min(d2, e1), max(d2, e1))
        _, _, middle, _, _ = _insert(v0, v1, v2, v3, c3)
        first = max(max(a4, b3), max(c2, d1))
        third = min(min(b5, c4), min(d3, e2))
        row.spare[c] = max(min(first, third), min(max(first, third), middle))


@_kernel
def median5(state: Rows, work: Rows, height: int, width: int, padded: int) -> None:
    """5 x 5 median of both flow components in place, edges repeated; the picture has two rows or more."""
    below = EDGE + height
    for k in range(2):
        for r in range(EDGE):
            for i in range(_count(padded)):
                state[r].u[k, i + LANES] = state[EDGE].u[k, i + LANES]
                state[below + r].u[k, i + LANES] = state[below - 1].u[k, i + LANES]
        for even in range(EDGE, below, 2):
            r = min(even, below - 2)
            _rank_columns(state, k, work, r, padded)
            for odd in range(2):
                _sort_pairs(work.rank[odd], work.low, work.high, width, padded)
                _median_of_ranks(state[r + odd], work.rank[odd], work.low, work.high, padded)
        for r in range(EDGE, below):
            for i in range(_count(width)):
                state[r].u[k, i + LANES] = state[r].spare[i + LANES]


@_inline
def _sweep_row(state: Rows, theta: Rows, threshold: Scalar, taut: Scalar, r: int, padded: int) -> Scalar:
    # The primal update of row r and, with its outcome still in registers, the dual update of the row above.
    error = _ZERO
    above = _count(r - 1)
    up = state[above]
    row = state[above + 1]
    for i in range(_count(padded)):
        c = i + LANES
        u = row.u[0, c]
        v = row.u[1, c]
        rho = (row.rho[c] + row.slope[0, c] * u + row.slope[1, c] * v) * row.inverse[c]
        step = min(max(rho, -threshold), threshold)
        qu = up.py[0, c]
        qv = up.py[1, c]
        du = theta[c] * (row.px[0, c] - row.px[0, c - 1] + (row.py[0, c] - qu)) - step * row.slope[0, c]
        dv = theta[c] * (row.px[1, c] - row.px[1, c - 1] + (row.py[1, c] - qv)) - step * row.slope[1, c]
        u += du
        v += dv
        row.u[0, c] = u
        row.u[1, c] = v
        error += du * du + dv * dv
        ux = up.u[0, c + 1] - up.u[0, c]
        uy = u - up.u[0, c]
        vx = up.u[1, c + 1] - up.u[1, c]
        vy = v - up.u[1, c]
        gu = _ONE + taut * np.sqrt(ux * ux + uy * uy)
        gv = _ONE + taut * np.sqrt(vx * vx + vy * vy)
        inverse = _ONE / (gu * gv)  # one division for the two
        up.px[0, c] = (up.px[0, c] + taut * ux) * (inverse * gv)
        up.py[0, c] = (qu + taut * uy) * (inverse * gv)
        up.px[1, c] = (up.px[1, c] + taut * vx) * (inverse * gu)
        up.py[1, c] = (qv + taut * vy) * (inverse * gu)
    return error


@_kernel
def iterate(
    state: Rows, work: Rows, count: int, height: int, width: int, padded: int, threshold: Scalar, taut: Scalar
) -> None:
    """``count`` primal-dual iterations; the summed squared change of the flow in each goes to ``work.errors``.

    An iteration needs of the one before only its own row, finished by the sweep of the row below. The outcome does not
    depend, to the last bit, on how iterations are gathered into waves.
    """
    below = EDGE + height
    for k in range(count):
        work.errors[k] = _ZERO
    for front in range(EDGE, below + count):
        for k in range(max(0, front - below), min(count, front - EDGE + 1)):
            r = front - k
            if r == below:  # no gradient across the lower edge
                for i in range(_count(padded)):
                    state[r].u[0, i + LANES] = state[r - 1].u[0, i + LANES]
                    state[r].u[1, i + LANES] = state[r - 1].u[1, i + LANES]
            # Above the first row is nothing to update: with a step of zero the dual variable stays.
            work.errors[k] += _sweep_row(state, work.theta, threshold, taut if r > EDGE else _ZERO, r, padded)
            state[r].u[0, LANES + width] = state[r].u[0, LANES + width - 1]  # nor across the right one
            state[r].u[1, LANES + width] = state[r].u[1, LANES + width - 1]


@_inline
def _next_wave(errors: Rows, count: int, before: Scalar, limit: Scalar) -> tuple[int, Scalar]:
    # How many iterations can follow until the error may fall to the limit, if it falls as fast as in the last one or,
    # its fall being uneven, to 0.7 of it; none if it has. So few waves pass the limit: on face crops 0.06 % more
    # iterations than one by one.
    last = errors[count - 1]
    if count > 1:
        before = errors[count - 2]
    for k in range(count):
        if errors[k] <= limit:
            return 0, errors[k]
    fall = min(last / before, _STEEPEST)
    expected = last * fall
    count = 1
    while count < WAVE and expected > limit:
        count += 1
        expected *= fall
    return count, last


@_inline
def _cubic(t: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    # Weights of the four samples around a point t in [0, 1) behind the second one.
    s = _ONE - t
    b = ((_CUBIC + _TWO) * t - (_CUBIC + _THREE)) * t * t + _ONE
    c = ((_CUBIC + _TWO) * s - (_CUBIC + _THREE)) * s * s + _ONE
    return _CUBIC * t * s * s, b, c, _CUBIC * s * t * t


@_inline
def _cubic_of_five(t: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar]:
    # The same for t in [0, 2): five samples, so that neighbours on both sides of a whole shift share their samples.
    late = t >= _ONE
    a, b, c, d = _cubic(t - _ONE if late else t)
    return (_ZERO if late else a, a if late else b, b if late else c, c if late else d, d if late else _ZERO)


@_inline
def _along_row(s: Rows, k: int, c: int, x0: Scalar, x1: Scalar, x2: Scalar, x3: Scalar, x4: Scalar) -> Scalar:
    value: Scalar = x0 * s[k, c] + x1 * s[k, c + 1] + x2 * s[k, c + 2] + x3 * s[k, c + 3] + x4 * s[k, c + 4]
    return value


@_kernel
def _sample(image: Rows, work: Rows, r: int, begin: int, end: int, right: int, down: int) -> None:
    # Columns begin to end of a row, all displaced by right to right + 2 and down to down + 2 px.
    first = _count(begin)
    source = _count(begin + right - 1)
    top = _count(r + down - 1)
    for i in range(_count(end - begin)):
        x0, x1, x2, x3, x4 = _cubic_of_five(work.at[0, i + first] - Scalar(right))
        y0, y1, y2, y3, y4 = _cubic_of_five(work.at[1, i + first] - Scalar(down))
        for k in range(3):
            work.warped[k, i + first] = (
                y0 * _along_row(image[top].planes, k, i + source, x0, x1, x2, x3, x4)
                + y1 * _along_row(image[top + 1].planes, k, i + source, x0, x1, x2, x3, x4)
                + y2 * _along_row(image[top + 2].planes, k, i + source, x0, x1, x2, x3, x4)
                + y3 * _along_row(image[top + 3].planes, k, i + source, x0, x1, x2, x3, x4)
                + y4 * _along_row(image[top + 4].planes, k, i + source, x0, x1, x2, x3, x4)
            )


@_inline
def _find_targets(row: Rows, work: Rows, r: int, height: int, width: int, padded: int) -> None:
    # Displacements, held to 2 px beyond the picture where all is black, and their whole parts.
    above = Scalar(EDGE - 2 - r)
    below = Scalar(EDGE + height + 1 - r)
    for i in range(_count(width)):
        x = min(max(row.u[0, i + LANES], Scalar(-2 - i)), Scalar(width + 1 - i))
        y = min(max(row.u[1, i + LANES], above), below)
        work.at[0, i + LANES] = x
        work.at[1, i + LANES] = y
        work.cell[0, i + LANES] = np.int32(np.floor(x))
        work.cell[1, i + LANES] = np.int32(np.floor(y))
    for k in range(2):
        for c in range(LANES + width, LANES + padded):
            work.at[k, c] = work.at[k, LANES + width - 1]
            work.cell[k, c] = work.cell[k, LANES + width - 1]


@_inline
def _bounds(cell: Rows, k: int, begin: int, end: int) -> tuple[int, int]:
    begin = _count(begin)
    low = high = cell[k, begin]
    for i in range(_count(end - begin)):
        low = min(low, cell[k, begin + i])
        high = max(high, cell[k, begin + i])
    return int(low), int(high)


@_kernel
def _sample_run(image: Rows, work: Rows, r: int, begin: int, end: int) -> bool:
    # False, and nothing done, where the whole displacements of a run differ by more than one.
    left, right = _bounds(work.cell, 0, begin, end)
    up, down = _bounds(work.cell, 1, begin, end)
    together: bool = right - left <= 1 and down - up <= 1
    if together:
        _sample(image, work, r, begin, end, left, up)
    return together


@_inline
def _sample_row(image: Rows, work: Rows, r: int, padded: int) -> None:
    # A run makes SIMD without gathers; most rows are one, else blocks are, and at a tear of the flow pixels.
    if not _sample_run(image, work, r, LANES, LANES + padded):
        for begin in range(LANES, LANES + padded, LANES):
            if not _sample_run(image, work, r, begin, begin + LANES):
                for c in range(begin, begin + LANES):
                    _sample_run(image, work, r, c, c + 1)


@_inline
def _linearise(row: Rows, warped: Rows, first: Rows, width: int) -> None:
    for i in range(_count(width)):
        c = i + LANES
        wx = warped[1, c]
        wy = warped[2, c]
        square = wx * wx + wy * wy
        row.slope[0, c] = wx
        row.slope[1, c] = wy
        row.inverse[c] = _ONE / square if square > _TINY else _ZERO
        row.rho[c] = warped[0, c] - wx * row.u[0, c] - wy * row.u[1, c] - first[i]


@_kernel
def warp(state: Rows, first: Rows, image: Rows, work: Rows, height: int, width: int, padded: int) -> None:
    """Linearise the brightness difference around the present flow."""
    for r in range(EDGE, EDGE + height):
        _find_targets(state[r], work, r, height, width, padded)
        _sample_row(image, work, r - EDGE + IMAGE_EDGE, padded)
        _linearise(state[r], work.warped, first[r - EDGE], width)


@_kernel
def _prepare(second: Rows, image: Rows, height: int, width: int) -> None:
    # A picture and its centred gradients beside each other, black around.
    last = LANES + width - 1
    for r in range(height + 2 * IMAGE_EDGE):
        for k in range(3):
            for c in range(image[r].planes.shape[1]):
                image[r].planes[k, c] = _ZERO
    for r in range(height):
        planes = image[r + IMAGE_EDGE].planes
        up = second[max(r - 1, 0)]
        down = second[min(r + 1, height - 1)]
        for i in range(_count(width)):
            planes[0, i + LANES] = second[r, i]
            planes[2, i + LANES] = _HALF * (down[i] - up[i])
        planes[0, LANES - 1] = planes[0, LANES]  # the gradient repeats the edges
        planes[0, last + 1] = planes[0, last]
        for i in range(_count(width)):
            planes[1, i + LANES] = _HALF * (planes[0, i + LANES + 1] - planes[0, i + LANES - 1])
        planes[0, LANES - 1] = planes[0, last + 1] = _ZERO


@_inline
def _place(r: int, scale: Scalar, length: int) -> tuple[int, Scalar]:
    # The sample at or before the centre of target sample r, and the distance from it.
    at = min(max((Scalar(r) + _HALF) * scale - _HALF, _ZERO), Scalar(length - 1))
    before = int(at)
    return before, at - Scalar(before)


@_kernel
def _resize(source: Rows, target: Rows, work: Rows, scale_y: Scalar, scale_x: Scalar, gain: Scalar) -> None:
    # Bilinear, pixel centres aligned; a scale is source px per target px. First along columns, then along rows.
    height, width = source.shape
    line = work.low[0]
    for c in range(target.shape[1]):
        work.cell[0, c], work.at[0, c] = _place(c, scale_x, width)
    for r in range(target.shape[0]):
        j, part = _place(r, scale_y, height)
        above = source[j]
        below = source[min(j + 1, height - 1)]
        for i in range(_count(width)):
            line[i] = gain * (above[i] + part * (below[i] - above[i]))
        line[width] = line[width - 1]
        for c in range(_count(target.shape[1])):
            i = _count(work.cell[0, c])
            target[r, c] = line[i] + work.at[0, c] * (line[i + 1] - line[i])


@_kernel
def _begin_level(state: Rows, work: Rows, flow: Rows, theta: Scalar, padded: int) -> None:
    _, height, width = flow.shape
    columns = _count(padded + 2 * LANES)
    for r in range(height + 2 * EDGE):
        row = state[r]
        for c in range(columns):
            row.rho[c] = row.inverse[c] = _ZERO
            for k in range(2):
                row.u[k, c] = row.px[k, c] = row.py[k, c] = row.slope[k, c] = _ZERO
    for c in range(columns):  # zero in the padding, so that nothing moves there
        work.theta[c] = theta if LANES <= c < LANES + width else _ZERO
    for k in range(2):
        for r in range(height):
            for c in range(_count(width)):
                state[r + EDGE].u[k, c + LANES] = flow[k, r, c]


@_kernel
def _solve_level(first: Rows, flow: Rows, image: Rows, state: Rows, work: Rows, numbers: Any, counts: Any) -> int:
    tau, lambda_, theta, epsilon, _ = numbers
    _, warps, inner, outer, median = counts
    height, width = first.shape
    padded = (width + LANES - 1) // LANES * LANES
    limit = Scalar(epsilon * epsilon * height * width)
    _begin_level(state, work, flow, Scalar(theta), padded)
    iterations = 0
    for _ in range(warps):
        warp(state, first, image, work, height, width, padded)
        error = Scalar(np.inf)
        for _ in range(outer):
            if error <= limit:
                break
            if median > 1:
                median5(state, work, height, width, padded)
            left = inner
            count = min(2, inner)  # the second error tells how fast they fall; the first is seldom the least
            while count > 0:
                iterate(state, work, count, height, width, padded, Scalar(lambda_ * theta), Scalar(tau / theta))
                iterations += count
                left -= count
                count, error = _next_wave(work.errors, count, error, limit)
                count = min(count, left)
    for k in range(2):
        for r in range(height):
            for c in range(width):
                flow[k, r, c] = state[r + EDGE].u[k, c + LANES]
    return iterations


@_inline
def _level(memory: Rows, height: int, width: int) -> Rows:
    return memory[: height * width].reshape(height, width)


@_kernel
def _copy(picture: Rows, memory: Rows) -> None:
    height, width = picture.shape
    for r in range(height):
        for c in range(width):
            memory[r * width + c] = picture[r, c]


@_kernel
def _build_pyramid(pyramid: Rows, sizes: Rows, work: Rows, step: float) -> int:
    # Levels until the next one would be smaller than 16 px; returns their number.
    back = Scalar(1 / step)
    for s in range(1, len(sizes)):
        h, w = sizes[s - 1]
        sizes[s, 0] = int(np.rint(h * step))
        sizes[s, 1] = int(np.rint(w * step))
        if min(sizes[s, 0], sizes[s, 1]) < 16:
            return s
        for k in range(2):
            smaller = _level(pyramid[k, s], sizes[s, 0], sizes[s, 1])
            _resize(_level(pyramid[k, s - 1], h, w), smaller, work, back, back, _ONE)
    return len(sizes)


@_kernel
def solve(
    first: Rows,
    second: Rows,
    flow: Rows,
    pyramid: Rows,
    image: Rows,
    state: Rows,
    work: Rows,
    numbers: Any,
    counts: Any,
) -> float:
    """Write the TV-L1 flow of one pair into ``flow``.

    Parameters
    ----------
    first, second : (H, W) float32
        Grey pictures in 0 to 255.
    flow : (2, H, W) float32
        Result in px, channel 0 to the right and channel 1 downwards.
    pyramid : (2, scales, H * W) float32
        Scratch, as ``image`` (H + 2 `IMAGE_EDGE` rows), ``state`` (H + 2 `EDGE` rows) and ``work`` (one).
    numbers : tuple of float
        tau, lambda, theta, epsilon, scale step.
    counts : tuple of int
        Scales, warps, inner and outer iterations, side of the median filter.

    Returns
    -------
    float
        Updates of a pixel that it took, in multiples of H x W.
    """
    step = numbers[4]
    sizes = np.empty((counts[0], 2), np.int64)
    sizes[0, 0], sizes[0, 1] = first.shape
    _copy(first, pyramid[0, 0])
    _copy(second, pyramid[1, 0])
    levels = _build_pyramid(pyramid, sizes, work[0], step)
    memory = flow.reshape(flow.size)
    for i in range(memory.size):
        memory[i] = _ZERO
    updates = 0.0
    for s in range(levels - 1, -1, -1):
        h, w = sizes[s]
        coarse = memory[: 2 * h * w].reshape(2, h, w)
        _prepare(_level(pyramid[1, s], h, w), image, h, w)
        updates += h * w * _solve_level(_level(pyramid[0, s], h, w), coarse, image, state, work[0], numbers, counts)
        if s > 0:
            for k in range(2):  # the pictures of this level are not needed any more
                _copy(coarse[k], pyramid[k, s])
            finer_h, finer_w = sizes[s - 1]
            finer = memory[: 2 * finer_h * finer_w].reshape(2, finer_h, finer_w)
            scale_y, scale_x = Scalar(h / finer_h), Scalar(w / finer_w)
            for k in range(2):
                _resize(_level(pyramid[k, s], h, w), finer[k], work[0], scale_y, scale_x, Scalar(1 / step))
    return updates / np.float64(first.size)
