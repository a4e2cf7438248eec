import json
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mespot.training.logs import EPOCHS_FILE, EVENTS_FOLDER, STEPS_FILE, RunLog, Step


def step(number: int) -> Step:
    return Step(0, number, 2.0 / number, 1.0, 0.5, 7, 1e-4, 3.0, 12.0, 0.25)


def write(folder: Path, done: int, numbers: range) -> list[str]:
    said: list[str] = []
    with RunLog(folder, done, 0, said.append) as log:
        for number in numbers:
            log.step(step(number))
        log.epoch({"epoch": 0, "f1": 0.5, "median_onset_error_s": None}, numbers[-1])
    return said


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / EVENTS_FOLDER)).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_tensorboard_reads_the_scalars_of_steps_and_epochs(tmp_path: Path) -> None:
    assert write(tmp_path, 0, range(1, 4)) == []
    assert [number for number, _ in scalars(tmp_path, "step/loss")] == [1, 2, 3]
    assert scalars(tmp_path, "step/loss")[1][1] == 1.0
    assert scalars(tmp_path, "step/waiting_s")[0] == (1, 0.25)
    assert scalars(tmp_path, "epoch/f1") == [(3, 0.5)]
    events = EventAccumulator(str(tmp_path / EVENTS_FOLDER)).Reload()
    tags = events.Tags()["scalars"]
    assert not {"step/step", "step/epoch", "epoch/epoch", "epoch/median_onset_error_s"} & set(tags)


def test_a_run_that_goes_on_replaces_what_it_logged_beyond_its_state(tmp_path: Path) -> None:
    write(tmp_path, 0, range(1, 6))
    with (tmp_path / STEPS_FILE).open("a", encoding="utf-8") as file:
        file.write('{"epoch": 0, "st')
    write(tmp_path, 3, range(4, 7))
    lines = (tmp_path / STEPS_FILE).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert len((tmp_path / EPOCHS_FILE).read_text(encoding="utf-8").splitlines()) == 1
    assert [number for number, _ in scalars(tmp_path, "step/loss")] == [1, 2, 3, 4, 5, 6]


def test_without_tensorboard_one_line_says_so_and_the_lines_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where it is not installed
    (line,) = write(tmp_path, 0, range(1, 3))
    assert line == "no TensorBoard log is written: install it with pip install 'mespot[train]'"
    assert sorted(path.name for path in tmp_path.iterdir()) == [EPOCHS_FILE, STEPS_FILE]
