"""Pictures of a simulated dataset: a folder of numbered JPEG files, or a video file, for each of its videos."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from mespot.core.errors import FaceError
from mespot.simulate.identity import build_neutral, load_still
from mespot.simulate.render import Renderer
from mespot.simulate.scene import Scene
from mespot.vision.encode import VideoWriter

Media = Literal["images", "video"]
JPEG_QUALITY = 90
_VIDEO_CRF = 12
"""Quantiser 2 of MPEG-4, nearly without visible loss."""
_Write = Callable[[npt.NDArray[np.uint8]], None]


@dataclass(frozen=True, slots=True)
class MediaJob:
    """One video of a simulated dataset, complete in itself so that any process can make it.

    Parameters
    ----------
    out : Path
        Root of the dataset.
    name : str
        Name of the recording.
    place : str
        Path of the media in ``out`` without suffix; {} in it stands for "pic" or "video".
    pattern : str
        Names of the pictures, with a place for the number.
    subject : str
        As the dataset calls them.
    media : {"images", "video"}
        What is written.
    grey : bool
        Whether pictures have no colour.
    face : Path
        Still or clip that the subject is made from.
    scene : Scene
        What happens.
    rng : numpy.random.Generator
        Draws the camera's noise.
    """

    out: Path
    name: str
    place: str
    pattern: str
    subject: str
    media: Media
    grey: bool
    face: Path
    scene: Scene
    rng: np.random.Generator

    @property
    def target(self) -> Path:
        """The folder of pictures, or the video file; either is there as a whole or not at all."""
        images = self.media == "images"
        path = self.out / self.place.format("pic" if images else "video")
        return path if images else path.with_name(path.name + ".avi")

    def finished(self) -> bool:
        """Whether it lies there already."""
        return self.target.exists()


def make_media(job: MediaJob) -> None:
    """Draw and write one video.

    Raises
    ------
    FaceError
        Its face cannot be read or found.
    OSError
        It cannot be written; what was begun is removed.
    """
    scene = job.scene
    try:
        neutral, _ = build_neutral(load_still(job.face), scene.variation, scene.size)
    except FaceError as error:
        text = str(error)
        raise (error if text.startswith(str(job.face)) else FaceError(f"{job.face}: {text}")) from error
    renderer = Renderer(neutral, scene.sensor)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    with _pictures(job) if job.media == "images" else _video(job) as write:
        for instant in scene.instants(neutral.fields):
            image = renderer.draw(instant, job.rng)
            write(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) if job.grey else image)


@contextmanager
def _pictures(job: MediaJob) -> Iterator[_Write]:
    """Yield what writes the next picture into a folder that gets its name when all are there."""
    part = job.target.with_name(f".{job.target.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a run that was cut off
    part.mkdir()
    written = 0

    def write(image: npt.NDArray[np.uint8]) -> None:
        nonlocal written
        written += 1
        bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (part / job.pattern.format(written)).write_bytes(data.tobytes())

    try:
        yield write
        part.replace(job.target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _video(job: MediaJob) -> Iterator[_Write]:
    width, height = job.scene.size
    fps = job.scene.fps
    with VideoWriter(job.target, width_px=width, height_px=height, fps=fps, crf=_VIDEO_CRF, codec="mpeg4") as video:
        yield lambda image: video.write(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))
