"""Eyes and mouth: where skin slides over what lies behind it, which no smooth field can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32
from mespot.simulate.fields import (
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    LOWER_INNER_LIP,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    UPPER_INNER_LIP,
    Box,
    Frame,
)
from mespot.vision.resample import compiled

_LASH = 0.03
"""Height of the upper lid's lash line, which moves without stretching, share of the eye distance."""
_FOLD = 0.09
"""Height of the upper-lid skin that unfolds in a blink, share of the eye distance."""
_TOOTH = 0.085
"""Width of an upper front tooth, share of the eye distance."""
_RIM = 0.012
"""How far below its landmarks the lower lid begins, share of the eye distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """An eye's opening, column by column.

    Parameters
    ----------
    x0 : int
        First column, px of the box.
    columns : (n, 4) float32
        Per column: where the folding skin begins above, upper lid, lower lid, where the skin ends below; px of
        the box.
    tallest : float
        Greatest opening, px.
    lash_px : float
        Height of the lash line.
    """

    x0: int
    columns: Float32
    tallest: float
    lash_px: float

    @classmethod
    def of(cls, landmarks: npt.NDArray[np.floating], box: Box, upper: Sequence[int], lower: Sequence[int]) -> Eye:
        """Measure an eye; ``upper`` and ``lower`` list its lid landmarks from left to right in the picture."""
        unit = Frame.of(landmarks).eye_px
        x0, top = _curve(landmarks, box, upper)
        bottom = _curve(landmarks, box, lower)[1]
        opening = np.maximum(bottom - top, 0.0)
        bottom = top + opening + _RIM * unit * np.minimum(1.0, opening / (0.05 * unit))
        opening = bottom - top
        columns = np.stack([top - _FOLD * unit - 0.2 * opening, top, bottom, bottom + 0.06 * unit], axis=1)
        return cls(x0, columns.astype(np.float32), float(max(opening.max(), 1.0)), _LASH * unit)


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The line between the lips, column by column.

    Parameters
    ----------
    x0 : int
        First column, px of the box.
    columns : (n, 4) float32
        Per column: inner edge of the upper lip, of the lower lip (px of the box), how much the lips part there
        (1 in the middle, 0 beyond the corners), how much the cheek beside follows the jaw.
    sizes : (4,) float32
        In px: reach of the upper lip's and the lower lip's motion, height of the chin below the lips, width of
        the band beside the lips where the jaw's motion begins.
    colour : (3,) float32
        RGB colour of the inside.
    teeth : (n,) float32
        Per column: how bright the upper teeth are where the lips part widely.
    """

    x0: int
    columns: Float32
    sizes: Float32
    colour: Float32
    teeth: Float32

    @classmethod
    def of(cls, landmarks: npt.NDArray[np.floating], box: Box, colour: Float32) -> Mouth:
        """Measure a mouth."""
        unit = Frame.of(landmarks).eye_px
        middle = (landmarks[13] + landmarks[14]) / 2
        x0, stop = max(0, int(middle[0] - 0.75 * unit) - box.x), min(box.width, int(middle[0] + 0.75 * unit) - box.x)
        xs = np.arange(x0, stop) + box.x
        upper, lower = (_fit(landmarks[list(line)], xs) for line in (UPPER_INNER_LIP, LOWER_INNER_LIP))
        lower = np.maximum(upper, lower)
        if float((lower - upper).max()) < 0.03 * unit:
            upper = lower = (upper + lower) / 2
        half = abs(float(landmarks[308, 0] - landmarks[78, 0])) / 2
        centre = float(landmarks[308, 0] + landmarks[78, 0]) / 2
        parting = np.clip(1 - ((xs - centre) / half) ** 2, 0, 1) ** 0.75
        cheek = np.clip(1.25 - np.abs(xs - centre) / (0.62 * unit), 0, 1)
        cheek = cheek * cheek * (3 - 2 * cheek)
        columns = np.stack([upper - box.y, lower - box.y, parting, cheek], axis=1).astype(np.float32)
        chin = float(landmarks[152, 1] - landmarks[14, 1])
        sizes = np.array([0.13 * unit, 0.16 * unit, chin, 0.35 * unit], np.float32)
        return cls(x0, columns, sizes, colour, _teeth((xs - centre) / unit, half / unit))


def eyes_of(landmarks: npt.NDArray[np.floating], box: Box) -> tuple[Eye, Eye]:
    """Measure the person's left and right eye."""
    return (
        Eye.of(landmarks, box, LEFT_EYE_UPPER, LEFT_EYE_LOWER),
        Eye.of(landmarks, box, RIGHT_EYE_UPPER, RIGHT_EYE_LOWER),
    )


def mouth_colour(picture: npt.NDArray[Any], landmarks: npt.NDArray[np.floating]) -> Float32:
    """Return the RGB colour of the inside of the mouth: as dark as the face in an (H, W, 3) picture lets expect."""
    rows = np.clip(landmarks[:, 1].astype(int), 0, picture.shape[0] - 1)
    columns = np.clip(landmarks[:, 0].astype(int), 0, picture.shape[1] - 1)
    level = np.float32(np.median(picture[rows, columns]))
    return np.asarray(level * np.array([0.22, 0.11, 0.10], np.float32), np.float32)


def _teeth(across: npt.NDArray[np.floating], half: float) -> Float32:
    """How bright the row of upper teeth is at places across the mouth: gaps between teeth, darker to the corners."""
    gaps = 1 - 0.2 * np.exp(-(((np.abs(across) + _TOOTH / 2) % _TOOTH - _TOOTH / 2) ** 2) / (2 * 0.006**2))
    return np.asarray(gaps * np.clip(1.1 - (across / (0.85 * half)) ** 2, 0, 1), np.float32)


def _curve(landmarks: npt.NDArray[np.floating], box: Box, line: Sequence[int]) -> tuple[int, npt.NDArray[np.float64]]:
    """Return the first whole column that a line of landmarks spans, and its height per column, px of the box."""
    points = landmarks[list(line)].astype(np.float64) - (box.x, box.y)
    order = np.argsort(points[:, 0])
    x0, x1 = int(np.ceil(points[order[0], 0])), int(np.floor(points[order[-1], 0]))
    xs = np.arange(x0, x1 + 1, dtype=np.float64)
    return x0, np.interp(xs, points[order, 0], points[order, 1])


def _fit(points: npt.NDArray[np.floating], xs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Height of a lip line at ``xs``: interpolated between the corners, level beyond them."""
    order = np.argsort(points[:, 0])
    heights = np.interp(xs, points[order, 0].astype(np.float64), points[order, 1].astype(np.float64))
    return np.asarray(heights, np.float64)


def draw_openings(
    eyes: Sequence[Eye],
    mouth: Mouth,
    edges: Float32,
    closure: Float32,
    gaze: Float32,
    bare: float,
    out: Float32,
) -> None:
    """Add the motion of lids, irises and lips to ``out`` (h, w, 4: x, y, inside of the mouth, teeth), over the box.

    Parameters
    ----------
    eyes : (Eye, Eye)
        The person's left and right one.
    mouth : Mouth
        The mouth.
    edges : (7,) float32
        Lids and lips as `mespot.simulate.fields.edge_motion` gives them, px.
    closure, gaze : (2,) float32
        How far each eye is closed, and the shift of the irises in px.
    bare : float
        How far a smile or a raised lip bares the teeth, px.
    out : (h, w, 4) float32
        Where it is added.
    """
    for side, eye in enumerate(eyes):
        lids = (edges[side], edges[2 + side])
        draw_eye(eye.columns, eye.x0, eye.tallest, eye.lash_px, closure[side], lids, gaze, out)
    parting = np.array([*edges[4:7], bare], np.float32)
    draw_mouth(mouth.columns, mouth.x0, mouth.sizes, mouth.teeth, parting, out)


@compiled
def draw_eye(columns, x0, tallest, lash, closure, edges, gaze, out):  # type: ignore[no-untyped-def]
    """Add an eye's displacement to ``out`` (h, w, 4: x, y, two that stay): lids over the eye, iris within it.

    Skin between the fold and the lid's edge stretches with the edge; the eye behind it stays, unless the lid
    rises above its neutral place, where the eye is stretched to fill what would be unknown.
    """
    upper_up, lower_up = edges
    if closure == 0 and upper_up == 0 and lower_up == 0 and gaze[0] == 0 and gaze[1] == 0:
        return
    n = columns.shape[0]
    for i in range(max(0, -x0), min(n, out.shape[1] - x0)):  # an eye may reach beyond the picture
        fold, top, bottom, end = columns[i]
        opening = bottom - top
        if opening <= 0.5:
            continue
        profile = opening / tallest
        low = bottom - profile * lower_up - 0.06 * closure * opening
        edge = min(top - profile * upper_up + closure * (0.94 * opening + 0.7), low + 0.7)
        edge = max(edge, fold + lash + 1.0)
        middle = (top + bottom) / 2
        side = np.sin(np.pi * (i + 0.5) / n) ** 2
        x = x0 + i
        for y in range(max(0, int(fold)), min(out.shape[0], int(end) + 2)):
            eye = np.float64(y)
            if edge < top and y < middle:
                eye = top + (y - edge) * (middle - top) / (middle - edge)
            if low > bottom and y > middle:
                eye = bottom - (low - y) * (bottom - middle) / (low - middle)
            depth = min(max((y - top) / opening, 0.0), 1.0)
            inside = side * np.sin(np.pi * depth) ** 0.5
            dx, dy = gaze[0] * inside, y - eye + gaze[1] * inside
            over = min(max((edge - y) * max(1.0, edge - top) + 0.5, 0.0), 1.0)
            if over > 0 and y >= fold:
                skin = edge - top
                if y < edge - lash:
                    skin = (y - fold) * (edge - top) / (edge - lash - fold)
                dx, dy = dx * (1 - over), dy + over * (skin - dy)
            under = min(max((y - low) * max(1.0, bottom - low) + 0.5, 0.0), 1.0)
            if under > 0 and y <= end:
                skin = y - (end - (end - y) * (end - bottom) / (end - low))
                dx, dy = dx * (1 - under), dy + under * (skin - dy)
            out[y, x, 0] += dx
            out[y, x, 1] += dy


@compiled
def draw_mouth(columns, x0, sizes, teeth, parting, out):  # type: ignore[no-untyped-def]
    """Add the mouth's motion and inside to ``out`` (h, w, 4: x, y, inside, teeth); ``parting`` (4,) ends in the smile.

    Lips part, the chin follows the jaw. The row of upper teeth hangs below the upper lip, taller where the lips are
    wide apart and where muscles bare the teeth.
    """
    upper, lower, jaw, bare = parting
    if abs(upper) + abs(lower) + abs(jaw) < 1e-4:
        return
    for i in range(columns.shape[0]):
        lip_top, lip_bottom, part, cheek = columns[i]
        gap = lip_bottom - lip_top
        top = lip_top - part * upper
        bottom = max(lip_bottom + part * (lower + jaw * cheek), top)
        opening = bottom - top
        fresh = max(opening - gap, 0.0)
        row = min(0.5 * sizes[0], 0.3 * max(fresh - 0.12 * sizes[0], 0.0) + 0.8 * bare * min(1.0, fresh))
        first = max(0, int(top - 3 * sizes[0]))
        last = min(out.shape[0], int(bottom + 1.9 * sizes[2]))
        for y in range(first, last):
            if y <= top:
                reach = 1 + ((top - y) / sizes[0]) ** 2
                dy = -part * upper / (reach * reach)
            elif y >= bottom:
                below = y - bottom
                reach = 1 + (below / sizes[1]) ** 2
                far = min(below / sizes[3], 1.0)
                far = far * far * (3 - 2 * far)
                gone = min(max((below - 1.05 * sizes[2]) / (0.75 * sizes[2]), 0.0), 1.0)
                follow = cheek * (part + (1 - part) * far) * (1 - gone * gone * (3 - 2 * gone))
                dy = part * lower / (reach * reach) + jaw * follow
            else:
                dy = y - (lip_top + (y - top) * gap / opening)
            if fresh > 0:
                cover = min(max(min(y + 0.5, bottom) - max(y - 0.5, top), 0.0), 1.0)
                within = 0.95 * cover * fresh / opening
                if within > out[y, x0 + i, 2]:
                    shown = min(max((top + row - y) / max(1.0, 0.3 * row) + 0.5, 0.0), 1.0)
                    # Below the lip lies its shadow.
                    lit = 0.65 + 0.35 * min(max((y - top) / (0.3 * sizes[0]), 0.0), 1.0)
                    out[y, x0 + i, 2] = within
                    out[y, x0 + i, 3] = within * teeth[i] * shown * lit * min(1.0, row)
            out[y, x0 + i, 1] += dy
