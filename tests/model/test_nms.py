import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from mespot.model.nms import hard_nms, ious, soft_nms

Arrays = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
RARE_SCORES = st.integers(1, 5).map(lambda value: value / 5)
"""Few values, so that ties are common."""


@st.composite
def intervals(draw: st.DrawFn) -> Arrays:
    rows = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), RARE_SCORES), max_size=14))
    values = np.array(rows, np.float64).reshape(-1, 3)
    return values[:, 0], values[:, 0] + values[:, 1], values[:, 2]


def survivors(arrays: Arrays, iou: float) -> list[tuple[float, float, float]]:
    starts, stops, scores = arrays
    kept = hard_nms(starts, stops, scores, iou)
    return list(zip(starts[kept].tolist(), stops[kept].tolist(), scores[kept].tolist(), strict=True))


@given(intervals(), st.sampled_from([0.1, 0.2, 0.5]))
def test_no_two_survivors_overlap_above_the_limit(arrays: Arrays, iou: float) -> None:
    kept = survivors(arrays, iou)
    for index, (start, stop, _) in enumerate(kept):
        others = np.array(kept[index + 1 :]).reshape(-1, 3)
        assert (ious(others[:, 0], others[:, 1], start, stop) <= iou).all()


@given(intervals(), st.sampled_from([0.1, 0.2, 0.5]))
def test_every_one_that_goes_overlaps_a_better_survivor(arrays: Arrays, iou: float) -> None:
    starts, stops, scores = arrays
    kept = hard_nms(starts, stops, scores, iou)
    for gone in set(range(len(scores))) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[gone]]
        assert (ious(starts[better], stops[better], starts[gone], stops[gone]) > iou).any()


@given(intervals())
def test_hard_nms_is_idempotent(arrays: Arrays) -> None:
    kept = hard_nms(*arrays, 0.2)
    starts, stops, scores = (values[kept] for values in arrays)
    again = hard_nms(starts, stops, scores, 0.2)
    np.testing.assert_array_equal(again, np.arange(len(kept)))


@given(intervals(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(arrays: Arrays, random: object) -> None:
    order = list(range(len(arrays[0])))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = (arrays[0][order], arrays[1][order], arrays[2][order])
    assert survivors(shuffled, 0.2) == survivors(arrays, 0.2)


@given(intervals(), st.integers(1, 1000))
def test_later_intervals_survive_later(arrays: Arrays, frames: int) -> None:
    shifted = (arrays[0] + frames, arrays[1] + frames, arrays[2])
    np.testing.assert_array_equal(hard_nms(*shifted, 0.2), hard_nms(*arrays, 0.2))


def test_an_overlap_of_just_the_limit_survives() -> None:
    starts, stops = np.array([0.0, 5.0]), np.array([10.0, 15.0])
    assert len(hard_nms(starts, stops, np.array([0.9, 0.8]), 1 / 3)) == 2
    assert len(hard_nms(starts, stops, np.array([0.9, 0.8]), 0.33)) == 1


def test_soft_nms_decays_by_the_gaussian_of_the_overlap() -> None:
    starts, stops = np.array([0.0, 5.0, 100.0]), np.array([10.0, 15.0, 110.0])
    kept, scores = soft_nms(starts, stops, np.array([0.9, 0.8, 0.7]), 0.5, np.full(3, 0.1))
    assert kept.tolist() == [0, 2, 1]
    np.testing.assert_allclose(scores, [0.9, 0.7, 0.8 * np.exp(-((1 / 3) ** 2) / 0.5)])


@given(intervals())
def test_soft_nms_reports_falling_scores_above_the_limit(arrays: Arrays) -> None:
    kept, scores = soft_nms(*arrays, 0.5, np.full(len(arrays[0]), 0.3))
    assert (np.diff(scores) <= 0).all()
    assert (scores >= 0.3).all()
    assert (scores <= arrays[2][kept]).all()
    assert len(set(kept.tolist())) == len(kept)
