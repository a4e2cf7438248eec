from __future__ import annotations

import io
import re
import sys

import pytest

from mespot.cli import output
from mespot.cli.output import print_expressions, printable, progress_of, time_left
from mespot.pipeline import Progress
from results import make_spotting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_table_shows_each_expression(capsys: pytest.CaptureFixture[str]) -> None:
    print_expressions(make_spotting(quality=("the face is seen in 93% of the sampled frames",)))
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert "person one.mp4: 1 MaE, 1 ME in 2.4 s" in out
    assert "  note: the face is seen in 93% of the sampled frames" in out
    assert ["ME", "0.08", "0.21", "0.38", "0.33", "0.61", "left", "brow"] in lines
    assert ["MaE", "0.54", "0.74", "2.38", "1.87", "0.87", "mouth"] in lines


def test_nothing_found_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_expressions(make_spotting(()))
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("text", ["\x1b[31mred.mp4", "two\nlines.mp4", "\udcff.mp4", "bell\a"])
def test_file_names_cannot_steer_the_terminal(text: str) -> None:
    assert printable(text).isprintable()
    printable(text).encode("utf-8")


def test_plain_progress_is_a_line_a_stage_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_of("clip.mp4") as report:
        for stage in ("faces", "motion"):
            for done in range(50):
                report(Progress(stage, done, 50))
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["clip.mp4: faces", "clip.mp4: motion"]
    assert captured.out == ""


def test_a_long_stage_says_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PLAIN_EVERY_S", 0.0)
    with progress_of("clip.mp4") as report:
        report(Progress("faces", 0, None))
        report(Progress("faces", 64, None))
        report(Progress("motion", 0, 90))
        report(Progress("motion", 64, 90))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["clip.mp4: faces", "clip.mp4: faces 64", "clip.mp4: motion"]
    assert re.fullmatch(r"clip\.mp4: motion 64 of 90, about \d+ s left", lines[3])


@pytest.mark.parametrize(
    ("taken_s", "done", "left", "text"),
    [(60.0, 10, 30, "3 min"), (7200.0, 1, 2, "4 h"), (4.0, 2, 10, "20 s")],
)
def test_the_time_left_is_told_at_the_pace_so_far(taken_s: float, done: int, left: int, text: str) -> None:
    assert time_left(taken_s, done, left) == f", about {text} left"
    assert time_left(taken_s, 0, left) == time_left(taken_s, done, 0) == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_of("[bold]clip.mp4") as report:
        report(Progress("faces", 0, None))
        report(Progress("faces", 30, 60))
        report(Progress("motion", 60, 60))
    shown = terminal.getvalue()
    assert "[bold]clip.mp4: faces" in shown
    assert "50%" in shown
    assert "100%" in shown
