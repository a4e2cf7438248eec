from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file

from mespot.simulate.actions import ACTIONS, COMBINATIONS, Side
from mespot.simulate.exact import SPACING_PX, MotionProbe
from mespot.simulate.fields import edge_motion
from mespot.simulate.render import HeadPose, Instant, Neutral, Renderer, Sensor

Face = tuple[Neutral, npt.NDArray[np.float32]]
SILENT = Sensor.silent()
STILL = np.zeros((len(ACTIONS), 2), np.float32)


def instant(skin: npt.NDArray[np.float32] = STILL, pose: HeadPose = HeadPose(), closure: float = 0.0) -> Instant:  # noqa: B008
    return Instant(skin, edge_motion(skin), np.full(2, closure, np.float32), np.zeros(2, np.float32), pose)


def smile(face: Face, intensity_px: float = 6.0) -> npt.NDArray[np.float32]:
    combination = next(one for one in COMBINATIONS if one.name == "6+12")
    return face[0].fields.weights(combination, Side.BOTH, intensity_px)


def test_a_face_at_rest_has_not_moved(face: Face) -> None:
    assert np.abs(MotionProbe(*face).displacement(instant())).max() < 2e-3


def test_the_greatest_displacement_is_that_of_the_action(face: Face) -> None:
    skin = smile(face)
    moved = MotionProbe(*face).displacement(instant(skin))
    assert np.linalg.norm(moved, axis=-1).max() == pytest.approx(face[0].fields.greatest(skin), rel=0.01)


def test_the_picture_is_the_neutral_one_moved_by_it(face: Face) -> None:
    shown = instant(smile(face), HeadPose(0.03, -0.02, 0.01, 2.0, -1.5, 1.01))
    renderer, rng = Renderer(face[0], SILENT), np.random.default_rng(0)
    neutral = renderer.draw(instant(), rng).astype(np.float32)
    drawn = renderer.draw(shown, rng).astype(np.float32)
    moved = MotionProbe(*face).displacement(shown)
    places = np.indices(moved.shape[:2], np.float32)[::-1].transpose(1, 2, 0)
    again = cv2.remap(neutral, places - moved, np.empty(0, np.float32), cv2.INTER_CUBIC)
    inner = (slice(10, -10), slice(10, -10))
    assert np.abs(again - drawn)[inner].mean() < 0.5 < 2 < np.abs(neutral - drawn)[inner].mean()


def test_landmarks_follow_a_shift_exactly_and_a_lid_within_a_px(face: Face, tmp_path: Path) -> None:
    probe = MotionProbe(*face)
    swaying = Instant(STILL, edge_motion(STILL), np.zeros(2, np.float32), np.zeros(2, np.float32), sway=(3.25, -1.5))
    for shown in (instant(), swaying, instant(closure=1.0)):
        probe.take(shown)
    probe.save(tmp_path / "motion.safetensors")
    saved = load_file(tmp_path / "motion.safetensors")
    height, width = (face[0].picture.shape[axis] - 48 for axis in (0, 1))
    grid = (3, 2, -(-height // SPACING_PX), -(-width // SPACING_PX))
    assert saved["displacement"].shape == grid
    assert saved["displacement"].dtype == np.float16
    assert saved["spacing_px"].tolist() == [SPACING_PX]
    rest, moved, blinking = saved["landmarks"]
    np.testing.assert_allclose(rest, face[1], atol=0.01)
    np.testing.assert_allclose(moved, face[1] + (3.25, -1.5), atol=0.01)
    opening = float(face[1][145, 1] - face[1][159, 1])
    assert blinking[159, 1] - face[1][159, 1] == pytest.approx(opening, abs=max(1.5, 0.3 * opening))
    assert np.abs(blinking[199] - face[1][199]).max() < 0.05
