"""Dense landmarks: the region of interest by its algebra, the network on a real face."""

from __future__ import annotations

import math
from importlib.resources import as_file, files

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.vision.decode import VideoReader
from mespot.vision.faces import FaceBox
from mespot.vision.landmarks import (
    LEFT_EYE_OUTER,
    POINTS,
    RIGHT_EYE_OUTER,
    LandmarkNet,
    Roi,
    find_landmarks,
)

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def frame() -> Image:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        images = next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)).images
    return np.asarray(images[0], np.uint8)


@pytest.fixture(scope="module")
def points(frame: Image) -> Points:
    found = find_landmarks(frame)
    assert found is not None
    return found


@given(
    angle=st.floats(-3, 3),
    scale=st.floats(0.2, 5),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    seed=st.integers(0, 9),
)
def test_region_moves_turns_and_grows_with_the_landmarks(
    angle: float, scale: float, x: float, y: float, seed: int
) -> None:
    face = np.random.default_rng(seed).uniform(100, 200, (POINTS, 2))
    face[RIGHT_EYE_OUTER], face[LEFT_EYE_OUTER] = (120, 140), (180, 142)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    before, after = Roi.from_landmarks(face), Roi.from_landmarks(scale * face @ turn.T + [x, y])
    assert after.side == pytest.approx(scale * before.side, rel=1e-9)
    assert math.cos(after.angle - before.angle - angle) == pytest.approx(1)
    assert after.centre == pytest.approx(tuple(scale * turn @ before.centre + [x, y]), abs=1e-6)


@given(side=st.floats(20, 900), angle=st.floats(-3, 3), px=st.integers(8, 256))
def test_region_map_keeps_centre_and_side(side: float, angle: float, px: int) -> None:
    to_source = Roi((12.0, -7.0), side, angle).to_source(px)
    middle = to_source @ [(px - 1) / 2, (px - 1) / 2, 1]
    assert middle == pytest.approx([12, -7])
    edge = to_source[:, :2] @ [px, 0]
    assert np.hypot(*edge) == pytest.approx(side)
    assert math.cos(math.atan2(edge[1], edge[0]) - angle) == pytest.approx(1)


def test_region_of_a_box_is_larger_and_along_the_eyes() -> None:
    roi = Roi.from_box(FaceBox(10, 20, 60, 80, 0.9, (30, 50), (50, 60)))
    assert roi.centre == pytest.approx((40, 60))
    assert roi.side == pytest.approx(1.35 * 80)
    assert roi.angle == pytest.approx(math.atan2(10, 20))


def test_landmarks_lie_on_the_face(points: Points) -> None:
    assert points.shape == (POINTS, 2)
    assert points.dtype == np.float32
    right, left = points[RIGHT_EYE_OUTER], points[LEFT_EYE_OUTER]
    # marked by eye in the first frame: the outer eye corners, the tip of the nose and the chin
    assert right == pytest.approx([246, 172], abs=4)
    assert left == pytest.approx([347, 167], abs=4)
    assert points[4] == pytest.approx([298, 211], abs=4)
    assert points[152] == pytest.approx([303, 299], abs=6)


def test_large_pictures_give_the_same_landmarks(frame: Image, points: Points) -> None:
    large = np.asarray(cv2.resize(frame, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.uint8)
    found = find_landmarks(large)
    assert found is not None
    assert np.abs((found - 1.5) / 4 - points).mean() < 0.35


def test_turned_pictures_give_turned_landmarks(frame: Image, points: Points) -> None:
    matrix = cv2.getRotationMatrix2D((300, 190), 20, 1)
    found = find_landmarks(np.asarray(cv2.warpAffine(frame, matrix, (640, 360)), np.uint8))
    assert found is not None
    expected = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found - expected).mean() < 1.0


def test_a_mirrored_face_swaps_left_and_right(frame: Image, points: Points) -> None:
    found = find_landmarks(np.ascontiguousarray(frame[:, ::-1]))
    assert found is not None
    mirrored = [639 - points[LEFT_EYE_OUTER, 0], points[LEFT_EYE_OUTER, 1]]
    assert found[RIGHT_EYE_OUTER] == pytest.approx(mirrored, abs=5)


def test_following_settles(frame: Image, points: Points) -> None:
    net = LandmarkNet()
    for _ in range(3):
        points, presence = net(frame, Roi.from_landmarks(points))
        assert presence > 0.99
    again, _ = net(frame, Roi.from_landmarks(points))
    assert np.abs(again - points).mean() < 0.05


def test_mesh_has_the_same_points_and_the_nose_is_nearest(frame: Image, points: Points) -> None:
    net = LandmarkNet()
    roi = Roi.from_landmarks(points)
    mesh, _ = net.mesh(frame, roi)
    assert mesh.shape == (POINTS, 3)
    assert np.array_equal(mesh[:, :2], net(frame, roi)[0])
    assert mesh[4, 2] < mesh[152, 2] < mesh[234, 2]  # tip of the nose, chin, side of the face


def test_a_wall_is_no_face(frame: Image) -> None:
    assert find_landmarks(np.ascontiguousarray(frame[:, 440:])) is None
    _, presence = LandmarkNet()(frame, Roi((540.0, 180.0), 150.0, 0.0))
    assert presence < 0.5


def test_a_region_outside_the_picture_is_no_face(frame: Image) -> None:
    for side in (100.0, 1000.0):
        _, presence = LandmarkNet()(frame, Roi((-4000.0, 9000.0), side, 0.0))
        assert presence < 0.5
