"""Facial action units as a table: which skin goes where, how far, and by which muscle (Ekman, Friesen 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from mespot.core.expression import Kind


class Side(Enum):
    """Side of the face that acts: the person's own left or right, or both."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Pull:
    """Displacement of the skin around a landmark at unit strength.

    Parameters
    ----------
    landmark : int
        Index in the 468-point mesh, on the person's left side or on the midline (mirrored with `MIRROR`).
    out, up : float
        Direction and relative size: away from the midline, towards the forehead.
    wide, high : float
        Standard deviations of the Gaussian falloff along and across the eye line, as a share of the distance of
        the outer eye corners.
    """

    landmark: int
    out: float
    up: float
    wide: float = 0.13
    high: float = 0.11


@dataclass(frozen=True, slots=True)
class Action:
    """An action unit of FACS.

    Parameters
    ----------
    number : int
        Number of the action unit.
    name, muscle : str
        FACS name and the muscle that does it.
    pulls : tuple of Pull
        Skin displacements.
    upper_lid, lower_lid : float
        Upward displacement of the lids' edges relative to the strength.
    upper_lip, lower_lip, jaw : float
        How far the inner edge of the lips parts, upwards, downwards, and downwards together with the chin.
    limit_px : float
        Greatest strength that looks natural, px at 224.
    """

    number: int
    name: str
    muscle: str
    pulls: tuple[Pull, ...] = ()
    upper_lid: float = 0.0
    lower_lid: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    jaw: float = 0.0
    limit_px: float = 10.0


@dataclass(frozen=True, slots=True)
class Combination:
    """Actions that occur together.

    Parameters
    ----------
    strengths : tuple of (int, float)
        Action units with their relative strength.
    region : str
        "upper", "middle" or "lower" face: what may overlap with what; "any" where that does not matter.
    me, mae : float
        Relative frequency among micro- and macro-expressions.
    one_sided : float
        Share of one-sided occurrences.
    """

    strengths: tuple[tuple[int, float], ...]
    region: str
    me: float
    mae: float
    one_sided: float = 0.0

    @property
    def name(self) -> str:
        """Name as FACS coders write it, for example ``6+12``."""
        return "+".join(str(number) for number, _ in self.strengths)

    def limit_px(self) -> float:
        """Greatest strength that looks natural, px at 224."""
        return min(ACTIONS[number].limit_px / strength for number, strength in self.strengths)


MIRROR: dict[int, int] = {
    # left: right; landmarks that are not listed lie on the midline
    285: 55, 336: 107, 296: 66, 334: 105, 293: 63, 300: 70, 282: 52, 295: 65, 276: 46,  # brow
    337: 108, 299: 69, 333: 104,  # forehead
    263: 33, 446: 226, 265: 35, 253: 23, 254: 24, 450: 230, 449: 229, 448: 228, 386: 159, 374: 145,  # eye
    437: 217, 343: 114, 279: 49, 358: 129, 327: 98, 331: 102, 360: 131,  # nose
    391: 165, 426: 206, 423: 203, 322: 92, 410: 186, 436: 216, 432: 212, 422: 202, 287: 57,  # nasolabial fold
    280: 50, 425: 205, 330: 101, 347: 118, 348: 119, 352: 123, 411: 187, 427: 207, 345: 116,  # cheek
    291: 61, 308: 78, 267: 37, 269: 39, 270: 40, 409: 185, 314: 84, 405: 181, 321: 91, 375: 146,  # lips
    421: 201, 428: 208, 377: 148, 400: 176, 313: 83, 424: 204,  # chin
}  # fmt: skip
"""Landmark of the person's right side for each one of the left side that the table uses."""

_TABLE = (
    Action(1, "inner brow raiser", "frontalis, pars medialis", (
        Pull(336, -0.08, 1.0, 0.10, 0.10), Pull(285, -0.05, 0.95, 0.09, 0.07), Pull(296, 0.0, 0.55, 0.09, 0.09),
        Pull(337, 0.0, 0.45, 0.14, 0.13), Pull(9, 0.0, 0.45, 0.07, 0.09), Pull(386, 0.0, 0.05, 0.12, 0.045),
        Pull(374, 0.0, 0.0, 0.12, 0.05),  # the lower lid is held; the upper one moves a little
    )),
    Action(2, "outer brow raiser", "frontalis, pars lateralis", (
        Pull(334, 0.0, 0.85, 0.10, 0.09), Pull(293, 0.05, 1.0, 0.09, 0.09), Pull(300, 0.05, 0.85, 0.08, 0.08),
        Pull(333, 0.0, 0.4, 0.14, 0.12), Pull(296, 0.0, 0.3, 0.08, 0.09), Pull(386, 0.0, 0.05, 0.12, 0.045),
        Pull(374, 0.0, 0.0, 0.12, 0.05),  # the lower lid is held; the upper one moves a little
    )),
    Action(4, "brow lowerer", "depressor glabellae, depressor supercilii, corrugator supercilii", (
        Pull(285, -0.55, -0.8, 0.08, 0.08), Pull(336, -0.5, -0.85, 0.08, 0.09), Pull(295, -0.4, -0.6, 0.08, 0.07),
        Pull(296, -0.35, -0.6, 0.08, 0.09), Pull(334, -0.15, -0.3, 0.09, 0.09), Pull(9, 0.0, -0.7, 0.06, 0.08),
        Pull(337, -0.15, -0.35, 0.13, 0.11), Pull(386, 0.0, -0.05, 0.11, 0.04),
        Pull(374, 0.0, 0.0, 0.12, 0.05),  # the lower lid is held; the upper one moves a little
    )),
    Action(5, "upper lid raiser", "levator palpebrae superioris", upper_lid=1.0, limit_px=3.5),
    Action(6, "cheek raiser", "orbicularis oculi, pars orbitalis", (
        Pull(280, -0.1, 0.8, 0.13, 0.11), Pull(330, -0.05, 1.0, 0.12, 0.09), Pull(347, -0.05, 0.95, 0.11, 0.07),
        Pull(450, 0.0, 0.6, 0.11, 0.05), Pull(446, -0.35, -0.2, 0.06, 0.07), Pull(345, -0.3, 0.45, 0.09, 0.09),
        Pull(300, -0.05, -0.3, 0.08, 0.07),
    ), lower_lid=0.45, limit_px=6.0),
    Action(7, "lid tightener", "orbicularis oculi, pars palpebralis", (
        Pull(253, -0.05, 0.55, 0.12, 0.045), Pull(450, -0.05, 0.35, 0.12, 0.06),
    ), upper_lid=-0.35, lower_lid=1.0, limit_px=4.0),
    Action(9, "nose wrinkler", "levator labii superioris alaeque nasi", (
        Pull(279, 0.05, 1.0, 0.06, 0.08), Pull(358, 0.1, 0.9, 0.06, 0.08), Pull(437, 0.0, 0.7, 0.06, 0.09),
        Pull(343, 0.0, 0.4, 0.07, 0.08), Pull(267, 0.05, 0.5, 0.08, 0.06), Pull(4, 0.0, 0.35, 0.06, 0.08),
        Pull(285, -0.25, -0.45, 0.07, 0.07), Pull(8, 0.0, -0.5, 0.06, 0.08), Pull(426, 0.05, 0.5, 0.08, 0.08),
    ), limit_px=6.0),
    Action(10, "upper lip raiser", "levator labii superioris, caput infraorbitale", (
        Pull(270, 0.12, 1.0, 0.08, 0.06), Pull(267, 0.06, 0.95, 0.07, 0.06), Pull(0, 0.0, 0.7, 0.05, 0.06),
        Pull(391, 0.12, 0.7, 0.08, 0.08), Pull(426, 0.15, 0.6, 0.09, 0.09), Pull(358, 0.12, 0.35, 0.05, 0.07),
        Pull(17, 0.0, 0.0, 0.14, 0.04),
    ), upper_lip=0.3, limit_px=6.0),
    Action(12, "lip corner puller", "zygomaticus major", (
        Pull(291, 0.77, 0.64, 0.08, 0.08), Pull(409, 0.62, 0.5, 0.07, 0.06), Pull(375, 0.62, 0.5, 0.07, 0.06),
        Pull(270, 0.3, 0.2, 0.07, 0.06), Pull(321, 0.3, 0.2, 0.07, 0.06), Pull(436, 0.6, 0.62, 0.08, 0.09),
        Pull(426, 0.35, 0.45, 0.09, 0.09), Pull(425, 0.3, 0.55, 0.12, 0.11), Pull(280, 0.1, 0.4, 0.12, 0.10),
        Pull(432, 0.5, 0.35, 0.09, 0.09),
    )),
    Action(14, "dimpler", "buccinator", (
        Pull(291, 0.9, 0.1, 0.06, 0.06), Pull(409, 0.5, 0.0, 0.06, 0.05), Pull(375, 0.5, 0.1, 0.06, 0.05),
        Pull(270, 0.15, 0.0, 0.07, 0.05), Pull(321, 0.15, 0.0, 0.07, 0.05), Pull(432, -0.35, 0.1, 0.07, 0.10),
        Pull(436, -0.3, -0.1, 0.06, 0.09),
    ), limit_px=5.0),
    Action(15, "lip corner depressor", "depressor anguli oris", (
        Pull(291, 0.15, -1.0, 0.07, 0.07), Pull(409, 0.1, -0.7, 0.06, 0.05), Pull(375, 0.1, -0.9, 0.06, 0.06),
        Pull(321, 0.05, -0.4, 0.06, 0.05), Pull(432, 0.1, -0.75, 0.08, 0.09), Pull(422, 0.05, -0.5, 0.08, 0.09),
        Pull(436, 0.05, -0.4, 0.07, 0.08), Pull(17, 0.0, -0.2, 0.08, 0.05), Pull(0, 0.0, -0.1, 0.06, 0.04),
        Pull(314, 0.0, -0.25, 0.06, 0.05),
    ), limit_px=7.0),
    Action(17, "chin raiser", "mentalis", (
        Pull(199, 0.0, 1.0, 0.10, 0.07), Pull(200, 0.0, 1.0, 0.10, 0.07), Pull(18, 0.0, 0.9, 0.10, 0.05),
        Pull(17, 0.0, 0.75, 0.10, 0.04), Pull(421, -0.05, 0.75, 0.08, 0.07), Pull(175, 0.0, 0.6, 0.10, 0.06),
        Pull(13, 0.0, 0.3, 0.10, 0.04),
    ), limit_px=7.0),
    Action(20, "lip stretcher", "risorius, platysma", (
        Pull(291, 1.0, -0.12, 0.08, 0.07), Pull(409, 0.7, -0.05, 0.07, 0.05), Pull(375, 0.75, -0.1, 0.07, 0.06),
        Pull(270, 0.35, 0.0, 0.07, 0.06), Pull(321, 0.4, 0.0, 0.07, 0.06), Pull(432, 0.7, -0.15, 0.10, 0.10),
        Pull(436, 0.55, 0.0, 0.08, 0.09), Pull(427, 0.3, 0.0, 0.12, 0.12),
    ), limit_px=8.0),
    Action(23, "lip tightener", "orbicularis oris", (
        Pull(291, -0.85, 0.0, 0.06, 0.06), Pull(409, -0.5, -0.15, 0.06, 0.04), Pull(375, -0.5, 0.15, 0.06, 0.04),
        Pull(267, -0.15, -0.35, 0.07, 0.035), Pull(0, 0.0, -0.4, 0.05, 0.035), Pull(314, -0.15, 0.4, 0.07, 0.04),
        Pull(17, 0.0, 0.45, 0.06, 0.04), Pull(432, -0.3, 0.0, 0.07, 0.08),
    ), limit_px=4.0),
    Action(24, "lip pressor", "orbicularis oris", (
        Pull(0, 0.0, -0.7, 0.06, 0.035), Pull(267, 0.0, -0.7, 0.07, 0.035), Pull(270, 0.0, -0.45, 0.06, 0.035),
        Pull(17, 0.0, 0.95, 0.06, 0.045), Pull(314, 0.0, 0.9, 0.07, 0.045), Pull(321, 0.0, 0.5, 0.06, 0.04),
        Pull(291, -0.25, 0.0, 0.05, 0.05), Pull(200, 0.0, 0.3, 0.10, 0.06),
    ), limit_px=4.0),
    Action(25, "lips part", "depressor labii inferioris, relaxed mentalis or orbicularis oris",
           upper_lip=0.45, lower_lip=1.0, limit_px=9.0),
    Action(26, "jaw drop", "relaxed masseter, temporalis and internal pterygoid", jaw=1.0, limit_px=12.0),
)  # fmt: skip

ACTIONS: dict[int, Action] = {action.number: action for action in _TABLE}
"""The action units by their number."""
ACTIONS_OF: dict[str, tuple[int, ...]] = {
    "upper": (1, 2, 4, 5, 7),
    "middle": (6, 9, 10),
    "lower": (12, 14, 15, 17, 20, 23, 24, 25, 26),
}
"""The action units of each region of the face."""
TWO_SIDED = frozenset({5, 9, 17, 23, 24, 25, 26})
"""Action units that the table never shows alone on one side, or that the simulator cannot move so."""
ROWS: dict[int, int] = {number: row for row, number in enumerate(ACTIONS)}
"""Row of each action in arrays of strengths, by its number."""

COMBINATIONS: tuple[Combination, ...] = (
    Combination(((4, 1.0),), "upper", me=4.0, mae=2.0, one_sided=0.1),
    Combination(((12, 1.0),), "lower", me=3.0, mae=2.0, one_sided=0.3),
    Combination(((14, 1.0),), "lower", me=2.5, mae=1.0, one_sided=0.45),
    Combination(((1, 1.0), (2, 1.0)), "upper", me=2.0, mae=2.5, one_sided=0.1),
    Combination(((1, 1.0),), "upper", me=0.8, mae=0.4),
    Combination(((2, 1.0),), "upper", me=0.8, mae=0.5, one_sided=0.5),
    Combination(((6, 0.5), (12, 1.0)), "lower", me=1.5, mae=3.0, one_sided=0.05),
    Combination(((4, 1.0), (7, 0.5)), "upper", me=2.0, mae=1.5),
    Combination(((7, 1.0),), "upper", me=1.0, mae=0.4, one_sided=0.1),
    Combination(((7, 0.4), (10, 1.0)), "middle", me=1.0, mae=0.8, one_sided=0.1),
    Combination(((10, 1.0),), "middle", me=0.8, mae=0.6, one_sided=0.4),
    Combination(((9, 1.0),), "middle", me=1.0, mae=0.8),
    Combination(((4, 0.7), (9, 1.0)), "middle", me=0.6, mae=0.7),
    Combination(((15, 1.0),), "lower", me=0.7, mae=0.5, one_sided=0.3),
    Combination(((15, 1.0), (17, 0.8)), "lower", me=1.0, mae=0.9),
    Combination(((17, 1.0),), "lower", me=0.8, mae=0.6),
    Combination(((24, 1.0),), "lower", me=1.0, mae=0.7),
    Combination(((23, 1.0),), "lower", me=0.5, mae=0.4),
    Combination(((5, 1.0),), "upper", me=0.6, mae=0.3),
    Combination(((1, 0.8), (2, 1.0), (5, 0.25)), "upper", me=0.5, mae=0.8),
    Combination(((20, 1.0),), "lower", me=0.6, mae=0.6, one_sided=0.15),
    Combination(((25, 0.5), (26, 1.0)), "lower", me=0.2, mae=1.0),
    Combination(((12, 1.0), (25, 0.5)), "lower", me=0.3, mae=1.2),
    Combination(((1, 1.0), (4, 0.8)), "upper", me=0.6, mae=0.7),
    Combination(((4, 1.0), (5, 0.4)), "upper", me=0.5, mae=0.4),
    Combination(((1, 0.8), (2, 0.7), (4, 0.7)), "upper", me=0.4, mae=0.5),
    Combination(((4, 0.8), (6, 0.6), (7, 0.4)), "upper", me=0.3, mae=0.4),
    Combination(((6, 1.0),), "middle", me=0.4, mae=0.3, one_sided=0.15),
    Combination(((10, 0.8), (12, 1.0)), "lower", me=0.4, mae=0.5, one_sided=0.15),
    Combination(((12, 1.0), (14, 0.5)), "lower", me=0.6, mae=0.4, one_sided=0.3),
    Combination(((14, 1.0), (17, 0.7)), "lower", me=0.5, mae=0.4, one_sided=0.2),
    Combination(((17, 0.7), (24, 1.0)), "lower", me=0.6, mae=0.6),
    Combination(((23, 1.0), (24, 0.8)), "lower", me=0.4, mae=0.4),
    Combination(((12, 1.0), (24, 0.6)), "lower", me=0.4, mae=0.4),
    Combination(((25, 1.0),), "lower", me=0.1, mae=0.6),
    Combination(((20, 1.0), (25, 0.5)), "lower", me=0.2, mae=0.4),
    Combination(((10, 1.0), (25, 0.6)), "lower", me=0.2, mae=0.5),
    Combination(((6, 0.5), (12, 1.0), (25, 0.6)), "lower", me=0.2, mae=1.2),
)
"""The combinations that spontaneous-expression datasets report, with rough relative frequencies."""


HELD_OUT = ("2", "14", "7+10", "4+9", "15+17", "20", "1+2+5", "1+4", "14+17")
"""Combinations that no training video shows: test videos are made of these alone."""


def combinations_of(split: str) -> tuple[Combination, ...]:
    """Return the combinations of a split: ``train`` (all but `HELD_OUT`), ``test`` (those alone) or ``all``."""
    if split == "all":
        return COMBINATIONS
    return tuple(one for one in COMBINATIONS if (one.name in HELD_OUT) == (split == "test"))


def free_combination(rng: np.random.Generator, region: str, split: str) -> Combination:
    """Put one to three actions together by chance, the strongest at full strength.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    region : str
        Whose actions: one of `ACTIONS_OF`, or ``any`` for the whole face.
    split : str
        ``train`` shows none of `HELD_OUT`, though one may be part of a larger combination, as it may in the table
        (1+4 of 1+2+4); ``all`` has every one.

    Raises
    ------
    ValueError
        Another split or region: test videos show `HELD_OUT` alone.
    """
    if split not in ("all", "train"):
        raise ValueError(f"combinations are put together for the splits all and train, not for {split}")
    if region != "any" and region not in ACTIONS_OF:
        raise ValueError(f"a face has the regions {', '.join(ACTIONS_OF)}, not {region}")
    numbers = tuple(ACTIONS) if region == "any" else ACTIONS_OF[region]
    while True:
        drawn = sorted(rng.choice(numbers, size=int(rng.integers(1, 4)), replace=False).tolist())
        strengths = rng.uniform(0.4, 1.0, len(drawn))
        relative = tuple(zip(drawn, (strengths / strengths.max()).tolist(), strict=True))
        one_sided = 0.0 if TWO_SIDED & set(drawn) else 0.25
        combination = Combination(relative, region, me=1.0, mae=1.0, one_sided=one_sided)
        if split == "all" or combination.name not in HELD_OUT:
            return combination


def table_combination(rng: np.random.Generator, kind: Kind, candidates: Sequence[Combination]) -> Combination:
    """Draw one of ``candidates``, at least one, as often as ``kind`` shows it."""
    share = np.array([frequency(combination, kind) for combination in candidates])
    return candidates[int(rng.choice(len(candidates), p=share / share.sum()))]


def frequency(combination: Combination, kind: Kind) -> float:
    """Return the relative frequency of ``combination`` among expressions of ``kind``."""
    return combination.me if kind is Kind.ME else combination.mae
