"""The whole study on simulated raw files: dataset, check, leave-one-subject-out, score, tables; scores mean nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mespot.cli.app import main


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "seconds", "frames"), [("casme2", "4", 120), ("samm_lv", "4", 800)])
def test_from_raw_files_to_tables(
    layout: str, seconds: str, frames: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    made = ["simulate", "--out", str(data), "--layout", layout, "--subjects", "3", "--videos-per-subject", "1"]
    assert main([*made, "--seconds", seconds, "--size", "192x192", "--per-minute", "30", "--seed", "5"]) == 0
    assert main(["datasets", "check", layout, str(data)]) == 0
    assert "SIMULATED: Result: whole" in capsys.readouterr().out
    command = ["loso", "--dataset", layout, "--data", str(data), "--out", str(run), "--quick", "--device", "cpu"]
    values = ["training.epochs=1", "training.windows_per_epoch=8", "training.window_frames=64"]
    assert main([*command, *(part for value in values for part in ("--set", value))]) == 0
    assert "SIMULATED data" in capsys.readouterr().out
    told = json.loads((run / "run.json").read_text())
    assert told["dataset"]["frames"] == 3 * frames
    assert told["synthetic"]
    with (data / "truth.csv").open(encoding="utf-8") as file:
        shown = [row for row in csv.DictReader(file) if row["kind"]]
    scores = json.loads((run / "scores.json").read_text())
    assert scores["strict"]["all"]["tp"] + scores["strict"]["all"]["fn"] == len(shown)
    with (run / "candidates.csv").open(encoding="utf-8") as file:
        candidates = list(csv.DictReader(file))
    assert all(1 <= int(row["onset"]) <= int(row["offset"]) <= frames for row in candidates)
    assert main(["evaluate", "--reference", str(data / "truth.csv"), "--detected", str(run / "detections.csv")]) == 0
    assert main(["tables", str(run)]) == 0
    report = (run / "tables" / "report.md").read_text(encoding="utf-8")
    headings = [line for line in report.splitlines() if line.startswith("#")]
    assert headings
    assert all("SIMULATED" in line for line in headings)
