"""Scores of files: the strict one with its details, published ones beside it, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mespot
from drawn_events import detections, perfect, references
from mespot.cli.app import main
from mespot.core.errors import AnnotationError, ConfigError
from mespot.core.expression import Kind
from mespot.evaluation.details import T_EVAL
from mespot.evaluation.evaluate import evaluate
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.precision import average_precision
from mespot.evaluation.protocols import PROTOCOLS
from mespot.evaluation.strict import match_videos

REFERENCE = """video,subject,kind,onset,apex,offset,emotion,fps
a,one,MaE,10,20,39,happy,30
a,one,ME,60,64,69,sad,30
b,one,MaE,5,25,0,happy,30
c,two,,,,,,30
d,two,ME,100,105,109,fear,30
"""
"""The offset 0 is completed to 45 by the rule mirror."""
DETECTED = """video,kind,onset,offset,score,emotion
a,MaE,12,39,0.9,happy
a,ME,62,75,0.8,sad
a,MaE,10,30,0.4,happy
b,MaE,5,44,0.7,sad
c,ME,3,9,0.6,sad
d,MaE,100,109,0.5,fear
"""
"""True positives: a 12-39 (28 of 30 frames) and b 5-44 (40 of 41); a 62-75 overlaps 60-69 by 8 of 16 frames, just half;
the second on a is one too many, c has no expression, and d is of the other kind."""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    reference, detected = tmp_path / "reference.csv", tmp_path / "detected.csv"
    reference.write_text(REFERENCE)
    detected.write_text(DETECTED)
    return reference, detected


def counts(scores: dict[str, Any], kind: str) -> tuple[float, ...]:
    return tuple(scores[kind][name] for name in ("tp", "fp", "fn"))


def test_counts_by_hand(files: tuple[Path, Path]) -> None:
    scores = mespot.evaluate(reference=files[0], detected=files[1])
    strict = scores["strict"]
    assert (counts(strict, "MaE"), counts(strict, "ME"), counts(strict, "all")) == ((2, 2, 0), (1, 1, 1), (3, 3, 1))
    assert strict["all"]["precision"] == 0.5
    assert strict["all"]["recall"] == 0.75
    assert strict["all"]["f1"] == pytest.approx(0.6)
    assert strict["errors"]["onset"]["mean_frames"] == pytest.approx((2 + 2 + 0) / 3, abs=1e-4)
    assert strict["errors"]["offset"]["median_absolute_frames"] == 1
    assert strict["errors"]["onset"]["median_absolute_s"] == pytest.approx(2 / 30, abs=1e-4)
    assert counts(strict["subjects"]["two"], "ME") == (0, 1, 1)
    assert counts(strict["videos"]["c"], "all") == (0, 1, 0)
    assert set(strict["t_eval"]) == {f"{one:.2f}" for one in T_EVAL}
    assert scores["about"]["notes"] == []
    json.dumps(scores)


def test_rules_for_missing_offsets_and_overlaps_change_the_counts(files: tuple[Path, Path]) -> None:
    dropped = evaluate(reference=files[0], detected=files[1], missing_offset="drop")["strict"]
    assert counts(dropped, "MaE") == (1, 3, 0)
    stricter = evaluate(reference=files[0], detected=files[1], iou=0.95)["strict"]
    assert counts(stricter, "MaE") == (1, 3, 1)


def test_all_protocols_stand_side_by_side(files: tuple[Path, Path]) -> None:
    scores = evaluate(reference=files[0], detected=files[1], protocols=("all",))
    assert list(scores) == [*PROTOCOLS, "about"]
    for name in PROTOCOLS:
        assert {"MaE", "ME", "all"} <= set(scores[name])
        assert set(scores[name]["all"]) == {"tp", "fp", "fn", "precision", "recall", "f1"}


def test_strs_without_emotions_is_left_out_of_all_and_refused_by_name(files: tuple[Path, Path]) -> None:
    files[0].write_text(REFERENCE.replace("happy", "").replace("sad", "").replace("fear", ""))
    scores = evaluate(reference=files[0], detected=files[1], protocols=("all",))
    assert "strs" not in scores
    assert any("strs is left out" in note for note in scores["about"]["notes"])
    with pytest.raises(AnnotationError, match="emotion"):
        evaluate(reference=files[0], detected=files[1], protocols=("strs",))


def test_the_strict_score_holds_strs_where_all_emotions_are_given(files: tuple[Path, Path]) -> None:
    scores = evaluate(reference=files[0], detected=files[1], protocols=("strict", "strs"))
    assert scores["strict"]["strs"] == scores["strs"]
    files[1].write_text(DETECTED.replace("fear", ""))
    scores = evaluate(reference=files[0], detected=files[1])
    assert "strs" not in scores["strict"]
    (note,) = scores["about"]["notes"]
    assert "strs is left out" in note
    files[1].write_text("\n".join(line.rpartition(",")[0] for line in DETECTED.splitlines()))
    scores = evaluate(reference=files[0], detected=files[1])
    assert "strs" not in scores["strict"]
    assert scores["about"]["notes"] == []


def test_expressions_that_are_not_counted_are_told(files: tuple[Path, Path]) -> None:
    files[0].write_text(REFERENCE + "d,two,ME,5,,,sad,30\nd,two,ME,50,,20,sad,30\n")
    scores = evaluate(reference=files[0], detected=files[1], protocols="strict")
    dropped, backwards = scores["about"]["notes"]
    assert "1 of 6 expressions have no offset that the rule 'mirror' can complete, for example from frame 5" in dropped
    assert "1 of 6 expressions end before they begin, for example from frame 50 of 'd'" in backwards
    assert counts(scores["strict"], "ME") == (1, 1, 2)


@given(references(), detections(), st.randoms(use_true_random=False))
def test_the_order_of_videos_and_expressions_changes_no_count(
    reference: Reference, found: list[DetectedEvent], random: Random
) -> None:
    events, videos = list(reference.events), list(reference.videos)
    random.shuffle(events)
    random.shuffle(videos)
    before = evaluate(reference=reference, detected=found, resamples=20)["strict"]
    after = evaluate(reference=Reference(tuple(events), tuple(videos)), detected=found, resamples=20)["strict"]
    for part in ("MaE", "ME", "all", "t_eval", "subjects", "videos"):
        assert before[part] == after[part]


def test_detections_in_unknown_videos_are_told(files: tuple[Path, Path]) -> None:
    files[1].write_text(DETECTED + "x,ME,1,5,0.5,sad\n")
    scores = evaluate(reference=files[0], detected=files[1])
    assert counts(scores["strict"], "ME") == (1, 2, 1)
    (note,) = scores["about"]["notes"]
    assert "1 detections are in 1 videos that the reference does not list, for example 'x'" in note


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocols": ("lsnet",)}, "unknown protocol 'lsnet'; did you mean 'lssnet'"),
        ({"protocols": ("zzz",)}, "choose one of strict, megc2020"),
        ({"missing_offset": "nearest"}, "unknown rule 'nearest'"),
        ({"iou": 0.0}, "must lie above 0"),
        ({"fps": 0.0}, "fps = 0: must lie above 0"),
        ({"resamples": 0}, "must be 1 at least"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(changes: dict[str, Any], message: str, files: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(reference=files[0], detected=files[1], **changes)


@given(references())
def test_perfect_detections_score_one(reference: Reference) -> None:
    strict = evaluate(reference=reference, detected=perfect(reference))["strict"]
    assert counts(strict, "all") == (len(reference.events), 0, 0)
    for kinds in strict["average_precision"].values():
        assert all(found is None or found == pytest.approx(1.0) for found in kinds.values())


@given(references(), detections(), st.integers(1, 500))
def test_shifting_all_frames_changes_nothing(reference: Reference, found: list[DetectedEvent], by: int) -> None:
    moved = Reference(
        tuple(
            replace(one, onset=one.onset + by, apex=(one.apex or 0) + by, offset=one.offset + by)
            for one in reference.events
        ),
        reference.videos,
    )
    detected = [replace(one, onset=one.onset + by, offset=one.offset + by) for one in found]
    before, after = evaluate(reference=reference, detected=found), evaluate(reference=moved, detected=detected)
    assert before["strict"] == after["strict"]


@given(references(), detections())
def test_a_far_false_detection_lowers_precision_alone(reference: Reference, found: list[DetectedEvent]) -> None:
    before = evaluate(reference=reference, detected=found)["strict"]
    false = DetectedEvent(reference.videos[0][0], Kind.ME, 9000, 9010, 0.0)
    after = evaluate(reference=reference, detected=[*found, false])["strict"]
    assert after["ME"]["recall"] == before["ME"]["recall"]
    assert after["ME"]["precision"] <= before["ME"]["precision"]
    assert after["MaE"] == before["MaE"]
    assert after["average_precision"] == before["average_precision"]


@given(references(), detections())
def test_what_is_pooled_is_the_sum_over_videos_and_over_subjects(
    reference: Reference, found: list[DetectedEvent]
) -> None:
    strict = evaluate(reference=reference, detected=found)["strict"]
    for group in ("videos", "subjects"):
        for kind in ("MaE", "ME", "all"):
            summed = [sum(part) for part in zip(*(counts(one, kind) for one in strict[group].values()), strict=True)]
            assert tuple(summed) == counts(strict, kind)


def test_average_precision_by_hand() -> None:
    reference = Reference(
        tuple(ReferenceEvent("a", "", Kind.ME, at, None, at + 9) for at in (10, 50, 90)), (("a", ""),)
    )
    found = [
        DetectedEvent("a", Kind.ME, 10, 19, 0.9),
        DetectedEvent("a", Kind.ME, 200, 209, 0.8),
        DetectedEvent("a", Kind.ME, 50, 59, 0.7),
        DetectedEvent("a", Kind.ME, 51, 59, 0.6),
    ]
    videos = match_videos(reference, found)
    # Precision 1 at the first recall of 1/3, then 2/3 at 2/3; the third expression is never found.
    assert average_precision(videos, 0.5, (Kind.ME,)) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(videos, 0.5, (Kind.MAE,)) is None


def test_the_bootstrap_takes_whole_subjects(files: tuple[Path, Path]) -> None:
    one = evaluate(reference=files[0], detected=files[1])["strict"]["intervals_95"]
    assert one == evaluate(reference=files[0], detected=files[1])["strict"]["intervals_95"]
    low, high = one["all"]["f1"]
    assert 0 <= low <= 0.6 <= high <= 1
    files[0].write_text("\n".join(line for line in REFERENCE.splitlines() if ",two," not in line))
    alone = evaluate(reference=files[0], detected=files[1])["strict"]["intervals_95"]
    assert alone["MaE"]["recall"] is None or alone["MaE"]["recall"][0] <= alone["MaE"]["recall"][1]


def test_the_command_prints_a_table_or_json(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--reference", str(files[0]), "--detected", str(files[1])]
    assert main([*command, "--protocol", "strict", "--protocol", "lssnet"]) == 0
    out = capsys.readouterr().out
    assert "lssnet" in out
    assert "What each counts" in out
    assert "--iou and --missing-offset change the strict score alone" in out
    assert "median error of 3 true positives" in out
    lines = out.splitlines()
    at = lines.index("F1 at IoU  0.50  0.40  0.35  0.30")
    assert lines[at + 3] == "      all 0.600 0.600 0.600 0.600"
    assert any(line.startswith("average precision at IoU  0.30  0.35") and line.endswith(" mean") for line in lines)
    assert any(line.startswith("STRS: MaE ") for line in lines)
    assert main([*command, "--protocol", "all", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores == json.loads(json.dumps(evaluate(reference=files[0], detected=files[1], protocols=("all",))))
    assert main([*command, "--weights", "x.safetensors"]) == 2
    for option in (["--protocol", "all"], ["--fps", "25"], ["--missing-offset", "drop"]):
        capsys.readouterr()
        assert main(["evaluate", "--reference", str(files[0]), *option]) == 2
        assert "needs --detected" in capsys.readouterr().err
    assert main(["evaluate", "--reference", str(files[0]), "--detected", "gone.csv"]) == 1
    assert "gone.csv: cannot be read" in capsys.readouterr().err


def test_scoring_needs_no_torch(files: tuple[Path, Path]) -> None:
    code = (
        "import sys, mespot\n"
        f"mespot.evaluate(reference={str(files[0])!r}, detected={str(files[1])!r}, protocols=['all'])\n"
        f"from mespot.cli.app import main\n"
        f"assert main(['evaluate', '--reference', {str(files[0])!r}, '--detected', {str(files[1])!r}]) == 0\n"
        "assert not {'torch', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_given_rate_counts_for_events_too() -> None:
    reference = Reference((ReferenceEvent("a", "p1", Kind.ME, 10, 30, 70),), (("a", "p1"),), 30)
    found = [DetectedEvent("a", Kind.ME, 10, 70)]
    slow, fast = (evaluate(reference=reference, detected=found, protocols=["offd"], fps=fps) for fps in (None, 200))
    assert counts(slow["offd"], "MaE") == (1, 0, -1)  # two seconds are no ME
    assert counts(fast["offd"], "ME") == (1, 0, 0)


def test_half_a_second_of_29_97_frames_a_second_is_that_of_30() -> None:
    events = (ReferenceEvent("a", "p1", Kind.ME, 10, 17, 25), ReferenceEvent("b", "p1", Kind.MAE, 10, 40, 0))
    found = [DetectedEvent("a", Kind.ME, 10, 25), DetectedEvent("b", Kind.MAE, 10, 60)]
    for fps in (29.97, 30.0):
        reference = Reference(events, (("a", "p1"), ("b", "p1")), fps)
        for name in ("offd", "lgsnet"):
            scores = evaluate(reference=reference, detected=found, protocols=[name])[name]
            assert (counts(scores, "ME"), counts(scores, "MaE")) == ((1, 0, 0), (1, 0, 0))


def test_a_study_is_not_read_as_a_folder_of_results(files: tuple[Path, Path]) -> None:
    folder = files[0].parent
    (folder / "run.json").write_text("{}")
    with pytest.raises(AnnotationError, match=r"is a study.*detections\.csv"):
        evaluate(reference=files[0], detected=folder)
