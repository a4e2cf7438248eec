"""Leave-one-subject-out: what a fold may know, what is made once, and going on after a break."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_study import FRAMES, SMALL, Row, rows_of_subject, write_dataset, write_rows
from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import ConfigError, StudyError
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.data.loaders import load_recordings
from mespot.data.recordings import Facts, Numbering, Recording, Recordings
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.pipeline import Progress
from mespot.study import fold as fold_module
from mespot.study import leave_one_out
from mespot.study.fold import sides, training_digest
from mespot.study.folder import REFERENCE_COLUMNS, RunFolder, reference_rows
from mespot.study.inputs import Inputs, Prepared
from mespot.study.leave_one_out import Study, run_study
from mespot.study.options import StudyOptions, study_options
from mespot.study.results import read_reference, read_result
from mespot.training.maps import MapStore
from mespot.vision.cache import cache_path

SUBJECTS = ("p1", "p2", "p3")
OPTIONS = StudyOptions(initialise="scratch")
KEPT = ("checkpoint.safetensors", "candidates.csv", "detections.csv", "epochs.jsonl")


def configuration() -> Config:
    return OPTIONS.config(None, SMALL)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for seed, subject in enumerate(SUBJECTS) for row in rows_of_subject(subject, seed)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Path:
    """A dataset of three subjects with its cache in ``cache``; tests that change the table use another."""
    root = tmp_path_factory.mktemp("dataset")
    write_dataset(root, root / "cache", configuration(), rows)
    return root


def study(root: Path, *, cache: Path | None = None, **changes: Any) -> Study:
    recordings = load_recordings("table", root)
    return Study(recordings, configuration(), OPTIONS, cache or root / "cache", "cpu", **changes)


def run(one: Study, out: Path, lines: list[str] | None = None) -> dict[str, Any]:
    said: list[str] = [] if lines is None else lines
    return run_study(one, out, on_progress=lambda _: None, on_line=said.append)


@pytest.fixture(scope="module")
def finished(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of ``dataset``."""
    out = tmp_path_factory.mktemp("finished") / "run"
    run(study(dataset), out)
    return out


def facts_of(out: Path, subject: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((out / "folds" / subject / "fold.json").read_text())
    return facts


def kept(out: Path) -> dict[str, bytes]:
    files = [out / "folds" / subject / name for subject in SUBJECTS for name in KEPT]
    files += [out / name for name in ("candidates.csv", "detections.csv", "scores.json", "reference.csv")]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def test_a_study_leaves_all_that_the_tables_need(finished: Path, rows: list[Row]) -> None:
    told = json.loads((finished / "run.json").read_text())
    assert told["format"] == "mespot-run"
    assert told["dataset"]["subjects"] == list(SUBJECTS)
    assert (told["dataset"]["ME"], told["dataset"]["MaE"]) == (6, 6)
    assert not told["synthetic"]
    assert Config.parse(told["config"], source="run.json") == configuration()
    scores = json.loads((finished / "scores.json").read_text())["strict"]
    assert scores["all"]["tp"] + scores["all"]["fn"] == len(rows)
    timings = json.loads((finished / "timings.json").read_text())
    assert timings["frames"] == 6 * FRAMES
    fold = json.loads((finished / "folds" / "p1" / "fold.json").read_text())
    assert set(fold["train"]["subjects"]) | set(fold["inner_validation"]) == {"p2", "p3"}
    reference = (finished / "reference.csv").read_text().splitlines()
    assert len(reference) == 1 + len(rows)
    pooled = RunFolder(finished).read_detected(finished / "candidates.csv")
    assert {event.video.partition("/")[0] for event in pooled} <= set(SUBJECTS)
    assert len(RunFolder(finished).read_detected(finished / "detections.csv")) <= len(pooled)


def test_a_finished_study_does_nothing_twice(dataset: Path, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept(finished)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("this was done already")

    monkeypatch.setattr(fold_module, "train", never)
    monkeypatch.setattr(fold_module, "video_candidates", never)
    monkeypatch.setattr(MapStore, "_write", never)
    run(study(dataset), finished)
    assert kept(finished) == before


def test_features_are_computed_once_for_all_folds(
    dataset: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []
    write = MapStore._write

    def counted(self: MapStore, path: Path, streams: Any) -> None:
        made.append(path)
        write(self, path, streams)

    monkeypatch.setattr(MapStore, "_write", counted)
    cache = tmp_path / "cache"
    cache.mkdir()
    for file in (dataset / "cache").glob("*.safetensors"):
        if not file.name.endswith(".maps.safetensors"):
            (cache / file.name).symlink_to(file)
    run(study(dataset, cache=cache), tmp_path / "run")
    assert len(made) == len(set(made)) == len({row[0] for row in rows})


def test_annotations_of_the_held_out_subject_cannot_reach_its_fold(
    dataset: Path, finished: Path, rows: list[Row], tmp_path: Path
) -> None:
    def other(row: Row) -> Row:
        video, subject, kind, onset, apex, offset = row
        swapped = Kind.ME if kind is Kind.MAE else Kind.MAE
        return (video, subject, swapped, onset + 5, apex + 5, offset + 9) if subject == "p2" else row

    table = dataset / "annotations.csv"
    before = table.read_bytes()
    try:
        write_rows(dataset, [other(row) for row in rows if row[:4] != rows[4][:4]])
        run(study(dataset), tmp_path / "run")
    finally:
        table.write_bytes(before)
    ours, theirs = ((one / "folds" / "p2") for one in (tmp_path / "run", finished))
    for name in KEPT:
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    facts = [facts_of(one, "p2") for one in (tmp_path / "run", finished)]
    for key in ("thresholds", "epoch", "inner_validation", "trained"):
        assert facts[0][key] == facts[1][key]
    trained = [
        json.loads((one / "folds" / "p1" / "fold.json").read_text())["trained"] for one in (tmp_path / "run", finished)
    ]
    assert trained[0] != trained[1]  # the others did learn from the changed rows


def test_a_killed_study_goes_on_to_the_same_result(dataset: Path, finished: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "run", tmp_path / "small.toml"
    sections: dict[str, list[str]] = {}
    for assignment in SMALL:
        section, _, rest = assignment.partition(".")
        key, _, value = rest.partition("=")
        sections.setdefault(section, []).append(f"{key} = {value!r}" if value.isalpha() else f"{key} = {value}")
    config.write_text("\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items()))
    command = [
        sys.executable, "-m", "mespot", "loso", "--dataset", "table", "--data", str(dataset), "--out", str(out),
        "--initialise", "scratch", "--config", str(config), "--cache", str(dataset / "cache"), "--device", "cpu",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not (out / "folds" / "p2" / "stamp.json").exists() and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
    assert not (out / "scores.json").exists()
    assert (out / "folds" / "p1" / "fold.json").exists()
    again = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "1 of 3 folds are finished already" in again.stdout
    assert kept(out) == kept(finished)


def test_folds_in_parallel_find_the_same(dataset: Path, finished: Path, tmp_path: Path) -> None:
    run(study(dataset, jobs=2), tmp_path / "run")
    ours, theirs = (RunFolder(one).read_detected(one / "candidates.csv") for one in (tmp_path / "run", finished))
    assert len(ours) == pytest.approx(len(theirs), rel=0.1)  # threads may round otherwise
    for subject in SUBJECTS:
        facts = [
            json.loads((one / "folds" / subject / "fold.json").read_text()) for one in (tmp_path / "run", finished)
        ]
        assert facts[0]["trained"] == facts[1]["trained"]


def test_frames_come_back_in_the_numbers_of_the_dataset(
    dataset: Path, finished: Path, rows: list[Row], tmp_path: Path
) -> None:
    table = dataset / "annotations.csv"
    before = table.read_bytes()
    try:
        write_rows(dataset, rows, first_frame=100)
        scores = run(study(dataset), tmp_path / "run")
    finally:
        table.write_bytes(before)
    ours, theirs = (RunFolder(one).read_detected(one / "candidates.csv") for one in (tmp_path / "run", finished))
    assert [(one.onset - 100, one.offset - 100, one.score) for one in ours] == [
        (one.onset, one.offset, one.score) for one in theirs
    ]
    theirs_scores = json.loads((finished / "scores.json").read_text())
    assert {**scores, "about": None} == {**theirs_scores, "about": None}


def test_a_full_disk_is_said_and_loses_nothing(
    dataset: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(path: Path) -> Any:
        if path.name == "detections.csv" and path.parent.name == "p2":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return whole_file(path)

    with monkeypatch.context() as patch:
        patch.setattr("mespot.study.folder.whole_file", full)
        with pytest.raises(
            StudyError, match=r"detections\.csv: cannot be written .*No space left.*run the same command"
        ):
            run(study(dataset), tmp_path / "run")
    trained = (tmp_path / "run" / "folds" / "p2" / "checkpoint.safetensors").stat().st_mtime_ns
    run(study(dataset), tmp_path / "run")
    assert kept(tmp_path / "run") == kept(finished)
    assert (tmp_path / "run" / "folds" / "p2" / "checkpoint.safetensors").stat().st_mtime_ns == trained


def test_missing_media_is_told_and_its_annotations_are_missed(dataset: Path, rows: list[Row], tmp_path: Path) -> None:
    table = dataset / "annotations.csv"
    before, lines = table.read_bytes(), list[str]()
    try:
        write_rows(dataset, [*rows, ("p3/gone", "p3", Kind.ME, 3, 5, 9)])
        scores = run(study(dataset), tmp_path / "run", lines)
    finally:
        table.write_bytes(before)
    assert any("p3/gone" in line and "1 annotations count as missed" in line for line in lines)
    assert scores["strict"]["all"]["tp"] + scores["strict"]["all"]["fn"] == len(rows) + 1


def test_a_study_needs_two_subjects(tmp_path: Path) -> None:
    rows = rows_of_subject("p1", 0)[:2]
    write_dataset(tmp_path, tmp_path / "cache", configuration(), rows)
    with pytest.raises(StudyError, match="needs two subjects, got 1"):
        run(study(tmp_path), tmp_path / "run")


def test_where_nothing_can_be_learnt_nothing_is_reported(tmp_path: Path) -> None:
    rows = rows_of_subject("p1", 0)
    write_dataset(tmp_path, tmp_path / "cache", configuration(), [*rows, *rows_of_subject("p2", 1)])
    lines: list[str] = []
    header = ("p2/a", "p2"), ("p2/b", "p2")
    write_rows(tmp_path, rows)
    with (tmp_path / "annotations.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"{video},{subject},,,,,30,0\n" for video, subject in header)
    scores = run(study(tmp_path), tmp_path / "run", lines)
    assert any("fold p1: no training subject has any expression" in line for line in lines)
    assert scores["strict"]["all"]["fn"] == 4
    assert RunFolder(tmp_path / "run").read_detected(tmp_path / "run" / "folds" / "p1" / "candidates.csv") == ()


def stub(tmp_path: Path, kinds: dict[str, Sequence[Kind]]) -> Inputs:
    """Inputs of subjects with the given kinds, without media."""
    recordings = tuple(Recording(f"{s}/a", s, None, 30.0, Numbering(0), ()) for s in kinds)
    facts = Facts("made up", "", "", "")
    inputs = Inputs(Recordings("table", facts, recordings, (), False, "mirror"), configuration(), tmp_path, None)
    for subject, found in kinds.items():
        expressions = tuple(Expression(Interval(30 * i, 30 * i + 9), kind) for i, kind in enumerate(found))
        inputs.prepared[f"{subject}/a"] = Prepared(f"key {subject}", 100, 100, 3.3, expressions)
    return inputs


def test_the_inner_split_has_both_kinds_on_both_sides_where_that_can_be(tmp_path: Path) -> None:
    kinds: dict[str, Sequence[Kind]] = {f"p{i}": [Kind.MAE] for i in range(10)}
    kinds |= {"p2": [Kind.ME, Kind.MAE], "p7": [Kind.ME]}
    inputs = stub(tmp_path, kinds)
    for subject in kinds:
        split = sides(inputs, subject, 0)
        assert subject not in (*split.train, *split.inner)
        assert not set(split.train) & set(split.inner)
        assert sorted((subject, *split.train, *split.inner)) == sorted(kinds)
        assert split == sides(inputs, subject, 0)
        if subject not in ("p2", "p7"):
            assert {"p2", "p7"} & set(split.inner)
            assert {"p2", "p7"} & set(split.train)


@pytest.mark.parametrize(
    ("others", "note"),
    [
        ([Kind.MAE], "no training subject has a ME"),
        ([Kind.ME], "no training subject has a MaE"),
        ([], "any expression"),
    ],
)
def test_a_training_side_without_a_kind_is_told(others: Sequence[Kind], note: str, tmp_path: Path) -> None:
    inputs = stub(tmp_path, {"p1": [Kind.ME, Kind.MAE], "p2": others, "p3": others})
    assert note in sides(inputs, "p1", 0).note
    assert sides(stub(tmp_path, {"p1": [Kind.ME], "p2": [Kind.ME, Kind.MAE]}), "p1", 0).inner == ()


@pytest.mark.parametrize(
    ("assignment", "stages"),
    [
        ("flow.lambda=0.2", {"streams", "folds"}),
        ("align.smoothing_s=0.6", {"streams", "folds"}),
        ("decode.sampling_fps=25", {"streams", "folds"}),
        ("backbone.flow_clip_px=3", {"maps", "folds"}),
        ("network.neck=fpn", {"folds"}),
        ("network.attention=false", {"folds"}),
        ("training.epochs=5", {"folds"}),
        ("training.focal_gamma=0", {"folds"}),
        ("spotting.nms_iou=0.3", {"folds"}),
        ("spotting.threshold_me=0.3", set()),
        ("backbone.engine=torch", set()),
        ("decode.chunk_frames=32", set()),
    ],
)
def test_a_changed_value_makes_anew_what_depends_on_it(
    assignment: str, stages: set[str], dataset: Path, tmp_path: Path
) -> None:
    def digests(config: Config) -> dict[str, str]:
        start = OPTIONS.network(config)
        inputs = Inputs(load_recordings("table", dataset), config, tmp_path, start)
        for name, recording in inputs.recordings.items():
            assert recording.path is not None
            key = cache_path(tmp_path, recording.path, config, images_fps=30.0).name
            inputs.prepared[name] = Prepared(key, FRAMES, FRAMES, 4.0, (Expression(Interval(9, 20), Kind.ME),))
        fold = training_digest(inputs, sides(inputs, "p1", 0), config, None)
        return {"streams": inputs.prepared["p1/a"].key, "maps": str(inputs.backbone), "folds": fold}

    before = digests(configuration())
    after = digests(configuration().override([assignment]))
    assert {name for name in before if before[name] != after[name]} == stages


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"neck": "unet"}, "--neck unet: choose one of bifpn, panet, fpn, none"),
        ({"mode": "both"}, "--mode both: choose one of"),
        ({"initialise": "kinetics"}, "needs the file that 'mespot models import-i3d' wrote"),
        ({"initialise": "scratch", "weights": Path("x")}, "begins at random; leave it out"),
    ],
)
def test_options_that_cannot_be_are_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_options(**chosen)


def test_streams_that_the_initial_weights_lack_are_refused() -> None:
    with pytest.raises(ConfigError, match="--streams both: the initial weights have the stream 'flow' alone"):
        StudyOptions(streams="both").config()


def test_another_neck_keeps_the_initial_backbone() -> None:
    options = StudyOptions(neck="fpn")
    config = options.config()
    shipped, other = StudyOptions().network(StudyOptions().config()), options.network(config)
    assert shipped is not None
    assert other is not None
    assert config.network.neck == "fpn"
    ours, theirs = (dict(one.flow.named_parameters()) for one in (other, shipped))  # type: ignore[union-attr]
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs)


def test_a_subject_becomes_a_file_name() -> None:
    run_folder = RunFolder(Path("run"))
    assert run_folder.fold("spNO.1").name == "spNO.1"
    assert "/" not in run_folder.fold("a/b").name
    assert run_folder.fold("..").name != ".."
    for refused in ("con", "NUL.txt", "p1."):  # on Windows
        assert run_folder.fold(refused).name.lower() not in (refused.lower(), refused.rstrip(".").lower())
    assert run_folder.fold("a/b") != run_folder.fold("a:b")


def test_end_to_end_training_runs_the_same_way(dataset: Path, tmp_path: Path) -> None:
    options = StudyOptions(initialise="scratch", mode="end_to_end")
    config = options.config(None, SMALL)
    one = Study(load_recordings("table", dataset), config, options, dataset / "cache", "cpu")
    scores = run(one, tmp_path / "run")
    assert scores["strict"]["all"]["tp"] + scores["strict"]["all"]["fn"] == 12
    assert not list((dataset / "cache").glob("*.part"))


def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_what_was_deleted_is_made_again_and_nothing_else(dataset: Path, finished: Path, tmp_path: Path) -> None:
    out = copied(finished, tmp_path)
    (out / "folds" / "p1" / "candidates.csv").unlink()
    (out / "folds" / "p2" / "checkpoint.safetensors").unlink()
    (out / "folds" / "p2" / "detections.csv").unlink()
    kept_one = (out / "folds" / "p1" / "checkpoint.safetensors").stat().st_mtime_ns
    lines: list[str] = []
    run(study(dataset), out, lines)
    assert kept(out) == kept(finished)
    assert (out / "folds" / "p1" / "checkpoint.safetensors").stat().st_mtime_ns == kept_one
    assert "1 of 3 folds are finished already" in lines


def test_a_table_that_is_damaged_says_what_helps(dataset: Path, finished: Path, tmp_path: Path) -> None:
    out = copied(finished, tmp_path)
    damaged = out / "folds" / "p1" / "candidates.csv"
    damaged.write_text("video\n1\n")
    with pytest.raises(StudyError, match=r"candidates\.csv: is no table of detections .*delete it and run"):
        run(study(dataset), out)
    damaged.unlink()
    run(study(dataset), out)
    assert kept(out) == kept(finished)


def test_a_fold_that_was_killed_between_training_and_its_record_goes_on(
    dataset: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_json = RunFolder.write_json

    def killed(self: RunFolder, path: Path, value: Any) -> None:
        if path.name == "fold.json":
            raise KeyboardInterrupt
        write_json(self, path, value)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            run(study(dataset), tmp_path / "run")
    run(study(dataset), tmp_path / "run")
    assert kept(tmp_path / "run") == kept(finished)
    assert not list((tmp_path / "run").rglob("training"))


def test_a_training_run_goes_on_under_a_value_of_no_consequence(dataset: Path, tmp_path: Path) -> None:
    def interrupted(step: Progress) -> None:
        if step.stage == "training steps" and step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study(dataset), tmp_path / "run", on_progress=interrupted, on_line=lambda _: None)
    assert (tmp_path / "run" / "folds" / "p1" / "training" / "resume.safetensors").exists()
    other = study(dataset)
    values = other.config.override(["decode.chunk_frames=32", "spotting.threshold_me=0.9"])
    run(Study(other.recordings, values, OPTIONS, other.cache, "cpu"), tmp_path / "run")


def test_renumbered_frames_are_written_anew_without_training(
    dataset: Path, finished: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, table = copied(finished, tmp_path), dataset / "annotations.csv"
    before = table.read_bytes()
    monkeypatch.setattr(fold_module, "train", None)
    try:
        write_rows(dataset, rows, first_frame=100)
        scores = run(study(dataset), out)
    finally:
        table.write_bytes(before)
    theirs = json.loads((finished / "scores.json").read_text())
    assert scores["strict"] == theirs["strict"]


def test_nothing_of_another_study_stands_beside_a_new_one(
    dataset: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = copied(finished, tmp_path)
    other = study(dataset)
    changed = Study(other.recordings, other.config.override(["network.neck=fpn"]), OPTIONS, other.cache, "cpu")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fold_module, "train", killed)
    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(changed, out, lines)
    assert "3 folds were made with other data, values or weights: they are made anew" in lines
    left = read_result(out)
    assert left.missing == SUBJECTS
    assert not left.detected
    assert not (out / "scores.json").exists()


def test_parallel_folds_that_talk_without_end_do_not_hide_one_that_ended() -> None:
    class Talking:
        def get(self, timeout: float) -> tuple[str, str]:
            time.sleep(min(timeout, 0.01))
            return "p1", "still here"

    heard: list[str] = []
    meter = leave_one_out._Meter(configuration(), 1, lambda _: None, heard.append)
    leave_one_out._pass_on(Talking(), meter)
    assert heard


def test_one_person_under_two_spellings_is_refused(tmp_path: Path) -> None:
    rows = [*rows_of_subject("p1", 0)[:2], *rows_of_subject("P1 b", 1)[:2], *rows_of_subject("p1 B", 2)[:2]]
    write_rows(tmp_path, rows)
    with pytest.raises(StudyError, match="'P1 b' and 'p1 B' differ by the case of letters alone"):
        run(study(tmp_path), tmp_path / "run")


def test_frames_of_very_long_recordings_keep_all_digits(tmp_path: Path) -> None:
    folder, event = RunFolder(tmp_path), DetectedEvent("a", Kind.ME, 12_345_671, 12_345_679, 0.5)
    folder.write_detected(tmp_path / "detections.csv", [event])
    assert folder.read_detected(tmp_path / "detections.csv") == (event,)
    reference = Reference((ReferenceEvent("a", "p1", Kind.ME, 1_234_561.25, 1_234_565, 1_234_569),), (("a", "p1"),))
    folder.write_table(tmp_path / "reference.csv", REFERENCE_COLUMNS, reference_rows(reference))
    assert read_reference(tmp_path / "reference.csv") == reference


@pytest.mark.parametrize("assignment", ["training.seed=3", "training.mode=end_to_end"])
def test_a_value_that_an_option_decides_is_not_passed_over(assignment: str) -> None:
    with pytest.raises(ConfigError, match=r"use that option\.$"):
        OPTIONS.config(None, [*SMALL, assignment])


def test_ctrl_c_ends_parallel_folds_at_once_and_loses_nothing(dataset: Path, tmp_path: Path) -> None:
    def interrupted(step: Progress) -> None:
        if step.stage == "training steps" and step.done >= 2:
            raise KeyboardInterrupt

    one, out = study(dataset, jobs=2), tmp_path / "run"
    longer = replace(one, config=one.config.override(["training.epochs=2000"]))
    with pytest.raises(KeyboardInterrupt):
        run_study(longer, out, on_progress=interrupted, on_line=lambda _: None)
    begun = [json.loads(path.read_text())["trained"] for path in sorted(out.glob("folds/*/stamp.json"))]
    assert len(begun) == 2  # the third, which waited, was not begun
    assert list(out.glob("folds/*/training/resume.safetensors"))
    assert not multiprocessing.active_children()
