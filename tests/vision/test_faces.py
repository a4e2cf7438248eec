"""The face detector on real and empty pictures."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.config import FaceConfig
from mespot.vision.decode import VideoReader
from mespot.vision.faces import FaceBox, FaceDetector

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def frame() -> Image:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        images = next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)).images
    return np.asarray(images[0], np.uint8)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(FaceConfig())


sizes = st.floats(1, 500)
places = st.floats(-300, 300)
boxes = st.builds(FaceBox, places, places, sizes, sizes, st.just(0.9), st.just((0.0, 0.0)), st.just((1.0, 0.0)))


@pytest.mark.parametrize(
    ("x", "y", "width", "height", "fits"),
    [
        (10.0, 10.0, 50.0, 60.0, True),
        (-20.0, 10.0, 50.0, 60.0, True),  # half beyond the border
        (-40.0, 10.0, 50.0, 60.0, False),
        (4.5e19, 10.0, 50.0, 60.0, False),
        (np.nan, 10.0, 50.0, 60.0, False),
        (-np.inf, 10.0, np.inf, 60.0, False),
        (-400.0, 10.0, 1000.0, 60.0, False),
    ],
)
def test_a_box_beyond_the_picture_is_none_of_its_faces(
    x: float, y: float, width: float, height: float, fits: bool
) -> None:
    box = FaceBox(x, y, width, height, 0.9, (0.0, 0.0), (1.0, 0.0))
    assert box.fits(200, 100) is fits
    assert not replace(box, left_eye=(np.inf, 0.0)).fits(200, 100)


@given(boxes, boxes)
def test_iou_is_symmetric_and_a_share(one: FaceBox, other: FaceBox) -> None:
    assert one.iou(other) == pytest.approx(other.iou(one))
    assert 0 <= one.iou(other) <= 1 + 1e-9
    assert one.iou(one) == pytest.approx(1)


def test_iou_of_boxes_that_share_a_third() -> None:
    one = FaceBox(0, 0, 10, 10, 1, (2, 3), (7, 3))
    assert one.iou(FaceBox(5, 0, 10, 10, 1, (7, 3), (12, 3))) == pytest.approx(1 / 3)
    assert one.iou(FaceBox(10, 0, 10, 10, 1, (12, 3), (17, 3))) == 0


def test_finds_the_one_face_and_tells_its_eyes_apart(frame: Image, detector: FaceDetector) -> None:
    (box,) = detector.detect(frame)
    assert box.score > 0.8
    assert 120 < box.width < 180  # 151 px by the clip's description
    # the person's right eye is on the left of the picture
    assert box.x < box.right_eye[0] < box.left_eye[0] < box.x + box.width
    assert abs(box.right_eye[1] - box.left_eye[1]) < 10


def test_boxes_are_in_px_of_the_picture_whatever_its_size(frame: Image, detector: FaceDetector) -> None:
    (box,) = detector.detect(frame)
    (doubled,) = detector.detect(np.asarray(cv2.resize(frame, None, fx=2, fy=2), np.uint8))
    assert [doubled.x, doubled.y, doubled.width, doubled.height] == pytest.approx(
        [2 * box.x, 2 * box.y, 2 * box.width, 2 * box.height], abs=12
    )


def test_two_faces_come_best_first(frame: Image, detector: FaceDetector) -> None:
    pair = np.hstack([frame[:, 100:500], np.fliplr(frame[:, 100:500])])
    found = detector.detect(np.ascontiguousarray(pair))
    assert len(found) == 2
    assert found[0].score >= found[1].score
    assert found[0].iou(found[1]) == 0


def test_no_face_no_box(frame: Image, detector: FaceDetector) -> None:
    assert detector.detect(np.full((120, 200, 3), 127, np.uint8)) == []
    assert detector.detect(np.ascontiguousarray(frame[:, 440:])) == []
    assert detector.detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_detection_has_no_memory(frame: Image, detector: FaceDetector) -> None:
    first = detector.detect(frame)
    detector.detect(np.zeros((90, 300, 3), np.uint8))
    assert detector.detect(frame) == first


def test_a_higher_least_score_rejects(frame: Image) -> None:
    assert FaceDetector(FaceConfig(detector_score=0.999)).detect(frame) == []
