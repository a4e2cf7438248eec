"""When in an interval a face was farthest from where it came and went, and what moved: apex, region, heat map."""

from __future__ import annotations

import numpy as np

from mespot.core.expression import Attention
from mespot.core.signals import Features, Float32
from mespot.core.video import FloatArray
from mespot.vision.features import region_cells
from mespot.vision.regions import REGIONS

HEAT_CELLS = 28
"""Side of the map of attended movement that goes with a detection."""
NEAR_ROWS = 90
"""How far around an interval a region's usual motion is measured, sampled frames: 3 s at 30 a second."""
_FEW_ROWS = 3
"""Intervals of no more rows are not taken to show how an expression goes back."""
ATTENTION_POWER = 0.25
"""Power of the network's attention in what is named and drawn: with 1, smiles of real people were named after a brow
that moved a fourth as far as the corners of the lips."""
_FLOOR = 0.3
"""Share of the face's usual motion that is added to every region's: what hardly moves at all is not named for noise."""


def apex_and_place(features: Features, first: int, last: int, crop_px: int) -> tuple[int, Attention]:
    """Return when in an interval the face was farthest from the straight way between its ends, and what moved.

    Parameters
    ----------
    features : Features
        Of the whole video.
    first, last : int
        First and last row of the interval.
    crop_px : int
        Side of the crop that ``features.landmarks`` lie in.

    Returns
    -------
    int
        Row of the apex, first to last.
    Attention
        The region that went out and back farthest, as the notes tell it, and a map of that over the face's cells:
        greatest 1, or 0 where nothing moves.

    Notes
    -----
    An expression goes out and comes back, so of every region's displacement since the onset the straight line to the
    offset is taken away: the drift of a head, which otherwise grows all along a macro-expression. One that is cut off
    by the video's first or last row, or by a gap without a face, is measured from its other end; one of very few rows
    from its onset. Lips and lids move more than other skin while nothing is expressed, so a displacement is told in
    multiples of the region's usual motion in the interval and around it, and times a root of the network's mean
    attention to the region: attention has places that it prefers whatever moves. The apex is that of all regions
    together, each of which counts by how far it went.
    """
    present = features.present
    excursion = _excursion(
        features.motion[first : last + 1].astype(np.float64),
        cut_before=first == 0 or not present[first - 1],
        cut_after=last + 1 == len(features) or not present[last + 1],
    )
    attended = _attended(features, first, last, crop_px) ** ATTENTION_POWER
    moved = excursion * attended / _usual(features.motion, first, last)
    greatest = moved.max(axis=0)
    heat = np.tensordot(greatest, region_cells(features.landmarks, crop_px, HEAT_CELLS), axes=1)
    heat /= max(float(heat.max()), 1e-12)
    attention = Attention(
        region=REGIONS[int(greatest.argmax())],
        heat=tuple(tuple(round(float(cell), 3) for cell in row) for row in heat),
    )
    return first + int((moved @ greatest).argmax()), attention


def _excursion(steps: FloatArray, *, cut_before: bool, cut_after: bool) -> FloatArray:
    """Return how far (T, R) every region is from the straight way between its places before and after some steps.

    ``steps`` are (T, R, 2), px, as is the result. Where one end is cut off, it is the distance from the other; of very
    few steps, which can hardly show a way back, from the place before them.
    """
    way = np.cumsum(steps, axis=0)
    straight = np.zeros(1)
    if len(way) > _FEW_ROWS and cut_before == cut_after:
        straight = np.arange(1, len(way) + 1)[:, None, None] / len(way) * way[-1]
    elif len(way) > _FEW_ROWS and cut_before:
        straight = way[-1]
    return np.asarray(np.linalg.norm(way - straight, axis=2))


def _usual(motion: Float32, first: int, last: int) -> FloatArray:
    """Return the root mean square motion (R,), px a row, of every region in rows first to last and around, never 0."""
    near = motion[max(0, first - NEAR_ROWS) : last + 1 + NEAR_ROWS].astype(np.float64)
    usual = np.sqrt((near**2).sum(axis=2).mean(axis=0))
    return np.asarray(usual + max(_FLOOR * float(usual.mean()), 1e-9))


def _attended(features: Features, first: int, last: int, crop_px: int) -> Float32:
    """Return the mean attention (R,) of rows first to last inside every face region, of sum 1."""
    level = features.levels[0]
    begin, stop = (round(level.grid.row(row)) for row in (first, last))
    maps = level.attention[max(0, begin) : min(len(level.attention), stop + 1)]
    attention = (maps if len(maps) else level.attention[-1:]).mean(axis=0)
    cells = region_cells(features.landmarks, crop_px, attention.shape[0])
    weights = (cells * attention).sum(axis=(1, 2)) / np.maximum(cells.sum(axis=(1, 2)), 1e-6)
    return np.asarray(weights / weights.sum(), np.float32)
