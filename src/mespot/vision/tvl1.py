"""Compiled kernels of TV-L1 optical flow: one image pair, one thread, no temporaries.

All planes of the solver live in one array ``state`` of shape (rows, plane, columns), so that a row with everything
that belongs to it is contiguous, stays in the first cache levels, and is reused by all scales. The primal and the dual
update run in the same sweep over the rows, the dual one row behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

LANES = 16
"""float32 values of a 512-bit register; rows are padded to a multiple."""
TOP = 4
"""Rows above (and below) a warped image that repeat its edge."""

U1, U2, P11, P12, P21, P22, WX, WY, INV, RHO, TMP = range(11)
STATE_PLANES = 11

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


_kernel = _compile()
_row = _compile(noalias=True, forceinline=True)
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


@_row
def _sort_columns(state, r0, r1, r2, r3, r4, plane, sorted_, count):
    for c in range(LANES, LANES + count):
        a, b, m, d, e = _sort5(
            state[r0, plane, c], state[r1, plane, c], state[r2, plane, c], state[r3, plane, c], state[r4, plane, c]
        )
        sorted_[0, c] = a
        sorted_[1, c] = b
        sorted_[2, c] = m
        sorted_[3, c] = d
        sorted_[4, c] = e


@_row
def _median_of_sorted_columns(s, out, r, count):
    # Rows of ranks are sorted too; 13 of the 25 can still be the median, and of their three antidiagonals only
    # the greatest of the first, the median of the second and the least of the third.
    for c in range(LANES, LANES + count):
        _, _, _, a4, a5 = _sort5(s[0, c - 2], s[0, c - 1], s[0, c], s[0, c + 1], s[0, c + 2])
        _, _, b3, b4, b5 = _sort5(s[1, c - 2], s[1, c - 1], s[1, c], s[1, c + 1], s[1, c + 2])
        _, c2, c3, c4, _ = _sort5(s[2, c - 2], s[2, c - 1], s[2, c], s[2, c + 1], s[2, c + 2])
        d1, d2, d3, _, _ = _sort5(s[3, c - 2], s[3, c - 1], s[3, c], s[3, c + 1], s[3, c + 2])
        e1, e2, _, _, _ = _sort5(s[4, c - 2], s[4, c - 1], s[4, c], s[4, c + 1], s[4, c + 2])
        low = max(max(a4, b3), max(c2, d1))
        high = min(min(b5, c4), min(d3, e2))
        _, _, middle, _, _ = _sort5(a5, b4, c3, d2, e1)
        out[r, TMP, c] = _median3(low, middle, high)


@_kernel
def median5(state, plane, height, width, padded, sorted_):
    """5 x 5 median of a plane in place, edges repeated."""
    for r in range(height):
        _sort_columns(
            state,
            max(r - 2, 0) + 1,
            max(r - 1, 0) + 1,
            r + 1,
            min(r + 1, height - 1) + 1,
            min(r + 2, height - 1) + 1,
            plane,
            sorted_,
            padded,
        )
        for k in range(5):
            left = sorted_[k, LANES]
            right = sorted_[k, LANES + width - 1]
            sorted_[k, LANES - 2] = left
            sorted_[k, LANES - 1] = left
            sorted_[k, LANES + width] = right
            sorted_[k, LANES + width + 1] = right
        _median_of_sorted_columns(sorted_, state, r + 1, padded)
    _copy_back(state, plane, height, width)


@_kernel
def _copy_back(state, plane, height, width):
    for r in range(1, height + 1):
        for c in range(LANES, LANES + width):
            state[r, plane, c] = state[r, TMP, c]


@_kernel
def median3(state, plane, height, width):
    """3 x 3 median of a plane in place, edges repeated."""
    for r in range(height):
        a = max(r - 1, 0) + 1
        b = r + 1
        d = min(r + 1, height - 1) + 1
        for c in range(width):
            i = max(c - 1, 0) + LANES
            j = c + LANES
            k = min(c + 1, width - 1) + LANES
            l1, m1, h1 = _sort3(state[a, plane, i], state[b, plane, i], state[d, plane, i])
            l2, m2, h2 = _sort3(state[a, plane, j], state[b, plane, j], state[d, plane, j])
            l3, m3, h3 = _sort3(state[a, plane, k], state[b, plane, k], state[d, plane, k])
            state[b, TMP, j] = _median3(max(l1, max(l2, l3)), _median3(m1, m2, m3), min(h1, min(h2, h3)))
    _copy_back(state, plane, height, width)


@_inline
def _sort3(a, b, c):
    a, b = _sort2(a, b)
    b, c = _sort2(b, c)
    a, b = _sort2(a, b)
    return a, b, c


@_row
def _update_flow(u1, u2, p11, p12, p21, p22, data, theta, threshold, r, count):
    # The same array arrives once per plane that is written: the compiler may then assume that planes do not overlap.
    error = _ZERO
    for c in range(LANES, LANES + count):
        a = u1[r, U1, c]
        b = u2[r, U2, c]
        wx = data[r, WX, c]
        wy = data[r, WY, c]
        rho = (data[r, RHO, c] + wx * a + wy * b) * data[r, INV, c]
        shift = min(max(rho, -threshold), threshold)
        div1 = p11[r, P11, c] - p11[r, P11, c - 1] + p12[r, P12, c] - p12[r - 1, P12, c]
        div2 = p21[r, P21, c] - p21[r, P21, c - 1] + p22[r, P22, c] - p22[r - 1, P22, c]
        d1 = theta[c] * div1 - shift * wx
        d2 = theta[c] * div2 - shift * wy
        u1[r, U1, c] = a + d1
        u2[r, U2, c] = b + d2
        error += d1 * d1 + d2 * d2
    return error


@_row
def _update_dual(u1, u2, p11, p12, p21, p22, taut, r, below, count):
    for c in range(LANES, LANES + count):
        x1 = u1[r, U1, c + 1] - u1[r, U1, c]
        y1 = u1[below, U1, c] - u1[r, U1, c]
        x2 = u2[r, U2, c + 1] - u2[r, U2, c]
        y2 = u2[below, U2, c] - u2[r, U2, c]
        g1 = _ONE + taut * np.sqrt(x1 * x1 + y1 * y1)
        g2 = _ONE + taut * np.sqrt(x2 * x2 + y2 * y2)
        inverse = _ONE / (g1 * g2)  # one division for the two
        i1 = inverse * g2
        i2 = inverse * g1
        p11[r, P11, c] = (p11[r, P11, c] + taut * x1) * i1
        p12[r, P12, c] = (p12[r, P12, c] + taut * y1) * i1
        p21[r, P21, c] = (p21[r, P21, c] + taut * x2) * i2
        p22[r, P22, c] = (p22[r, P22, c] + taut * y2) * i2


@_kernel
def iterate(state, height, width, padded, theta, threshold, taut):
    """One primal-dual iteration; returns the summed squared change of the flow."""
    error = _ZERO
    end = LANES + width
    s = state
    for r in range(1, height + 1):
        error += _update_flow(s, s, s, s, s, s, s, theta, threshold, r, padded)
        s[r, U1, end] = s[r, U1, end - 1]  # no gradient across the edge
        s[r, U2, end] = s[r, U2, end - 1]
        if r > 1:
            _update_dual(s, s, s, s, s, s, taut, r - 1, r, padded)
    _update_dual(s, s, s, s, s, s, taut, height, height, padded)
    return error


@_inline
def _cubic(t):
    # Weights of the four samples around a point t in [0, 1) behind the second one (Keys 1981, a = -0.75).
    a = ((_CUBIC * (t + _ONE) - np.float32(5) * _CUBIC) * (t + _ONE) + np.float32(8) * _CUBIC) * (t + _ONE) - np.float32(
        4
    ) * _CUBIC
    b = ((_CUBIC + _TWO) * t - (_CUBIC + _THREE)) * t * t + _ONE
    s = _ONE - t
    c = ((_CUBIC + _TWO) * s - (_CUBIC + _THREE)) * s * s + _ONE
    return a, b, c, _ONE - a - b - c


@_inline
def _cubic_of_five(t):
    # The same for t in [0, 2): five samples, so that neighbours on both sides of a whole shift share their samples.
    late = t >= _ONE
    a, b, c, d = _cubic(t - _ONE if late else t)
    return (
        _ZERO if late else a,
        a if late else b,
        b if late else c,
        c if late else d,
        d if late else _ZERO,
    )


@_inline
def _tap(image, r, plane, c, x0, x1, x2, x3, x4):
    return (
        x0 * image[r, plane, c - 1]
        + x1 * image[r, plane, c]
        + x2 * image[r, plane, c + 1]
        + x3 * image[r, plane, c + 2]
        + x4 * image[r, plane, c + 3]
    )


@_row
def _sample(image, at_x, at_y, out, r, begin, end, right, down):
    for c in range(begin, end):
        x0, x1, x2, x3, x4 = _cubic_of_five(at_x[c] - np.float32(right))
        y0, y1, y2, y3, y4 = _cubic_of_five(at_y[c] - np.float32(down))
        i = c + right
        j = r + down
        for plane in range(3):
            out[plane, c] = (
                y0 * _tap(image, j - 1, plane, i, x0, x1, x2, x3, x4)
                + y1 * _tap(image, j, plane, i, x0, x1, x2, x3, x4)
                + y2 * _tap(image, j + 1, plane, i, x0, x1, x2, x3, x4)
                + y3 * _tap(image, j + 2, plane, i, x0, x1, x2, x3, x4)
                + y4 * _tap(image, j + 3, plane, i, x0, x1, x2, x3, x4)
            )


@_row
def _find_targets(state, r, at_x, at_y, cell_x, cell_y, height, width, padded):
    above = np.float32(-r)
    below = np.float32(height + 1 - r)
    for c in range(LANES, LANES + width):
        left = np.float32(LANES - 1 - c)
        right = np.float32(LANES + width - c)
        x = min(max(state[r, U1, c], left), right)
        y = min(max(state[r, U2, c], above), below)
        at_x[c] = x
        at_y[c] = y
        cell_x[c] = np.int32(np.floor(x))
        cell_y[c] = np.int32(np.floor(y))
    last = LANES + width - 1
    for c in range(LANES + width, LANES + padded):
        at_x[c] = at_x[last]
        at_y[c] = at_y[last]
        cell_x[c] = cell_x[last]
        cell_y[c] = cell_y[last]


@_inline
def _range(cells, begin):
    low = cells[begin]
    high = low
    for c in range(begin + 1, begin + LANES):
        low = min(low, cells[c])
        high = max(high, cells[c])
    return low, high


@_kernel
def _sample_row(image, at_x, at_y, cell_x, cell_y, out, r, padded):
    # Blocks whose whole-pixel shifts differ by one at most are one run of straight-line SIMD, without gathers.
    begin = LANES
    row = r + TOP - 1
    while begin < LANES + padded:
        low_x, high_x = _range(cell_x, begin)
        low_y, high_y = _range(cell_y, begin)
        end = begin + LANES
        if high_x - low_x > 1 or high_y - low_y > 1:
            for c in range(begin, end):
                _sample(image, at_x, at_y, out, row, c, c + 1, cell_x[c], cell_y[c])
            begin = end
            continue
        while end < LANES + padded:
            low, high = _range(cell_x, end)
            next_low_x, next_high_x = min(low_x, low), max(high_x, high)
            low, high = _range(cell_y, end)
            next_low_y, next_high_y = min(low_y, low), max(high_y, high)
            if next_high_x - next_low_x > 1 or next_high_y - next_low_y > 1:
                break
            low_x, high_x, low_y, high_y = next_low_x, next_high_x, next_low_y, next_high_y
            end += LANES
        _sample(image, at_x, at_y, out, row, begin, end, low_x, low_y)
        begin = end


@_row
def _linearise(state, u, first, out, r, width, padded):
    for c in range(LANES, LANES + width):
        wx = out[1, c]
        wy = out[2, c]
        grad = wx * wx + wy * wy
        state[r, WX, c] = wx
        state[r, WY, c] = wy
        state[r, INV, c] = _ONE / grad if grad > _TINY else _ZERO
        state[r, RHO, c] = out[0, c] - wx * u[r, U1, c] - wy * u[r, U2, c] - first[r - 1, c - LANES]
    for c in range(LANES + width, LANES + padded):
        state[r, WX, c] = _ZERO
        state[r, WY, c] = _ZERO
        state[r, INV, c] = _ZERO
        state[r, RHO, c] = _ZERO


@_kernel
def warp(state, first, image, at_x, at_y, cell_x, cell_y, out, height, width, padded):
    """Linearise the brightness difference around the present flow (bicubic)."""
    for r in range(1, height + 1):
        _find_targets(state, r, at_x, at_y, cell_x, cell_y, height, width, padded)
        _sample_row(image, at_x, at_y, cell_x, cell_y, out, r, padded)
        _linearise(state, state, first, out, r, width, padded)


@_kernel
def prepare(second, image, height, width, padded):
    """Copy a picture and its centred gradients beside each other, edges repeated."""
    for r in range(-TOP, height + TOP):
        j = min(max(r, 0), height - 1)
        up = max(j - 1, 0)
        down = min(j + 1, height - 1)
        o = r + TOP
        for c in range(1, width - 1):
            image[o, 0, c + LANES] = second[j, c]
            image[o, 1, c + LANES] = _HALF * (second[j, c + 1] - second[j, c - 1])
            image[o, 2, c + LANES] = _HALF * (second[down, c] - second[up, c])
        for c in (0, width - 1):
            image[o, 0, c + LANES] = second[j, c]
            image[o, 1, c + LANES] = _HALF * (second[j, min(c + 1, width - 1)] - second[j, max(c - 1, 0)])
            image[o, 2, c + LANES] = _HALF * (second[down, c] - second[up, c])
        for plane in range(3):
            image[o, plane, :LANES] = image[o, plane, LANES]
            image[o, plane, LANES + width :] = image[o, plane, LANES + width - 1]


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
            l = min(i + 1, width - 1)
            fx = x - np.float32(i)
            above = source[j, i] + fx * (source[j, l] - source[j, i])
            under = source[k, i] + fx * (source[k, l] - source[k, i])
            target[r, c] = gain * (above + fy * (under - above))


@_kernel
def level_size(size, scale_step):
    """Px of the next coarser level (rounded half to even, as OpenCV)."""
    return int(np.rint(size * scale_step))


@_kernel
def solve(first, second, flow, pyramid, image, state, rows, cells, numbers, counts):
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
        heights[s] = level_size(heights[s - 1], step)
        widths[s] = level_size(widths[s - 1], step)
        for k in range(2):
            resize(
                pyramid[k, s - 1], heights[s - 1], widths[s - 1], pyramid[k, s], heights[s], widths[s], back, back, _ONE
            )
        levels = s + 1
        if heights[s] < 16 or widths[s] < 16:
            levels = s
            break
    flow[:, : heights[levels - 1], : widths[levels - 1]] = 0
    for s in range(levels - 1, -1, -1):
        h, w = heights[s], widths[s]
        _solve_level(
            pyramid[0, s], pyramid[1, s], flow, image, state, rows, cells, h, w, numbers, counts
        )
        if s > 0:
            for k in range(2):
                _enlarge(flow[k], h, w, pyramid[0, s], heights[s - 1], widths[s - 1], back)


@_kernel
def _enlarge(plane, h, w, spare, new_h, new_w, gain):
    spare[:h, :w] = plane[:h, :w]
    resize(spare, h, w, plane, new_h, new_w, np.float32(h / new_h), np.float32(w / new_w), gain)


@_kernel
def _solve_level(first, second, flow, image, state, rows, cells, h, w, numbers, counts):
    tau, lambda_, theta, epsilon, _ = numbers
    _, warps, inner, outer, median = counts
    padded = (w + LANES - 1) // LANES * LANES
    limit = np.float32(epsilon * epsilon * h * w)
    threshold = np.float32(lambda_ * theta)
    taut = np.float32(tau / theta)
    thetas = rows[0]
    thetas[:] = _ZERO
    thetas[LANES : LANES + w] = np.float32(theta)
    state[: h + 2] = _ZERO
    for r in range(h):
        state[r + 1, U1, LANES : LANES + w] = flow[0, r, :w]
        state[r + 1, U2, LANES : LANES + w] = flow[1, r, :w]
    prepare(second, image, h, w, padded)
    total = 0
    for _ in range(warps):
        warp(state, first, image, rows[1], rows[2], cells[0], cells[1], rows[3:6], h, w, padded)
        error = np.float32(np.inf)
        n = 0
        while error > limit and n < outer:
            if median == 5:
                median5(state, U1, h, w, padded, rows[3:8])
                median5(state, U2, h, w, padded, rows[3:8])
            elif median == 3:
                median3(state, U1, h, w)
                median3(state, U2, h, w)
            m = 0
            while error > limit and m < inner:
                error = iterate(state, h, w, padded, thetas, threshold, taut)
                m += 1
            total += m
            n += 1
        #print(h, n, m)
    for r in range(h):
        flow[0, r, :w] = state[r + 1, U1, LANES : LANES + w]
        flow[1, r, :w] = state[r + 1, U2, LANES : LANES + w]
