"""How much of the candidates is kept."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_runs import made_run
from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent
from mespot.evaluation.tally import Tally
from mespot.study.results import read_result
from mespot.study.sweeps import TOP, at_least, best_fraction, sweep

candidate = st.builds(
    DetectedEvent,
    st.sampled_from(["a", "b"]),
    st.sampled_from(Kind),
    st.integers(0, 99),
    st.integers(100, 199),
    st.sampled_from([0.1, 0.3, 0.3, 0.5, 0.9]),
)
several = st.lists(candidate, max_size=30)
share = st.floats(0, 1)


def places(kept: list[DetectedEvent], candidates: list[DetectedEvent]) -> set[int]:
    """Return where in the list the kept ones stand, by identity."""
    where = {id(event): place for place, event in enumerate(candidates)}
    return {where[id(event)] for event in kept}


@given(several, share, share)
def test_the_more_is_kept_the_larger_the_fraction(candidates: list[DetectedEvent], one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert places(best_fraction(candidates, less), candidates) <= places(best_fraction(candidates, more), candidates)


@given(several, share)
def test_a_fraction_keeps_the_best_of_every_video_and_kind(candidates: list[DetectedEvent], fraction: float) -> None:
    kept = best_fraction(candidates, fraction)
    counts, of_kept = (Counter((event.video, event.kind) for event in events) for events in (candidates, kept))
    for group, count in counts.items():
        assert math.isclose(of_kept[group], fraction * count, abs_tol=1)
        assert of_kept[group] >= fraction * count - 1e-9
    left = [event for place, event in enumerate(candidates) if place not in places(kept, candidates)]
    for event in left:
        assert all(one.score >= event.score for one in kept if (one.video, one.kind) == (event.video, event.kind))


@given(several)
def test_the_whole_and_nothing(candidates: list[DetectedEvent]) -> None:
    assert best_fraction(candidates, 1.0) == candidates
    assert best_fraction(candidates, 0.0) == []


@given(several, share, share)
def test_the_less_is_kept_the_larger_the_score(candidates: list[DetectedEvent], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert places(at_least(candidates, high), candidates) <= places(at_least(candidates, low), candidates)


@pytest.mark.parametrize(("fraction", "count"), [(0.55, 11), (0.30, 6), (0.35, 7), (0.60, 12)])
def test_a_fraction_of_twenty_is_not_rounded_up_by_floating_point(fraction: float, count: int) -> None:
    candidates = [DetectedEvent("a", Kind.ME, place, place + 5, 0.5) for place in range(20)]
    assert best_fraction(candidates, fraction) == candidates[:count]  # of equal scores the first


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_no_other_fraction(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        best_fraction([], fraction)


def test_detections_grow_with_top_fraction_and_fall_with_the_score(tmp_path: Path) -> None:
    scores = sweep(read_result(made_run(tmp_path / "run")))
    kept = [[of.all.tp + of.all.fp for of in sweep_.values()] for sweep_ in (scores.top_fraction, scores.score)]
    assert list(scores.top_fraction) == list(scores.score) == list(TOP)
    assert kept == [[5, 6, 6, 6, 6, 8, 8], [8, 7, 7, 6, 5, 4, 4]]
    assert scores.headline == scores.t_eval[0.5]
    assert scores.headline.all == Tally(3, 3, 2, 0.5, 0.6, 6 / 11)
