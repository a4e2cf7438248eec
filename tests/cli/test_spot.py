"""The command on real files, with a network of random weights: what it writes, prints and returns."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import av
import cv2
import pytest
from matplotlib import image

from mespot.cli.app import main
from mespot.core.spotting import COLUMNS, Spotting
from mespot.model.checkpoint import load_checkpoint
from results import make_spotting
from synthetic import write_video

Capture = pytest.CaptureFixture[str]
CLIP = Path(str(resources.files("mespot.assets") / "neutral_to_smile.mp4"))
ALL = ("--set", "spotting.threshold_me=0", "--set", "spotting.threshold_mae=0")


def run(weights: Path, *arguments: str | Path) -> int:
    return main(["spot", "--device", "cpu", "--weights", str(weights), *map(str, arguments)])


def test_one_clip_gives_json_csv_picture_and_table(weights: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(weights, CLIP, "--out", tmp_path / "out", *ALL) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "neutral_to_smile.csv", "neutral_to_smile.png", "neutral_to_smile.spotting.json",
    ]  # fmt: skip
    spotting = Spotting.load(tmp_path / "out" / "neutral_to_smile.spotting.json")
    assert len(spotting.video) == 72
    assert spotting.detections
    assert spotting.provenance.config["spotting"]["threshold_me"] == 0
    with (tmp_path / "out" / "neutral_to_smile.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [row[3] for row in rows] == [str(detection.interval.onset) for detection in spotting.detections]
    assert image.imread(tmp_path / "out" / "neutral_to_smile.png").shape[:2] == (900, 1600)
    captured = capsys.readouterr()
    assert f"{CLIP}: {sum(str(d.kind) == 'MaE' for d in spotting.detections)} MaE" in captured.out
    assert {"neutral_to_smile.mp4: faces", "neutral_to_smile.mp4: picture"} <= set(captured.err.splitlines())


def test_profile_says_where_the_time_went(weights: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(weights, CLIP, "--out", tmp_path, "--no-png", "--json", "--profile") == 0
    captured = capsys.readouterr()
    (record,) = (json.loads(line) for line in captured.out.splitlines())
    assert [Path(file).name for file in record["files"]][-1] == "neutral_to_smile.trace.json"
    stages = {"decode", "faces", "transforms", "crops", "flow", "regions", "network", "locate", "write"}
    table = [line.split()[0] for line in captured.err.splitlines() if line.strip()]
    assert stages <= set(table)
    assert "72 sampled frames in " in captured.err
    events = json.loads((tmp_path / "neutral_to_smile.trace.json").read_text())["traceEvents"]
    assert stages <= {event["name"] for event in events if event["ph"] == "X"}
    threads = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"decode", "streams"} < threads


def write_images(folder: Path) -> None:
    """Write the clip as img0.png to img71.png."""
    with av.open(str(CLIP)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            cv2.imwrite(str(folder / f"img{number}.png"), frame.to_ndarray(format="bgr24"))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with a good clip, one of the same stem, an empty file, a text, and a video without a face."""
    folder = tmp_path / "videos"
    (folder / "again").mkdir(parents=True)
    shutil.copy(CLIP, folder / "clip.mp4")
    shutil.copy(CLIP, folder / "again" / "clip.mp4")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video", encoding="ascii")
    write_video(folder / "faceless.mp4", 40, width=320, height=240)
    return folder


def test_a_batch_goes_on_where_files_fail_and_says_why(
    weights: Path, mixed: Path, tmp_path: Path, capsys: Capture
) -> None:
    out, missing = tmp_path / "out", tmp_path / "none.mp4"
    assert run(weights, missing, mixed, "--out", out, "--json", "--no-png") == 1
    captured = capsys.readouterr()
    records = [json.loads(line) for line in captured.out.splitlines()]
    assert [(Path(record["video"]).relative_to(tmp_path).as_posix(), record["ok"]) for record in records] == [
        ("none.mp4", False),
        ("videos/clip.mp4", True),
        ("videos/empty.mp4", False),
        ("videos/faceless.mp4", False),
        ("videos/text.mp4", False),
        ("videos/again/clip.mp4", True),
    ]
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert errors == [f"error: {record['error']}" for record in records if not record["ok"]]
    for record in records:
        if not record["ok"]:
            assert record["error"].startswith(f"{record['video']}: ")
            assert "unexpected" not in record["error"]
    assert sorted(file.name for file in out.iterdir()) == [
        "clip-2.csv", "clip-2.spotting.json", "clip.csv", "clip.spotting.json",
    ]  # fmt: skip
    good = [record for record in records if record["ok"]]
    assert good[0]["expressions"] == [dict(row) for row in Spotting.load(good[0]["files"][0]).rows()]
    assert good[0]["expressions"] == good[1]["expressions"]
    assert "Traceback" not in captured.err


def test_an_unknown_key_is_wrong_usage_and_nothing_is_done(weights: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(weights, CLIP, "--out", tmp_path / "out", "--set", "spotting.treshold_me=0.3") == 2
    assert "did you mean 'threshold_me'?" in capsys.readouterr().err
    (tmp_path / "my.toml").write_text("[spoting]\n", encoding="ascii")
    assert run(weights, CLIP, "--out", tmp_path / "out", "--config", tmp_path / "my.toml") == 2
    assert "did you mean 'spotting'?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_stage_that_the_weights_were_not_trained_with_is_refused(weights: Path, capsys: Capture) -> None:
    assert run(weights, CLIP, "--set", "flow.lambda=0.9") == 1
    assert "flow.lambda" in capsys.readouterr().err


def test_a_face_that_is_not_there_is_refused(weights: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(weights, CLIP, "--face", "3", "--out", tmp_path / "out") == 1
    assert str(CLIP) in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_where_results_cannot_be_written_nothing_is_analysed(
    out: str, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert run(weights, CLIP, tmp_path / "none.mp4", "--out", tmp_path / out) == 1
    captured = capsys.readouterr()
    assert captured.err == f"error: {tmp_path / out}: is a file or lies below one; name a folder for the results.\n"
    assert captured.out == ""


def test_links_that_lead_nowhere_do_not_stop_the_batch(weights: Path, tmp_path: Path, capsys: Capture) -> None:
    for name, target in (("circle.mp4", "circle.mp4"), ("gone.mp4", "none.mp4")):
        (tmp_path / name).symlink_to(tmp_path / target)
    out = tmp_path / "out"
    assert run(weights, tmp_path / "circle.mp4", tmp_path, CLIP, "--out", out, "--no-png") == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert errors == [
        f"error: {tmp_path / name}: is a symbolic link that leads nowhere; correct or remove it."
        for name in ("circle.mp4", "gone.mp4")
    ]
    assert sorted(file.name for file in out.iterdir()) == ["neutral_to_smile.csv", "neutral_to_smile.spotting.json"]


def test_the_demo_names_the_picture_that_it_wrote(
    weights: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mespot.pipeline.load_default_weights", lambda: load_checkpoint(weights))
    make_spotting(path=tmp_path / "other" / CLIP.name).save(tmp_path / "neutral_to_smile.spotting.json")
    assert main(["demo", "--device", "cpu", "--out", str(tmp_path)]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == f"Open {tmp_path / 'neutral_to_smile-2.png'} to see what was found."
    assert (tmp_path / "neutral_to_smile-2.png").is_file()
    assert not (tmp_path / "neutral_to_smile.png").exists()


def test_a_folder_of_images_is_one_video(weights: Path, tmp_path: Path, capsys: Capture) -> None:
    frames = tmp_path / "s15.01"
    frames.mkdir()
    write_images(frames)
    assert run(weights, frames, "--out", tmp_path / "out", "--no-png") == 1
    assert "holds no video; name the files, or give --images-fps" in capsys.readouterr().err
    assert run(weights, frames, "--images-fps", "30", "--out", tmp_path / "out", "--no-png") == 0
    spotting = Spotting.load(tmp_path / "out" / "s15.01.spotting.json")
    assert len(spotting.video) == 72
    assert spotting.video.seconds(30) == pytest.approx(1.0)


def test_the_card_of_weights_is_shown(weights: Path, capsys: Capture) -> None:
    assert main(["models", "info", str(weights)]) == 0
    assert "data: none: random weights for tests" in capsys.readouterr().out


def test_an_expression_at_the_end_of_a_video_that_is_sampled_sparsely_stays_inside(
    weights: Path, tmp_path: Path
) -> None:
    # 71 frames at 60 per second: the last sampled frame is the last frame, and its row is two frames long.
    frames = tmp_path / "fast"
    frames.mkdir()
    write_images(frames)
    (frames / "img71.png").unlink()
    assert run(weights, frames, "--images-fps", "60", "--out", tmp_path / "out", "--no-png", *ALL) == 0
    spotting = Spotting.load(tmp_path / "out" / "fast.spotting.json")
    assert max(detection.interval.offset for detection in spotting.detections) == 70


def test_a_missing_file_ends_with_status_one_though_the_engine_is_still_compiled(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mespot", "spot", str(tmp_path / "none.mp4"), "--out", str(tmp_path / "out")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == f"error: {tmp_path / 'none.mp4'}: does not exist; check the name.\n"
