"""A dataset that a study takes seconds for: tiny pictures, with the streams of faces that move kept beside them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mespot.config import Config
from mespot.core.expression import Kind
from mespot.vision.cache import cache_path, save_streams
from mespot.vision.streams import Streams

SIDE, FRAMES, FPS = 32, 128, 30.0
SMALL = (
    "backbone.width=0.125", "backbone.streams=flow", f"backbone.input_px={SIDE}", "network.channels=16",
    "network.hidden=16", "training.epochs=2", "training.windows_per_epoch=8", "training.batch=4",
    "training.window_frames=64", "training.learning_rate=3e-3",
)  # fmt: skip
Row = tuple[str, str, Kind, int, int, int]
"""Video, subject, kind, onset, apex, offset; frames from 0, inside."""


def rows_of_subject(subject: str, seed: int) -> list[Row]:
    """Return an ME and a MaE in each of two videos."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for take in ("a", "b"):
        for at, kind, lasting in ((16, Kind.ME, 10), (56, Kind.MAE, 32)):
            onset = at + int(rng.integers(0, 12))
            rows.append((f"{subject}/{take}", subject, kind, onset, onset + lasting // 2, onset + lasting - 1))
    return rows


def write_rows(root: Path, rows: Sequence[Row], *, first_frame: int = 0) -> Path:
    """Write the table of a dataset; frames are numbered from ``first_frame``."""
    with (root / "annotations.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("video", "subject", "kind", "onset", "apex", "offset", "fps", "first_frame"))
        for video, subject, kind, *frames in rows:
            writer.writerow((video, subject, kind, *(frame + first_frame for frame in frames), FPS, first_frame))
    return root / "annotations.csv"


def write_dataset(root: Path, cache: Path, config: Config, rows: Sequence[Row], *, first_frame: int = 0) -> Path:
    """Write pictures and table, and keep the streams where a study with ``config`` looks for them."""
    for number, video in enumerate(sorted({row[0] for row in rows})):
        folder = root / video
        folder.mkdir(parents=True)
        for frame in range(FRAMES):
            picture = np.full((8, 8, 3), (frame + number) % 256, np.uint8)
            cv2.imwrite(str(folder / f"{frame + 1:03d}.png"), picture)
        streams = moving([row for row in rows if row[0] == video], number)
        save_streams(streams, cache_path(cache, folder, config, images_fps=FPS))
    return write_rows(root, rows, first_frame=first_frame)


def moving(rows: Sequence[Row], seed: int) -> Streams:
    """Return streams in which a patch of the face goes and comes back during each row."""
    rng = np.random.default_rng(seed)
    flow = rng.normal(0, 0.05, (FRAMES, 2, SIDE, SIDE)).astype(np.float16)
    for _, _, kind, onset, _, offset in rows:
        middle, speed = (onset + offset + 1) // 2, np.float16(2.0 if kind is Kind.ME else 1.0)
        flow[onset:middle, 1, 8:20, 8:20] += speed
        flow[middle : offset + 1, 1, 8:20, 8:20] -= speed
    return Streams(
        rgb=None,
        flow=flow,
        motion=np.zeros((FRAMES, 3, 2), np.float32),
        frames=np.arange(FRAMES, dtype=np.int64),
        times_s=np.arange(FRAMES) / FPS,
        present=np.ones(FRAMES, bool),
    )
