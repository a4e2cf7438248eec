"""Reading a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_runs import made_run, write_json
from mespot.core.errors import StudyError
from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.study.folder import DETECTED_COLUMNS, REFERENCE_COLUMNS, RunFolder, reference_rows
from mespot.study.results import read_losses, read_reference, read_result


def test_a_finished_run(tmp_path: Path) -> None:
    result = read_result(made_run(tmp_path / "run"))
    assert (result.name, result.missing, len(result.folds)) == ("run", (), 2)
    assert result.data == "SIMULATED, laid out like CAS(ME)^2"
    assert (len(result.reference.events), len(result.reference.videos)) == (5, 3)
    assert (len(result.detected), len(result.candidates)) == (6, 9)
    assert result.detected[0] == DetectedEvent("s1/a", Kind.MAE, 10, 49, 0.9)


def test_of_an_unfinished_run_the_finished_subjects_alone(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    (run / "folds" / "s1" / "detections.csv").unlink()
    result = read_result(run)
    assert (result.missing, [fold.subject for fold in result.folds]) == (("s1",), ["s2"])
    assert {event.subject for event in result.reference.events} == {"s2"}
    assert result.reference.videos == (("s2/c", "s2"),)
    assert (result.scores, result.timings) == ({}, {})  # of the run as it was before
    assert result.data.endswith("; INCOMPLETE, 1 of 2 subjects")


def test_what_a_study_writes_is_what_is_read(tmp_path: Path) -> None:
    events = (
        ReferenceEvent("b", "2", Kind.ME, 10.5, None, 0, "disgust"),
        ReferenceEvent("a", "1", Kind.MAE, 1, 5, 30),
    )
    reference = Reference(events, (("a", "1"), ("b", "2"), ("c", "2")), 200.0)
    run = RunFolder(tmp_path)
    run.write_table(tmp_path / "reference.csv", REFERENCE_COLUMNS, reference_rows(reference))
    read = read_reference(tmp_path / "reference.csv")
    assert (read.events, sorted(read.videos), read.fps) == (events, sorted(reference.videos), 200.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "run.json: is not of a run of 'mespot loso'"),
        ({"format_version": 2}, "run.json: has format 2, but this mespot reads format 1"),
        ({"dataset": {"name": "casme2"}}, "run.json: lacks what it should say of 'dataset'"),
        ({"options": None}, "run.json: lacks what it should say of 'options'"),
    ],
)
def test_a_run_file_that_is_wrong(change: dict[str, object], said: str, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    facts = RunFolder(run).read_json(run / "run.json")
    write_json(run / "run.json", facts | change)
    with pytest.raises(StudyError, match=said):
        read_result(run)


@pytest.mark.parametrize("value", ["sometimes", []])
def test_an_unknown_rule_for_missing_offsets(value: object, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    facts = RunFolder(run).read_json(run / "run.json")
    facts["dataset"]["missing_offset"] = value
    write_json(run / "run.json", facts)
    with pytest.raises(StudyError, match="unknown rule for missing offsets"):
        read_result(run)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", "{", "run.json: cannot be read"),
        ("scores.json", "[]", "scores.json: is no JSON object"),
        ("reference.csv", "video,kind\na,ME\n", "reference.csv: is no table of annotations"),
        ("reference.csv", "video,subject,kind,onset,apex,offset,emotion,fps\na,1,XE,1,2,3,,30\n", "is no table"),
        ("folds/s1/detections.csv", "video,kind\na,ME\n", "detections.csv: is no table of detections"),
        ("folds/s1/epochs.jsonl", "[1]\n", "epochs.jsonl: is no list of epochs"),
        ("folds/s1/epochs.jsonl", '{"loss": 1}\n', "epochs.jsonl: is no list of epochs"),
        ("folds/s1/fold.json", "3", "fold.json: is no JSON object"),
    ],
)
def test_a_file_that_cannot_be_read(name: str, content: str, said: str, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    (run / name).write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=said):
        read_result(run)


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is no run of 'mespot loso'"):
        read_result(tmp_path)
    with pytest.raises(StudyError, match="there is no such folder"):
        read_result(tmp_path / "absent")


def test_a_missing_reference(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    (run / "reference.csv").unlink()
    with pytest.raises(StudyError, match=r"reference.csv: is no table of annotations"):
        read_result(run)


def test_a_fold_that_trained_nothing_has_no_losses(tmp_path: Path) -> None:
    assert read_losses(tmp_path / "epochs.jsonl") == {}
    (tmp_path / "epochs.jsonl").write_text('{"epoch": 1, "loss": null}\n\n{"epoch": 2, "loss": 0.5}\n')
    assert read_losses(tmp_path / "epochs.jsonl") == {2: 0.5}


def test_the_columns_of_the_made_run_are_those_of_a_study(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    for name, columns in (("reference.csv", REFERENCE_COLUMNS), ("folds/s1/candidates.csv", DETECTED_COLUMNS)):
        assert (run / name).read_text(encoding="utf-8").splitlines()[0] == ",".join(columns)


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_run_that_calls_itself_synthetic_is_simulated(synthetic: bool, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", simulated=False)
    facts = RunFolder(run).read_json(run / "run.json")
    write_json(run / "run.json", facts | {"synthetic": synthetic})
    assert read_result(run).simulated is synthetic
