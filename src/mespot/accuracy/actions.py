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
    shown: dict[str, Counter[str]] = {}
    found: dict[str, Counter[str]] = {}
    for video, spotted in measured:
        for mark in video.marks:
            shown.setdefault(mark.actions, Counter()).update(_groups(mark))
        for mark, _ in pairs(video, spotted):
            found.setdefault(mark.actions, Counter()).update(_groups(mark))
    order = sorted(shown, key=lambda actions: (-shown[actions]["mae"] - shown[actions]["me"], actions))
    return [
        {"actions": actions}
        | {group: [found.get(actions, Counter())[group], shown[actions][group]] for group in ("mae", "me", "strong_me")}
        for actions in order
    ]


def _groups(mark: Mark) -> list[str]:
    kind = str(mark.expression.kind).lower()
    return [kind, "strong_me"] if is_strong(mark) else [kind]
