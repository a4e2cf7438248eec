from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter
from synthetic import picture, write_video


def noisy_video(path: Path, codec: str) -> bytes:
    noise = np.random.default_rng(3).normal(0, 12, (30, 48, 80, 3))
    with VideoWriter(path, width_px=80, height_px=48, fps=30, codec=codec) as video:
        for number, values in enumerate(noise):
            video.write(np.clip(picture(number, width=80) + values, 0, 255).astype(np.uint8))
    return path.read_bytes()


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("mpeg4", "a.mp4"), ("ffv1", "a.mkv")])
def test_the_same_pictures_make_the_same_bytes(tmp_path: Path, codec: str, name: str) -> None:
    copies = {noisy_video(tmp_path / name, codec) for _ in range(4)}
    assert len(copies) == 1


@pytest.mark.parametrize(
    ("codec", "name", "error"),
    [("libx264", "a.mp4", 3), ("libx264", "a.mkv", 3), ("mpeg4", "a.avi", 4), ("ffv1", "a.mkv", 0)],
)
def test_decoding_gives_the_pictures_back(tmp_path: Path, codec: str, name: str, error: int) -> None:
    path = write_video(tmp_path / name, 12, codec=codec)
    (chunk,) = VideoReader(path).chunks(sampling_fps=None, chunk_frames=20)
    expected = np.stack([picture(i) for i in range(12)])
    flat = (slice(None), slice(4, 20), slice(4, 28))  # colour is stored at half the resolution
    assert np.abs(chunk.images[flat].astype(int) - expected[flat]).max() <= error
    assert chunk.times_s == pytest.approx(np.arange(12) / 25)


def test_a_lower_crf_is_closer_to_the_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (5, 48, 64, 3), dtype=np.uint8)
    errors = []
    for crf in (10, 40):
        path = tmp_path / f"{crf}.mp4"
        with VideoWriter(path, width_px=64, height_px=48, fps=25, crf=crf) as video:
            for image in images:
                video.write(image)
        (chunk,) = VideoReader(path).chunks(sampling_fps=None, chunk_frames=5)
        errors.append(np.abs(chunk.images.astype(int) - images).mean())
    assert errors[0] < errors[1]


def test_a_quicker_preset_changes_the_bytes_and_hardly_the_pictures(tmp_path: Path) -> None:
    images = [picture(number) for number in range(8)]
    decoded = {}
    for preset in ("medium", "veryfast"):
        with VideoWriter(tmp_path / f"{preset}.mp4", width_px=64, height_px=48, fps=25, preset=preset) as video:
            for image in images:
                video.write(image)
        (chunk,) = VideoReader(tmp_path / f"{preset}.mp4").chunks(sampling_fps=None, chunk_frames=8)
        decoded[preset] = chunk.images.astype(int)
    assert (tmp_path / "medium.mp4").read_bytes() != (tmp_path / "veryfast.mp4").read_bytes()
    assert np.abs(decoded["medium"] - decoded["veryfast"]).mean() < 3


def test_explicit_time_stamps_are_kept(tmp_path: Path) -> None:
    stamps = [0, 14, 55, 97, 367, 400]
    path = write_video(tmp_path / "a.mkv", stamps, fps=30, time_base=Fraction(1, 1000))
    assert VideoReader(path).info.times_s == pytest.approx(np.array(stamps) / 1000)


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, width_px=64, height_px=48, fps=25) as video:
        video.write(picture(0))
        assert not path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def write_one_good_and_one_wrong(video: VideoWriter) -> None:
    video.write(picture(0))
    video.write(picture(1, width=32))


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"earlier")
    writer = VideoWriter(path, width_px=64, height_px=48, fps=25)
    with pytest.raises(ValueError, match="uint8"), writer as video:
        write_one_good_and_one_wrong(video)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a.mp4", b"earlier")]


@pytest.mark.parametrize(
    "wrong",
    [{"codec": "wmv9"}, {"width_px": 63}, {"height_px": 0}, {"fps": 0}, {"crf": 60}, {"preset": "quick"}],
)
def test_impossible_settings_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"width_px": 64, "height_px": 48, "fps": 25} | wrong
    with pytest.raises(ValueError, match="got"):
        VideoWriter(tmp_path / "a.mp4", **settings)
    assert list(tmp_path.iterdir()) == []


def test_wrong_pictures_and_time_stamps_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", width_px=64, height_px=48, fps=25) as video:
        video.write(picture(0), 5)
        with pytest.raises(ValueError, match="uint8"):
            video.write(np.zeros((48, 62, 3), np.uint8))
        with pytest.raises(ValueError, match="increase"):
            video.write(picture(1), 5)
        video.write(picture(1))
