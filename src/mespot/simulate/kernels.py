"""Compiled loops of the renderer: weighted fields, one exact resampling, light and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.vision.resample import compiled

BORDER_PX = 24
"""Margin of the neutral picture around what is shown, so that the camera may sway."""
NOISE_TILE_PX = 256
"""Side of the noise tiles."""


def spline_coefficients(picture: Float32) -> Float32:
    """Coefficients (H, W, C) of the cubic B-spline that interpolates ``picture``, mirrored at its borders."""
    coefficients = picture.astype(np.float32).copy()
    _prefilter(coefficients)
    turned = np.ascontiguousarray(coefficients.transpose(1, 0, 2))
    _prefilter(turned)
    return np.ascontiguousarray(turned.transpose(1, 0, 2))


@compiled
def _prefilter(values: Float32) -> None:
    """Filter along the first axis in place: the recursive inverse of the B-spline (pole sqrt(3) - 2)."""
    pole = np.sqrt(3.0) - 2.0
    rows = values.shape[0]
    first = np.zeros(values.shape[1:], np.float64)
    power = 1.0
    for i in range(min(rows, 24)):
        first += power * values[i]
        power *= pole
    line = first * 6.0
    values[0] = line
    for i in range(1, rows):
        line = 6.0 * values[i] + pole * line
        values[i] = line
    line = (pole / (pole * pole - 1.0)) * (line + pole * values[rows - 2])
    values[rows - 1] = line
    for i in range(rows - 2, -1, -1):
        line = pole * (line - values[i])
        values[i] = line


@compiled
def add_fields(fields: Float32, active: npt.NDArray[np.int64], weights: Float32, out: Float32) -> None:
    """Write the weighted sum of the active fields (A, h, w, 2) to ``out`` (h, w, 2)."""
    out[:] = 0
    for row in active:
        weight = weights[row]
        for y in range(out.shape[0]):
            for x in range(out.shape[1]):
                out[y, x, 0] += weight * fields[row, y, x, 0]
                out[y, x, 1] += weight * fields[row, y, x, 1]


@compiled
def _taps(t):  # type: ignore[no-untyped-def]
    """Weights of the four cubic B-spline taps around a position ``t`` in [0, 1) after the second."""
    one, three, four, six = np.float32(1), np.float32(3), np.float32(4), np.float32(6)
    s = one - t
    sixth = np.float32(1 / 6)
    middle = (four - six * t * t + three * t * t * t) * sixth
    after = (four - six * s * s + three * s * s * s) * sixth
    return s * s * s * sixth, middle, after, t * t * t * sixth


@compiled
def _lookup(values, x, y, channel):  # type: ignore[no-untyped-def]
    """Bilinear value of a smooth layer at a position inside it."""
    x0, y0 = np.int32(x), np.int32(y)
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    top = values[y0, x0, channel] + fx * (values[y0, x0 + 1, channel] - values[y0, x0, channel])
    low = values[y0 + 1, x0, channel] + fx * (values[y0 + 1, x0 + 1, channel] - values[y0 + 1, x0, channel])
    return top + fy * (low - top)


@compiled
def _interpolate(spline, px, py, colour):  # type: ignore[no-untyped-def]
    """Write the picture's value at a position to ``colour`` (3,)."""
    px = min(max(px, np.float32(1)), np.float32(spline.shape[1] - 3))
    py = min(max(py, np.float32(1)), np.float32(spline.shape[0] - 3))
    x0, y0 = np.int32(px), np.int32(py)
    wx = _taps(px - np.float32(x0))
    wy = _taps(py - np.float32(y0))
    r = g = b = np.float32(0)
    for j in range(4):
        row = spline[y0 + j - 1]
        w0, w1, w2, w3 = wy[j] * wx[0], wy[j] * wx[1], wy[j] * wx[2], wy[j] * wx[3]
        r += w0 * row[x0 - 1, 0] + w1 * row[x0, 0] + w2 * row[x0 + 1, 0] + w3 * row[x0 + 2, 0]
        g += w0 * row[x0 - 1, 1] + w1 * row[x0, 1] + w2 * row[x0 + 1, 1] + w3 * row[x0 + 2, 1]
        b += w0 * row[x0 - 1, 2] + w1 * row[x0, 2] + w2 * row[x0 + 1, 2] + w3 * row[x0 + 2, 2]
    colour[0], colour[1], colour[2] = r, g, b


@compiled
def add_creases(maps, weights, out):  # type: ignore[no-untyped-def]
    """Write the weighted sum of the maps (K, h, w, 1) to ``out`` (h, w, 1)."""
    out[:] = 0
    for row in range(maps.shape[0]):
        weight = weights[row]
        if weight > 0:
            for y in range(out.shape[0]):
                for x in range(out.shape[1]):
                    out[y, x, 0] += weight * maps[row, y, x, 0]


@compiled
def _smear(spline, px, py, dx, dy, colour, other):  # type: ignore[no-untyped-def]
    """Replace ``colour``, the value at a position, by the mean along the way from there by (dx, dy)."""
    taps = 2 if dx * dx + dy * dy < np.float32(4) else 4
    for k in range(1, taps + 1):
        share = np.float32(k) / np.float32(taps)
        _interpolate(spline, px + share * dx, py + share * dy, other)
        for c in range(3):
            colour[c] += other[c]
    for c in range(3):
        colour[c] /= np.float32(taps + 1)


@compiled
def _inside(openings, shade, bx, by, colours, colour):  # type: ignore[no-untyped-def]
    """Darken creases, and show the inside of the mouth with its teeth."""
    fold = _lookup(shade, bx, by, 0)
    alpha = _lookup(openings, bx, by, 2)
    if fold != 0:
        for c in range(3):
            colour[c] *= np.float32(1) - fold
    if alpha > 0:
        teeth = _lookup(openings, bx, by, 3) / alpha
        for c in range(3):
            within = colours[0, c] + teeth * (colours[1, c] - colours[0, c])
            colour[c] += alpha * (within - colour[c])


@compiled
def draw_picture(picture, spline, layers, place, pose, colours, trail, exposure, image):  # type: ignore[no-untyped-def]
    """Resample one picture: backwards through head pose, then skin, then lids and lips.

    Parameters
    ----------
    picture, spline : (Hb, Wb, C) float32
        Neutral picture and its spline coefficients, with border; C of at least 3.
    layers : tuple
        Depth and head share (Hb, Wb); over the box skin (h, w, 2), openings (h, w, 4: x, y, share of the mouth's
        inside, of the teeth), shade of creases (h, w, 1), rims of glasses (h, w, 1), which follow the head alone.
    place : (6,) float32
        Centre of rotation, corner of the box, sway.
    pose : (2, 4) float32
        Displacement of the head.
    colours : (3, 3) float32
        Colours of the mouth's inside, of the teeth and of the rims.
    trail : (H, W, 2) float32
        Where in the neutral picture the px of the picture before lay; overwritten with where they lie now.
    exposure : float32
        Share of the way since then along which light is collected, the motion blur; 0 without a picture before.
    image : (H, W, 3) float32
        Output.
    """
    depth, head, skin, openings, shade, rims = layers
    zero = np.float32(0)
    other = np.empty(3, np.float32)
    right, bottom = np.float32(skin.shape[1] - 1.01), np.float32(skin.shape[0] - 1.01)
    still = place[4] == 0 and place[5] == 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            y, x = row + BORDER_PX, column + BORDER_PX
            colour, before = image[row, column], trail[row, column]
            share = head[y, x]
            if share == 0 and still:
                colour[0], colour[1], colour[2] = picture[y, x, 0], picture[y, x, 1], picture[y, x, 2]
                before[0], before[1] = np.float32(x), np.float32(y)
                continue
            px, py = np.float32(x) - place[4], np.float32(y) - place[5]
            across, down, far = px - place[0], py - place[1], depth[y, x]
            px -= share * (pose[0, 0] * across + pose[0, 1] * down + pose[0, 2] * far + pose[0, 3])
            py -= share * (pose[1, 0] * across + pose[1, 1] * down + pose[1, 2] * far + pose[1, 3])
            bx, by = px - place[2], py - place[3]
            hx, hy = bx, by
            boxed = bx >= 0 and by >= 0 and bx < right and by < bottom
            if boxed:
                sx, sy = _lookup(skin, bx, by, 0), _lookup(skin, bx, by, 1)
                bx, by = min(max(bx - sx, zero), right), min(max(by - sy, zero), bottom)
                px -= sx + _lookup(openings, bx, by, 0)
                py -= sy + _lookup(openings, bx, by, 1)
            _interpolate(spline, px, py, colour)
            if exposure > 0:
                dx, dy = exposure * (before[0] - px), exposure * (before[1] - py)
                if dx * dx + dy * dy > np.float32(0.25):
                    _smear(spline, px, py, dx, dy, colour, other)
            before[0], before[1] = px, py
            if boxed:
                _inside(openings, shade, bx, by, colours, colour)
                rim = _lookup(rims, hx, hy, 0)
                if rim > 0:
                    for c in range(3):
                        colour[c] += rim * (colours[2, c] - colour[c])


@compiled
def expose(scene, light, sigma, tiles, offsets, image):  # type: ignore[no-untyped-def]
    """Turn the drawn (H, W, 3) float32 ``scene`` into the uint8 ``image`` of a camera: light, noise, rounding.

    Parameters
    ----------
    light : (3,) float32
        Gain, slope across, slope down.
    sigma : (256,) float32
        Deviation per grey level of each of the two added noise patterns.
    tiles : (2, N, N, 3) float32
        Noise patterns.
    offsets : (2, 2) int64
        Their shifts (row, column).
    """
    height, width = image.shape[:2]
    half, zero, top = np.float32(0.5), np.float32(0), np.float32(255)
    mask = NOISE_TILE_PX - 1
    for row in range(height):
        base = light[0] + light[2] * (np.float32(2 * row) / np.float32(height) - np.float32(1))
        slope = light[1] * np.float32(2) / np.float32(width)
        for column in range(width):
            gain = base + slope * np.float32(column) - light[1]
            first = tiles[0, (row + offsets[0, 0]) & mask, (column + offsets[0, 1]) & mask]
            second = tiles[1, (row + offsets[1, 0]) & mask, (column + offsets[1, 1]) & mask]
            for c in range(3):
                value = min(max(scene[row, column, c] * gain, zero), top)
                value += sigma[np.int32(value)] * (first[c] + second[c]) + half
                image[row, column, c] = np.uint8(min(max(value, zero), top))
