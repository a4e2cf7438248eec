import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.evaluation.bootstrap import Estimate, Tallies, estimate, median_estimate
from mespot.evaluation.scores import Counts

F1 = ({"tp": 2.0}, {"tp": 2.0, "fp": 1.0, "fn": 1.0})
VIDEO = st.fixed_dictionaries({name: st.integers(0, 20) for name in ("tp", "fp", "fn")})


@given(st.lists(VIDEO, min_size=2, max_size=12), st.integers(0, 5))
def test_the_value_is_that_of_the_pooled_counts_and_the_interval_stays_in_range(
    videos: list[dict[str, int]], seed: int
) -> None:
    found = Tallies.of(videos).ratio(*F1, seed=seed)
    pooled = Counts(**{name: sum(video[name] for video in videos) for name in ("tp", "fp", "fn")})
    if not pooled.detected + pooled.annotated:
        assert found == Estimate(None)
        return
    assert found.value == pytest.approx(pooled.f1)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.high <= 1
    assert found == Tallies.of(videos).ratio(*F1, seed=seed)
    shares = [Counts(**video).f1 for video in videos if sum(video.values())]
    assert min(shares) - 1e-12 <= found.low
    assert found.high <= max(shares) + 1e-12


@given(VIDEO, st.integers(2, 8))
def test_videos_that_are_alike_leave_no_doubt(video: dict[str, int], videos: int) -> None:
    found = Tallies.of([video] * videos).ratio(*F1)
    if sum(video.values()):
        assert found.low == pytest.approx(found.value)
        assert found.high == pytest.approx(found.value)


def test_one_video_has_a_value_and_no_interval() -> None:
    assert Tallies.of([{"tp": 3, "fp": 1}]).ratio({"tp": 1}, {"tp": 1, "fp": 1}) == Estimate(0.75)


@pytest.mark.parametrize("videos", [[], [{}], [{"tp": 0}], [{"fp": 2}, {"fp": 0}]])
def test_without_a_denominator_there_is_no_value(videos: list[dict[str, float]]) -> None:
    assert Tallies.of(videos).ratio({"tp": 1}, {"tp": 1, "fn": 1}) == Estimate(None)


def test_resamples_without_expressions_are_left_out() -> None:
    found = Tallies.of([{"tp": 1, "fn": 1}, {"fp": 9}]).ratio({"tp": 1}, {"tp": 1, "fn": 1})
    assert found == Estimate(0.5, 0.5, 0.5)


def test_the_interval_is_that_of_a_mean_whose_spread_is_known() -> None:
    """Means of n values: the limits lie 1.96 standard errors from the mean."""
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = estimate(np.stack([values, np.ones(400)], axis=1), lambda sums: sums[..., 0] / sums[..., 1])
    error = values.std() / np.sqrt(400)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_a_wider_level_holds_the_narrower_one() -> None:
    counts = np.random.default_rng(1).integers(0, 9, (20, 2))
    narrow, wide = (estimate(counts, lambda s: s[..., 0] / s.sum(axis=-1), level=level) for level in (0.5, 0.95))
    assert narrow.value == wide.value
    assert None not in (narrow.low, narrow.high, wide.low, wide.high)
    assert wide.low < narrow.low < narrow.high < wide.high  # type: ignore[operator]


@given(st.lists(st.lists(st.floats(0, 9), max_size=5), max_size=6))
def test_the_median_is_that_of_all_values(videos: list[list[float]]) -> None:
    pooled = [value for video in videos for value in video]
    found = median_estimate(videos)
    if not pooled:
        assert found == Estimate(None)
        return
    assert found.value == pytest.approx(np.median(pooled))
    if len(videos) > 1:
        assert found.low is not None
        assert found.high is not None
        assert min(pooled) <= found.low <= found.high <= max(pooled)


def test_resampled_medians_are_those_of_drawn_videos() -> None:
    """With two videos a resample is the first twice, the second twice, or both, which is half of all."""
    found = median_estimate([[1.0, 2.0, 9.0], [4.0]])
    assert found == Estimate(3.0, 2.0, 4.0)


def test_a_difference_of_rates_is_resampled_together() -> None:
    videos = [{"a": 4, "min a": 2, "b": 1, "min b": 1}] * 3
    found = Tallies.of(videos).ratio_difference(({"a": 1}, {"min a": 1}), ({"b": 1}, {"min b": 1}))
    assert found == Estimate(1.0, 1.0, 1.0)


def test_totals_are_over_videos_and_0_for_what_nobody_names() -> None:
    tallies = Tallies.of([{"tp": 1}, {"fp": 2, "tp": 3}])
    assert [tallies.total(name) for name in ("tp", "fp", "fn")] == [4, 2, 0]


@pytest.mark.parametrize("counts", [[1, 2], [[np.nan]], [[[1.0]]]])
def test_counts_of_another_shape_or_value_are_refused(counts: npt.ArrayLike) -> None:
    with pytest.raises(ValueError, match="one row a video"):
        estimate(counts, lambda sums: sums[..., 0])


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_an_interval_that_cannot_be_is_refused(resamples: int, level: float) -> None:
    with pytest.raises(ValueError, match="resamples"):
        estimate([[1.0]], lambda sums: sums[..., 0], resamples=resamples, level=level)


def test_names_and_values_belong_together() -> None:
    with pytest.raises(ValueError, match="1 names"):
        Tallies(("tp",), np.zeros((2, 2)))
