"""Following faces through real clips, and through videos made of them."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mespot.config import Config
from mespot.core.errors import FaceError
from mespot.core.signals import FaceTrack
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter
from mespot.vision.tracking import track_face

MEDIA = Path(__file__).parents[1] / "media"
Images = npt.NDArray[np.uint8]
EVERY = slice(None)


@pytest.fixture(scope="module")
def clip() -> Images:
    """(48, 360, 400, 3): the bundled clip's face with little beside it."""
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        images = next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=48)).images
    return images[:, :, 100:500]


def wall(images: Images) -> Images:
    """As many pictures without the face, of the same brightness."""
    return np.broadcast_to(images.mean(axis=(0, 1, 2)).astype(np.uint8), images.shape)


def follow(folder: Path, images: Images, **face: object) -> FaceTrack:
    path = folder / "video.mkv"
    height, width = images.shape[1:3]
    with VideoWriter(path, width_px=width, height_px=height, fps=30, codec="ffv1") as video:
        for image in images:
            video.write(np.ascontiguousarray(image))
    return track_face(VideoReader(path), Config.parse({"face": face}, source="test"))


def middle(track: FaceTrack) -> npt.NDArray[np.float32]:
    mean: npt.NDArray[np.float32] = track.at(track.knots).mean(axis=(0, 1))
    return mean


def test_the_bundled_clip_shows_its_face_throughout() -> None:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        done: list[int] = []
        track = track_face(VideoReader(path), Config(), done.append)
    assert len(track) == 72
    assert track.coverage == 1
    assert np.flatnonzero(track.starts).tolist() == [0]
    assert done == [64, 72]
    points = track.at(EVERY)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
    assert steps.mean() < 3  # the head moves, but the points do not jump
    assert np.linalg.norm(points[0, 33] - points[0, 263]) == pytest.approx(100, abs=6)


def test_the_second_clip_shows_its_face_throughout() -> None:
    track = track_face(VideoReader(MEDIA / "smile_then_talk.mp4"), Config())
    assert track.coverage == 1
    assert len(list(track.stretches())) == 1


def test_the_result_does_not_depend_on_the_chunks() -> None:
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        one = track_face(VideoReader(path), Config())
        others = [track_face(VideoReader(path), Config().override([f"decode.chunk_frames={n}"])) for n in (1, 7)]
    for other in others:
        _alike(one, other)


def _alike(one: FaceTrack, other: FaceTrack) -> None:
    assert np.array_equal(one.knots, other.knots)
    assert np.array_equal(one.at(EVERY), other.at(EVERY))
    assert np.array_equal(one.frames, other.frames)


def test_a_calm_face_is_measured_in_every_third_frame_and_at_the_ends(tmp_path: Path, clip: Images) -> None:
    images = clip[[0] * 20]
    few = follow(tmp_path, images)
    assert few.knots.tolist() == [0, 3, 6, 9, 12, 15, 18, 19]
    assert few.coverage == 1
    each = follow(tmp_path, images, landmarks_every=1)
    assert each.knots.tolist() == list(range(20))
    assert np.abs(few.at(EVERY) - each.at(EVERY)).max() < 0.3


def test_landmarks_between_the_measured_ones_are_near_what_would_be_measured() -> None:
    path = MEDIA / "smile_then_talk.mp4"
    few, each = (track_face(VideoReader(path), Config().override([f"face.landmarks_every={n}"])) for n in (3, 1))
    assert len(few.knots) < 0.6 * len(each.knots)
    eyes = np.linalg.norm(each.at(EVERY)[:, 33] - each.at(EVERY)[:, 263], axis=1).mean()
    apart = np.linalg.norm(few.at(EVERY) - each.at(EVERY), axis=2) / eyes
    assert apart.mean() < 0.01
    assert np.quantile(apart, 0.99) < 0.06


def test_a_quick_face_is_measured_in_every_frame(tmp_path: Path, clip: Images) -> None:
    images = np.stack([np.roll(clip[0], 6 * max(0, min(row, 20) - 8), axis=1) for row in range(27)])
    track = follow(tmp_path, images)
    assert track.coverage == 1
    assert set(range(10, 19)) <= set(track.knots.tolist())
    assert not {1, 2, 4, 5, 25} & set(track.knots.tolist())
    moved = track.at(EVERY)[:, 4, 0] - track.at(slice(1))[0, 4, 0]
    assert np.abs(moved - [6 * max(0, min(row, 20) - 8) for row in range(27)]).max() < 5  # a start between two


@pytest.mark.parametrize("gone", [(10, 11), (16, 18)])
def test_a_gap_between_two_measured_frames_is_found(tmp_path: Path, clip: Images, gone: tuple[int, int]) -> None:
    images = clip[[0] * 24]
    hidden = slice(*gone)
    images[hidden, 60:320, 100:300] = 15  # something dark before the face alone
    track = follow(tmp_path, images)
    assert np.flatnonzero(~track.present).tolist() == list(range(*gone))


def test_a_face_that_comes_between_two_searched_frames_is_present_from_its_first(tmp_path: Path, clip: Images) -> None:
    images = np.concatenate([wall(clip)[:44], clip[[0] * 10], wall(clip)[:3]])
    images[44:54] = (images[44:54] // 2) + (wall(clip)[:10] // 2)  # no cut: the picture changes little
    track = follow(tmp_path, images, least_coverage=0.1, cut_threshold=0.9)
    assert np.flatnonzero(track.present).tolist() == list(range(44, 54))


def test_a_face_that_goes_and_comes_back_is_the_same_person(tmp_path: Path, clip: Images) -> None:
    images = clip.copy()
    images[16:29] = wall(clip)[16:29]
    track = follow(tmp_path, images)
    assert [(stretch.start, stretch.stop) for stretch in track.stretches()] == [(0, 16), (29, 48)]
    assert np.flatnonzero(track.starts).tolist() == [0, 29]
    assert np.isnan(track.at(slice(16, 29))).all()


def test_a_cut_begins_a_stretch_and_an_overlapping_face_goes_on(tmp_path: Path, clip: Images) -> None:
    images = clip.copy()
    images[24:] = 255 - images[24:]
    x = slice(120, 280)  # the face keeps its colours, all around it changes
    images[24:, 60:320, x] = clip[24:, 60:320, x]
    track = follow(tmp_path, images, cut_threshold=0.15)
    assert track.coverage == 1
    assert np.flatnonzero(track.starts).tolist() == [0, 24]


def test_a_face_elsewhere_after_a_cut_is_another_person(tmp_path: Path, clip: Images) -> None:
    small = np.stack([cv2.resize(image, (200, 180), interpolation=cv2.INTER_AREA) for image in clip])
    canvas = np.full((48, 360, 640, 3), 30, np.uint8)
    canvas[:30, :, :400] = clip[:30]
    canvas[30:] = 230
    canvas[30:, 180:, 440:] = small[30:]
    track = follow(tmp_path, canvas, cut_threshold=0.15)
    assert np.flatnonzero(track.present).tolist() == list(range(30))
    second = follow(tmp_path, canvas, cut_threshold=0.15, subject=2, least_coverage=0.1)
    assert np.flatnonzero(second.present).tolist() == list(range(30, 48))


@pytest.fixture(scope="module")
def pair(clip: Images) -> Images:
    """A large face on the right, a smaller one on the left."""
    canvas = np.full((24, 360, 660, 3), 128, np.uint8)
    canvas[:, :, 260:] = clip[:24]
    for row in range(24):
        canvas[row, 60:300, 0:260] = cv2.resize(clip[row, :, ::-1], (266, 240), interpolation=cv2.INTER_AREA)[:, :260]
    return canvas


def test_the_subject_is_the_largest_face_and_others_can_be_asked_for(tmp_path: Path, pair: Images) -> None:
    first, second = follow(tmp_path, pair), follow(tmp_path, pair, subject=2)
    assert first.coverage == second.coverage == 1
    assert middle(first)[0] > 400 > 200 > middle(second)[0]
    with pytest.raises(FaceError, match=r"video\.mkv: face 3 was asked for but only 2 faces were found"):
        follow(tmp_path, pair, subject=3)


def test_one_face_is_one_track(tmp_path: Path, clip: Images) -> None:
    with pytest.raises(FaceError, match="face 2 was asked for but only 1 face was found"):
        follow(tmp_path, clip[:20], subject=2, detect_every=1)


def test_a_large_face_that_passes_by_is_not_the_subject(tmp_path: Path, pair: Images) -> None:
    images = pair.copy()
    images[6:, :, 300:] = 128
    track = follow(tmp_path, images)
    assert middle(track)[0] < 200
    assert track.coverage == 1


def test_no_face_is_said_in_a_sentence(tmp_path: Path, clip: Images) -> None:
    with pytest.raises(FaceError, match=r"video\.mkv: no face was found"):
        follow(tmp_path, wall(clip)[:10])


def test_faces_below_the_least_size_are_not_followed(tmp_path: Path, clip: Images) -> None:
    with pytest.raises(FaceError, match=r"at least 300 px \(face\.least_size_px\)"):
        follow(tmp_path, clip[:10], least_size_px=300)


def test_a_face_that_is_seldom_seen_is_rejected_with_its_share(tmp_path: Path, clip: Images) -> None:
    images = np.concatenate([clip[:6], wall(clip)[:20]])
    with pytest.raises(FaceError, match=r"seen in only 23 % of the frames \(at least 50 % are needed, face\.least"):
        follow(tmp_path, images)
    assert follow(tmp_path, images, least_coverage=0.2).present.sum() == 6
