"""Face regions over the 468 landmarks: where a detection was made, and which part stands for the head."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mespot.core.signals import Float32

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

_SUBPIXEL_BITS = 4


def region_masks(landmarks: npt.NDArray[np.floating], side_px: int) -> npt.NDArray[np.bool_]:
    """Return which pixels of a crop belong to which region.

    Parameters
    ----------
    landmarks : (468, 2) float
        Points in crop px.
    side_px : int
        Side of the crop, px.

    Returns
    -------
    (R, side_px, side_px) bool
        One mask a name in `REGIONS`, each the convex hull of its landmarks; regions may share pixels at their
        borders. A region outside the crop is empty, and so are all where a landmark is NaN.
    """
    masks = np.zeros((len(REGIONS), side_px, side_px), np.uint8)
    if np.isfinite(landmarks).all():
        fixed = np.round(landmarks * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for mask, outline in zip(masks, _OUTLINES.values(), strict=True):
            cv2.fillConvexPoly(mask, cv2.convexHull(fixed[list(outline)]), 1, shift=_SUBPIXEL_BITS)
    return masks.astype(np.bool_)


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
        masks = region_masks(landmarks[row], wide).reshape(len(REGIONS), -1)
        pixels = np.maximum(masks.sum(axis=1, keepdims=True), 1)
        means[row] = (masks.astype(np.float32) @ flow[row].reshape(2, -1).T) / pixels
    return means
