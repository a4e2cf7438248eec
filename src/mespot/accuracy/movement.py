"""Which face regions a simulated expression truly moves: the truth that a detection's named region is held against."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from mespot.core.errors import AnnotationError
from mespot.core.signals import Float32
from mespot.simulate.actions import COMBINATIONS, Side
from mespot.simulate.exact import MotionProbe
from mespot.simulate.fields import edge_motion
from mespot.simulate.identity import SHAPE_ANCHORS, Variation, build_neutral, load_still
from mespot.simulate.render import Instant, Neutral
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
            f"actions {actions}, side {side}: no movement of the simulator's table; use a corpus of this "
            "version that was made without --free-share."
        )
    neutral, landmarks = _face()
    weights = neutral.fields.weights(combination, Side(side), _INTENSITY_PX)
    still = np.zeros(2, np.float32)
    moved = MotionProbe(neutral, landmarks).displacement(Instant(weights, edge_motion(weights), still, still))
    distance = np.hypot(moved[..., 0], moved[..., 1])
    # The inside of a mouth that opens was nowhere in the neutral picture: its motion is no displacement.
    seen = distance <= 1.05 * neutral.fields.greatest(weights)
    means = np.array([distance[mask & seen].mean() for mask in region_masks(landmarks, _SIDE_PX)], np.float32)
    means.setflags(write=False)  # all callers share it
    return means


@cache
def _face() -> tuple[Neutral, Float32]:
    """Return a bundled face at rest, and its landmarks in px of the shown picture."""
    plain = Variation(
        face_px=_FACE_PX,
        mirrored=False,
        tilt=0.0,
        shape=np.zeros((len(SHAPE_ANCHORS), 2)),
        shift=(0.0, 0.0),
        gamma=1.0,
        saturation=1.0,
        blur_px=0.0,
        gains=(1.0, 1.0, 1.0),
    )
    with resources.as_file(resources.files("mespot.assets") / "faces" / "grace_hopper.jpg") as path:
        return build_neutral(load_still(path), plain, (_SIDE_PX, _SIDE_PX))
