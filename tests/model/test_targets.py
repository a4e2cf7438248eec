import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.signals import Grid
from mespot.model.candidates import MAE, ME, decode
from mespot.model.targets import IGNORE, Target, assign, duration_range

FRAMES = 256
GRIDS = tuple(Grid((stride - 1) / 2, stride, stride) for stride in (4, 8, 16, 32, 64))
LENGTHS = tuple(FRAMES // grid.stride for grid in GRIDS)
SEEN = np.ones(FRAMES, bool)


def targets(*expressions: tuple[float, float, int], valid: npt.NDArray[np.bool_] = SEEN) -> tuple[Target, ...]:
    rows = np.array(expressions, np.float64).reshape(-1, 3)
    return assign(rows[:, :2], rows[:, 2].astype(np.int64), GRIDS, LENGTHS, valid)


def levels_with(found: tuple[Target, ...], kind: int) -> list[int]:
    return [level for level, target in enumerate(found) if (target.classes == kind).any()]


@given(st.floats(0, 200), st.floats(3, 180), st.sampled_from([MAE, ME]))
def test_every_expression_has_a_row_that_decodes_to_it(start: float, lasting: float, kind: int) -> None:
    stop = min(start + lasting, float(FRAMES))
    found = targets((start, stop, kind))
    located = [
        (np.ones((2, length), np.float32), np.ascontiguousarray(target.distances.T))
        for length, target in zip(LENGTHS, found, strict=True)
    ]
    candidates = decode(located, GRIDS)
    positive = np.concatenate([np.tile(target.classes == kind, 2) for target in found])
    assert positive.any()
    np.testing.assert_allclose(candidates.starts[positive], start, atol=1e-4)
    np.testing.assert_allclose(candidates.stops[positive], stop, atol=1e-4)


@given(st.floats(1, 400))
def test_every_duration_belongs_to_one_level_or_two_neighbours(lasting: float) -> None:
    ranges = [duration_range(level, len(GRIDS), grid.stride) for level, grid in enumerate(GRIDS)]
    taken = [level for level, (shortest, longest) in enumerate(ranges) if shortest <= lasting <= longest]
    assert taken in ([taken[0]], [taken[0], taken[0] + 1])


def test_a_micro_expression_lives_on_p3_and_a_long_macro_expression_on_p6_and_p7() -> None:
    assert levels_with(targets((100, 110, ME)), ME) == [0]
    assert levels_with(targets((60, 180, MAE)), MAE) == [3, 4]


def test_rows_near_the_middle_are_positive_then_ignored_then_background() -> None:
    classes = targets((92, 108, ME))[0].classes
    # Middle 100, duration 16: positive within 5.6 frames, ignored within 7.6.
    # Rows 22 to 27 are centred at 89.5 to 109.5.
    assert classes[22:28].tolist() == [0, IGNORE, ME, ME, ME, 0]


def test_the_shorter_of_two_expressions_wins_the_row() -> None:
    found = targets((60, 180, MAE), (113, 127, ME), (112, 128, MAE))
    row = round(GRIDS[0].row(120))
    assert found[0].classes[row] == ME
    assert found[0].distances[row].sum() == pytest.approx(14)
    assert levels_with(found, MAE)[-1] == 4


def test_rows_without_a_face_are_ignored() -> None:
    valid = SEEN.copy()
    valid[96:112] = False
    found = targets((100, 110, ME), valid=valid)
    assert (found[0].classes[24:28] == IGNORE).all()
    assert not levels_with(found, ME)
    assert all((target.distances[target.classes <= 0] == 0).all() for target in found)


def test_without_expressions_all_is_background() -> None:
    assert all((target.classes == 0).all() for target in targets())


@given(st.integers(0, 3), st.floats(20, 40), st.floats(6, 60))
def test_a_shift_by_a_stride_of_p7_shifts_the_rows(steps: int, start: float, lasting: float) -> None:
    # Coarse binary fractions, so that the sums are exact.
    start, lasting = round(start * 8) / 8, round(lasting * 8) / 8
    before, after = (
        targets((start, start + lasting, MAE)),
        targets((start + 32 * steps, start + 32 * steps + lasting, MAE)),
    )
    for level in range(4):
        rows = 32 * steps // GRIDS[level].stride
        kept = LENGTHS[level] - rows
        np.testing.assert_array_equal(after[level].classes[rows:], before[level].classes[:kept])
