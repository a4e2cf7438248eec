"""Leave-one-subject-out, from a dataset as it was delivered to pooled scores.

A study that was cut short goes on where it stopped. A value that was changed makes anew what depends on it alone: the
streams depend on what the network sees; the maps on these and on the frozen backbone; a fold on its maps, the
configuration and the annotations of its training side; the score on detections and annotations.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import platform
import queue
import signal
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mespot.config import Config
from mespot.core.errors import StudyError
from mespot.core.expression import Kind
from mespot.core.version import VERSION
from mespot.core.workers import end_with_parent
from mespot.data.recordings import Recordings
from mespot.evaluation.evaluate import evaluate
from mespot.evaluation.events import DetectedEvent
from mespot.model.network import Network
from mespot.pipeline import OnProgress, Progress
from mespot.study.fold import Fold, sides
from mespot.study.folder import FORMAT, FORMAT_VERSION, REFERENCE_COLUMNS, RunFolder, reference_of, reference_rows
from mespot.study.inputs import Inputs
from mespot.study.options import StudyOptions
from mespot.training.logs import Step

OnLine = Callable[[str], None]
POLL_S = 0.5
"""Seconds between looks at which parallel folds have ended."""
MOST_JOBS = 61
"""Windows can wait for no more processes."""
POOLED = ("candidates.csv", "detections.csv", "scores.json", "timings.json")
"""Files of all folds together, written when the last one is finished."""


@dataclass(frozen=True, slots=True)
class Study:
    """What is to be run.

    Parameters
    ----------
    recordings : Recordings
        The dataset.
    config : Config
        Resolved by ``options``.
    options : StudyOptions
        What is varied.
    cache : Path
        Where streams and maps are kept; several studies may share it.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    jobs : int
        Folds that run at the same time.
    """

    recordings: Recordings
    config: Config
    options: StudyOptions
    cache: Path
    device: str = "auto"
    jobs: int = 1


def run_study(study: Study, out: Path, *, on_progress: OnProgress, on_line: OnLine) -> dict[str, Any]:
    """Run or finish a study and return its scores.

    Parameters
    ----------
    study : Study
        What to run.
    out : Path
        The run folder (`mespot.study.folder.RunFolder`).
    on_progress, on_line : callable
        Receive progress, and sentences.

    Raises
    ------
    StudyError
        There are fewer than two subjects, or two whose names are hardly told apart (one person under two names would
        be trained on while held out); no recording can be used, or the folder cannot be written.
    ConfigError, CheckpointError, OSError
        The weights do not fit, or the cache cannot be written.
    """
    began = time.perf_counter()
    run = RunFolder(out)
    subjects = sorted({one.subject for one in study.recordings.recordings})
    if len(subjects) < 2:
        raise StudyError(
            f"{study.recordings.facts.title}: leave-one-subject-out needs two subjects, got {len(subjects)}; add "
            "recordings of others."
        )
    twins = [pair for pair in itertools.pairwise(sorted(subjects, key=_folded)) if _folded(pair[0]) == _folded(pair[1])]
    if twins:
        raise StudyError(
            f"{study.recordings.facts.title}: the subjects '{twins[0][0]}' and '{twins[0][1]}' differ by the case of "
            "letters alone; give one person one name, or two people names that cannot be confused."
        )
    start = study.options.network(study.config)
    described, reference = _described(study, subjects), reference_of(study.recordings)
    if not (out / "run.json").exists():
        run.write_json(out / "run.json", described)  # a folder that cannot be written is told before the long work
    inputs = Inputs(study.recordings, study.config, study.cache, start)
    inputs.prepare(on_progress, on_line)
    prepared_s = time.perf_counter() - began
    left = _folds_left(study, run, inputs, subjects, on_line)
    run.write_json(out / "run.json", described)
    run.write_table(out / "reference.csv", REFERENCE_COLUMNS, reference_rows(reference))
    _fit(study, run, inputs, left, start, _Meter(study.config, len(left), on_progress, on_line))
    found: list[DetectedEvent] = []
    for name in ("candidates.csv", "detections.csv"):
        found = [event for subject in subjects for event in run.read_detected(run.fold(subject) / name)]
        run.write_detected(out / name, found)
    scores = evaluate(
        reference=reference, detected=found, protocols=("all",), missing_offset=study.recordings.missing_offset
    )
    run.write_json(out / "scores.json", scores)
    run.write_json(out / "timings.json", _timings(run, inputs, subjects, prepared_s, time.perf_counter() - began))
    return scores


def _folded(subject: str) -> str:
    return unicodedata.normalize("NFC", subject).casefold()


def _described(study: Study, subjects: list[str]) -> dict[str, Any]:
    recordings = study.recordings
    kinds = [row.kind for one in recordings.recordings for row in one.annotations]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "dataset": {
            "name": recordings.name,
            "title": recordings.facts.title,
            "simulated": recordings.simulated,
            "missing_offset": recordings.missing_offset,
            "subjects": subjects,
            "videos": len(recordings.recordings),
            "ME": kinds.count(Kind.ME),
            "MaE": kinds.count(Kind.MAE),
            "frames": sum(one.frames or 0 for one in recordings.recordings),
            "fps": next((one.fps for one in recordings.recordings), None),
        },
        "options": study.options.to_json(study.config),
        "config": study.config.model_dump(by_alias=True),
        "config_digest": study.config.digest(),
        "versions": {
            "mespot": VERSION,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "synthetic": recordings.simulated,
    }


def _timings(run: RunFolder, inputs: Inputs, subjects: list[str], prepared_s: float, wall_s: float) -> dict[str, Any]:
    seconds = [(run.read_json(run.fold(subject) / "fold.json") or {}).get("seconds", {}) for subject in subjects]
    prepared = inputs.prepared.values()
    return {
        "inputs_s": round(prepared_s, 2),
        "streams_s": round(inputs.seconds.streams, 2),
        "maps_s": round(inputs.seconds.maps, 2),
        "computed_sampled_frames": inputs.seconds.rows,
        "train_s": round(sum(one.get("train", 0.0) for one in seconds), 2),
        "detect_s": round(sum(one.get("detect", 0.0) for one in seconds), 2),
        "wall_s": round(wall_s, 2),
        "folds": len(subjects),
        "frames": sum(one.frames for one in prepared),
        "sampled_frames": sum(one.rows for one in prepared),
        "minutes": round(sum(one.duration_s for one in prepared) / 60, 2),
        "note": "inputs, streams and maps: of this run, without what was kept from an earlier one; train and detect: "
        "added over all folds",
    }


def _folds_left(study: Study, run: RunFolder, inputs: Inputs, subjects: list[str], on_line: OnLine) -> list[Fold]:
    """Return the folds that are not finished, and remove what is left of another study, so that none passes for this.

    Raises
    ------
    StudyError
        Something cannot be removed.
    """
    initial = study.options.initial_digest()
    folds = [
        Fold(run, inputs, sides(inputs, subject, study.options.seed), study.config, initial) for subject in subjects
    ]
    for fold in folds:
        if fold.split.note:
            on_line(f"fold {fold.split.subject}: {fold.split.note}")
    left = [fold for fold in folds if not fold.done()]
    if len(left) < len(folds):
        on_line(f"{len(folds) - len(left)} of {len(folds)} folds are finished already")
    try:
        stale = sum(fold.clear_stale() for fold in left)
        if left:
            run.remove(run.path / name for name in POOLED)
    except OSError as error:
        raise StudyError(
            f"{error.filename or run.path}: cannot be removed ({error.strerror or error}); check the folder."
        ) from error
    if stale:
        on_line(f"{stale} folds were made with other data, values or weights: they are made anew")
    return left


def _fit(study: Study, run: RunFolder, inputs: Inputs, left: list[Fold], start: Network | None, meter: _Meter) -> None:
    """Finish all folds, several at a time where that is asked for."""
    if study.jobs == 1 or len(left) < 2:
        for fold in left:
            fold.finish(start, study.device, meter.on_step(fold.split.subject), meter.on_line(fold.split.subject))
            meter.finished(fold.split.subject)
        return
    _fit_in_parallel(study, run, inputs, left, start, meter)


def _fit_in_parallel(
    study: Study, run: RunFolder, inputs: Inputs, left: list[Fold], start: Network | None, meter: _Meter
) -> None:
    context = multiprocessing.get_context("spawn")
    jobs = min(study.jobs, len(left), MOST_JOBS)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    said, stop = context.Queue(), context.Event()
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(said, stop, threads)) as pool:
        waiting: dict[Future[None], str] = {}
        for fold in left:
            arguments = run, inputs, fold.split.subject, study.config, study.options, start, study.device
            waiting[pool.submit(_finish_fold, *arguments)] = fold.split.subject
        try:
            while waiting:
                _pass_on(said, meter)
                for future in [future for future in waiting if future.done()]:
                    subject = waiting.pop(future)
                    future.result()
                    _pass_on(said, meter)
                    meter.finished(subject)
        except BaseException:
            stop.set()  # or folds that have begun, and one that waits in the pool's pipe, would be trained to their end
            pool.shutdown(cancel_futures=True)
            raise


class _Worker:
    """What a process that finishes folds was given when it began."""

    said: Any
    stop: Any


def _begin(said: Any, stop: Any, threads: int) -> None:
    end_with_parent()
    torch.set_num_threads(threads)
    said.cancel_join_thread()  # nobody may listen any more
    _Worker.said, _Worker.stop = said, stop


def _finish_fold(
    run: RunFolder,
    inputs: Inputs,
    subject: str,
    config: Config,
    options: StudyOptions,
    start: Network | None,
    device: str,
) -> None:
    """Finish a fold in a process of its own; where the study is stopped, keep its state as after Ctrl-C."""

    def on_step(step: Step) -> None:
        if _Worker.stop.is_set():
            signal.raise_signal(signal.SIGINT)
        _Worker.said.put((subject, step))

    if _Worker.stop.is_set():
        raise KeyboardInterrupt
    fold = Fold(run, inputs, sides(inputs, subject, options.seed), config, options.initial_digest())
    fold.finish(start, device, on_step, lambda line: _Worker.said.put((subject, line)))


def _pass_on(said: Any, meter: _Meter) -> None:
    """Show what the folds have said and say in the next `POLL_S`."""
    until = time.monotonic() + POLL_S
    try:
        while (wait := until - time.monotonic()) > 0:
            subject, what = said.get(timeout=wait)
            (meter.on_step(subject) if isinstance(what, Step) else meter.on_line(subject))(what)
    except queue.Empty:
        return


class _Meter:
    """Progress of all folds together: every fold has the same number of steps, or is done."""

    def __init__(self, config: Config, folds: int, on_progress: OnProgress, on_line: OnLine) -> None:
        training = config.training
        per_epoch = max(1, training.windows_per_epoch // (training.batch * training.accumulate))
        self._steps, self._folds = per_epoch * training.epochs, folds
        self._done: dict[str, int] = {}
        self._ended = 0
        self._progress, self._line = on_progress, on_line
        self._show()

    def _show(self) -> None:
        if self._folds:
            self._progress(Progress("folds", self._ended, self._folds))
            self._progress(Progress("training steps", sum(self._done.values()), self._steps * self._folds))

    def on_step(self, subject: str) -> Callable[[Step], None]:
        def note(step: Step) -> None:
            self._done[subject] = step.step
            self._show()

        return note

    def on_line(self, subject: str) -> OnLine:
        return lambda line: self._line(f"fold {subject}, {line}")

    def finished(self, subject: str) -> None:
        self._done[subject] = self._steps
        self._ended += 1
        self._show()
