"""The check of a dataset, as Python, as text and as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import made_datasets as made
from mespot.cli.app import main
from mespot.data.loaders import LOADERS
from mespot.pipeline import Progress
from mespot.study.dataset_check import check_dataset

Capture = pytest.CaptureFixture[str]


def simulated(root: Path) -> Path:
    (root / "SIMULATED.json").write_text('{"simulated": true, "layout": "casme2", "seed": 1}', encoding="utf-8")
    return root


@pytest.mark.parametrize("name", LOADERS)
def test_every_dataset_as_json(name: str, tmp_path: Path, capsys: Capture) -> None:
    made.WRITERS[name](tmp_path)
    status = main(["datasets", "check", name, str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == (0 if name == "table" else 1)  # made-up data has not the published counts
    assert (found["name"], found["simulated"], found["missing_offset"]) == (name, False, "mirror")
    assert found["missing_media"] == found["faults"] == []
    assert found["frames"] is None
    assert all(set(one) == {"code", "place", "fact", "action"} for one in found["anomalies"])
    assert [one["name"] for one in found["recordings"]] == sorted(one["name"] for one in found["recordings"])
    published = {one["name"]: one["published"] for one in found["counts"] if one["published"] is not None}
    assert len(found["problems"]) == len(published)
    if name == "casme2":
        assert published["frames in videos with annotations"] == 248_348
        assert (published["videos"], published["videos with annotations"]) == (98, 95)


def test_text_names_counts_anomalies_and_what_is_missing(tmp_path: Path, capsys: Capture) -> None:
    made.write_casme2(tmp_path, [*made.CASME2_EVENTS, (2, "happy2_2", 5, 9, 0, "", "", "macro-expression", "")])
    shutil.rmtree(tmp_path / "longVideoFaceCropped" / "s15" / "15_0101blandvideo")
    assert main(["datasets", "check", "casme2", str(tmp_path), "--missing-offset", "apex"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"CAS(ME)^2 (casme2) in {tmp_path}"
    assert [line.split(":")[0] for line in lines[1:5]] == ["  licence", "  cite", "  link", "  note"]
    assert "  ME                                          57         2  differs" in lines
    assert lines[lines.index("Missing media (1)") + 1] == "  s15/15_0101"
    assert lines[lines.index("Videos without annotations (1)") + 1] == "  s16/16_0505noevent"
    at = lines.index("  offset-missing (1)")
    place = "CAS(ME)^2code_final(Updated).xlsx, sheet 'CASFEcode_final', row 4"
    assert lines[at + 1] == f"    {place}: offset 0 is missing -> offset 9 by the rule 'apex'"
    assert lines[-1].startswith("Result: 2 subjects, published are 22")


def test_rows_left_out_by_a_rule_are_counted_and_said(tmp_path: Path, capsys: Capture) -> None:
    made.write_casme2(tmp_path, [(2, "happy2_2", 5, 9, 0, "", "", "macro-expression", "")])
    assert main(["datasets", "check", "casme2", str(tmp_path), "--missing-offset", "drop"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  MaE                                        300         1  differs" in lines
    assert "  left out of these: 0 ME, 1 MaE (see anomalies)" in lines
    assert "Videos without annotations (3)" in lines


def test_simulated_data_is_called_so_in_every_heading(tmp_path: Path, capsys: Capture) -> None:
    simulated(made.write_casme2(tmp_path))
    assert main(["datasets", "check", "casme2", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert len(headings) >= 4
    assert all(line.startswith("SIMULATED: ") for line in headings)
    assert not any("differs" in line for line in lines)
    assert lines[-1] == "SIMULATED: Result: whole"


def test_images_that_do_not_open(tmp_path: Path, capsys: Capture) -> None:
    simulated(made.write_casme2(tmp_path))
    folder = tmp_path / "longVideoFaceCropped" / "s15" / "15_0401redvideo"
    (folder / "img_3.jpg").write_bytes(b"no image")
    large = cv2.imencode(".jpg", np.zeros((32, 16, 3), np.uint8))[1]
    (folder / "img_5.jpg").write_bytes(bytes(large))
    assert main(["datasets", "check", "casme2", str(tmp_path), "--frames", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in found["faults"]] == ["frame-unreadable"] * 2
    assert all(name in one["fact"] for one, name in zip(found["faults"], ("img_3.jpg", "img_5.jpg"), strict=True))
    assert found["frames"]["opened"]["s15/15_0401redvideo"] == 38
    assert found["problems"] == ["2 faults in the frames"]


def test_videos_that_do_not_open_or_do_not_fit(smile_clip: Path, tmp_path: Path) -> None:
    rows = [("good.mp4", "ann", 3, 5, 9000, "MaE", 120), ("bad.mp4", "bob", 3, 5, 9, "ME", 30)]
    made.write_table(tmp_path, rows)
    shutil.copy(smile_clip, tmp_path / "good.mp4")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    seen: list[Progress] = []
    found = check_dataset("table", tmp_path, frames=True, on_progress=seen.append)
    assert sorted(one.code for one in found.faults) == ["media-unreadable", "offset-after-end", "rate-differs"]
    assert found.opened is not None
    assert list(found.opened) == ["good.mp4"]
    assert [(one.done, one.total) for one in seen] == [(0, 2), (1, 2)]
    heading = f"Frames: {found.opened['good.mp4']} in 1 videos decoded; faults (3)"
    assert heading in found.lines()


def test_frames_of_files_are_counted_once_decoded(smile_clip: Path, tmp_path: Path) -> None:
    made.write_casme2(tmp_path, made.CASME2_EVENTS[:1], media="")
    folder = tmp_path / "rawvideo" / "s15"
    folder.mkdir(parents=True)
    shutil.copy(smile_clip, folder / "15_0101blandvideo.mp4")
    counts = {one.name: one.found for one in check_dataset("casme2", tmp_path, frames=True).counts}
    plain = {one.name: one.found for one in check_dataset("casme2", tmp_path).counts}
    name = "frames in videos with annotations"
    assert plain[name] is None
    assert (counts[name] or 0) > 60


@pytest.mark.parametrize(
    ("name", "said"),
    [("smic", "error: unknown dataset 'smic'; choose one of"), ("casme2", "holds no workbook")],
)
def test_wrong_usage_is_one_sentence(name: str, said: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["datasets", "check", name, str(tmp_path)]) == (2 if name == "smic" else 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
