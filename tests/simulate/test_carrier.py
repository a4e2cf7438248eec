from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot.core.errors import ConfigError, FaceError, VideoError
from mespot.core.expression import Kind
from mespot.simulate.actions import COMBINATIONS, Side
from mespot.simulate.carrier import Carrier, Injection, draw_events, inject, load_carrier
from mespot.simulate.fields import CROP_EYE_PX, Frame
from mespot.simulate.scene import Cast, Event
from mespot.simulate.timing import TimeCourse
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter
from mespot.vision.pictures import Image


def write(path: Path, images: Iterable[Image], fps: float = 25.0) -> Path:
    first, *rest = images
    with VideoWriter(path, width_px=first.shape[1], height_px=first.shape[0], fps=fps, crf=10) as video:
        for image in (first, *rest):
            video.write(image)
    return path


def frames_of(path: Path) -> list[Image]:
    return [chunk.rgb(0) for chunk in VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)]


@pytest.fixture(scope="module")
def talking(smile_then_talk_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of talking."""
    return write(tmp_path_factory.mktemp("carrier") / "talking.mp4", frames_of(smile_then_talk_clip)[200:250])


@pytest.fixture(scope="module")
def carrier(talking: Path) -> Carrier:
    return load_carrier(talking)


def event_of(carrier: Carrier, name: str, intensity_px: float = 5.0) -> Event:
    course = TimeCourse(0.4, 0.2, 0.4, 0.3)
    marks = course.annotation(carrier.fps, len(carrier))
    assert marks is not None
    combination = next(one for one in COMBINATIONS if one.name == name)
    return Event(Kind.MAE, combination, Side.BOTH, intensity_px, course, *marks)


def test_a_carrier_has_a_face_in_every_frame(carrier: Carrier) -> None:
    assert len(carrier) == 50
    assert carrier.fps == pytest.approx(25)
    assert carrier.size == (320, 240)
    assert np.isfinite(carrier.landmarks).all()
    assert (carrier.stretch == 0).all()
    assert 50 < carrier.face_px < 100


def test_repetition_goes_forwards_and_backwards_without_a_halt(talking: Path, carrier: Carrier) -> None:
    longer = load_carrier(talking, repeat=3)
    assert len(longer) == 3 * 49 + 1
    assert (np.abs(np.diff(longer.order)) == 1).all()
    once, pictures = list(carrier.pictures()), list(longer.pictures())
    assert all(np.array_equal(pictures[t], once[frame]) for t, frame in enumerate(longer.order))


def test_frames_without_an_expression_and_px_away_from_the_face_are_untouched(carrier: Carrier) -> None:
    event = event_of(carrier, "6+12")
    active = set(carrier.active(event).tolist())
    assert active < set(range(len(carrier)))
    assert active > set(range(event.onset, event.offset + 1))
    for frame, (before, after) in enumerate(zip(carrier.pictures(), inject(carrier, (event,)), strict=True)):
        if frame in active:
            assert np.array_equal(before[:, :60], after[:, :60])
        else:
            assert np.array_equal(before, after)
        if event.onset < frame <= event.offset:
            assert not np.array_equal(before, after)


@pytest.mark.parametrize(("name", "landmark"), [("6+12", 291), ("1+2", 334)])
def test_the_skin_moves_by_the_intensity(carrier: Carrier, name: str, landmark: int) -> None:
    event = event_of(carrier, name, 8.0)
    picture = list(carrier.pictures())[event.apex]
    drawn = Injection(carrier, event).draw(picture, event.apex)
    grey = [cv2.resize(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), None, fx=2, fy=2) for one in (picture, drawn)]
    dense = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]  # not in its stubs
    flow = dense.calc(*grey, None) / 2
    points = carrier.landmarks[event.apex]
    x, y = (2 * points[landmark]).astype(int)
    moved = np.linalg.norm(flow[y - 12 : y + 13, x - 12 : x + 13], axis=-1)
    expected = 8.0 * Frame.of(points).eye_px / CROP_EYE_PX
    assert 0.6 * expected < moved.max() < 1.35 * expected
    assert np.median(flow[y - 4 : y + 5, x - 4 : x + 5, 1]) < -0.1 * expected  # both go up


def test_the_expression_moves_with_the_face(carrier: Carrier) -> None:
    event = event_of(carrier, "6+12")
    shift = np.array([7, -4])
    landmarks = carrier.landmarks.copy()
    landmarks[event.apex + 1] = landmarks[event.apex] + shift
    moving = replace(carrier, landmarks=landmarks)
    held = replace(event, course=TimeCourse(0.4, 0.2, 0.6, 0.3))
    picture = list(carrier.pictures())[event.apex]
    shifted = np.roll(picture, (shift[1], shift[0]), axis=(0, 1))
    injection = Injection(moving, held)
    strength = held.course.strength(np.array([event.apex, event.apex + 1]) / carrier.fps)
    assert strength.min() > 0.99
    here = injection.draw(picture, event.apex)
    there = np.roll(injection.draw(shifted, event.apex + 1), (-shift[1], -shift[0]), axis=(0, 1))
    inner = (slice(12, -12), slice(12, -12))
    assert np.abs(here[inner].astype(int) - there[inner]).max() <= 4
    assert np.abs(here[inner].astype(int) - picture[inner]).max() > 30


@pytest.mark.parametrize("per_minute", [1.0, 30.0])
def test_expressions_lie_apart_and_inside_and_at_least_one_is_there(carrier: Carrier, per_minute: float) -> None:
    long = replace(carrier, order=np.tile(np.concatenate([np.arange(50), np.arange(50)[::-1]]), 5))
    for shown in (carrier, long):
        cast = Cast("all", 0.5, shown.fps, len(shown))
        for seed in range(6):
            events = draw_events(np.random.default_rng(seed), shown, cast, per_minute)
            assert events
            for event in events:
                assert 0 <= event.onset < event.apex <= event.offset < len(shown) - 1
            for one, other in pairwise(events):
                assert shown.active(one).max() < shown.active(other).min()
    assert len(events) > 1 or per_minute == 1
    assert draw_events(np.random.default_rng(0), carrier, cast, 0.0) == ()


def test_nothing_is_drawn_across_a_cut_nor_where_the_face_leaves_the_picture(carrier: Carrier) -> None:
    event = event_of(carrier, "4")
    assert carrier.holds(event)
    for number in (1, -1):
        stretch = carrier.stretch.copy()
        stretch[event.apex :] = number
        assert not replace(carrier, stretch=stretch).holds(event)
    assert not replace(carrier, stretch=np.full_like(carrier.stretch, -1)).holds(event)
    assert not replace(carrier, order=carrier.order[: event.offset + 1]).holds(event)


def test_a_face_at_the_edge_is_not_drawn_into(talking: Path, tmp_path: Path, carrier: Carrier) -> None:
    corner = int(carrier.landmarks[:10, 33, 0].max()) + 2 & ~1
    cut = load_carrier(write(tmp_path / "cut.mp4", [image[:, corner:] for image in frames_of(talking)[:10]]))
    assert (cut.stretch == -1).all()


def test_clips_that_cannot_carry_are_refused(talking: Path, tmp_path: Path) -> None:
    frames = frames_of(talking)[:20]
    blank = np.full_like(frames[0], 90)
    with pytest.raises(FaceError, match="no face was found"):
        load_carrier(write(tmp_path / "blank.mp4", [blank] * 4))
    with pytest.raises(FaceError, match=r"lost\.mp4: the face is lost in [34]. % of the frames"):
        load_carrier(write(tmp_path / "lost.mp4", [*frames, *[blank] * 12]))
    with pytest.raises(VideoError, match=r"8\.0 frames per second"):
        load_carrier(write(tmp_path / "slow.mp4", frames, fps=8))
    with pytest.raises(ConfigError, match="not 0 times"):
        load_carrier(talking, repeat=0)
