from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.config import SpottingConfig
from mespot.core.expression import Kind
from mespot.core.signals import Grid
from mespot.model.candidates import (
    FEWEST_CANDIDATES,
    MAE,
    ME,
    Candidates,
    Located,
    decode_video,
    detect_rows,
    durations_s,
    score_curves,
    select,
    settle_kinds,
)

GRIDS = (Grid(1.5, 4, 4), Grid(3.5, 8, 8))
FRAMES = 128
TIMES_S = np.arange(FRAMES) / 30
SEEN = np.ones(FRAMES, bool)


def candidates(*rows: tuple[float, float, float, int]) -> Candidates:
    values = np.array(rows, np.float64).reshape(-1, 4)
    zeros = np.zeros(len(values), np.int64)
    kinds = values[:, 3].astype(np.int64)
    return Candidates(values[:, 0], values[:, 1], values[:, 2], kinds, zeros, zeros, either=values[:, 2] + 0.125)


def located(*found: tuple[int, int, int, float, float, float]) -> list[Located]:
    """Levels that say nothing but (level, row, kind, score, start, stop)."""
    levels = [
        (np.zeros((2, FRAMES // grid.stride), np.float32), np.full((2, FRAMES // grid.stride), 3, np.float32))
        for grid in GRIDS
    ]
    for level, row, kind, score, start, stop in found:
        centre = GRIDS[level].centre(row)
        levels[level][0][kind - 1, row] = score
        levels[level][1][:, row] = centre - start, stop - centre
    return levels


def test_a_row_becomes_a_detection_with_its_interval_kind_and_place() -> None:
    levels = located((0, 10, ME, 0.75, 36, 48), (1, 10, MAE, 0.625, 70, 110))
    first, second = detect_rows(levels, GRIDS, TIMES_S, SEEN, SpottingConfig())
    assert (first.start, first.stop, first.kind, first.score, first.level, first.row) == (36, 48, Kind.ME, 0.75, 0, 10)
    assert (second.start, second.stop, second.kind, second.level) == (70, 110, Kind.MAE, 1)


def test_detections_are_cut_to_the_video() -> None:
    (found,) = detect_rows(located((0, 1, MAE, 0.9, -7, 20)), GRIDS, TIMES_S, SEEN, SpottingConfig())
    assert (found.start, found.stop) == (0, 20)
    (found,) = detect_rows(located((0, 30, MAE, 0.9, 100, 150)), GRIDS, TIMES_S, SEEN, SpottingConfig())
    assert (found.start, found.stop) == (100, FRAMES)


def test_nothing_is_reported_where_no_face_was_seen() -> None:
    absent = SEEN.copy()
    absent[40:44] = False
    assert not detect_rows(located((0, 10, ME, 0.75, 36, 48)), GRIDS, TIMES_S, absent, SpottingConfig())


@pytest.mark.parametrize("span", [(41.0, 43.0), (20.0, 60.0), (45.0, 43.0)])
def test_durations_out_of_range_are_dropped(span: tuple[float, float]) -> None:
    config = SpottingConfig(least_s=0.1, longest_s=1.0)
    assert not detect_rows(located((0, 10, MAE, 0.75, *span)), GRIDS, TIMES_S, SEEN, config)


@given(st.integers(0, 20))
def test_detections_shift_with_the_rows(rows: int) -> None:
    plain = detect_rows(located((0, 5, ME, 0.75, 16, 28)), GRIDS, TIMES_S, SEEN, SpottingConfig())
    moved = located((0, 5 + rows, ME, 0.75, 16 + 4 * rows, 28 + 4 * rows))
    later = detect_rows(moved, GRIDS, TIMES_S, SEEN, SpottingConfig())
    shifted = [
        replace(found, start=found.start + 4 * rows, stop=found.stop + 4 * rows, row=5 + rows) for found in plain
    ]
    assert later == shifted


@pytest.mark.parametrize(
    ("kind", "frames", "settled"),
    [(ME, 15, ME), (ME, 16, ME), (ME, 17, MAE), (MAE, 14, ME), (MAE, 15, MAE), (MAE, 16, MAE)],
)
def test_kinds_follow_the_duration_but_for_one_frame(kind: int, frames: int, settled: int) -> None:
    given_ = candidates((10, 10 + frames, 0.6, kind))
    found = settle_kinds(given_, durations_s(given_, TIMES_S), frame_s=1 / 30)
    assert found.kinds.tolist() == [settled]
    doubtful = frames in (15, 16)
    assert found.scores.tolist() == [0.6 if doubtful else 0.725], "settled kinds have the probability of either"


def test_a_row_torn_between_the_kinds_is_sure_of_an_expression() -> None:
    level = (np.array([[0.45], [0.4]], np.float32), np.full((2, 1), 5, np.float32))
    found = decode_video([level], GRIDS[:1], TIMES_S, SEEN, SpottingConfig())
    assert set(found.kinds.tolist()) == {ME}
    np.testing.assert_allclose(found.scores, 0.85, rtol=1e-6)


def test_durations_follow_the_time_stamps() -> None:
    slow = np.arange(FRAMES) / 15
    assert durations_s(candidates((10, 25, 1, ME)), slow)[0] == pytest.approx(1.0)


def test_each_kind_has_its_threshold_and_a_score_at_it_passes() -> None:
    given_ = candidates((0, 10, 0.4, ME), (20, 30, 0.39, ME), (50, 90, 0.7, MAE), (100, 120, 0.69, MAE))
    kept = select(given_, SpottingConfig(threshold_me=0.4, threshold_mae=0.7), hours=1)
    assert kept.starts.tolist() == [0, 50]


def test_overlaps_are_suppressed_within_a_kind_only() -> None:
    given_ = candidates((0, 20, 0.9, MAE), (1, 20, 0.8, MAE), (7, 20, 0.7, ME))
    kept = select(given_, SpottingConfig(nms_iou=0.2), hours=1)
    assert sorted(kept.scores.tolist()) == [0.7, 0.9]


@pytest.mark.parametrize(("start", "frames", "kept"), [(30, 6, False), (24, 6, False), (37, 6, True), (30, 0, True)])
def test_an_me_that_begins_with_a_mae_is_its_rise(start: int, frames: int, kept: bool) -> None:
    given_ = candidates((30, 90, 0.6, MAE), (start, start + 9, 0.9, ME))
    found = select(given_, SpottingConfig(same_onset_frames=frames), hours=1)
    assert (ME in found.kinds) == kept
    assert MAE in found.kinds


@pytest.mark.parametrize(("fraction", "count"), [(0.3, 3), (0.31, 4), (0.6, 6), (1.0, 10), (None, 10)])
def test_the_top_fraction_keeps_the_best_share(fraction: float | None, count: int) -> None:
    given_ = candidates(*((20 * i, 20 * i + 10, 0.5 + 0.04 * i, ME) for i in range(10)), (500, 510, 0.1, ME))
    kept = select(given_, SpottingConfig(top_fraction=fraction), hours=1)
    np.testing.assert_allclose(kept.scores, 0.5 + 0.04 * np.arange(10 - count, 10))


def test_no_more_than_the_cap_enter_suppression() -> None:
    given_ = candidates(*((20 * i, 20 * i + 10, 0.6, ME) for i in range(3 * FEWEST_CANDIDATES)))
    assert len(select(given_, SpottingConfig(candidates=10), hours=0.01)) == FEWEST_CANDIDATES
    assert len(select(given_, SpottingConfig(candidates=FEWEST_CANDIDATES), hours=2)) == 2 * FEWEST_CANDIDATES


def test_soft_suppression_keeps_what_still_passes_the_threshold() -> None:
    given_ = candidates((0, 10, 0.9, ME), (5, 15, 0.8, ME), (1, 11, 0.6, ME))
    kept = select(given_, SpottingConfig(nms="soft", threshold_me=0.5), hours=1)
    assert kept.starts.tolist() == [0, 5]
    assert kept.scores[1] == pytest.approx(0.8 * np.exp(-2 / 9))


@st.composite
def crowds(draw: st.DrawFn) -> Candidates:
    row = st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 10), st.sampled_from([MAE, ME]))
    rows = draw(st.lists(row, max_size=20))
    return candidates(*((start, start + lasting, score / 10, kind) for start, lasting, score, kind in rows))


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(crowd: Candidates, random: object) -> None:
    order = list(range(len(crowd)))
    random.shuffle(order)  # type: ignore[attr-defined]
    plain, shuffled = (select(part, SpottingConfig(), hours=1) for part in (crowd, crowd.take(np.array(order, int))))
    for name in ("starts", "stops", "scores", "kinds"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(shuffled, name))


@given(crowds(), st.sampled_from([0.0, 0.2, 0.5, 0.8]), st.sampled_from([0.0, 0.1, 0.2]))
def test_a_higher_threshold_reports_a_subset(crowd: Candidates, low: float, more: float) -> None:
    def reported(threshold: float) -> set[tuple[float, ...]]:
        # A MaE that no longer passes gives back the ME at its onset; that rule is switched off here.
        kept = select(
            crowd, SpottingConfig(threshold_me=threshold, threshold_mae=threshold, same_onset_frames=0), hours=1
        )
        return set(zip(kept.starts, kept.stops, kept.kinds, strict=True))

    assert reported(low + more) <= reported(low)


def test_curves_peak_where_the_row_is_and_stay_within_zero_and_one() -> None:
    mae, me = score_curves(located((0, 10, ME, 0.75, 36, 48)), GRIDS, FRAMES)
    assert me.argmax() in (41, 42)
    assert 0.6 < me.max() <= 0.75
    assert not mae.any()
    assert len(me) == FRAMES


def test_arrays_of_different_lengths_are_refused() -> None:
    one: npt.NDArray[np.int64] = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="one length"):
        Candidates(np.zeros(2), np.zeros(2), np.zeros(1), one, one, one, np.zeros(1))
