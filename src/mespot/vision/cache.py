"""Streams on disk, keyed by the video's content, the configuration and the version of this stage."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from mespot.config import Config
from mespot.vision.features import Streams

STAGE_VERSION = 1
"""Raised whenever the same video and configuration give other streams."""
_NAMES = ("rgb", "flow", "motion", "frames", "times_s", "present")


def video_digest(path: Path) -> str:
    """Return a digest of a video file's bytes, or of the names and sizes in a folder of images."""
    digest = hashlib.sha256()
    if path.is_dir():
        for image in sorted(path.iterdir()):
            digest.update(f"{image.name}:{image.stat().st_size};".encode())
    else:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def cache_path(folder: Path, video: Path, config: Config) -> Path:
    """Return where the streams of ``video`` lie in ``folder``."""
    key = f"{STAGE_VERSION}-{video_digest(video)}-{config.streams_digest()}"
    return folder / f"{video.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"


def save_streams(streams: Streams, path: Path) -> None:
    """Write atomically; flow is kept as float16, whose relative error (5e-4) is far below that of the flow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(streams, name) for name in _NAMES}
    arrays["flow"] = arrays["flow"].astype("float16")
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file(arrays, temporary)
    temporary.replace(path)


def load_streams(path: Path) -> Streams | None:
    """Read what `save_streams` wrote; None where there is nothing usable, so that it is made again."""
    try:
        arrays = load_file(path)
        return Streams(**{name: arrays[name] for name in _NAMES})
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
