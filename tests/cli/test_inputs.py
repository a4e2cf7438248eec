from __future__ import annotations

from pathlib import Path

import pytest

from mespot.cli.inputs import expand
from mespot.core.errors import VideoError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4", "inner/c.avi", ".trash/d.mp4", "0001.png"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "videos"


def test_a_folder_gives_the_videos_in_it_and_in_its_folders(folder: Path) -> None:
    assert list(expand([folder], images=False)) == [folder / "a.MOV", folder / "b.mp4", folder / "inner" / "c.avi"]


def test_a_folder_of_images_is_one_video(folder: Path) -> None:
    assert list(expand([folder], images=True)) == [folder]


def test_a_named_file_is_taken_whatever_its_name_and_whether_it_is_there(folder: Path) -> None:
    paths = [folder / "notes.txt", folder / "none.mp4"]
    assert list(expand(paths, images=False)) == paths


def test_no_video_comes_twice(folder: Path) -> None:
    paths = [folder / "b.mp4", folder / "inner" / ".." / "b.mp4", folder]
    assert list(expand(paths, images=False)) == [folder / "b.mp4", folder / "a.MOV", folder / "inner" / "c.avi"]


def test_a_link_in_a_circle_is_an_error_in_its_place(folder: Path) -> None:
    circle = folder / "c.mp4"
    circle.symlink_to(circle)
    *videos, error, last = expand([folder, circle], images=False)
    assert videos == [folder / "a.MOV", folder / "b.mp4"]
    assert isinstance(error, VideoError)
    assert str(error) == f"{circle}: is a symbolic link that leads nowhere; correct or remove it."
    assert last == folder / "inner" / "c.avi"


def test_a_folder_without_videos_is_an_error_in_its_place(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error, video = expand([tmp_path / "empty", folder / "b.mp4"], images=False)
    assert isinstance(error, VideoError)
    assert f"{tmp_path / 'empty'}: holds no video; " in str(error)
    assert video == folder / "b.mp4"
