"""Apex and place of movements whose course is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.core.expression import Attention
from mespot.core.signals import Features, Float32, Grid, Level
from mespot.core.video import FloatArray
from mespot.vision import apex as module
from mespot.vision.align import CropTransforms
from mespot.vision.apex import HEAT_CELLS, apex_and_place
from mespot.vision.features import typical_landmarks
from mespot.vision.regions import REGIONS

ROWS, CROP_PX = 200, 64
FIRST, LAST = 80, 119
BROW, LID, LIP, CHIN = (REGIONS.index(name) for name in ("left brow", "left eyelid", "lower lip", "chin"))


@pytest.fixture(scope="module")
def face(transforms: CropTransforms) -> Float32:
    return typical_landmarks(transforms)


def there_and_back(size: float, peak: int = 100) -> FloatArray:
    """Return steps (ROWS, 2) upwards from row FIRST to the peak, and back until LAST."""
    way = np.interp(np.arange(-1, ROWS), [FIRST - 1, peak, LAST], [0.0, size, 0.0])
    return np.stack([np.zeros(ROWS), -np.diff(way)], axis=1)


def features(face: Float32, motion: FloatArray, attention: FloatArray | None = None) -> Features:
    maps = np.ones((ROWS // 2, 4, 4)) / 16 if attention is None else np.tile(attention, (ROWS // 2, 1, 1))
    level = Level(np.zeros((ROWS // 2, 1), np.float32), maps.astype(np.float32), Grid(0.5, 2, 2))
    frames = np.arange(ROWS)
    return Features((level,), frames, frames / 30, np.ones(ROWS, np.bool_), motion.astype(np.float32), face)


def still(noise: float = 0.01) -> FloatArray:
    return np.random.default_rng(0).normal(0, noise, (ROWS, len(REGIONS), 2))


def found(face: Float32, motion: FloatArray, attention: FloatArray | None = None) -> tuple[int, Attention]:
    return apex_and_place(features(face, motion, attention), FIRST, LAST, CROP_PX)


@settings(max_examples=20, deadline=None)
@given(region=st.integers(0, len(REGIONS) - 1), peak=st.integers(FIRST + 3, LAST - 3))
def test_the_region_that_goes_out_and_back_is_named_at_its_peak(face: Float32, region: int, peak: int) -> None:
    motion = still()
    motion[:, region] += there_and_back(2.0, peak)
    row, attention = found(face, motion)
    assert attention.region == REGIONS[region]
    assert abs(row - peak) <= 1


def test_a_drift_is_neither_apex_nor_place(face: Float32) -> None:
    """The chin goes 6 px and stays there, the brow 2 px out and back."""
    motion = still()
    motion[:, BROW] += there_and_back(2.0, 95)
    motion[FIRST : LAST + 1, CHIN] += (0.15, 0.0)
    motion[FIRST : LAST + 1] += (0.05, 0.0)  # the whole head, which the nose did not take with it
    row, attention = found(face, motion)
    assert attention.region == "left brow"
    assert abs(row - 95) <= 1


def test_what_always_moves_is_not_named_for_it(face: Float32) -> None:
    """The lower lip of a person who talks goes farther than the brow that is raised."""
    motion = still()
    motion[:, BROW] += there_and_back(1.5)
    motion[:, LIP, 1] += 1.2 * np.sin(np.arange(ROWS) / 1.5)
    way = np.cumsum(motion[FIRST : LAST + 1], axis=0)
    assert np.linalg.norm(way[:, LIP], axis=1).max() > np.linalg.norm(way[:, BROW], axis=1).max()
    row, attention = found(face, motion)
    assert attention.region == "left brow"
    assert abs(row - 100) <= 1


@pytest.mark.parametrize("when", [slice(0, 45), slice(155, ROWS)])
def test_speech_long_ago_or_later_says_nothing_of_a_lip_that_is_at_rest(
    face: Float32, monkeypatch: pytest.MonkeyPatch, when: slice
) -> None:
    motion = still()
    motion[:, LIP] += there_and_back(2.0)
    motion[:, BROW] += there_and_back(1.0)
    motion[when, LIP] += np.random.default_rng(1).normal(0, 3.0, (45, 2))
    assert found(face, motion)[1].region == "left brow"  # near enough to be usual
    monkeypatch.setattr(module, "NEAR_ROWS", 30)
    assert found(face, motion)[1].region == "lower lip"


def test_what_the_network_attends_to_is_named(face: Float32) -> None:
    motion = still()
    motion[:, BROW] += there_and_back(2.0)
    motion[:, CHIN] += there_and_back(2.0)
    upper, lower = np.zeros((4, 4)), np.zeros((4, 4))
    upper[:2], lower[2:] = 1 / 8, 1 / 8
    assert found(face, motion, upper)[1].region == "left brow"
    assert found(face, motion, lower)[1].region == "chin"


def test_the_heat_lies_where_it_moved(face: Float32) -> None:
    motion = still(1e-4)
    motion[:, LID] += there_and_back(2.0)
    heat = np.array(found(face, motion)[1].heat)
    assert heat.shape == (HEAT_CELLS, HEAT_CELLS)
    assert heat.max() == 1
    assert heat.min() >= 0
    ys, xs = np.nonzero(heat > 0.5)
    middle = face[[263, 362]].mean(axis=0) * HEAT_CELLS / CROP_PX
    assert np.hypot(xs.mean() + 0.5 - middle[0], ys.mean() + 0.5 - middle[1]) < 3


def cut(whole: Features, rows: slice) -> Features:
    """Return the video as if it began and ended there; rows come in pairs, as the levels' do."""
    (level,) = whole.levels
    few = Level(
        level.vectors[rows.start // 2 : rows.stop // 2], level.attention[rows.start // 2 : rows.stop // 2], level.grid
    )
    parts = {name: getattr(whole, name)[rows] for name in ("frames", "times_s", "present", "motion")}
    return replace(whole, levels=(few,), **parts)


@pytest.mark.parametrize("stop", [92, 100, 104])
def test_what_the_end_of_a_video_cuts_off_is_measured_from_its_onset(face: Float32, stop: int) -> None:
    """A rise until row 100: it has no way back yet, and a straight line to its last row would be all of it."""
    motion = still()
    motion[:, CHIN] += there_and_back(2.0)
    row, attention = apex_and_place(cut(features(face, motion), slice(0, stop)), FIRST, stop - 1, CROP_PX)
    assert attention.region == "chin"
    assert abs(row - min(stop - 1, 100)) <= 1


@pytest.mark.parametrize("start", [90, 100, 110])
def test_what_the_beginning_of_a_video_cuts_off_is_measured_from_its_offset(face: Float32, start: int) -> None:
    motion = still()
    motion[:, CHIN] += there_and_back(2.0)
    row, attention = apex_and_place(cut(features(face, motion), slice(start, ROWS)), 0, LAST - start, CROP_PX)
    assert attention.region == "chin"
    assert abs(row - max(100 - start, 0)) <= 1


def test_a_gap_without_a_face_cuts_off_as_the_end_does(face: Float32) -> None:
    motion = still()
    motion[:, CHIN] += there_and_back(2.0)
    gone = replace(features(face, motion), present=(np.arange(ROWS) < 98))
    row, attention = apex_and_place(gone, FIRST, 97, CROP_PX)
    assert (row, attention.region) == (97, "chin")


def test_of_a_straight_way_nothing_is_left() -> None:
    steps = np.ones((9, 2, 2))
    for ends in ((False, False), (True, True)):
        np.testing.assert_allclose(excursion(steps, *ends), 0.0, atol=1e-12)
    np.testing.assert_allclose(excursion(steps, False, True)[:, 0], np.sqrt(2) * np.arange(1, 10))
    np.testing.assert_allclose(excursion(steps, True, False)[:, 0], np.sqrt(2) * np.arange(8, -1, -1))


def excursion(steps: FloatArray, before: bool, after: bool) -> FloatArray:
    return module._excursion(steps, cut_before=before, cut_after=after)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (ROWS - 1, ROWS - 1), (FIRST, FIRST), (FIRST, FIRST + 2), (0, 1), (0, ROWS - 1)]
)
def test_short_and_long_intervals_have_an_apex_of_their_own(face: Float32, first: int, last: int) -> None:
    motion = still(1e-3)
    motion[:, CHIN] += (0.0, 0.5)
    motion[: ROWS // 2, CHIN] *= -1
    row, attention = apex_and_place(features(face, motion), first, last, CROP_PX)
    assert first <= row <= last
    assert np.isfinite(attention.heat).all()
    assert attention.region == "chin"


def test_the_apex_is_that_of_all_regions_each_by_how_far_it_went(face: Float32) -> None:
    """One region peaks at row 90 and two at row 108, which together went farther."""
    motion = still(1e-3)
    for region, size, peak in ((CHIN, 2.2, 90), (BROW, 2.0, 108), (LID, 2.0, 108)):
        motion[:, region] += there_and_back(size, peak)
    assert abs(found(face, motion)[0] - 108) <= 1


def test_attention_is_that_of_the_interval(face: Float32) -> None:
    motion = still()
    motion[:, BROW] += there_and_back(2.0)
    motion[:, CHIN] += there_and_back(2.0)
    whole = features(face, motion)
    maps = np.zeros((ROWS // 2, 4, 4), np.float32)
    maps[:, :2] = 1 / 8  # the upper half of the face before and after
    maps[FIRST // 2 : LAST // 2 + 1] = maps[FIRST // 2 : LAST // 2 + 1, ::-1]
    (level,) = whole.levels
    attended = replace(whole, levels=(Level(level.vectors, maps, level.grid),))
    assert apex_and_place(attended, FIRST, LAST, CROP_PX)[1].region == "chin"


def test_where_nothing_moves_at_all_there_is_an_answer_still(face: Float32) -> None:
    row, attention = found(face, np.zeros((ROWS, len(REGIONS), 2)))
    assert FIRST <= row <= LAST
    assert np.max(attention.heat) == 0
