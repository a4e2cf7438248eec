import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.simulate.actions import ACTIONS
from mespot.simulate.speech import articulate

TIMES_S = np.arange(300) / 25
ORDER = list(ACTIONS)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), lasting_s=st.floats(1.0, 10.0), loud=st.floats(0.4, 1.5))
def test_the_mouth_is_at_rest_before_and_after(seed: int, lasting_s: float, loud: float) -> None:
    speech = articulate(np.random.default_rng(seed), TIMES_S, 1.0, 1.0 + lasting_s, loud)
    silent = (TIMES_S < 1.0) | (1.0 + lasting_s < TIMES_S)
    assert not speech.skin[silent].any()
    assert not speech.pitch[silent].any()
    assert speech.skin[~silent, ORDER.index(26)].max() > 0.5


def test_speech_grows_with_its_loudness() -> None:
    usual, loud = (articulate(np.random.default_rng(1), TIMES_S, 1.0, 9.0, size).skin for size in (1.0, 1.5))
    np.testing.assert_allclose(loud, 1.5 * usual)


def test_jaw_and_lips_move_as_fast_and_as_often_as_real_speakers_do() -> None:
    speech = [articulate(np.random.default_rng(seed), TIMES_S, 0.0, 12.0, 1.0).skin for seed in range(20)]
    steps = np.diff([skin[:, ORDER.index(26)] + 0.5 * skin[:, ORDER.index(25)] for skin in speech], axis=1)
    # Speaking two thirds of the time, the lower lip of the calibration moves 1.08 px between two frames.
    assert np.sqrt((steps**2).mean()) == pytest.approx(1.08 * np.sqrt(3 / 2), rel=0.35)
    power = (np.abs(np.fft.rfft(steps, axis=1)) ** 2).mean(axis=0)
    hertz = np.fft.rfftfreq(steps.shape[1], 1 / 25)
    assert power[(hertz > 2.5) & (hertz < 5.5)].sum() > 0.5 * power.sum()


def test_lips_close_between_vowels() -> None:
    skin = articulate(np.random.default_rng(2), TIMES_S, 0.0, 12.0, 1.0).skin
    jaw = skin[:, ORDER.index(26)]
    closed = jaw < 0.15 * jaw.max()
    assert 10 < (np.diff(closed.astype(int)) == 1).sum() < 60
    assert skin[closed, ORDER.index(24)].max() > 0.5
