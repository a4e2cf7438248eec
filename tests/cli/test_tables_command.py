"""``mespot tables``."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_runs import made_run
from mespot.cli.app import main


def test_tables_of_two_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [made_run(tmp_path / "one"), made_run(tmp_path / "two", neck="none")]
    assert main(["tables", *map(str, runs), "--out", str(tmp_path / "out")]) == 0
    written = len(list((tmp_path / "out").iterdir()))
    assert capsys.readouterr().out == (
        f"written: {tmp_path / 'out' / 'report.md'} and {written - 1} tables and figures beside it\n"
    )


def test_what_is_no_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path}: is no run of 'mespot loso'")
    assert said.count("\n") == 1
    assert not (tmp_path / "tables").exists()


def test_a_run_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables"]) == 2
    assert "RUN" in capsys.readouterr().err
