"""The cells of every table, counted by hand from the made-up run of made_runs.py, and golden files of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from made_runs import made_run, write_json
from mespot.core.errors import StudyError
from mespot.evaluation.protocols import PROTOCOLS
from mespot.study.published import PAPER_T_EVAL, PAPER_TOP, PUBLISHED
from mespot.study.results import read_result
from mespot.study.sweeps import T_EVAL, TOP, Sweeps, sweep
from mespot.study.tables import ablation, all_tables, comparison, losses, protocols, t_eval, top_threshold
from mespot.study.writing import Table, csv_text, latex, markdown

GOLDEN = Path(__file__).parent / "golden"


def scored(folder: Path, **options: Any) -> Sweeps:
    """Return the scores of a made-up run."""
    return sweep(read_result(made_run(folder, **options)))


def cells(table: Table, *beginning: object) -> list[object]:
    """Return the other cells of the one row that begins so, numbers with three decimals."""
    (row,) = [row for row in table.rows if row[0 : len(beginning)] == beginning]
    return [round(cell, 3) if isinstance(cell, float) else cell for cell in row[len(beginning) :]]


DATA = "SIMULATED, laid out like CAS(ME)^2"


@pytest.mark.parametrize(
    ("iou", "mae", "me", "overall"),
    [
        # TP, FP, FN: MaE 2 1 1, ME 1 2 1
        ("0.50", [2 / 3, 2 / 3, 2 / 3], [1 / 3, 1 / 2, 2 / 5], [3 / 6, 3 / 5, 6 / 11]),
        # MaE 208-226 on 200-219, IoU 0.44: MaE 3 0 0
        ("0.40", [1, 1, 1], [1 / 3, 1 / 2, 2 / 5], [4 / 6, 4 / 5, 8 / 11]),
        # ME 304-315 on 300-309, IoU 0.375: ME 2 1 0
        ("0.35", [1, 1, 1], [2 / 3, 1, 4 / 5], [5 / 6, 1, 10 / 11]),
        ("0.30", [1, 1, 1], [2 / 3, 1, 4 / 5], [5 / 6, 1, 10 / 11]),
    ],
)
def test_table_1(iou: str, mae: list[float], me: list[float], overall: list[float], tmp_path: Path) -> None:
    table = t_eval([scored(tmp_path / "run")])
    assert cells(table, "run", DATA, iou) == [round(value, 3) for value in (*mae, *me, *overall)]


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        # the best MaE and the best ME of each video: MaE 2 0 1, ME 1 2 1
        ("top_fraction", "0.30", [4 / 5, 2 / 5, 6 / 10, 5]),
        # of 3 MaE in s2/c two, the second a false one: MaE 2 1 1
        ("top_fraction", "0.35", [4 / 6, 2 / 5, 6 / 11, 6]),
        # of 2 MaE and 2 ME in s1/a both: MaE 2 2 1, ME 1 3 1
        ("top_fraction", "0.55", [4 / 7, 2 / 6, 6 / 13, 8]),
        # MaE 3 2 0, ME 1 2 1
        ("score threshold", "0.30", [6 / 8, 2 / 5, 8 / 13, 8]),
        # without MaE 0.32 and ME 0.4: MaE 3 1 0, ME 1 1 1
        ("score threshold", "0.45", [6 / 7, 2 / 4, 8 / 11, 6]),
        # MaE 0.9, 0.8, 0.7: 2 1 1; ME 0.6: 1 0 1
        ("score threshold", "0.60", [4 / 6, 2 / 3, 6 / 9, 4]),
    ],
)
def test_table_2(rule: str, value: str, expected: list[float], tmp_path: Path) -> None:
    table = top_threshold([scored(tmp_path / "run")])
    assert cells(table, "run", DATA, rule, value) == [round(number, 3) for number in expected]


def test_table_2_says_that_it_is_a_sweep_on_test_subjects(tmp_path: Path) -> None:
    table = top_threshold([scored(tmp_path / "run")])
    assert "a sweep on the test subjects, for comparison only" in table.title
    assert "thresholds from training subjects" in table.notes[0]


def test_table_3_puts_a_run_under_its_dataset(tmp_path: Path) -> None:
    runs = [
        scored(tmp_path / "cas", simulated=False),
        scored(tmp_path / "samm", dataset="samm_lv", title="SAMM Long Videos"),
        scored(tmp_path / "own", dataset="table", title="own recordings"),
    ]
    table = comparison(runs)
    mine, none = [0.667, 0.4, 0.545], [None] * 3
    rest = ["strict; thresholds from training subjects", "this run"]
    assert cells(table, "mespot (cas)") == [*mine, *none, *none, "CAS(ME)^2", *rest]
    samm = "SIMULATED, laid out like SAMM Long Videos"
    assert cells(table, "mespot (SIMULATED DATA, samm)") == [*none, *mine, *none, samm, *rest]
    own = "SIMULATED, laid out like own recordings"
    assert cells(table, "mespot (SIMULATED DATA, own)") == [*none, *none, *mine, own, *rest]
    assert len(comparison(runs[:2]).columns) == len(table.columns) - 3


def test_published_figures_have_a_source_and_a_protocol_and_no_doubt() -> None:
    for row in PUBLISHED:
        assert all((row.protocol, row.source))
        figures = [figure for figure in (*row.casme2, *row.samm_lv) if figure is not None]
        assert figures
        assert all(0 < float(figure) < 1 for figure in figures)
    methods = " ".join(row.method for row in PUBLISHED)
    for unseen in ("ABPN", "SpoT-GCN", "SpotFormer", "PESFormer", "AEM-Net"):  # told from memory, or not seen
        assert unseen not in methods
    named = {row.protocol.split(";")[0] for row in PUBLISHED} & set(PROTOCOLS)
    assert named == {"megc2020", "softnet", "slswin", "lssnet", "lgsnet", "offd", "auwgcn_2023"}


def test_the_papers_f1_follow_from_its_precision_and_recall() -> None:
    """Copied right: but for rounding, each F1 of Table I is what its precision and recall give."""
    assert tuple(PAPER_T_EVAL) == T_EVAL
    assert all(tuple(values) == TOP for values in PAPER_TOP.values())
    for kinds in PAPER_T_EVAL.values():
        for precision, recall, f1 in kinds:
            assert 2 * precision * recall / (precision + recall) == pytest.approx(f1, abs=0.006)


def test_protocols_stand_side_by_side(tmp_path: Path) -> None:
    table = protocols([scored(tmp_path / "run")])
    assert [row[2] for row in table.rows] == ["strict", "lssnet"]
    assert "lssnet: best detection of each expression" in table.notes[1]


def test_ablation_has_a_row_a_run(tmp_path: Path) -> None:
    table = ablation([scored(tmp_path / "one"), scored(tmp_path / "two", neck="none", attention=False)])
    rest = ["focal", "default", "frozen_backbone", 0.667, 0.4, 0.545]
    assert cells(table, "one", DATA) == ["bifpn", "flow", "on", *rest]
    assert cells(table, "two", DATA) == ["none", "flow", "off", *rest]


def test_losses_are_means_over_the_folds_that_reached_the_epoch(tmp_path: Path) -> None:
    table = losses([scored(tmp_path / "run")])
    assert cells(table, "run", DATA, 0) == [2, 3.0, 1.0, 2.0, 4.0]
    assert cells(table, "run", DATA, 2) == [1, 0.5, 0.0, 0.5, 0.5]


def test_scores_that_lack_a_figure_are_one_sentence(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    write_json(run / "scores.json", {"strict": {"MaE": {}, "ME": {}, "all": {}}})
    with pytest.raises(StudyError, match=r"run/scores.json: lacks a figure of 'strict' \('precision'\)"):
        all_tables([sweep(read_result(run))])


@pytest.mark.parametrize("ending", ["md", "tex", "csv"])
def test_golden_tables(ending: str, tmp_path: Path) -> None:
    """The whole text of Table I and of the ablation; a change of it is a change of what users get."""
    write = {"md": markdown, "tex": latex, "csv": csv_text}[ending]
    runs = [scored(tmp_path / "run_1", finished=("s1",)), scored(tmp_path / "100% real", simulated=False)]
    for table in (t_eval(runs), ablation(runs)):
        assert write(table) == (GOLDEN / f"{table.name}.{ending}").read_text(encoding="utf-8")
