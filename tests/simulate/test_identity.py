from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot.core.errors import FaceError
from mespot.simulate.identity import Variation, build_neutral, find_mesh, load_still
from mespot.simulate.kernels import BORDER_PX

SMILE_CLIP = Path(str(files("mespot.assets"))) / "neutral_to_smile.mp4"


def test_a_clip_gives_a_frame_at_rest() -> None:
    still = load_still(SMILE_CLIP)
    mesh = find_mesh(still)
    assert mesh is not None
    unit = float(np.hypot(*(mesh[263, :2] - mesh[33, :2])))
    assert mesh[145, 1] - mesh[159, 1] > 0.06 * unit
    assert mesh[14, 1] - mesh[13, 1] < 0.05 * unit


def test_the_face_is_placed_at_the_wanted_size(still_path: Path, plain: Variation) -> None:
    neutral, landmarks = build_neutral(load_still(still_path), plain, (480, 400))
    assert neutral.picture.shape == (400 + 2 * BORDER_PX, 480 + 2 * BORDER_PX, 3)
    width = float(np.hypot(*(landmarks[454] - landmarks[234])))
    assert width == pytest.approx(190, rel=0.1)
    across = landmarks[263] - landmarks[33]
    assert abs(across[1]) < 0.03 * across[0]


def test_the_nose_is_nearer_than_the_face_s_rim(still_path: Path, plain: Variation) -> None:
    neutral, landmarks = build_neutral(load_still(still_path), plain, (480, 400))
    nose, rim = (neutral.depth[tuple(np.round(landmarks[i] + BORDER_PX).astype(int)[::-1])] for i in (4, 454))
    assert nose < rim - 0.2 * neutral.fields.eye_px
    assert neutral.head[tuple(np.round(landmarks[4] + BORDER_PX).astype(int)[::-1])] == 1


def test_varied_faces_differ(still_path: Path) -> None:
    still = load_still(still_path)
    pictures = []
    for seed in (1, 2):
        variation = Variation.draw(np.random.default_rng(seed), (120.0, 200.0))
        pictures.append(build_neutral(still, variation, (320, 240))[0].picture)
    assert np.abs(pictures[0] - pictures[1]).mean() > 5


def test_a_picture_without_a_face_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 120, np.uint8))
    with pytest.raises(FaceError, match=r"grey\.png: no face was found"):
        load_still(path)


def test_an_unreadable_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    with pytest.raises(FaceError, match="cannot be read"):
        load_still(path)


def test_a_picture_that_no_face_fits_into_is_refused_with_its_size(still_path: Path, plain: Variation) -> None:
    with pytest.raises(FaceError, match="lost in a picture of 2000 x 96 px"):
        build_neutral(load_still(still_path), replace(plain, face_px=20.0), (2000, 96))
