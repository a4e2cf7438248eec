"""Which detection is which annotated expression: one-to-one, as many as possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Detection, Expression

FloatArray = npt.NDArray[np.float64]


def match(
    *,
    reference: Sequence[Expression],
    detected: Sequence[Detection],
    iou: float = 0.5,
    same_kind: bool = True,
) -> list[tuple[int, int]]:
    """Return the pairs (index in ``reference``, index in ``detected``), ordered by reference.

    Parameters
    ----------
    reference : sequence of Expression
        Annotated, in frames of one video.
    detected : sequence of Detection
        Of the same video.
    iou : float
        Least intersection over union of a pair, above 0.
    same_kind : bool
        Whether a pair must be of one kind.

    Notes
    -----
    Every expression and every detection is in at most one pair. Among all such pairings this has the most pairs, and
    of those the largest sum of IoU; so it never has fewer pairs than greedy matching. The field's challenge asks only
    for true positives a <= m and a <= n (MEGC2020); several published scorers count a detection for more than one
    expression, which reports more.
    """
    if not 0.0 < iou <= 1.0:
        raise ValueError(f"iou must lie in (0, 1], got {iou}")
    spans = [
        np.array([(item.interval.start, item.interval.stop) for item in items], np.float64).reshape(-1, 2)
        for items in (reference, detected)
    ]
    overlaps = span_overlaps(*spans)
    if same_kind:
        kinds = [np.array([item.kind.value for item in items], str) for items in (reference, detected)]
        overlaps[kinds[0][:, None] != kinds[1][None]] = 0.0
    return best_pairs(np.where(overlaps >= iou, overlaps, 0.0))


def span_overlaps(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the intersection over union of all pairs at once: `Interval.iou`, of fractional frames too.

    Parameters
    ----------
    first, second : (M, 2), (N, 2) float64
        Half-open spans, start and stop in frames. One that stops before it starts overlaps nothing.

    Returns
    -------
    (M, N) float64
        In [0, 1].
    """
    one, other = first[:, None], second[None]
    shared = np.minimum(one[..., 1], other[..., 1]) - np.maximum(one[..., 0], other[..., 0])
    shared = shared.clip(min=0)
    union = np.diff(one)[..., 0].clip(min=0) + np.diff(other)[..., 0].clip(min=0) - shared
    overlaps: FloatArray = np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)
    return overlaps


def best_pairs(gains: FloatArray) -> list[tuple[int, int]]:
    """Return the one-to-one pairs with the most pairs, then the largest sum of gains.

    Parameters
    ----------
    gains : (M, N) float64
        In [0, 1]; 0 means that the two may not be paired.

    Notes
    -----
    The Hungarian method with successive shortest augmenting paths and potentials (Kuhn 1955,
    doi:10.1002/nav.3800020109; Jonker and Volgenant 1987, doi:10.1007/BF02278710), O(M ** 2 N).
    """
    rows = np.flatnonzero(gains.any(axis=1))
    columns = np.flatnonzero(gains.any(axis=0))
    allowed = gains[np.ix_(rows, columns)]
    if allowed.shape[0] > allowed.shape[1]:
        return sorted((row, column) for column, row in best_pairs(gains.T))
    # One more pair outweighs any sum of gains.
    pair_worth = min(allowed.shape) + 1.0
    costs = -np.where(allowed > 0, allowed + pair_worth, 0.0)
    chosen = _assignment(costs)
    return [(int(rows[row]), int(columns[column])) for row, column in enumerate(chosen) if allowed[row, column] > 0]


def _assignment(costs: FloatArray) -> list[int]:
    """Return the column of every row with the least total cost; no more rows than columns."""
    count = costs.shape[1]
    row_potential = np.zeros(costs.shape[0])
    column_potential = np.zeros(count)
    owner = np.full(count, -1)
    for new_row in range(costs.shape[0]):
        shortest = np.full(count, np.inf)
        came_from = np.full(count, -1)
        done = np.zeros(count, bool)
        reached = [(new_row, 0.0)]
        row, column, distance = new_row, -1, 0.0
        while True:
            steps = distance + costs[row] - row_potential[row] - column_potential
            better = ~done & (steps < shortest)
            shortest[better], came_from[better] = steps[better], column
            column = int(np.argmin(np.where(done, np.inf, shortest)))
            distance = float(shortest[column])
            done[column] = True
            if owner[column] < 0:
                break
            row = int(owner[column])
            reached.append((row, distance))
        for seen_row, at in reached:
            row_potential[seen_row] += distance - at
        column_potential[done] -= distance - shortest[done]
        _augment(owner, came_from, column, new_row)
    columns = np.empty(costs.shape[0], int)
    columns[owner[owner >= 0]] = np.flatnonzero(owner >= 0)
    return [int(column) for column in columns]


def _augment(owner: npt.NDArray[np.int64], came_from: npt.NDArray[np.int64], column: int, new_row: int) -> None:
    """Give every column on the path the row of the column before it, the first one ``new_row``."""
    while came_from[column] >= 0:
        owner[column] = owner[came_from[column]]
        column = int(came_from[column])
    owner[column] = new_row
