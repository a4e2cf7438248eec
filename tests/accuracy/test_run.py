"""The whole bench on seconds of video with a tiny random network: that the parts fit, not what they reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from mespot.accuracy.report import PARTS, SCHEMA
from mespot.accuracy.run import Accuracy, measure_accuracy, refuse_known_people, result_name
from mespot.accuracy.sets import Plan
from mespot.cli.app import main
from mespot.core.errors import AnnotationError, ConfigError
from mespot.model.checkpoint import load_checkpoint, save_checkpoint
from mespot.simulate.manifest import source_digest

SECONDS = Plan(
    minutes=0.1,
    distractor_minutes=0.1,
    curve_minutes=0.1,
    clip_s=6.0,
    per_minute=30.0,
    curve_per_minute=30.0,
    sizes=((320, 240),),
    rates=(25.0,),
    curve_sizes=((240, 240),),
    curve_rates=(30.0,),
    copies=1,
)
SIMULATED = ("curve", "simulated", "distractors")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def weights(tiny_weights: Callable[[int], Path]) -> Path:
    return tiny_weights(0)


@pytest.fixture(scope="module")
def measured(out: Path, weights: Path) -> Accuracy:
    return measure_accuracy(out, weights=weights, plan=SECONDS, parts=SIMULATED, workers=1)


@pytest.mark.slow
def test_every_part_has_its_set_and_figures(measured: Accuracy, out: Path) -> None:
    results = measured.results
    assert results["schema"] == SCHEMA
    assert list(results["parts"]) == ["simulated", "distractors", "curve"]
    assert all(part["synthetic"] and part["set"]["videos"] == 1 for part in results["parts"].values())
    assert results["parts"]["simulated"]["set"]["ME"] + results["parts"]["simulated"]["set"]["MaE"] > 0
    assert results["parts"]["distractors"]["set"]["ME"] == results["parts"]["distractors"]["set"]["MaE"] == 0
    assert len(results["parts"]["curve"]["points"]) == 7
    shown = [one["mae"][1] + one["me"][1] for one in results["parts"]["simulated"]["actions"]]
    assert sum(shown) == results["parts"]["simulated"]["set"]["ME"] + results["parts"]["simulated"]["set"]["MaE"]
    assert measured.json.name == f"accuracy-{results['weights']}-simulated-distractors-curve.json"
    assert json.loads(measured.json.read_text(encoding="utf-8")) == json.loads(json.dumps(results))
    assert "SYNTHETIC" in measured.markdown.read_text(encoding="utf-8")
    assert cv2.imread(str(out / f"curve-{results['weights']}.png")) is not None


@pytest.mark.slow
def test_a_run_that_was_cut_short_goes_on_to_the_same_results(measured: Accuracy, out: Path, weights: Path) -> None:
    before = measured.json.read_bytes()
    videos = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    next(iter(out.glob("detections/*/*.json"))).unlink()
    again = measure_accuracy(out, weights=weights, plan=SECONDS, parts=SIMULATED, workers=1)
    assert again.json.read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")} == videos


@pytest.mark.slow
def test_the_command_measures_real_clips(out: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "accuracy", "--out", str(out / "real"), "--weights", str(weights), "--only", "real"]
    assert main([*command, "--workers", "1", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert list(results["parts"]) == ["real"]
    assert results["parts"]["real"]["synthetic"] is False
    assert results["parts"]["real"]["set"]["MaE"] == 2
    assert main([*command, "--workers", "1"]) == 0
    captured = capsys.readouterr().out
    assert "| MaE F1 | >= 0.7 |" in captured
    assert "SYNTHETIC" not in captured


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "accuracy", "--help"]) == 0
    assert "Usage: mespot bench accuracy" in capsys.readouterr().out


def test_an_unknown_part_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=", ".join(PARTS)):
        measure_accuracy(tmp_path / "out", parts=("reel",))
    assert main(["bench", "accuracy", "--out", str(tmp_path / "out"), "--only", "reel"]) == 2
    assert "part reel: is unknown" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_simulated_videos_are_no_real_clips(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AnnotationError, match="are simulated"):
        measure_accuracy(tmp_path / "out", marks=[tmp_path / "marks.csv"])


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize(
    ("parts", "subject"),
    [(("curve",), "grace_hopper"), (("injected",), "smile_then_talk"), (("real",), "smile_then_talk")],
)
def test_weights_are_not_measured_on_people_of_their_training(
    weights: Path, tmp_path: Path, part: str, parts: tuple[str, ...], subject: str
) -> None:
    checkpoint = load_checkpoint(weights)
    taught = tmp_path / "taught.safetensors"
    facts = {"train": {"subjects": ["ann"]}, "validation": {"subjects": ["bob"]}}
    facts[part]["subjects"].append(subject)
    save_checkpoint(taught, checkpoint.network, checkpoint.config, facts=facts)
    with pytest.raises(AnnotationError, match=rf"{subject}\..*trained or validated on this face"):
        measure_accuracy(tmp_path / "out", weights=taught, plan=SECONDS, parts=parts, workers=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "facts", [{}, {"train": {}}, {"train": "a table"}, {"train": {"subjects": ["ann"]}, "validation": None}]
)
def test_a_checkpoint_that_tells_of_nobody_shown_is_measured(facts: dict[str, object]) -> None:
    refuse_known_people(facts, [Path("grace_hopper.jpg")])


def test_a_real_clip_of_a_training_corpus_is_refused(smile_then_talk_clip: Path, tmp_path: Path) -> None:
    video = {"source": source_digest(smile_then_talk_clip), "identity": "renamed", "combinations": []}
    manifest = tmp_path / "corpus" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({"split": "train", "videos": [video]}), encoding="utf-8")
    with pytest.raises(ConfigError, match="smile_then_talk"):
        measure_accuracy(tmp_path / "out", plan=Plan(apart_from=(manifest,)), parts=("real",))
    assert not (tmp_path / "out").exists()


def test_results_of_some_parts_have_a_name_of_their_own() -> None:
    assert result_name("0123", PARTS) == "accuracy-0123"
    assert result_name("0123", ("real", "simulated")) == "accuracy-0123-simulated-real"


def test_no_worker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 workers"):
        measure_accuracy(tmp_path / "out", workers=0)
