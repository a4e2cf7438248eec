"""What decides whether streams on disk are used again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mespot.config import Config
from mespot.vision.cache import cache_path, load_streams, save_streams, video_digest
from mespot.vision.regions import REGIONS
from mespot.vision.streams import Streams

CONFIG = Config()


def make_streams(rows: int = 5, *, pictures: bool = True) -> Streams:
    rng = np.random.default_rng(0)
    return Streams(
        # not contiguous
        rgb=rng.integers(0, 255, (rows, 4, 4, 3), dtype=np.uint8).transpose(0, 3, 1, 2) if pictures else None,
        flow=rng.normal(size=(rows, 2, 4, 4)).astype(np.float16),
        motion=rng.normal(size=(rows, len(REGIONS), 2)).astype(np.float32),
        frames=np.arange(rows),
        times_s=np.arange(rows) / 30,
        present=np.ones(rows, np.bool_),
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(bytes([number] * 50))
    return folder


def test_streams_come_back_exactly(tmp_path: Path) -> None:
    streams, path = make_streams(), tmp_path / "new" / "a.safetensors"
    save_streams(streams, path)
    again = load_streams(path)
    assert again is not None
    for name in Streams.__slots__:
        one, other = getattr(streams, name), getattr(again, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(other, one)
    assert [file.name for file in path.parent.iterdir()] == ["a.safetensors"]


def test_streams_without_pictures_come_back_without(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_streams(make_streams(pictures=False), path)
    again = load_streams(path)
    assert again is not None
    assert again.rgb is None
    np.testing.assert_array_equal(again.flow, make_streams(pictures=False).flow)


def test_missing_cut_and_foreign_files_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    assert load_streams(path) is None
    save_streams(make_streams(), path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:40], whole[:-10], b"\xff" * 500):
        path.write_bytes(damaged)
        assert load_streams(path) is None


def test_the_bytes_of_a_file_are_its_key_whatever_its_place_and_age(tmp_path: Path) -> None:
    one, other = tmp_path / "a.mp4", tmp_path / "elsewhere" / "a.mp4"
    other.parent.mkdir()
    one.write_bytes(b"1234")
    other.write_bytes(b"1234")
    os.utime(other, (1, 1))
    assert cache_path(tmp_path, one, CONFIG) == cache_path(tmp_path, other, CONFIG)
    other.write_bytes(b"1235")
    assert cache_path(tmp_path, one, CONFIG) != cache_path(tmp_path, other, CONFIG)


def test_the_bytes_and_names_of_images_are_the_key_of_a_folder(images: Path) -> None:
    before = video_digest(images)
    (images / "notes.txt").write_text("no image")
    (images / "thumbs").mkdir()
    assert video_digest(images) == before
    (images / "1.png").write_bytes(bytes([9] * 50))  # same name and size
    changed = video_digest(images)
    assert changed != before
    (images / "1.png").rename(images / "7.png")
    assert video_digest(images) not in (before, changed)


def test_the_rate_counts_for_images_alone(images: Path, tmp_path: Path) -> None:
    paths = {cache_path(tmp_path, images, CONFIG, images_fps=fps) for fps in (30.0, 200.0)}
    assert len(paths) == 2
    video = tmp_path / "a.mp4"
    video.write_bytes(b"1234")
    assert cache_path(tmp_path, video, CONFIG, images_fps=30.0) == cache_path(tmp_path, video, CONFIG)


def test_only_what_decides_the_streams_is_in_the_key(images: Path, tmp_path: Path) -> None:
    def path(*assignments: str) -> Path:
        return cache_path(tmp_path, images, CONFIG.override(assignments))

    assert path("spotting.threshold_me=0.9", "decode.chunk_frames=3", "training.epochs=1") == path()
    assert path('backbone.streams="rgb"') == path()  # both have pictures and the motion of the regions
    for assignment in (
        'backbone.streams="flow"',
        "flow.step=2",
        "align.crop_px=200",
        "decode.sampling_fps=25",
        "backbone.input_px=56",
    ):
        assert path(assignment) != path()
