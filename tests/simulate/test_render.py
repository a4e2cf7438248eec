from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from mespot.simulate.actions import ACTIONS, Combination, Side
from mespot.simulate.fields import edge_motion
from mespot.simulate.kernels import BORDER_PX, NOISE_TILE_PX
from mespot.simulate.render import (
    HeadPose,
    Instant,
    Light,
    Neutral,
    Renderer,
    Sensor,
)
from mespot.vision.landmarks import find_landmarks

Face = tuple[Neutral, npt.NDArray[np.float32]]
SMILE = Combination(((12, 1.0),), "lower", 1.0, 1.0)
JAW = Combination(((25, 0.5), (26, 1.0)), "lower", 1.0, 1.0)


def silent() -> Sensor:
    return Sensor(0.0, 0.0, np.zeros((2, NOISE_TILE_PX, NOISE_TILE_PX, 3), np.float32))


def at_rest(**changes: object) -> Instant:
    weights = changes.pop("skin", np.zeros((len(ACTIONS), 2), np.float32))
    assert isinstance(weights, np.ndarray)
    closure = np.full(2, changes.pop("closure", 0.0), np.float32)
    return Instant(weights, edge_motion(weights), closure, np.zeros(2, np.float32), **changes)  # type: ignore[arg-type]


def draw(face: Face, instant: Instant, sensor: Sensor | None = None) -> npt.NDArray[np.uint8]:
    return Renderer(face[0], sensor or silent()).draw(instant, np.random.default_rng(0))


def test_the_neutral_picture_is_drawn_as_it_is(face: Face) -> None:
    shown = face[0].picture[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    difference = np.abs(draw(face, at_rest()) - shown)
    assert difference.max() < 0.75


def test_landmarks_of_a_rendered_smile_moved_up_and_out(face: Face) -> None:
    neutral, landmarks = face
    weights = neutral.fields.weights(SMILE, Side.BOTH, 8.0)
    before = find_landmarks(draw(face, at_rest()))
    after = find_landmarks(draw(face, at_rest(skin=weights)))
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(before, landmarks, atol=3)
    left, right = after[291] - before[291], after[61] - before[61]
    least = 0.25 * 8.0 * neutral.fields.eye_px / 89.6
    assert left[0] > least
    assert right[0] < -least
    assert left[1] < -least / 2
    assert right[1] < -least / 2


def test_only_the_face_changes_in_an_expression(face: Face) -> None:
    neutral = face[0]
    weights = neutral.fields.weights(SMILE, Side.LEFT, 8.0)
    difference = np.abs(draw(face, at_rest()).astype(int) - draw(face, at_rest(skin=weights))).max(axis=-1)
    rows, columns = np.nonzero(difference)
    box = neutral.fields.box
    assert columns.min() + BORDER_PX > box.x
    assert columns.max() + BORDER_PX < box.x + box.width
    assert rows.min() > face[1][300, 1]  # a smile leaves brows and forehead alone
    clearly = np.nonzero(difference > 2)[1]
    assert len(clearly) > 300
    assert (clearly > face[1][4, 0] - 16).mean() > 0.97  # the person's left is on the right of the picture


def test_an_opened_mouth_shows_a_dark_inside(face: Face) -> None:
    neutral, landmarks = face
    weights = neutral.fields.weights(JAW, Side.BOTH, 8.0)
    opened = draw(face, at_rest(skin=weights)).astype(float)
    x, y = ((landmarks[13] + landmarks[14]) / 2).astype(int)
    drop = 8.0 * neutral.fields.eye_px / 89.6
    gap = opened[int(y + 0.35 * drop), x - 5 : x + 5].mean()
    cheek = opened[int(landmarks[205, 1]), int(landmarks[205, 0])].mean()
    assert gap < 0.4 * cheek


def test_a_blink_covers_the_eyes_with_skin(face: Face) -> None:
    landmarks = face[1]
    neutral, closed = draw(face, at_rest()).astype(float), draw(face, at_rest(closure=1.0)).astype(float)
    for upper, lower in ((159, 145), (386, 374)):
        x = int((landmarks[upper, 0] + landmarks[lower, 0]) / 2)
        y = int((landmarks[upper, 1] + landmarks[lower, 1]) / 2)
        eye = np.s_[y - 2 : y + 2, x - 3 : x + 3]
        assert np.abs(closed[eye] - neutral[eye]).mean() > 15
    mouth = np.s_[int(landmarks[0, 1]) :, :]
    np.testing.assert_array_equal(closed[mouth], neutral[mouth])


@pytest.mark.parametrize(
    ("pose", "axis", "sign"),
    [(HeadPose(yaw=0.08), 0, 1), (HeadPose(pitch=0.08), 1, 1), (HeadPose(x=4.0), 0, 1), (HeadPose(y=-4.0), 1, -1)],
)
def test_the_nose_follows_the_head(face: Face, pose: HeadPose, axis: int, sign: int) -> None:
    before, after = find_landmarks(draw(face, at_rest())), find_landmarks(draw(face, at_rest(pose=pose)))
    assert before is not None
    assert after is not None
    assert sign * float((after - before)[4, axis]) > 1.5


def test_turning_moves_the_nose_more_than_the_cheeks(face: Face) -> None:
    before, after = (find_landmarks(draw(face, at_rest(pose=HeadPose(yaw=yaw)))) for yaw in (0.0, 0.1))
    assert before is not None
    assert after is not None
    moved = (after - before)[:, 0]
    assert moved[4] > 1.3 * max(moved[234], moved[454])


def test_sway_moves_the_whole_picture(face: Face) -> None:
    still, moved = draw(face, at_rest()), draw(face, at_rest(sway=(3.0, -2.0)))
    difference = np.abs(moved[:-2, 3:].astype(int) - still[2:, :-3])
    assert difference.mean() < 0.6


def test_light_scales_the_picture(face: Face) -> None:
    dim = draw(face, at_rest(light=Light(gain=0.5)))
    assert dim.mean() == pytest.approx(draw(face, at_rest()).mean() / 2, rel=0.02)
    sloped = draw(face, at_rest(light=Light(slope_x=0.3))).astype(float) - draw(face, at_rest())
    assert sloped[:, :40].mean() < -5
    assert sloped[:, -40:].mean() > 5


def test_noise_has_the_stated_strength_and_is_fresh(face: Face) -> None:
    tiles = np.random.default_rng(3).standard_normal((2, NOISE_TILE_PX, NOISE_TILE_PX, 3)).astype(np.float32)
    renderer = Renderer(face[0], Sensor(read=2.0, shot=0.0, tiles=tiles))
    rng = np.random.default_rng(4)
    first, second = (renderer.draw(at_rest(), rng).astype(float) for _ in range(2))
    shown = face[0].picture[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    middle = (shown > 12) & (shown < 243)
    assert (first - shown)[middle].std() == pytest.approx(2.0, rel=0.05)
    correlation = np.corrcoef((first - shown)[middle], (second - shown)[middle])[0, 1]
    assert abs(correlation) < 0.05


def test_an_exposure_blurs_what_moves_and_nothing_else(face: Face) -> None:
    sensor = silent()
    sharp, blurred = Renderer(face[0], sensor), Renderer(face[0], replace(sensor, exposure=0.6))
    rng = np.random.default_rng(0)
    for pose in (HeadPose(), HeadPose(), HeadPose(y=6.0)):
        one, other = (renderer.draw(at_rest(pose=pose), rng).astype(float) for renderer in (sharp, blurred))
        if pose.y == 0:
            np.testing.assert_array_equal(one, other)
    box = np.s_[int(face[1][10, 1]) : int(face[1][152, 1]), int(face[1][234, 0]) : int(face[1][454, 0])]
    assert np.abs(np.diff(other[box], axis=0)).mean() < 0.85 * np.abs(np.diff(one[box], axis=0)).mean()
    assert other.mean() == pytest.approx(one.mean(), rel=0.01)


def test_blur_reaches_back_towards_where_things_were(face: Face) -> None:
    half = [Renderer(face[0], replace(silent(), exposure=share)) for share in (0.0, 0.7)]
    rng = np.random.default_rng(0)
    for renderer in half:
        renderer.draw(at_rest(), rng)
    sharp, blurred = (renderer.draw(at_rest(pose=HeadPose(x=4.0)), rng).astype(float) for renderer in half)
    behind = draw(face, at_rest(pose=HeadPose(x=2.6))).astype(float)
    ahead = draw(face, at_rest(pose=HeadPose(x=5.4))).astype(float)
    assert np.abs(blurred - behind).mean() < np.abs(blurred - sharp).mean() < np.abs(blurred - ahead).mean()
