import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.simulate.actions import ACTIONS
from mespot.simulate.nuisance import Nuisance, draw_nuisance, smooth_noise

TIMES_S = np.arange(900) / 30
ORDER = list(ACTIONS)


@pytest.fixture(scope="module")
def many() -> list[Nuisance]:
    return [draw_nuisance(np.random.default_rng(seed), TIMES_S) for seed in range(60)]


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_courses_stay_within_what_a_recording_shows(seed: int) -> None:
    nuisance = draw_nuisance(np.random.default_rng(seed), TIMES_S)
    assert 0 <= nuisance.closure.min() <= nuisance.closure.max() <= 1
    assert np.abs(nuisance.gaze).max() <= 0.05 + 1e-9
    assert np.abs(nuisance.sway).max() <= 20
    assert 0.6 <= nuisance.light[:, 0].min() <= nuisance.light[:, 0].max() <= 1.5
    starts = [one.start_s for one in nuisance.distractions]
    assert starts == sorted(starts)
    assert all(one.start_s < one.stop_s for one in nuisance.distractions)


def test_eyes_are_open_except_in_listed_blinks(many: list[Nuisance]) -> None:
    for nuisance in many:
        listed = np.zeros(len(TIMES_S), bool)
        for one in nuisance.distractions:
            if one.kind == "blink":
                listed |= (one.start_s <= TIMES_S) & (one.stop_s >= TIMES_S)
        assert not nuisance.closure[~listed].any()


def test_jaw_moves_only_in_listed_speech(many: list[Nuisance]) -> None:
    spoken = 0
    for nuisance in many:
        listed = np.zeros(len(TIMES_S), bool)
        for one in nuisance.distractions:
            if one.kind == "speech":
                listed |= (one.start_s <= TIMES_S) & (one.stop_s >= TIMES_S)
        jaw = nuisance.skin[:, ORDER.index(26)]
        assert not jaw[~listed].any()
        assert not listed.any() or jaw[listed].max() > 0.5
        spoken += bool(listed.any())
    assert 5 < spoken < 30


def test_heads_range_from_still_to_moving(many: list[Nuisance]) -> None:
    travel = [float(np.ptp(nuisance.pose[:, :3], axis=0).max()) for nuisance in many]
    assert min(travel) < 0.01
    assert max(travel) > 0.08
    assert max(travel) < 1.0


def test_smooth_noise_has_unit_size_and_the_stated_band() -> None:
    times_s = np.arange(30_000) / 30
    course = smooth_noise(np.random.default_rng(0), times_s, 0.1, 1.0)
    assert course.std() == pytest.approx(1.0, rel=0.1)
    power = np.abs(np.fft.rfft(course)) ** 2
    hertz = np.fft.rfftfreq(len(course), 1 / 30)
    inside = (hertz > 0.08) & (hertz < 1.2)
    assert power[inside].sum() > 0.98 * power.sum()


def test_the_upper_lid_follows_a_gaze_that_sinks(many: list[Nuisance]) -> None:
    lowest = max(many, key=lambda one: float(one.gaze[:, 1].max()))
    down = int(lowest.gaze[:, 1].argmax())
    assert lowest.gaze[down, 1] > 0.01
    assert lowest.skin[down, ORDER.index(5)] < -0.5


def test_blinks_close_faster_than_they_open() -> None:
    times_s = np.arange(6000) / 200
    shares = []
    for seed in range(20):
        closing = np.diff(draw_nuisance(np.random.default_rng(seed), times_s).closure[:, 0])
        shares.append(((closing > 1e-9).sum(), (closing < -1e-9).sum()))
    falling, rising = np.sum(shares, axis=0)
    assert 0.3 < falling / rising < 0.7


def test_some_lamps_flicker_and_some_do_not(many: list[Nuisance]) -> None:
    # Half of the frames change thus: neither a drift of the light nor a step does that.
    quick = np.array([np.median(np.abs(np.diff(one.light[:, 0], n=2))) for one in many])
    assert 2 <= (quick > 2e-3).sum() <= 20
    assert (quick < 2e-4).sum() > 30
    assert quick.max() < 0.08
    assert all(0 <= one.exposure <= 0.7 for one in many)


def test_heads_shift_their_place_and_their_distance(many: list[Nuisance]) -> None:
    assert max(float(np.ptp(one.pose[:, 5])) for one in many) > 0.02
    assert max(float(np.ptp(one.pose[:, 3])) for one in many) > 0.05
