from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch

from mespot import Config, __version__
from mespot.cli.app import main
from mespot.cli.failure import DEBUG, report, sentence
from mespot.core.errors import ConfigError, VideoError

CLIP = str(resources.files("mespot.assets") / "neutral_to_smile.mp4")

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEBUG, raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def test_the_version_is_printed(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mespot {__version__}\n"


@pytest.mark.parametrize("command", ["spot", "demo", "simulate", "train", "evaluate", "models", "models import-i3d"])
def test_every_command_explains_itself(command: str, capsys: Capture) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert "Usage: mespot" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["spto"], "spto"),
        (["spot"], "PATH"),
        (["spot", "a.mp4", "--face", "0"], "--face"),
        (["spot", "a.mp4", "--face", "one"], "--face"),
        (["spot", "a.mp4", "--images-fps", "0"], "--images-fps"),
        (["spot", "a.mp4", "--device", "tpu"], "--device"),
        (["spot", "a.mp4", "--colour"], "--colour"),
        (["simulate"], "--out"),
        (["simulate", "--out", "x", "--faces", "no-such-folder"], "no-such-folder"),
        (["simulate", "--out", "x", "--size", "640"], "--size 640: is no size; write width x height in px"),
        (["simulate", "--out", "x", "--size", "641x480"], "even width and height"),
        (["simulate", "--out", "x", "--fps", "nan"], "at least 5 frames per second"),
        (["simulate", "--out", "x", "--fps", "25", "--fps", "inf"], "at most 1000"),
        (["simulate", "--out", "x", "--minutes", "inf"], "positive and finite"),
        (["simulate", "--out", "x", "--split", "test", "--free-share", "0.5"], "leave out --free-share"),
        (["simulate", "--out", "x", "--layout", "casme2", "--free-share", "0.5"], "is not for --layout"),
        (["simulate", "--out", "x", "--layout", "casme2", "--vary", "0.5"], "is not for --layout"),
        (["simulate", "--out", "x", "--split", "test", "--vary", "0.5"], "leave out --vary"),
        (["simulate", "--out", "x", "--carriers", CLIP, "--split", "test", "--vary", "0.5"], "leave out --vary"),
        (["train", "a.csv"], "--out"),
        (["train", "a.csv", "--out", "x"], "--validation"),
        (["train", "a.csv", "--out", "x", "--validation", "b.csv", "--validation-subjects", "c"], "either"),
        (["models", "import-i3d", "a.pt"], "FLOW.pt"),
    ],
)
def test_wrong_usage_is_status_2_and_names_what_is_wrong(arguments: list[str], fact: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert fact in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none_is_wrong_usage(capsys: Capture) -> None:
    assert main(["spot", "a.mp4", "--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_no_command_shows_the_help(capsys: Capture) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert "spot" in captured.out + captured.err


def test_unreadable_weights_are_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    for name in ("w.safetensors", "none.safetensors"):
        assert main(["spot", "a.mp4", "--weights", str(tmp_path / name)]) == 1
        assert main(["models", "info", str(tmp_path / name)]) == 1
        one, two = capsys.readouterr().err.splitlines()
        assert one == two
        assert one.startswith(f"error: {tmp_path / name}: ")


def failing(error: BaseException) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (VideoError("a.mp4: is no video; check it."), 1, "error: a.mp4: is no video; check it."),
        (ConfigError("--set x: unknown."), 2, "error: --set x: unknown."),
        (
            FileNotFoundError(2, "No such file or directory", "out/a.csv"),
            1,
            "error: out/a.csv: No such file or directory; check the path, its permissions and the free space.",
        ),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "error: unexpected error (ZeroDivisionError: division by zero); please report it, "
            "with the traceback that mespot --debug shows.",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_error_is_one_line_without_a_traceback(
    error: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(Config, "override", failing(error))
    assert main(["train", "a.csv", "--out", "x", "--validation", "b.csv"]) == status
    assert capsys.readouterr().err.splitlines() == [line]


def test_debug_shows_the_traceback_of_an_unexpected_error(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv(DEBUG, "")  # so that it is restored afterwards
    monkeypatch.setattr(Config, "override", failing(ZeroDivisionError("division by zero")))
    assert main(["--debug", "train", "a.csv", "--out", "x", "--validation", "b.csv"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_sentences_and_statuses_of_errors(capsys: Capture) -> None:
    assert report(ConfigError("key.")) == 2
    assert report(RuntimeError("odd")) == 1
    assert capsys.readouterr().err.startswith("error: key.\nerror: unexpected error (RuntimeError: odd)")
    assert sentence(OSError("no name")).startswith("unexpected error (OSError: no name)")
