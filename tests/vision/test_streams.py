"""Streams in chunks against streams as a whole, and flow in true time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.config import BackboneConfig, Config
from mespot.core.signals import FaceTrack
from mespot.vision.align import CropTransforms, steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.landmarks import find_landmarks
from mespot.vision.regions import REGIONS
from mespot.vision.streams import LONGEST_STEP, Streams, motion_breaks, network_input, step_scales, stream_chunks

SMALL = Config().override(
    ["align.crop_px=64", "backbone.input_px=32", "flow.warps=1", "flow.scales=2", "decode.sampling_fps=15"]
)
FPS = 30.0


@pytest.fixture(scope="module")
def reader(smile_clip: Path) -> VideoReader:
    return VideoReader(smile_clip)


@pytest.fixture(scope="module")
def transforms(reader: VideoReader) -> CropTransforms:
    """The clip's first face, kept through the video but for a gap."""
    frames, face = [], None
    for chunk in reader.chunks(sampling_fps=SMALL.decode.sampling_fps, chunk_frames=64):
        face = find_landmarks(chunk.images[0]) if face is None else face
        frames.append(chunk.frames)
    assert face is not None
    rows = len(np.concatenate(frames))
    present = np.ones(rows, np.bool_)
    present[12:15] = False
    landmarks = np.tile(face, (rows, 1, 1))
    landmarks[~present] = np.nan
    starts = present & ~np.concatenate([[False], present[:-1]])
    track = FaceTrack(np.concatenate(frames), landmarks, present, starts)
    return steady_transforms(track, reader.info.times_s[track.frames], SMALL.align)


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


def test_streams_show_the_face_and_move_where_it_moves(streams: Streams) -> None:
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
    inside = cv2.fillConvexPoly(np.zeros((64, 64), np.uint8), hull, 1).reshape(32, 2, 32, 2).any(axis=(1, 3))
    assert 0.2 < inside.mean() < 0.9
    assert not streams.flow[:, :, ~inside].any()
    assert streams.flow[:, :, inside].any()


def test_a_mean_over_the_face_is_left_where_head_motion_is_kept(
    reader: VideoReader, transforms: CropTransforms, streams: Streams
) -> None:
    nose = REGIONS.index("nose")
    assert np.abs(streams.motion[:, nose]).max() < 1e-5
    kept = all_streams(reader, transforms, "flow.remove_nose_mean=false")
    assert np.abs(kept.motion[:, nose]).max() > 1e-3


def test_a_velocity_is_the_same_number_at_every_frame_rate() -> None:
    for fps in (20.0, 25.0, 29.97, 30.0, 40.0):
        times_s = 3.0 + np.arange(20) / fps
        breaks = motion_breaks(times_s, np.zeros(20, np.bool_), FPS)
        assert breaks.tolist() == [True] + [False] * 19
        np.testing.assert_allclose(step_scales(times_s, breaks, FPS)[1:], fps / FPS, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    seconds=st.lists(st.floats(0.01, LONGEST_STEP / FPS), min_size=4, max_size=30),
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
    assert pictures.dtype == motion.dtype == np.float32
    assert pictures == pytest.approx([-1, -0.6, 1])
    assert motion.tolist() == [-1, -1, -0.5, 0, 0.25, 1, 1]


def test_streams_check_their_shapes() -> None:
    good = random_streams(4)
    with pytest.raises(ValueError, match="streams of 4 rows"):
        Streams(good.rgb, good.flow[:3], good.motion, good.frames, good.times_s, good.present)
