"""train with a frozen backbone: from a table to a checkpoint; folds share the maps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mespot.cli.app import main
from mespot.model.checkpoint import file_digest, load_checkpoint

Capture = pytest.CaptureFixture[str]
QUICK = ("training.epochs=1", "training.batch=2", "training.windows_per_epoch=2", "training.window_frames=64")


@pytest.fixture
def table(smile_clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "marks.csv"
    rows = [f"{name}.mp4,{name},16,22,71,MaE\n" for name in ("ann", "bob")]
    for name in ("ann", "bob"):
        shutil.copy(smile_clip, tmp_path / f"{name}.mp4")
    path.write_text("video,subject,onset,apex,offset,kind\n" + "".join(rows), encoding="utf-8")
    return path


@pytest.mark.slow
def test_folds_with_a_frozen_backbone_share_its_maps(table: Path, weights: Path, tmp_path: Path) -> None:
    cache, backbones, made = tmp_path / "cache", [], []
    for held_out in ("ann", "bob"):
        out = tmp_path / held_out
        choices = ["--validation-subjects", held_out, "--cache", str(cache), "--out", str(out), "--device", "cpu"]
        sets = [part for one in QUICK for part in ("--set", one)]
        mode = ["--mode", "frozen_backbone", "--initial", str(weights)]
        assert main(["train", str(table), *choices, *mode, *sets]) == 0
        checkpoint = load_checkpoint(out / "best.safetensors")
        assert checkpoint.config.training.mode == "frozen_backbone"
        assert checkpoint.facts["validation"]["subjects"] == [held_out]
        assert checkpoint.facts["initial"] == file_digest(weights)[:16] == load_checkpoint(weights).digest
        assert (checkpoint.facts["flows"], checkpoint.facts["synthetic"]) == (None, False)
        assert json.loads((out / "epochs.jsonl").read_text(encoding="utf-8"))["f1_mae"] >= 0
        assert checkpoint.network.flow is not None
        backbones.append(checkpoint.network.flow.state_dict())
        made.append(sorted((path.name, path.stat().st_mtime_ns) for path in cache.glob("*.maps.safetensors")))
    assert made[0] == made[1]
    assert len(made[0]) == 2
    given = load_checkpoint(weights).network.flow
    assert given is not None
    for name, value in given.state_dict().items():
        assert all((backbone[name] == value).all() for backbone in backbones)


def test_a_frozen_backbone_needs_weights(table: Path, tmp_path: Path, capsys: Capture) -> None:
    choices = ["--validation-subjects", "ann", "--out", str(tmp_path / "out"), "--mode", "frozen_backbone"]
    assert main(["train", str(table), *choices]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: training.mode = frozen_backbone: needs the weights of a backbone; give --initial FILE."


def test_a_library_and_several_tables_teach_a_flow_network(smile_clip: Path, tmp_path: Path) -> None:
    tables = []
    for name in ("ann", "bob", "cat"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(smile_clip, folder / f"{name}.mp4")
        tables.append(folder / "marks.csv")
        text = f"video,subject,onset,apex,offset,kind\n{name}.mp4,{name},16,22,71,MaE\n"
        tables[-1].write_text(text, encoding="utf-8")
    sizes = ("backbone.streams=flow", "backbone.input_px=32", "backbone.width=0.05", "network.channels=8")
    small = [part for one in (*QUICK, *sizes, "network.hidden=8", "training.pastes=2") for part in ("--set", one)]
    library = tmp_path / "flows.safetensors"
    assert main(["flows", str(library), "--count", "6", "--shapes", "2", "--vary", "0.5", *small]) == 0
    choices = ["--validation-subjects", "cat", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["train", *map(str, tables), *choices, "--flows", str(library), *small]) == 0
    facts = load_checkpoint(tmp_path / "out" / "best.safetensors").facts
    assert facts["train"]["subjects"] == ["ann", "bob"]
    assert facts["train"]["videos"] == 2
    assert facts["library"]["count"] == 6
    assert facts["library"]["split"] == "train"
    assert (facts["library"]["shapes"], facts["library"]["vary"]) == ("2", "0.5")
    assert facts["validation"]["subjects"] == ["cat"]
    assert (facts["initial"], facts["flows"]) == (None, file_digest(library)[:16])
    assert facts["synthetic"] is True  # the library is, though the videos are not


def test_a_library_is_refused_where_pictures_are_seen(table: Path, tmp_path: Path, capsys: Capture) -> None:
    library = tmp_path / "flows.safetensors"
    assert main(["flows", str(library), "--count", "2", "--set", "backbone.input_px=32"]) == 0
    choices = ["--validation-subjects", "ann", "--out", str(tmp_path / "out"), "--flows", str(library)]
    sets = [part for one in (*QUICK, "backbone.input_px=32", "backbone.width=0.05") for part in ("--set", one)]
    assert main(["train", str(table), *choices, *sets]) == 2
    assert "a library of flows teaches networks that see flow alone" in capsys.readouterr().err
