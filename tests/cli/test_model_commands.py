"""simulate, train and evaluate on a corpus of a few seconds: that they fit together, not what they reach."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import pytest

from mespot.cli.app import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus")
    small = ["--size", "320x240", "--fps", "25"]
    assert main(["simulate", "--out", str(out), "--minutes", "0.1", "--clip-s", "6", "--seed", "5", *small]) == 0
    return out


@pytest.mark.slow
def test_simulate_writes_videos_and_their_table(corpus: Path) -> None:
    assert len(list((corpus / "videos").glob("*.mp4"))) == 1
    assert (corpus / "annotations.csv").read_text(encoding="utf-8").startswith("video,subject,onset,apex,offset,kind")


@pytest.mark.slow
def test_evaluate_scores_a_table_and_says_that_it_is_simulated(corpus: Path, weights: Path, capsys: Capture) -> None:
    table = str(corpus / "annotations.csv")
    command = ["evaluate", "--reference", table, "--weights", str(weights), "--cache", str(corpus / "cache")]
    assert main([*command, "--json"]) == 0
    captured = capsys.readouterr()
    scores = json.loads(captured.out)
    assert scores["synthetic"] is True
    assert {"MaE", "ME", "all"} <= scores.keys()
    assert "simulated" in captured.err
    assert main(command) == 0
    assert "simulated" in capsys.readouterr().out


@pytest.mark.slow
def test_videos_without_expressions_can_be_evaluated(
    smile_clip: Path, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    table = tmp_path / "table.csv"
    shutil.copy(smile_clip, tmp_path)
    table.write_text(f"video,subject,onset,apex,offset,kind\n{smile_clip.name},one,,,,\n", encoding="utf-8")
    assert main(["evaluate", "--reference", str(table), "--weights", str(weights), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["synthetic"] is False
    assert scores["minutes"] == pytest.approx(2.4 / 60, rel=0.02)
    assert [scores[kind]["tp"] + scores[kind]["fn"] for kind in ("MaE", "ME", "all")] == [0, 0, 0]


@pytest.mark.parametrize(
    "command", [["evaluate", "--reference", "TABLE"], ["train", "TABLE", "--validation-subjects", "a", "--out", "OUT"]]
)
def test_a_missing_table_is_one_sentence(command: list[str], weights: Path, tmp_path: Path, capsys: Capture) -> None:
    table = tmp_path / "none.csv"
    names = {"TABLE": str(table), "OUT": str(tmp_path / "out")}
    arguments = [names.get(part, part) for part in command]
    assert main([*arguments, *(["--weights", str(weights)] if command[0] == "evaluate" else [])]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {table}")
    assert "unexpected" not in line


def test_the_preview_alone_says_where_the_sheet_is(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    face = str(resources.files("mespot.assets") / "faces" / "grace_hopper.jpg")
    assert main(["simulate", "--preview", "--faces", face]) == 0
    assert capsys.readouterr().out == "preview: mespot-preview.png\n"
    assert [file.name for file in tmp_path.iterdir()] == ["mespot-preview.png"]


def test_sizes_and_rates_are_those_asked_for(tmp_path: Path) -> None:
    sizes, rates = ["160x120", "120X160"], ["25", "40"]
    choices = [*(part for size in sizes for part in ("--size", size)), *(p for r in rates for p in ("--fps", r))]
    assert main(["simulate", "--out", str(tmp_path), "--minutes", "0.07", "--clip-s", "1", *choices]) == 0
    videos = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["videos"]
    assert len(videos) == 5
    assert {tuple(video["size"]) for video in videos} == {(160, 120), (120, 160)}
    assert {video["fps"] for video in videos} == {25.0, 40.0}


def test_no_expressions_can_be_asked_for_and_a_shared_face_is_refused(tmp_path: Path, capsys: Capture) -> None:
    small = ["--minutes", "0.02", "--clip-s", "1", "--size", "160x120", "--fps", "25", "--exact"]
    assert main(["simulate", "--out", str(tmp_path / "a"), "--per-minute", "0", *small]) == 0
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    assert [video["expressions"] for video in manifest["videos"]] == [[], []]
    assert len(list((tmp_path / "a" / "videos").glob("*.safetensors"))) == 2
    again = ["simulate", "--out", str(tmp_path / "b"), *small, "--apart-from", str(tmp_path / "a" / "manifest.json")]
    assert main(again) == 2
    assert "give each of them its own faces" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_carriers_of_a_folder_are_written_untouched_and_with_expressions(
    smile_clip: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "clips").mkdir()
    shutil.copy(smile_clip, tmp_path / "clips" / "ann.mp4")
    out = tmp_path / "out"
    assert main(["simulate", "--out", str(out), "--carriers", str(tmp_path / "clips"), "--me-share", "1"]) == 0
    assert capsys.readouterr().out == f"annotations: {out / 'annotations.csv'}\n"
    assert sorted(video.name for video in out.glob("videos/*.mp4")) == ["ann_01.mp4", "ann_untouched.mp4"]
    untouched, *rows = (out / "annotations.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert untouched == "videos/ann_untouched.mp4,ann,,,,,,,,all"
    assert rows
    assert all(row.split(",")[5] == "ME" for row in rows)


@pytest.mark.parametrize(
    "extra",
    [
        ["--faces", "a.png"],
        ["--size", "320x240"],
        ["--fps", "25"],
        ["--minutes", "10"],
        ["--clip-s", "60"],
        ["--preview"],
        ["--exact"],
    ],
)
def test_carriers_take_nothing_that_belongs_to_stills(extra: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert main(["simulate", "--out", str(tmp_path / "out"), "--carriers", "clip.mp4", *extra]) == 2
    error = capsys.readouterr().err
    assert f"{extra[0]}: is not for --carriers" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("extra", [["--copies", "1"], ["--repeat", "2"]])
def test_stills_take_nothing_that_belongs_to_carriers(extra: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert main(["simulate", "--out", str(tmp_path / "out"), *extra]) == 2
    assert f"{extra[0]}: is for --carriers alone" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_carriers_without_a_video_and_media_without_a_face_name_their_option(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "ann.png").write_bytes(b"a picture")
    assert main(["simulate", "--out", str(tmp_path / "out"), "--carriers", str(tmp_path)]) == 2
    assert f"--carriers {tmp_path}: holds no videos" in capsys.readouterr().err
    assert main(["bench", "accuracy", "--out", str(tmp_path / "out"), "--media", str(tmp_path / "none.mp4")]) == 2
    assert f"--media {tmp_path / 'none.mp4'}: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_is_no_place_for_a_library(tmp_path: Path, capsys: Capture) -> None:
    assert main(["flows", str(tmp_path)]) == 2
    assert "is a folder; name a file" in capsys.readouterr().err


def test_faces_that_are_not_there_are_wrong_usage(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "notes.txt").write_text("no face", encoding="ascii")
    assert main(["simulate", "--out", str(tmp_path / "out"), "--faces", str(tmp_path)]) == 2
    assert "holds no pictures or videos" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_published_weights_that_are_none_are_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "rgb.pt").write_bytes(b"no tensors")
    out = tmp_path / "i3d.safetensors"
    assert main(["models", "import-i3d", *[str(tmp_path / "rgb.pt")] * 2, "--out", str(out)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'rgb.pt'}: ")
    assert not out.exists()


def test_a_layout_is_simulated_and_says_so(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "made"
    command = ["simulate", "--out", str(out), "--layout", "samm_lv", "--subjects", "1", "--videos-per-subject", "1"]
    assert main([*command, "--seconds", "3", "--size", "96x96", "--per-minute", "30", "--seed", "1"]) == 0
    assert "SIMULATED, laid out as SAMM-LV" in capsys.readouterr().out
    assert main(["datasets", "check", "samm_lv", str(out)]) == 0
    assert "SIMULATED: SAMM Long Videos (samm_lv)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--subjects", "3"], "--subjects: is for --layout alone"),
        (["--layout", "casme2", "--minutes", "3"], "--minutes: is not for --layout"),
        (["--layout", "smic"], "a layout is casme2 or samm_lv, not smic"),
    ],
)
def test_layouts_and_other_corpora_share_no_options(
    extra: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "out"), *extra]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
