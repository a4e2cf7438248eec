"""Which face regions a simulated expression truly moves: the truth that a detection's named region is held against."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from mespot.core.errors import AnnotationError
from mespot.core.signals import Float32
from mespot.simulate.actions import COMBINATIONS, Combination, Side
from mespot.simulate.fields import edge_motion
from mespot.simulate.identity import SHAPE_ANCHORS, Variation, build_neutral, load_still
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.openings import draw_eye, draw_mouth
from mespot.simulate.render import Neutral
from mespot.vision.regions import REGIONS, region_masks

MOVED_SHARE = 1 / 3
"""A region moves where its mean displacement is at least this share of the greatest region's."""
_SIDE_PX, _FACE_PX = 400, 190.0
_INTENSITY_PX = 2.0
"""Which regions move depends on it no more than on the size of the face."""


def moved_regions(actions: str, side: str) -> frozenset[str]:
    """Return the regions that a combination of actions moves on a neutral face.

    Parameters
    ----------
    actions : str
        Name of the combination as manifests have it, ``6+12``.
    side : str
        ``both``, ``left`` or ``right``, the person's own.

    Raises
    ------
    AnnotationError
        The simulator knows no such combination or side.
    """
    means = region_displacements(actions, side)
    return frozenset(
        region for region, mean in zip(REGIONS, means, strict=True) if mean >= MOVED_SHARE * float(means.max())
    )


@cache
def region_displacements(actions: str, side: str) -> Float32:
    """Return the mean displacement (R,) of the skin, lids and lips in every region; parameters as `moved_regions`."""
    combination = next((one for one in COMBINATIONS if one.name == actions), None)
    if combination is None or side not in {one.value for one in Side}:
        raise AnnotationError(
            f"actions {actions}, side {side}: the simulator knows no such movement; measure a corpus of this version."
        )
    neutral, masks = _face()
    displacement = _displacement(neutral, combination, Side(side))
    speed = np.hypot(displacement[..., 0], displacement[..., 1])
    return np.array([speed[mask].mean() for mask in masks], np.float32)


@cache
def _face() -> tuple[Neutral, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Return a bundled face at rest, and the (R, h, w) regions over the box of its fields."""
    plain = Variation(
        _FACE_PX, False, 0.0, np.zeros((len(SHAPE_ANCHORS), 2)), (0.0, 0.0), 1.0, 1.0, 0.0, (1.0, 1.0, 1.0)
    )
    with resources.as_file(resources.files("mespot.assets") / "faces" / "grace_hopper.jpg") as path:
        neutral, landmarks = build_neutral(load_still(path), plain, (_SIDE_PX, _SIDE_PX))
    box = neutral.fields.box
    masks = region_masks(landmarks + BORDER_PX - np.array([box.x, box.y]), max(box.width, box.height))
    return neutral, masks[:, : box.height, : box.width]


def _displacement(neutral: Neutral, combination: Combination, side: Side) -> Float32:
    """Return the (h, w, 2) motion over the box of the fields at the apex, px."""
    fields = neutral.fields
    weights = fields.weights(combination, side, _INTENSITY_PX)
    edges = edge_motion(weights)
    openings = np.zeros((fields.box.height, fields.box.width, 3), np.float32)
    still = np.zeros(2, np.float32)
    for number, eye in enumerate(neutral.eyes):
        lids = (edges[number], edges[2 + number])
        draw_eye(eye.columns, eye.x0, eye.tallest, eye.lash_px, np.float32(0), lids, still, openings)
    draw_mouth(neutral.mouth.columns, neutral.mouth.x0, neutral.mouth.sizes, edges[4:7], openings)
    skin = np.tensordot(weights.reshape(-1), fields.skin, axes=1)
    return np.asarray(skin + openings[..., :2], np.float32)
