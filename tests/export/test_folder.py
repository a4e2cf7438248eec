from __future__ import annotations

import errno
import json
import tempfile
from pathlib import Path

import pytest

from mespot.core.errors import SpottingError
from mespot.core.profile import Profile
from mespot.core.spotting import Spotting
from mespot.export.folder import free_name, prepare_folder, write_results, write_trace
from results import make_spotting


def test_the_files_lie_side_by_side_under_one_name(tmp_path: Path) -> None:
    spotting = make_spotting()
    files = write_results(spotting, tmp_path / "new" / "out", "clip")
    assert [file.name for file in files] == ["clip.spotting.json", "clip.csv"]
    assert sorted((tmp_path / "new" / "out").iterdir()) == sorted(files)
    assert Spotting.load(files[0]) == spotting


def test_an_old_picture_does_not_stay_beside_new_results(tmp_path: Path) -> None:
    (tmp_path / "clip.png").write_bytes(b"")
    write_results(make_spotting(()), tmp_path, "clip")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["clip.csv", "clip.spotting.json"]


def test_a_trace_is_whole_json(tmp_path: Path) -> None:
    profile = Profile()
    with profile.span("flow"):
        pass
    path = write_trace(profile.chrome_trace(), tmp_path, "clip")
    assert path.name == "clip.trace.json"
    assert "flow" in {event["name"] for event in json.loads(path.read_text())["traceEvents"]}


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    for _ in range(2):
        prepare_folder(tmp_path / "new" / "out")
    assert list((tmp_path / "new" / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_is_no_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpottingError, match="is a file or lies below one; name a folder"):
        prepare_folder(tmp_path / name)


def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:  # root may write anywhere, so that permission bits would not show it
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(SpottingError) as caught:
        prepare_folder(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: cannot be written (Permission denied); name another folder for the results."
    )


def test_videos_with_one_stem_get_names_of_their_own(tmp_path: Path) -> None:
    taken: set[str] = set()
    videos = [tmp_path / folder / name for folder, name in (("a", "clip.mp4"), ("b", "clip.mp4"), ("b", "CLIP.avi"))]
    assert [free_name(video, tmp_path, taken) for video in videos] == ["clip", "clip-2", "CLIP-3"]


def test_results_of_another_video_from_an_earlier_run_are_not_replaced(tmp_path: Path) -> None:
    mine, other = tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4"
    write_results(make_spotting(path=other), tmp_path, "clip")
    assert free_name(mine, tmp_path, set()) == "clip-2"
    assert free_name(other, tmp_path, set()) == "clip"


def test_one_video_is_known_by_its_relative_and_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_results(make_spotting(path=tmp_path / "a" / "clip.mp4"), tmp_path, "clip")
    assert free_name(Path("a/../a/clip.mp4"), tmp_path, set()) == "clip"
    assert free_name(Path("clip.mp4"), tmp_path, set()) == "clip-2"


def test_damaged_results_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "clip.spotting.json").write_text("{", encoding="ascii")
    assert free_name(tmp_path / "clip.mp4", tmp_path, set()) == "clip"


def test_a_folder_of_images_keeps_its_whole_name(tmp_path: Path) -> None:
    frames = tmp_path / "s01.v2"
    frames.mkdir()
    assert free_name(frames, tmp_path, set()) == "s01.v2"
