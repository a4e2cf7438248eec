import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.expression import Attention, Detection, Expression, Kind
from mespot.core.interval import Interval
from mespot.evaluation.matching import best_pairs, match

KINDS = st.sampled_from(list(Kind))
INTERVALS = st.builds(lambda start, frames: Interval(start, start + frames), st.integers(0, 25), st.integers(1, 20))
REFERENCE = st.lists(st.builds(Expression, INTERVALS, KINDS), max_size=6)


def detection(interval: Interval, kind: Kind, score: float = 0.5) -> Detection:
    return Detection(interval, kind, score, interval.onset, Attention("mouth"))


DETECTED = st.lists(st.builds(detection, INTERVALS, KINDS), max_size=6)
THRESHOLDS = st.sampled_from([0.1, 0.3, 0.5])


def allowed(reference: Expression, detected: Detection, iou: float) -> bool:
    return reference.kind is detected.kind and reference.interval.iou(detected.interval) >= iou


def greedy(reference: list[Expression], detected: list[Detection], iou: float) -> int:
    taken: set[int] = set()
    for expression in reference:
        free = [i for i, found in enumerate(detected) if i not in taken and allowed(expression, found, iou)]
        if free:
            taken.add(max(free, key=lambda i: expression.interval.iou(detected[i].interval)))
    return len(taken)


def brute_force(reference: list[Expression], detected: list[Detection], iou: float) -> tuple[int, float]:
    """Try every assignment of detections (or none) to expressions."""
    best = (0, 0.0)
    choices = [*range(len(detected)), *[None] * len(reference)]
    for chosen in set(itertools.permutations(choices, len(reference))):
        pairs = [(r, c) for r, c in enumerate(chosen) if c is not None and allowed(reference[r], detected[c], iou)]
        best = max(best, (len(pairs), sum(reference[r].interval.iou(detected[c].interval) for r, c in pairs)))
    return best


@given(REFERENCE, DETECTED, THRESHOLDS)
def test_pairs_are_one_to_one_allowed_and_no_fewer_than_greedy(
    reference: list[Expression], detected: list[Detection], iou: float
) -> None:
    pairs = match(reference=reference, detected=detected, iou=iou)
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    assert rows == sorted(set(rows))
    assert len(set(columns)) == len(columns)
    assert all(allowed(reference[row], detected[column], iou) for row, column in pairs)
    assert len(pairs) >= greedy(reference, detected, iou)


@given(st.lists(st.builds(Expression, INTERVALS, KINDS), max_size=3), DETECTED.map(lambda items: items[:3]), THRESHOLDS)
def test_no_pairing_is_better(reference: list[Expression], detected: list[Detection], iou: float) -> None:
    pairs = match(reference=reference, detected=detected, iou=iou)
    overlap = sum(reference[row].interval.iou(detected[column].interval) for row, column in pairs)
    most, largest = brute_force(reference, detected, iou)
    assert len(pairs) == most
    assert overlap == pytest.approx(largest)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_best_pairs_against_all_permutations(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gains = np.where(rng.random((rows, columns)) < 0.5, rng.random((rows, columns)), 0.0)
    wide = gains if rows <= columns else gains.T
    totals = []
    for chosen in itertools.permutations(range(wide.shape[1]), wide.shape[0]):
        values = wide[np.arange(wide.shape[0]), chosen]
        totals.append(((values > 0).sum(), values.sum()))
    pairs = best_pairs(gains)
    assert len(pairs) == max(totals)[0]
    assert sum(gains[pair] for pair in pairs) == pytest.approx(max(totals)[1])


@given(REFERENCE, DETECTED)
def test_exchanging_the_sides_finds_as_many(reference: list[Expression], detected: list[Detection]) -> None:
    swapped_reference = [Expression(found.interval, found.kind) for found in detected]
    swapped_detected = [detection(expression.interval, expression.kind) for expression in reference]
    there = match(reference=reference, detected=detected)
    back = match(reference=swapped_reference, detected=swapped_detected)
    assert len(there) == len(back)


def test_greedy_would_lose_a_pair_here() -> None:
    reference = [Expression(Interval(0, 10), Kind.ME), Expression(Interval(4, 14), Kind.ME)]
    detected = [detection(Interval(3, 12), Kind.ME), detection(Interval(0, 7), Kind.ME)]
    assert match(reference=reference, detected=detected) == [(0, 1), (1, 0)]
    assert greedy(reference[::-1], detected, 0.5) == 2
    crowded = [Expression(Interval(1, 11), Kind.ME), Expression(Interval(4, 16), Kind.ME)]
    found = [detection(Interval(3, 11), Kind.ME), detection(Interval(0, 6), Kind.ME)]
    assert greedy(crowded, found, 0.4) == 1
    assert match(reference=crowded, detected=found, iou=0.4) == [(0, 1), (1, 0)]


def test_an_overlap_of_exactly_the_limit_counts() -> None:
    reference, detected = [Expression(Interval(0, 10), Kind.MAE)], [detection(Interval(5, 10), Kind.MAE)]
    assert match(reference=reference, detected=detected) == [(0, 0)]
    assert match(reference=reference, detected=detected, iou=0.51) == []


def test_the_kind_decides_unless_told_otherwise() -> None:
    reference, detected = [Expression(Interval(0, 10), Kind.MAE)], [detection(Interval(0, 10), Kind.ME)]
    assert match(reference=reference, detected=detected) == []
    assert match(reference=reference, detected=detected, same_kind=False) == [(0, 0)]


@pytest.mark.parametrize("iou", [0.0, -1.0, 1.1])
def test_a_limit_that_pairs_strangers_is_refused(iou: float) -> None:
    with pytest.raises(ValueError, match="iou"):
        match(reference=[], detected=[], iou=iou)
