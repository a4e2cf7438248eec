from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from mespot.simulate.actions import ACTIONS, COMBINATIONS, MIRROR, Action, Combination, Side
from mespot.simulate.fields import CROP_EYE_PX, FaceFields, Frame, edge_motion
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.render import Neutral

Face = tuple[Neutral, npt.NDArray[np.float32]]
AT_MOUTH_CORNER, AT_OTHER_CORNER = 291, 61
AT_INNER_BROW, AT_OUTER_BROW = 285, 293


def motion(face: Face, combination: Combination, landmark: int, side: Side = Side.BOTH) -> npt.NDArray[np.float64]:
    """Skin displacement (out, up) at a landmark of the person's left or right, px, for an apex of 4 px at 224."""
    neutral, landmarks = face
    fields = neutral.fields
    weights = fields.weights(combination, side, 4.0).reshape(-1)
    field = np.tensordot(weights, fields.skin, axes=1)
    x, y = np.round(landmarks[landmark] + BORDER_PX).astype(int) - (fields.box.x, fields.box.y)
    frame = Frame.of(landmarks)
    out = frame.left if landmark in MIRROR else -frame.left
    return np.array([field[y, x] @ out, field[y, x] @ frame.up])


def action(*numbers: int) -> Combination:
    return Combination(tuple((number, 1.0) for number in numbers), "lower", 1.0, 1.0)


@pytest.mark.parametrize("corner", [AT_MOUTH_CORNER, AT_OTHER_CORNER])
def test_lip_corners_go_where_their_muscles_pull(face: Face, corner: int) -> None:
    out, up = motion(face, action(12), corner)
    assert out > 1
    assert up > 1
    assert motion(face, action(15), corner)[1] < -1
    stretched = motion(face, action(20), corner)
    assert stretched[0] > 2 * abs(stretched[1])
    assert motion(face, action(23), corner)[0] < -1


@pytest.mark.parametrize("inner", [AT_INNER_BROW, MIRROR[AT_INNER_BROW]])
def test_brows_rise_and_lower(face: Face, inner: int) -> None:
    assert motion(face, action(1, 2), inner)[1] > 1
    lowered = motion(face, action(4), inner)
    assert lowered[0] < -0.5
    assert lowered[1] < -1


def test_inner_and_outer_brow_raisers_differ(face: Face) -> None:
    assert motion(face, action(1), AT_INNER_BROW)[1] > 3 * motion(face, action(1), AT_OUTER_BROW)[1]
    assert motion(face, action(2), AT_OUTER_BROW)[1] > 3 * motion(face, action(2), AT_INNER_BROW)[1]


def test_one_side_moves_only_that_side(face: Face) -> None:
    fast = motion(face, action(12), AT_MOUTH_CORNER, Side.LEFT)
    slow = motion(face, action(12), AT_OTHER_CORNER, Side.LEFT)
    assert np.hypot(*fast) > 1.5
    assert np.hypot(*slow) < 0.05
    slow = motion(face, action(12), AT_MOUTH_CORNER, Side.RIGHT)
    assert np.hypot(*slow) < 0.05


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("side", list(Side))
def test_intensity_is_the_greatest_displacement(face: Face, combination: Combination, side: Side) -> None:
    fields = face[0].fields
    weights = fields.weights(combination, side, 2.0)
    assert fields.greatest(weights) * CROP_EYE_PX / fields.eye_px == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize("one", ACTIONS.values(), ids=lambda one: f"AU{one.number}")
def test_the_two_halves_add_up_and_end_inside_the_box(face: Face, one: Action) -> None:
    fields = face[0].fields
    row = list(ACTIONS).index(one.number)
    both = fields.skin[2 * row] + fields.skin[2 * row + 1]
    assert float(np.hypot(both[..., 0], both[..., 1]).max()) == pytest.approx(1.0 if one.pulls else 0.0, abs=1e-5)
    rim = np.concatenate([both[0], both[-1], both[:, 0], both[:, -1]])
    np.testing.assert_array_equal(rim, 0)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda one: one.name)
def test_no_action_folds_the_skin(face: Face, combination: Combination) -> None:
    fields = face[0].fields
    weights = fields.weights(combination, Side.BOTH, min(10.0, combination.limit_px())).reshape(-1)
    field = np.tensordot(weights, fields.skin, axes=1).astype(np.float64)
    dx, dy = np.gradient(field, axis=1), np.gradient(field, axis=0)
    jacobian = (1 - dx[..., 0]) * (1 - dy[..., 1]) - dx[..., 1] * dy[..., 0]
    assert jacobian.min() > 0


def test_a_mirrored_face_has_a_mirrored_field(check_mirrored: Callable[[Action], None]) -> None:
    for one in ACTIONS.values():
        check_mirrored(one)


def test_edges_follow_the_table() -> None:
    weights = np.zeros((len(ACTIONS), 2), np.float32)
    order = list(ACTIONS)
    weights[order.index(5)] = (2.0, 0.0)
    weights[order.index(26)] = (3.0, 3.0)
    upper_left, upper_right, lower_left, lower_right, lip_up, lip_down, jaw = edge_motion(weights)
    assert (upper_left, upper_right, lower_left, lower_right) == (2, 0, 0, 0)
    assert (lip_up, lip_down, jaw) == (0, 0, 3)


def test_the_box_stays_inside_the_picture(face: Face) -> None:
    landmarks = face[1] + BORDER_PX
    box = FaceFields.of(landmarks, (300, 250)).box
    assert box.x >= 0
    assert box.y >= 0
    assert box.x + box.width <= 300
    assert box.y + box.height <= 250


def test_a_lopsided_face_moves_one_side_more(face: Face) -> None:
    fields = replace(face[0].fields, asymmetry=0.8)
    even, lopsided, doubly = (
        fields.weights(action(12), Side.BOTH, 2.0, asymmetry) for asymmetry in (1 / 0.8, 1.0, 0.5)
    )
    row = list(ACTIONS).index(12)
    for weights, ratio in ((even, 1.0), (lopsided, 0.8), (doubly, 0.4)):
        assert weights[row, 1] / weights[row, 0] == pytest.approx(ratio, rel=1e-5)
        assert fields.greatest(weights) * CROP_EYE_PX / fields.eye_px == pytest.approx(2.0, rel=1e-4)
