"""Compiled kernels of TV-L1 optical flow: one image pair, one thread, no temporaries.

Everything that belongs to a picture row lives in one record (`row_dtype`): a row with all its planes is contiguous,
stays in the first cache levels, and is reused by all scales. Because the offsets of a record are constants, the
compiler sees that planes do not overlap, and turns the loops over columns into SIMD without run-time checks. The primal
and the dual update run in the same sweep over the rows, the dual one row behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

LANES = 16
"""float32 values of a 512-bit register; rows are padded to a multiple of it, and begin after one."""
EDGE = 2
"""State rows above and below the picture."""
IMAGE_EDGE = 4
"""Rows above (and below) a warped picture that repeat its edge: the reach of the bicubic kernel."""

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
_TWO = np.float32(2)
_THREE = np.float32(3)
_CUBIC = np.float32(-0.75)
_TINY = np.float32(1e-7)

# Sums may be reordered (the stopping sum becomes SIMD) but NaN and infinity keep their meaning.
_FAST = {"contract", "reassoc", "arcp", "nsz"}


def _compile(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    def decorate(function: Callable[..., Any]) -> Any:
        common = {"nogil": True, "fastmath": _FAST, "error_model": "numpy", "boundscheck": False, **options}
        try:
            return numba.njit(cache=True, **common)(function)
        except RuntimeError:  # no folder for the cache can be written: compile in every process
            return numba.njit(**common)(function)

    return decorate


def row_dtypes(pitch: int) -> tuple[np.dtype[Any], np.dtype[Any], np.dtype[Any]]:
    """Return the records of one row of the solver's state, of the warped picture, and of one row's scratch.

    ``pitch`` is the number of float32 values of a plane's row: `LANES`, the padded width, and at least one more.
    """
    real = np.float32
    state = [("u", real, (2, pitch)), ("px", real, (2, pitch)), ("py", real, (2, pitch)), ("slope", real, (2, pitch))]
    state += [("rho", real, (pitch,)), ("inverse", real, (pitch,)), ("spare", real, (pitch,))]
    work = [("theta", real, (pitch,)), ("at", real, (2, pitch)), ("warped", real, (3, pitch)), ("rank", real, (5, pitch))]
    return (
        np.dtype(state),
        np.dtype([("planes", real, (3, pitch))]),
        np.dtype([*work, ("cell", np.int32, (2, pitch))]),
    )


_kernel = _compile()
_inline = _compile(forceinline=True)


@_inline
def _sort2(a, b):
    return min(a, b), max(a, b)


@_inline
def _sort5(a, b, c, d, e):
    a, b = _sort2(a, b)
    d, e = _sort2(d, e)
    c, e = _sort2(c, e)
    c, d = _sort2(c, d)
    b, e = _sort2(b, e)
    a, d = _sort2(a, d)
    a, c = _sort2(a, c)
    b, d = _sort2(b, d)
    b, c = _sort2(b, c)
    return a, b, c, d, e


@_inline
def _median3(a, b, c):
    low, high = _sort2(a, b)
    return max(low, min(high, c))


@_kernel
def _repeat_edges(state, k, height, width):
    for r in range(EDGE):
        state[r].u[k, :] = state[EDGE].u[k, :]
        state[EDGE + height + r].u[k, :] = state[EDGE + height - 1].u[k, :]


@_inline
def _median_row5(state, k, work, r, width, padded):
    for i in range(padded & 0xFFFF):
        c = i + LANES
        v0, v1, v2, v3, v4 = _sort5(
            state[r - 2].u[k, c], state[r - 1].u[k, c], state[r].u[k, c], state[r + 1].u[k, c], state[r + 2].u[k, c]
        )
        work.rank[0, c] = v0
        work.rank[1, c] = v1
        work.rank[2, c] = v2
        work.rank[3, c] = v3
        work.rank[4, c] = v4
    for q in range(5):
        for j in range(1, 3):
            work.rank[q, LANES - j] = work.rank[q, LANES]
            work.rank[q, LANES + width - 1 + j] = work.rank[q, LANES + width - 1]
    # The rows of ranks are sorted too; 13 of the 25 can still be the median, and of their three antidiagonals only
    # the greatest of the first, the median of the second and the least of the third.
    s = work.rank
    for i in range(padded & 0xFFFF):
        c = i + LANES
        _, _, _, a4, a5 = _sort5(s[0, c - 2], s[0, c - 1], s[0, c], s[0, c + 1], s[0, c + 2])
        _, _, b3, b4, b5 = _sort5(s[1, c - 2], s[1, c - 1], s[1, c], s[1, c + 1], s[1, c + 2])
        _, c2, c3, c4, _ = _sort5(s[2, c - 2], s[2, c - 1], s[2, c], s[2, c + 1], s[2, c + 2])
        d1, d2, d3, _, _ = _sort5(s[3, c - 2], s[3, c - 1], s[3, c], s[3, c + 1], s[3, c + 2])
        e1, e2, _, _, _ = _sort5(s[4, c - 2], s[4, c - 1], s[4, c], s[4, c + 1], s[4, c + 2])
        low = max(max(a4, b3), max(c2, d1))
        high = min(min(b5, c4), min(d3, e2))
        _, _, middle, _, _ = _sort5(a5, b4, c3, d2, e1)
        state[r].spare[c] = _median3(low, middle, high)


@_inline
def _copy_spare(state, k, height, width):
    for r in range(EDGE, EDGE + height):
        for c in range(LANES, LANES + width):
            state[r].u[k, c] = state[r].spare[c]


@_kernel
def median5(state, k, work, height, width, padded):
    """5 x 5 median of a flow component in place, edges repeated."""
    _repeat_edges(state, k, height, width)
    for r in range(EDGE, EDGE + height):
        _median_row5(state, k, work, r, width, padded)
    _copy_spare(state, k, height, width)


@_inline
def _sort3(a, b, c):
    a, b = _sort2(a, b)
    b, c = _sort2(b, c)
    a, b = _sort2(a, b)
    return a, b, c


@_kernel
def median3(state, k, height, width, padded):
    """3 x 3 median of a flow component in place, edges repeated."""
    _repeat_edges(state, k, height, width)
    for r in range(height + 2 * EDGE):
        state[r].u[k, LANES - 1] = state[r].u[k, LANES]
        state[r].u[k, LANES + width] = state[r].u[k, LANES + width - 1]
    for r in range(EDGE, EDGE + height):
        for i in range(padded & 0xFFFF):
            c = i + LANES
            l1, m1, h1 = _sort3(state[r - 1].u[k, c - 1], state[r].u[k, c - 1], state[r + 1].u[k, c - 1])
            l2, m2, h2 = _sort3(state[r - 1].u[k, c], state[r].u[k, c], state[r + 1].u[k, c])
            l3, m3, h3 = _sort3(state[r - 1].u[k, c + 1], state[r].u[k, c + 1], state[r + 1].u[k, c + 1])
            state[r].spare[c] = _median3(max(l1, max(l2, l3)), _median3(m1, m2, m3), min(h1, min(h2, h3)))
    _copy_spare(state, k, height, width)


@_inline
def _update_flow(state, work, threshold, r, padded):
    error = _ZERO
    row = state[r]
    up = state[r - 1]
    for i in range(padded & 0xFFFF):
        c = i + LANES
        a = row.u[0, c]
        b = row.u[1, c]
        wx = row.slope[0, c]
        wy = row.slope[1, c]
        rho = (row.rho[c] + wx * a + wy * b) * row.inverse[c]
        shift = min(max(rho, -threshold), threshold)
        div1 = row.px[0, c] - row.px[0, c - 1] + row.py[0, c] - up.py[0, c]
        div2 = row.px[1, c] - row.px[1, c - 1] + row.py[1, c] - up.py[1, c]
        d1 = work.theta[c] * div1 - shift * wx
        d2 = work.theta[c] * div2 - shift * wy
        row.u[0, c] = a + d1
        row.u[1, c] = b + d2
        error += d1 * d1 + d2 * d2
    return error


@_inline
def _update_dual(state, taut, r, padded):
    row = state[r]
    down = state[r + 1]
    for i in range(padded & 0xFFFF):
        c = i + LANES
        x1 = row.u[0, c + 1] - row.u[0, c]
        y1 = down.u[0, c] - row.u[0, c]
        x2 = row.u[1, c + 1] - row.u[1, c]
        y2 = down.u[1, c] - row.u[1, c]
        g1 = _ONE + taut * np.sqrt(x1 * x1 + y1 * y1)
        g2 = _ONE + taut * np.sqrt(x2 * x2 + y2 * y2)
        inverse = _ONE / (g1 * g2)  # one division for the two
        i1 = inverse * g2
        i2 = inverse * g1
        row.px[0, c] = (row.px[0, c] + taut * x1) * i1
        row.py[0, c] = (row.py[0, c] + taut * y1) * i1
        row.px[1, c] = (row.px[1, c] + taut * x2) * i2
        row.py[1, c] = (row.py[1, c] + taut * y2) * i2


@_kernel
def iterate(state, work, height, width, padded, threshold, taut):
    """One primal-dual iteration; returns the summed squared change of the flow."""
    error = _ZERO
    end = LANES + width
    last = EDGE + height - 1
    for r in range(EDGE, EDGE + height):
        error += _update_flow(state, work, threshold, r, padded)
        for k in range(2):
            state[r].u[k, end] = state[r].u[k, end - 1]  # no gradient across the edge
        if r > EDGE:
            _update_dual(state, taut, r - 1, padded)
    for i in range(padded & 0xFFFF):
        c = i + LANES
        state[last + 1].u[0, c] = state[last].u[0, c]
        state[last + 1].u[1, c] = state[last].u[1, c]
    _update_dual(state, taut, last, padded)
    return error


@_inline
def _cubic(t):
    # Weights of the four samples around a point t in [0, 1) behind the second one (Keys 1981, a = -0.75).
    s = _ONE - t
    a = _CUBIC * t * s * s
    b = ((_CUBIC + _TWO) * t - (_CUBIC + _THREE)) * t * t + _ONE
    c = ((_CUBIC + _TWO) * s - (_CUBIC + _THREE)) * s * s + _ONE
    d = _CUBIC * s * t * t
    return a, b, c, d


@_inline
def _cubic_of_five(t):
    # The same for t in [0, 2): five samples, so that neighbours on both sides of a whole shift share their samples.
    late = t >= _ONE
    a, b, c, d = _cubic(t - _ONE if late else t)
    return (_ZERO if late else a, a if late else b, b if late else c, c if late else d, d if late else _ZERO)


@_inline
def _tap(row, plane, c, x0, x1, x2, x3, x4):
    s = row.planes
    return (
        x0 * s[plane, c] + x1 * s[plane, c + 1] + x2 * s[plane, c + 2] + x3 * s[plane, c + 3] + x4 * s[plane, c + 4]
    )


@_kernel
def _sample(image, work, r, begin, end, right, down):
    x_base = np.float32(right)
    y_base = np.float32(down)
    j = r + down
    begin &= 0xFFFF
    source = (begin + right - 1) & 0xFFFF
    for m in range((end - begin) & 0xFFFF):
        c = m + begin
        x0, x1, x2, x3, x4 = _cubic_of_five(work.at[0, c] - x_base)
        y0, y1, y2, y3, y4 = _cubic_of_five(work.at[1, c] - y_base)
        i = m + source
        for plane in range(3):
            work.warped[plane, c] = (
                y0 * _tap(image[j - 1], plane, i, x0, x1, x2, x3, x4)
                + y1 * _tap(image[j], plane, i, x0, x1, x2, x3, x4)
                + y2 * _tap(image[j + 1], plane, i, x0, x1, x2, x3, x4)
                + y3 * _tap(image[j + 2], plane, i, x0, x1, x2, x3, x4)
                + y4 * _tap(image[j + 3], plane, i, x0, x1, x2, x3, x4)
            )


@_inline
def _find_targets(row, work, r, height, width, padded):
    above = np.float32(EDGE - 1 - r)
    below = np.float32(EDGE + height - r)
    for i in range(width & 0xFFFF):
        c = i + LANES
        left = np.float32(LANES - 1 - c)
        right = np.float32(LANES + width - c)
        x = min(max(row.u[0, c], left), right)
        y = min(max(row.u[1, c], above), below)
        work.at[0, c] = x
        work.at[1, c] = y
        work.cell[0, c] = np.int32(np.floor(x))
        work.cell[1, c] = np.int32(np.floor(y))
    last = LANES + width - 1
    for k in range(2):
        for c in range(LANES + width, LANES + padded):
            work.at[k, c] = work.at[k, last]
            work.cell[k, c] = work.cell[k, last]


@_inline
def _range(work, k, begin):
    low = work.cell[k, begin]
    high = low
    begin &= 0xFFFF
    for i in range(LANES):
        c = begin + i
        low = min(low, work.cell[k, c])
        high = max(high, work.cell[k, c])
    return low, high


@_kernel
def _sample_row(image, work, r, padded):
    # Blocks whose whole-pixel shifts differ by one at most are one run of straight-line SIMD, without gathers.
    begin = LANES
    row = r - EDGE + IMAGE_EDGE
    while begin < LANES + padded:
        low_x, high_x = _range(work, 0, begin)
        low_y, high_y = _range(work, 1, begin)
        end = begin + LANES
        if high_x - low_x > 1 or high_y - low_y > 1:
            for c in range(begin, end):
                _sample(image, work, row, c, c + 1, work.cell[0, c], work.cell[1, c])
            begin = end
            continue
        while end < LANES + padded:
            low, high = _range(work, 0, end)
            least_x, most_x = min(low_x, low), max(high_x, high)
            low, high = _range(work, 1, end)
            least_y, most_y = min(low_y, low), max(high_y, high)
            if most_x - least_x > 1 or most_y - least_y > 1:
                break
            low_x, high_x, low_y, high_y = least_x, most_x, least_y, most_y
            end += LANES
        _sample(image, work, row, begin, end, low_x, low_y)
        begin = end


@_inline
def _linearise(row, work, first, r, width, padded):
    for i in range(width & 0xFFFF):
        c = i + LANES
        wx = work.warped[1, c]
        wy = work.warped[2, c]
        grad = wx * wx + wy * wy
        row.slope[0, c] = wx
        row.slope[1, c] = wy
        row.inverse[c] = _ONE / grad if grad > _TINY else _ZERO
        row.rho[c] = work.warped[0, c] - wx * row.u[0, c] - wy * row.u[1, c] - first[r - EDGE, c - LANES]
    for c in range(LANES + width, LANES + padded):
        row.slope[0, c] = _ZERO
        row.slope[1, c] = _ZERO
        row.inverse[c] = _ZERO
        row.rho[c] = _ZERO


@_kernel
def warp(state, first, image, work, height, width, padded):
    """Linearise the brightness difference around the present flow (bicubic)."""
    for r in range(EDGE, EDGE + height):
        _find_targets(state[r], work, r, height, width, padded)
        _sample_row(image, work, r, padded)
        _linearise(state[r], work, first, r, width, padded)


@_kernel
def prepare(second, image, height, width, padded):
    """Copy a picture and its centred gradients beside each other, edges repeated."""
    for r in range(-IMAGE_EDGE, height + IMAGE_EDGE):
        j = min(max(r, 0), height - 1)
        up = max(j - 1, 0)
        down = min(j + 1, height - 1)
        row = image[r + IMAGE_EDGE]
        for c in range(1, width - 1):
            row.planes[0, c + LANES] = second[j, c]
            row.planes[1, c + LANES] = _HALF * (second[j, c + 1] - second[j, c - 1])
            row.planes[2, c + LANES] = _HALF * (second[down, c] - second[up, c])
        for c in (0, width - 1):
            row.planes[0, c + LANES] = second[j, c]
            row.planes[1, c + LANES] = _HALF * (second[j, min(c + 1, width - 1)] - second[j, max(c - 1, 0)])
            row.planes[2, c + LANES] = _HALF * (second[down, c] - second[up, c])
        for plane in range(3):
            row.planes[plane, :LANES] = row.planes[plane, LANES]
            row.planes[plane, LANES + width :] = row.planes[plane, LANES + width - 1]


@_kernel
def resize(source, height, width, target, new_height, new_width, scale_y, scale_x, gain):
    """Bilinear resize, pixel centres aligned; ``scale`` is source px per target px."""
    last_y = np.float32(height - 1)
    last_x = np.float32(width - 1)
    for r in range(new_height):
        y = min(max((np.float32(r) + _HALF) * scale_y - _HALF, _ZERO), last_y)
        j = int(y)
        k = min(j + 1, height - 1)
        fy = y - np.float32(j)
        for c in range(new_width):
            x = min(max((np.float32(c) + _HALF) * scale_x - _HALF, _ZERO), last_x)
            i = int(x)
            n = min(i + 1, width - 1)
            fx = x - np.float32(i)
            above = source[j, i] + fx * (source[j, n] - source[j, i])
            under = source[k, i] + fx * (source[k, n] - source[k, i])
            target[r, c] = gain * (above + fy * (under - above))


@_kernel
def solve(first, second, flow, pyramid, image, state, works, numbers, counts):
    """TV-L1 flow of one pair into ``flow``; the scratch arrays are those of ``Scratch``."""
    tau, lambda_, theta, epsilon, step = numbers
    scales, warps, inner, outer, median = counts
    height, width = first.shape
    pyramid[0, 0, :height, :width] = first
    pyramid[1, 0, :height, :width] = second
    heights = np.empty(scales, np.int64)
    widths = np.empty(scales, np.int64)
    heights[0] = height
    widths[0] = width
    levels = 1
    back = np.float32(1.0 / step)
    for s in range(1, scales):
        heights[s] = int(np.rint(heights[s - 1] * step))
        widths[s] = int(np.rint(widths[s - 1] * step))
        for k in range(2):
            resize(
                pyramid[k, s - 1], heights[s - 1], widths[s - 1], pyramid[k, s], heights[s], widths[s], back, back, _ONE
            )
        levels = s + 1
        if heights[s] < 16 or widths[s] < 16:
            levels = s
            break
    flow[:, : heights[levels - 1], : widths[levels - 1]] = 0
    total = 0
    for s in range(levels - 1, -1, -1):
        h, w = heights[s], widths[s]
        total += h * w * _solve_level(pyramid[0, s], pyramid[1, s], flow, image, state, works[0], h, w, numbers, counts)
        if s > 0:
            for k in range(2):
                _enlarge(flow[k], h, w, pyramid[0, s], heights[s - 1], widths[s - 1], back)
    return total


@_kernel
def _enlarge(plane, h, w, spare, new_h, new_w, gain):
    spare[:h, :w] = plane[:h, :w]
    resize(spare, h, w, plane, new_h, new_w, np.float32(h / new_h), np.float32(w / new_w), gain)


@_kernel
def _clear(state, height):
    for r in range(height + 2 * EDGE):
        state[r].u[:] = _ZERO
        state[r].px[:] = _ZERO
        state[r].py[:] = _ZERO


@_kernel
def _solve_level(first, second, flow, image, state, work, h, w, numbers, counts):
    tau, lambda_, theta, epsilon, _ = numbers
    _, warps, inner, outer, median = counts
    padded = (w + LANES - 1) // LANES * LANES
    limit = np.float32(epsilon * epsilon * h * w)
    threshold = np.float32(lambda_ * theta)
    taut = np.float32(tau / theta)
    work.theta[:] = _ZERO
    work.theta[LANES : LANES + w] = np.float32(theta)
    _clear(state, h)
    for r in range(h):
        state[r + EDGE].u[0, LANES : LANES + w] = flow[0, r, :w]
        state[r + EDGE].u[1, LANES : LANES + w] = flow[1, r, :w]
    prepare(second, image, h, w, padded)
    total = 0
    for _ in range(warps):
        warp(state, first, image, work, h, w, padded)
        error = np.float32(np.inf)
        n = 0
        while error > limit and n < outer:
            for k in range(2):
                if median == 5:
                    median5(state, k, work, h, w, padded)
                elif median == 3:
                    median3(state, k, h, w, padded)
            m = 0
            while error > limit and m < inner:
                error = iterate(state, work, h, w, padded, threshold, taut)
                m += 1
            total += m
            n += 1
    for r in range(h):
        flow[0, r, :w] = state[r + EDGE].u[0, LANES : LANES + w]
        flow[1, r, :w] = state[r + EDGE].u[1, LANES : LANES + w]
    return total
