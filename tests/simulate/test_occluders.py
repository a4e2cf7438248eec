from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mespot.simulate.actions import ACTIONS, Combination, Side
from mespot.simulate.fields import edge_motion
from mespot.simulate.identity import Variation, build_neutral, load_still
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.occluders import glasses, grow_beard
from mespot.simulate.render import HeadPose, Instant, Neutral, Renderer, Sensor

Face = tuple[Neutral, npt.NDArray[np.float32]]


def at(layer: npt.NDArray[np.float32], point: npt.NDArray[np.floating]) -> float:
    return float(layer[int(point[1]), int(point[0])])


def test_rims_surround_the_eyes_and_leave_them_free(face: Face) -> None:
    neutral, landmarks = face
    placed = landmarks + BORDER_PX
    box = neutral.fields.box
    rims = glasses(placed, box, 0.03)
    assert rims.max() == 1
    assert 0.005 < rims.mean() < 0.1
    for eye in ((33, 133), (362, 263)):
        middle = placed[list(eye)].mean(axis=0) - (box.x, box.y)
        assert at(rims, middle) == 0
        x = int(middle[0])
        assert rims[: int(middle[1]), x].max() == 1
        assert rims[int(middle[1]) :, x].max() == 1
    assert at(rims, placed[152] - (box.x, box.y)) == 0
    assert glasses(placed, box, 0.05).sum() > 1.3 * rims.sum()


def test_a_beard_darkens_the_chin_and_spares_lips_and_eyes(face: Face) -> None:
    neutral, landmarks = face
    placed = landmarks + BORDER_PX
    bearded = grow_beard(neutral.picture, placed, 0.6, 1)
    share = (bearded / np.maximum(neutral.picture, 1)).mean(axis=-1)
    assert at(share, placed[199]) < 0.75
    assert at(share, placed[13]) > 0.95
    assert at(share, placed[159]) == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(bearded, grow_beard(neutral.picture, placed, 0.6, 1))


def test_rims_follow_the_head_and_not_the_skin(still_path: Path, plain: Variation) -> None:
    worn = replace(plain, rim=0.04, rim_level=0.0)
    neutral, _ = build_neutral(load_still(still_path), worn, (320, 260))
    assert neutral.rims is not None
    renderer = Renderer(neutral, Sensor.silent())
    box = neutral.fields.box
    covered = np.argwhere(neutral.rims == 1) + np.array([box.y - BORDER_PX, box.x - BORDER_PX])

    def dark(skin: npt.NDArray[np.float32], pose: HeadPose, shift: int) -> float:
        none = np.zeros(2, np.float32)
        image = renderer.draw(Instant(skin, edge_motion(skin), none, none, pose), np.random.default_rng(0))
        return float((image[covered[:, 0] + shift, covered[:, 1]].max(axis=-1) < 12).mean())

    rest = np.zeros((len(ACTIONS), 2), np.float32)
    raised = neutral.fields.weights(Combination(((1, 1.0), (2, 1.0)), "upper", 1.0, 1.0), Side.BOTH, 8.0)
    assert dark(rest, HeadPose(), 0) > 0.99
    assert dark(raised, HeadPose(), 0) > 0.99
    assert dark(rest, HeadPose(y=3.0), 3) > 0.95
