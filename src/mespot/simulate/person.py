"""How the muscles of one person pull otherwise than those of another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mespot.core.errors import ConfigError
from mespot.simulate.actions import ACTIONS, MIRROR, Action, Pull

STREAM = 1
"""Added to the seed of a video: what else is drawn for it is the same whether people vary or not."""
_TURN_RAD, _OWN_TURN_RAD = 0.35, 0.3
"""Standard deviation of the direction of an action, and of each of its pulls on top of it."""
_SIZE, _REACH = 0.4, 0.2
"""Standard deviation of the logarithm of a pull's size and extent."""
_WIDER = 0.1
"""Mean of the logarithm of the extent: the skin folds less often where pulls that differ are wider."""


def personal_actions(rng: np.random.Generator, vary: float) -> Mapping[int, Action]:
    """Draw how the actions of the table look on one person.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance; nothing is drawn from it if ``vary`` is 0.
    vary : float
        How far the person departs from the table at most: 0 not at all; at 1 actions turn by about 25 degrees, and the
        size of each pull varies by 40 % and its extent by 20 % (standard deviations). How far this person does is drawn
        between 0 and that.

    Returns
    -------
    mapping of int to Action
        By number, as `ACTIONS`. Both sides of the face pull alike, and what lies on the midline stays there; lids and
        lips open as in the table.

    Notes
    -----
    The departures are our choice, wide enough that training does not take the table's few directions for the only ones;
    how far people differ in them we have not found measured. A lip corner that is pulled up on one person may so go
    sideways on another: combinations that are held out are so by name, and a movement much like theirs may be seen. The
    greatest strengths fold the skin of some people a little, which those of the table never do.
    """
    if vary == 0:
        return ACTIONS
    far = vary * float(rng.uniform())
    return {number: _personal(rng, action, far) for number, action in ACTIONS.items()}


def check_vary(vary: float) -> None:
    """Make sure that people can differ as asked for.

    Raises
    ------
    ConfigError
        ``vary`` is outside 0 to 1.
    """
    if not 0 <= vary <= 1:
        raise ConfigError(f"muscles vary by 0 to 1 from person to person, not by {vary:g}; correct it.")


def _personal(rng: np.random.Generator, action: Action, far: float) -> Action:
    turn = float(rng.normal(0, _TURN_RAD * far))
    return replace(action, pulls=tuple(_own_pull(rng, pull, turn, far) for pull in action.pulls))


def _own_pull(rng: np.random.Generator, pull: Pull, turn: float, far: float) -> Pull:
    angle = turn + float(rng.normal(0, _OWN_TURN_RAD * far))
    size = math.exp(rng.normal(0, _SIZE * far))
    wide, high = np.exp(rng.normal(_WIDER * far, _REACH * far, 2))
    towards = complex(pull.out, pull.up)
    if pull.landmark in MIRROR:
        towards *= complex(math.cos(angle), math.sin(angle))
    return Pull(
        pull.landmark, size * towards.real, size * towards.imag, pull.wide * float(wide), pull.high * float(high)
    )
