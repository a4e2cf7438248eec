"""Face regions over the 468 landmarks: where a detection was made, and which part stands for the head."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import HeadMotion
from mespot.core.signals import Float32
from mespot.core.video import FloatArray
from mespot.vision.head_motion import cell_places, fit_similarity, similarity_flow
from mespot.vision.resample import compiled

# Outlines by landmark; a region is the convex hull of its points. Left and right are the person's own.
_OUTLINES: dict[str, tuple[int, ...]] = {
    "left brow": (276, 283, 282, 295, 285, 336, 296, 334, 293, 300),
    "right brow": (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
    "glabella": (107, 9, 336, 285, 417, 168, 193, 55),
    "left eyelid": (359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255),
    "right eyelid": (130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25),
    "nose": (6, 122, 351, 196, 419, 3, 248, 51, 281, 45, 275, 4),
    "left nose wing": (358, 429, 279, 278, 294, 327, 331),
    "right nose wing": (129, 209, 49, 48, 64, 98, 102),
    "left cheek": (346, 347, 348, 329, 266, 425, 411, 352),
    "right cheek": (117, 118, 119, 100, 36, 205, 187, 123),
    "upper lip": (92, 165, 167, 164, 393, 391, 322, 270, 269, 310, 311, 312, 13, 82, 81, 80, 39, 40),
    "lower lip": (88, 178, 87, 14, 317, 402, 318, 335, 406, 313, 18, 83, 182, 106),
    "left lip corner": (287, 291, 410, 273, 409, 375, 432, 436, 422),
    "right lip corner": (57, 61, 186, 43, 185, 146, 212, 216, 202),
    "chin": (194, 201, 418, 421, 211, 431, 32, 262, 140, 369, 171, 396, 148, 377, 152),
}

REGIONS: tuple[str, ...] = tuple(_OUTLINES)
"""Names of the face regions; left and right are the person's own."""
NOSE: int = REGIONS.index("nose")
"""Index of the region that expressions move least (bridge to tip): its mean flow is head motion."""

FACE: int = len(REGIONS)
"""Index of the hull of all landmarks in what `region_spans` returns, behind the regions."""

_SQUARE = np.array([[[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]], np.float32)

Spans = npt.NDArray[np.int32]


def region_spans(landmarks: npt.NDArray[np.floating], side_px: int) -> Spans:
    """Return the pixels of a crop that belong to each region and to the face, as one run a pixel row.

    Parameters
    ----------
    landmarks : (468, 2) float
        Points in crop px.
    side_px : int
        Side of the crop, px.

    Returns
    -------
    (R + 1, side_px, 2) int32
        First column and the one behind the last, equal where the row has none: one convex hull a name in `REGIONS`,
        and that of all landmarks. A pixel belongs to a hull that touches it; regions may share pixels at their
        borders. All are empty where a landmark is NaN.
    """
    spans = np.zeros((FACE + 1, side_px, 2), np.int32)
    if np.isfinite(landmarks).all():
        points = np.asarray(landmarks, np.float32)
        for region, outline in enumerate(_OUTLINES.values()):
            _fill_spans(_hull(points[list(outline)]), spans[region])
        _fill_spans(_hull(points), spans[FACE])
    return spans


def _hull(points: Float32) -> Float32:
    """Return the corners of the hull of the points with a pixel's square around each."""
    corners: Float32 = cv2.convexHull((cv2.convexHull(points) + _SQUARE).reshape(-1, 2)).astype(np.float32)
    return corners[:, 0]


def region_masks(landmarks: npt.NDArray[np.floating], side_px: int) -> npt.NDArray[np.bool_]:
    """Return `region_spans`, of the same parameters, as (R, side_px, side_px) bool masks, one a name in `REGIONS`."""
    begin, end = np.moveaxis(region_spans(landmarks, side_px)[:FACE, :, None], -1, 0)
    columns = np.arange(side_px)
    return np.asarray((begin <= columns) & (columns < end))


def region_means(flow: Float32, landmarks: Float32) -> Float32:
    """Return the mean flow of every region in every step.

    Parameters
    ----------
    flow : (T, 2, H, W) float32
        Flow between square crops (H = W), px per step.
    landmarks : (T, 468, 2) float32
        Points in crop px; NaN in rows without a face.

    Returns
    -------
    (T, R, 2) float32
        Mean (x, y) flow over each region in px per step; 0 where the region is not in the crop.

    Raises
    ------
    ValueError
        The arrays do not belong together.
    """
    rows, _, high, wide = flow.shape
    if high != wide or len(landmarks) != rows:
        raise ValueError(f"flow {flow.shape} needs square crops and as many rows of landmarks, got {landmarks.shape}")
    means = np.zeros((rows, len(REGIONS), 2), np.float32)
    for row in range(rows):
        _means(flow[row], region_spans(landmarks[row], wide), means[row])
    return means


def face_flow(
    flow: Float32, spans: Spans, scale: float, side_px: int, *, mask_face: bool, head_motion: HeadMotion
) -> tuple[Float32, Float32]:
    """Return the flow of the face alone, averaged to the network's input, and its mean over every region.

    Parameters
    ----------
    flow : (2, H, W) float32
        Flow between square crops (H = W), px.
    spans : (R + 1, H, 2) int32
        Regions and face, see `region_spans`.
    scale : float
        Factor on the flow.
    side_px : int
        Side of the result, at most that of the crop; each px is the mean over its area.
    mask_face : bool
        Whether the flow outside the face counts as zero: the background is no expression.
    head_motion : {"none", "nose", "similarity"}
        What is subtracted: nothing; the nose's mean, as the nose moves with the head and not with an expression; or
        that and then what `mespot.vision.head_motion.fit_similarity` finds in what is left.

    Returns
    -------
    (2, side_px, side_px) float32, (R, 2) float32
        Both times ``scale``; 0 for a region that is not in the crop, and with "similarity" and ``mask_face`` also for
        cells at the rim of the face, of which the background is a part.
    """
    means = np.zeros((len(REGIONS), 2), np.float32)
    _means(flow, spans, means)
    head = means[NOSE].copy() if head_motion != "none" else np.zeros(2, np.float32)
    widths = spans[:FACE, :, 1] - spans[:FACE, :, 0]
    seen = widths.any(axis=1)
    means[seen] -= head
    shown = spans[FACE] if mask_face else np.tile(np.array([0, flow.shape[2]], np.int32), (flow.shape[1], 1))
    small = np.empty((2, side_px, side_px), np.float32)
    _average(flow, shown, head, np.float32(scale), small)
    means *= np.float32(scale)
    if head_motion == "similarity":
        face = _inner_cells(spans[FACE], side_px)
        fit = fit_similarity(small, face)
        places = cell_places(side_px)
        small -= similarity_flow(fit, places[None, :], places[:, None])
        if mask_face:
            small *= face
        means[seen] -= similarity_flow(fit, *_region_places(spans[:FACE], widths)).T[seen]
    return small, means


def _inner_cells(face: Spans, side_px: int) -> npt.NDArray[np.bool_]:
    """Return the (side_px, side_px) cells that show the face with all eight neighbours; none at the crop's edge."""
    shares = np.empty((2, side_px, side_px), np.float32)
    everywhere = np.ones((2, len(face), len(face)), np.float32)
    _average(everywhere, face, np.zeros(2, np.float32), np.float32(1), shares)
    shown = (shares[0] > 0).astype(np.uint8)
    inner = cv2.erode(shown, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner, np.bool_)


def _region_places(spans: Spans, widths: Spans) -> tuple[FloatArray, FloatArray]:
    """Return the (R,) x and y of the centres of the regions in [-1, 1], the crop from edge to edge."""
    pixels = np.maximum(widths.sum(axis=1), 1)
    middles = cell_places(widths.shape[1])
    across = (spans.sum(axis=2) / widths.shape[1] - 1) * widths
    return across.sum(axis=1) / pixels, (widths * middles).sum(axis=1) / pixels


@compiled
def _fill_spans(hull: Any, spans: Any) -> None:
    """Find the columns of every row whose centres lie within a convex polygon."""
    side, count = len(spans), len(hull)
    lows, highs = np.full(side, np.inf, np.float32), np.full(side, -np.inf, np.float32)
    for i in range(count):
        (x0, y0), (x1, y1) = hull[i], hull[(i + 1) % count]
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        for row in range(max(0, int(np.ceil(y0))), min(side, int(np.floor(y1)) + 1)):
            # at a level edge both ends, else where the edge meets the row; in float32, as the corners are
            share = np.float32((row - y0) / (y1 - y0)) if y1 > y0 else np.float32(0)
            x = x0 + share * (x1 - x0)
            lows[row] = min(lows[row], x, x1 if y0 == y1 else x)
            highs[row] = max(highs[row], x, x1 if y0 == y1 else x)
    for row in range(side):
        if lows[row] <= highs[row]:
            begin, end = max(0, int(np.ceil(lows[row]))), min(side, int(np.floor(highs[row])) + 1)
            if begin < end:
                spans[row, 0], spans[row, 1] = begin, end


@compiled
def _means(flow: Any, spans: Any, means: Any) -> None:
    for region in range(len(means)):
        across, down, pixels = 0.0, 0.0, 0
        for row in range(flow.shape[1]):
            begin, end = spans[region, row]
            pixels += end - begin
            for column in range(begin, end):
                across += flow[0, row, column]
                down += flow[1, row, column]
        if pixels:
            means[region, 0], means[region, 1] = across / pixels, down / pixels


@compiled
def _average(flow: Any, shown: Any, head: Any, scale: Any, result: Any) -> None:
    """Set ``result`` to means over areas of (flow - head) scale, where ``shown``."""
    side, small = flow.shape[1], result.shape[1]
    factor = side / small
    total = np.empty(side, np.float32)
    gain = scale / np.float32(factor * factor)
    for k in range(2):
        for i in range(small):
            total[:] = 0
            for row in range(int(i * factor), min(side, int(np.ceil((i + 1) * factor)))):
                share = np.float32(min((i + 1) * factor, row + 1.0) - max(i * factor, float(row)))
                begin, end = shown[row]
                line, into = flow[k, row, begin:end], total[begin:end]
                for column in range(end - begin):
                    into[column] += share * (line[column] - head[k])
            for j in range(small):
                value = np.float32(0)
                for column in range(int(j * factor), min(side, int(np.ceil((j + 1) * factor)))):
                    share = np.float32(min((j + 1) * factor, column + 1.0) - max(j * factor, float(column)))
                    value += share * total[column]
                result[k, i, j] = gain * value
