"""What was found of every combination of actions: pooled recall hides those that are hard to see or seldom learnt."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mespot.accuracy.figures import Measured, is_strong, pairs
from mespot.accuracy.sets import Mark


def action_records(measured: Measured) -> list[dict[str, Any]]:
    """Return how many expressions of every combination a simulated set shows, and how many were found.

    Parameters
    ----------
    measured : sequence of (LabelledVideo, Spotted)
        The set.

    Returns
    -------
    list of dict
        ``actions`` and, as ``mae``, ``me`` and ``strong_me`` (of at least `STRONG_PX`), [found, shown]; as JSON values,
        most shown first.
    """
    shown = Counter(key for video, _ in measured for mark in video.marks for key in _keys(mark))
    found = Counter(key for video, spotted in measured for mark, _ in pairs(video, spotted) for key in _keys(mark))
    order = sorted({actions for actions, _ in shown}, key=lambda one: (-shown[one, "mae"] - shown[one, "me"], one))
    return [
        {"actions": one} | {group: [found[one, group], shown[one, group]] for group in ("mae", "me", "strong_me")}
        for one in order
    ]


def _keys(mark: Mark) -> list[tuple[str, str]]:
    groups = [str(mark.expression.kind).lower(), *(["strong_me"] if is_strong(mark) else [])]
    return [(mark.actions, group) for group in groups]
