"""Every file that ``mespot tables`` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_runs import made_run
from mespot.core.errors import StudyError
from mespot.study.report import write_tables

STEMS = {"table1_t_eval", "table2_top_threshold", "table3_comparison", "protocols", "ablation", "folds", "loss"}
FIGURES = {"f1_by_t_eval", "f1_by_top_threshold", "loss"}


def test_every_file_is_there_and_says_that_the_data_is_simulated(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    files = write_tables([run])
    names = {f"{stem}.{ending}" for stem in STEMS for ending in ("md", "tex", "csv")}
    names |= {f"{stem}.{ending}" for stem in FIGURES for ending in ("png", "svg")}
    assert {path.name for path in (run / "tables").iterdir()} == names | {"report.md"}
    assert {path.name for path in files} == names | {"report.md"}
    assert [path.name for path in files if b"SIMULATED" not in path.read_bytes()] == []


def test_every_heading_and_caption_says_that_the_data_is_simulated(tmp_path: Path) -> None:
    for path in write_tables([made_run(tmp_path / "run")], tmp_path / "out"):
        if path.suffix in (".md", ".tex"):
            lines = path.read_text(encoding="utf-8").splitlines()
            headings = [line for line in lines if line.startswith(("#", r"\caption", "![", "*Fig", "*F1"))]
            assert headings
            assert [line for line in headings if "SIMULATED DATA" not in line] == []


def test_nothing_of_real_data_is_called_simulated(tmp_path: Path) -> None:
    files = write_tables([made_run(tmp_path / "run", simulated=False)], tmp_path / "out")
    assert [path.name for path in files if b"SIMULATED" in path.read_bytes()] == []


def test_real_and_simulated_runs_together_are_told_apart(tmp_path: Path) -> None:
    runs = [made_run(tmp_path / "real", simulated=False), made_run(tmp_path / "made")]
    report = write_tables(runs, tmp_path / "out")[0].read_text(encoding="utf-8")
    assert report.startswith("# Leave-one-subject-out \\[partly SIMULATED DATA\\]\n")
    assert "\n## Run real\n" in report
    assert "\n## Run made \\[SIMULATED DATA\\]\n" in report
    assert "| mespot (SIMULATED DATA, made) |" in report
    assert "| mespot (real) |" in report


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    first = [path.read_bytes() for path in write_tables([run], tmp_path / "first")]
    second = [path.read_bytes() for path in write_tables([run], tmp_path / "second")]
    assert first == second


def test_an_unfinished_run_says_so_and_counts_the_finished_subjects_alone(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", finished=("s1",))
    files = {path.name: path.read_text(encoding="utf-8") for path in write_tables([run]) if path.suffix != ".png"}
    assert "protocols.md" not in files  # scores are of finished runs
    assert files["table1_t_eval.md"].splitlines()[0].endswith("INCOMPLETE: 1 of 2 subjects in run\\]")
    assert "not finished: s2" in files["report.md"]
    assert "mespot (SIMULATED DATA, run),1,0.666667,0.8" in files["table3_comparison.csv"].replace('"', "")


def test_a_run_without_any_finished_fold_has_tables_all_the_same(tmp_path: Path) -> None:
    names = {path.name for path in write_tables([made_run(tmp_path / "run", finished=())])}
    assert {"report.md", "table1_t_eval.md", "table3_comparison.tex"} <= names
    assert "loss.png" not in names


def test_runs_of_the_same_name_get_numbers(tmp_path: Path) -> None:
    runs = [made_run(tmp_path / "a" / "run"), made_run(tmp_path / "b" / "run", neck="none")]
    lines = (write_tables(runs, tmp_path / "out")[0].parent / "ablation.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["run", "run", "run (2)"]


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"file: cannot be written \(File exists\); check the folder"):
        write_tables([made_run(tmp_path / "run")], tmp_path / "file")


def test_no_run_is_one_sentence() -> None:
    with pytest.raises(StudyError, match="at least one run"):
        write_tables([])
