"""Streams in chunks against streams as a whole, and flow in true time."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_streams import FPS, SMALL, random_streams
from mespot.config import BackboneConfig
from mespot.core.signals import FaceTrack, PackedLandmarks
from mespot.vision import streams as streams_module
from mespot.vision.align import CropTransforms
from mespot.vision.decode import VideoReader
from mespot.vision.regions import REGIONS
from mespot.vision.streams import LONGEST_STEP, Streams, motion_breaks, network_input, step_scales, stream_chunks


def all_streams(reader: VideoReader, transforms: CropTransforms, *assignments: str) -> Streams:
    return Streams.join(list(stream_chunks(reader, transforms, SMALL.override(assignments))))


@pytest.fixture(scope="module")
def streams(reader: VideoReader, transforms: CropTransforms) -> Streams:
    return all_streams(reader, transforms)


@pytest.mark.parametrize("step", [1, 2])
def test_streams_do_not_depend_on_the_chunk(reader: VideoReader, transforms: CropTransforms, step: int) -> None:
    whole, pieces = (
        all_streams(reader, transforms, f"decode.chunk_frames={rows}", f"flow.step={step}") for rows in (64, 5)
    )
    for name in Streams.__slots__:
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_streams_do_not_depend_on_the_number_of_threads(
    reader: VideoReader, transforms: CropTransforms, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "usable_cores", lambda: 5)
    many = all_streams(reader, transforms)
    for name in Streams.__slots__:
        np.testing.assert_array_equal(getattr(many, name), getattr(streams, name))


def test_a_network_that_sees_the_flow_alone_gets_the_same_flow_and_no_pictures(
    reader: VideoReader, transforms: CropTransforms, streams: Streams
) -> None:
    alone = all_streams(reader, transforms, 'backbone.streams="flow"')
    assert alone.rgb is None
    np.testing.assert_array_equal(alone.flow, streams.flow)
    np.testing.assert_array_equal(alone.motion, streams.motion)


def test_between_measured_rows_the_regions_stay_as_they_were(
    reader: VideoReader, transforms: CropTransforms, streams: Streams
) -> None:
    """Landmarks that drift far between two knots move the regions at the second knot, not before."""
    track = transforms.track
    knots = np.array([0, 8, 11, 15, len(track) - 1])
    points = np.array(track.at(knots))
    points[1] += 1000  # at row 8 the face is said to be elsewhere
    moved = CropTransforms(
        transforms.matrices, FaceTrack(track.frames, track.present, track.starts, knots, PackedLandmarks.pack(points))
    )
    shown = Streams.join(list(stream_chunks(reader, moved, SMALL.override(["decode.chunk_frames=3"]))))
    same = [np.array_equal(one, other) for one, other in zip(shown.flow, streams.flow, strict=True)]
    assert same == [not 8 <= row < 11 for row in range(len(streams))]
    assert not shown.flow[8:11].any()


def test_streams_show_the_face_and_move_where_it_moves(streams: Streams) -> None:
    assert streams.rgb is not None
    assert streams.rgb.dtype == np.uint8
    assert streams.rgb.shape == (len(streams), 3, 32, 32)
    assert streams.rgb.std() > 20
    moves = np.abs(streams.motion).max(axis=(1, 2)) > 0
    assert moves.tolist() == [0 < row < 12 or row > 15 for row in range(len(streams))]
    assert not streams.flow[~moves].any()


def test_flow_over_two_rows_begins_two_rows_after_each_start(reader: VideoReader, transforms: CropTransforms) -> None:
    moves = np.abs(all_streams(reader, transforms, "flow.step=2").flow).max(axis=(1, 2, 3)) > 0
    assert moves.tolist() == [1 < row < 12 or row > 16 for row in range(len(moves))]


def test_flow_outside_the_face_is_zero(transforms: CropTransforms, streams: Streams) -> None:
    hull = cv2.convexHull(transforms.landmarks(slice(1))[0].round().astype(np.int32))
    filled = cv2.dilate(cv2.fillConvexPoly(np.zeros((64, 64), np.uint8), hull, 1), np.ones((3, 3), np.uint8))
    inside = np.asarray(filled.reshape(32, 2, 32, 2).any(axis=(1, 3)), np.bool_)
    assert 0.2 < inside.mean() < 0.9
    assert not streams.flow[:, :, ~inside].any()
    assert streams.flow[:, :, inside].any()


def test_a_mean_over_the_face_is_left_where_head_motion_is_kept(
    reader: VideoReader, transforms: CropTransforms, streams: Streams
) -> None:
    nose = REGIONS.index("nose")
    assert np.abs(streams.motion[:, nose]).max() < 1e-5
    kept = all_streams(reader, transforms, "flow.head_motion=none")
    assert np.abs(kept.motion[:, nose]).max() > 1e-3


def test_a_velocity_is_the_same_number_at_every_frame_rate() -> None:
    for fps in (20.0, 25.0, 29.97, 30.0, 40.0):
        times_s = 3.0 + np.arange(20) / fps
        breaks = motion_breaks(times_s, np.zeros(20, np.bool_), FPS)
        assert breaks.tolist() == [True] + [False] * 19
        np.testing.assert_allclose(step_scales(times_s, breaks, FPS)[1:], fps / FPS, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    seconds=st.lists(st.floats(0.01, 0.999 * LONGEST_STEP / FPS), min_size=4, max_size=30),
    step=st.sampled_from([1, 2, 4]),
    speed=st.floats(-5, 5),
)
def test_a_steady_motion_has_one_velocity_at_any_time_stamps(seconds: list[float], step: int, speed: float) -> None:
    """Place grows by ``speed`` px a nominal step; the flow is the way since ``step`` rows before, divided by it."""
    times_s = np.cumsum(seconds)
    breaks = motion_breaks(times_s, np.zeros(len(times_s), np.bool_), FPS)
    flow = np.zeros(len(times_s))
    flow[step:] = speed * FPS * (times_s[step:] - times_s[:-step]) / step
    velocity = flow * step_scales(times_s, breaks, FPS, step)
    np.testing.assert_allclose(velocity[step:], speed, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("step", [1, 2, 4])
def test_no_velocity_across_starts_and_holes(step: int) -> None:
    times_s = np.arange(40) / FPS
    times_s[20:] += (LONGEST_STEP + 1) / FPS
    starts = np.zeros(40, np.bool_)
    starts[30] = True
    breaks = motion_breaks(times_s, starts, FPS)
    assert np.flatnonzero(breaks).tolist() == [0, 20, 30]
    still = np.flatnonzero(step_scales(times_s, breaks, FPS, step) == 0).tolist()
    assert still == [begin + row for begin in (0, 20, 30) for row in range(step)]


def test_the_network_sees_both_streams_between_minus_one_and_one() -> None:
    config = BackboneConfig(flow_clip_px=2.0)
    rgb = np.array([0, 51, 255], np.uint8)
    flow = np.array([-7.0, -2.0, -1.0, 0.0, 0.5, 2.0, 100.0], np.float16)
    pictures, motion = network_input(rgb, flow, config)
    assert pictures is not None
    assert pictures.dtype == motion.dtype == np.float32
    assert pictures == pytest.approx([-1, -0.6, 1])
    assert motion.tolist() == [-1, -1, -0.5, 0, 0.25, 1, 1]
    assert flow[0] == -7
    assert network_input(None, flow, config)[0] is None


def test_streams_check_their_shapes() -> None:
    good = random_streams(4)
    for wrong in ({"flow": good.flow[:3]}, {"rgb": np.zeros((4, 3, 5, 5), np.uint8)}, {"motion": good.motion[:2]}):
        with pytest.raises(ValueError, match="streams of 4 rows"):
            replace(good, **wrong)


@pytest.mark.parametrize("pictures", [True, False])
def test_joined_parts_follow_each_other(pictures: bool) -> None:
    parts = [random_streams(rows) if pictures else replace(random_streams(rows), rgb=None) for rows in (4, 3)]
    whole = Streams.join(parts)
    assert len(whole) == 7
    assert (whole.rgb is not None) == pictures
    np.testing.assert_array_equal(whole.flow[4:], parts[1].flow)
    with pytest.raises(ValueError, match="some parts have pictures"):
        Streams.join([random_streams(4), replace(random_streams(3), rgb=None)])
