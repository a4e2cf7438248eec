"""Streams on disk, keyed by the video's content, the configuration and the version of this stage."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.vision.images import image_files
from mespot.vision.streams import Streams

STAGE_VERSION = 2
"""Raised whenever the same video and configuration give other streams."""


def video_digest(path: Path) -> str:
    """Return a digest of a video file's bytes, or of the names and bytes of the images in a folder."""
    if not path.is_dir():
        return _file_digest(path)
    names = "".join(f"{image.name}\0{_file_digest(image)}\n" for image in image_files(path))
    return hashlib.sha256(os.fsencode(names)).hexdigest()[:16]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def cache_path(folder: Path, video: Path, config: Config, *, images_fps: float | None = None) -> Path:
    """Return where the streams of ``video`` lie in ``folder``; ``images_fps`` counts for a folder of images alone."""
    key = f"{STAGE_VERSION}-{video_digest(video)}-{config.streams_digest()}"
    if video.is_dir():
        key += f"-{images_fps}"
    return folder / f"{video.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"


def save_streams(streams: Streams, path: Path) -> None:
    """Write atomically.

    Raises
    ------
    OSError
        The folder cannot be written or is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {name: getattr(streams, name) for name in Streams.__slots__}
    arrays = {name: np.ascontiguousarray(array) for name, array in found.items() if array is not None}
    try:
        with whole_file(path) as part:
            save_file(arrays, part)
    except SafetensorError as error:  # its way of saying that the disk is full
        raise OSError(errno.EIO, str(error), str(path)) from error


def load_streams(path: Path) -> Streams | None:
    """Read what `save_streams` wrote; None where there is nothing usable, so that it is made again."""
    try:
        arrays: dict[str, Any] = load_file(path)
        return Streams(**{"rgb": None, **arrays})
    except (OSError, SafetensorError, TypeError, ValueError):
        return None
