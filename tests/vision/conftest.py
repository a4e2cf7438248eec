"""What tests of vision share: the face of the bundled clip, still and followed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from made_streams import SMALL
from mespot.core.signals import FaceTrack, PackedLandmarks
from mespot.vision.align import CropTransforms, steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.landmarks import find_landmarks


@pytest.fixture(scope="session")
def grey_face(smile_clip: Path) -> npt.NDArray[np.uint8]:
    """The middle 288 x 288 px of the clip's first frame, grey."""
    video = cv2.VideoCapture(str(smile_clip))
    ok, frame = video.read()
    video.release()
    assert ok
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    top, left = (grey.shape[0] - 288) // 2, (grey.shape[1] - 288) // 2
    return np.asarray(grey[top : top + 288, left : left + 288], np.uint8)


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
    knots = np.flatnonzero(present)
    landmarks = PackedLandmarks.pack(np.tile(face, (len(knots), 1, 1)))
    starts = present & ~np.concatenate([[False], present[:-1]])
    track = FaceTrack(np.concatenate(frames), present, starts, knots, landmarks)
    return steady_transforms(track, reader.info.times_s[track.frames], SMALL.align)
