"""Fit a network to videos: steps, validation, checkpoints, going on after a break."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from mespot.config import Config
from mespot.core.errors import CheckpointError
from mespot.model.checkpoint import save_checkpoint
from mespot.model.losses import Losses, spotting_loss
from mespot.model.network import Network
from mespot.training.state import STATE_FILE, RunState, load_state, save_state
from mespot.training.validate import Validation, validate
from mespot.training.windows import Batch, Sample, Window, WindowSampler, collate

LEAST_RATE = 0.01
"""Share of the learning rate that cosine annealing ends with."""
BATCHES_AHEAD = 3
"""Batches that are cut from the videos while the device computes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One update, as it stands in ``steps.jsonl``.

    Parameters
    ----------
    epoch, step : int
        Counted from 0 and from 1.
    loss, classification, regression : float
        Means over the accumulated batches.
    positives : int
        Positive rows in them.
    learning_rate, gradient_norm : float
        Of this update; the norm is that before clipping. An update whose norm is not finite is skipped.
    windows_per_s : float
        Speed since the step before.
    """

    epoch: int
    step: int
    loss: float
    classification: float
    regression: float
    positives: int
    learning_rate: float
    gradient_norm: float
    windows_per_s: float


def train(
    train: Sequence[Sample],
    validation: Sequence[Sample],
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    on_step: Callable[[Step], None] | None = None,
    start: Network | None = None,
    facts: dict[str, Any] | None = None,
) -> Path:
    """Train a network and return the path of the best checkpoint.

    Parameters
    ----------
    train, validation : sequence of Sample
        Videos; thresholds and the best epoch are chosen on ``validation``. Without any, the last epoch is the best.
    config : Config
        Sections ``backbone`` and ``network`` make the network, ``training`` fits it.
    out : Path
        Folder for ``best.safetensors``, ``last.safetensors``, ``steps.jsonl``, ``epochs.jsonl`` and the state from
        which a run goes on.
    resume : bool
        Go on where the run in ``out`` stopped, to the step; begins anew where there is none.
    device : str
        ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.
    on_step : callable, optional
        Receives every `Step`.
    start : Network, optional
        Weights to begin with, of the same configuration; random ones otherwise.
    facts : dict, optional
        Written into the checkpoints, beside epoch and score (for example the held-out subject).

    Raises
    ------
    CheckpointError
        ``out`` holds a run and ``resume`` is off, or that run had another configuration.
    KeyboardInterrupt
        Ctrl-C was pressed; the state was saved first.

    Notes
    -----
    Method.md 8. Batch normalisation learns from every batch: prefer ``batch`` over ``accumulate`` where memory allows.
    """
    run = _Run(train, validation, config, out, device, start, facts or {})
    run.open(resume)
    with _interruptible() as interrupted:
        while run.epoch < config.training.epochs:
            run.finish_epoch(on_step, interrupted)
            if interrupted.is_set():
                raise KeyboardInterrupt
    return out / "best.safetensors"


class _Run:
    """A training run: what changes from step to step, and its folder."""

    def __init__(
        self,
        samples: Sequence[Sample],
        validation: Sequence[Sample],
        config: Config,
        out: Path,
        device: str,
        start: Network | None,
        facts: dict[str, Any],
    ) -> None:
        settings = config.training
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        torch.manual_seed(settings.seed)
        self.network = Network(config)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        set_batch_norm_momentum(self.network, settings.batch_norm_momentum)
        self.network.to(self.device).train()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.sampler = WindowSampler(samples, settings)
        self.validation, self.config, self.out, self.facts = validation, config, out, facts
        self.grids = self.network.grids()
        self.lengths = [-(-settings.window_frames // grid.stride) for grid in self.grids]
        per_step = settings.batch * settings.accumulate
        self.steps_per_epoch = max(1, settings.windows_per_epoch // per_step)
        self.state = RunState(config=_run_digest(config))

    @property
    def epoch(self) -> int:
        return self.state.step // self.steps_per_epoch

    def open(self, resume: bool) -> None:
        """Make the folder, or restore the run in it."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / STATE_FILE
        if path.exists() and not resume:
            raise CheckpointError(f"{self.out}: already holds a training run; resume it, or choose another folder.")
        if path.exists():
            self.state = load_state(path, self.network, self.optimizer, self.state.config)
        _truncate(self.out / "steps.jsonl", lambda line: line["step"] <= self.state.step)
        _truncate(self.out / "epochs.jsonl", lambda line: line["epoch"] < self.epoch)

    def finish_epoch(self, on_step: Callable[[Step], None] | None, interrupted: threading.Event) -> None:
        """Take the steps that are left of this epoch, validate and save; only save when interrupted before its end."""
        epoch, first = divmod(self.state.step, self.steps_per_epoch)
        batches = self._batches(epoch, first)
        with (self.out / "steps.jsonl").open("a", encoding="utf-8") as log:
            for _ in range(first, self.steps_per_epoch):
                step = self._step(epoch, batches)
                log.write(json.dumps(asdict(step)) + "\n")
                log.flush()
                if on_step:
                    on_step(step)
                if interrupted.is_set():
                    break
        batches.close()
        if self.epoch > epoch:
            self._finish(epoch)
        save_state(self.out / STATE_FILE, self.network, self.optimizer, self.state)

    def _step(self, epoch: int, batches: Iterator[list[Window]]) -> Step:
        began, settings = time.perf_counter(), self.config.training
        rate = learning_rate(self.state.step, self.config, self.steps_per_epoch * settings.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # Dropout depends on seed and step alone, so that a resumed run repeats it.
        torch.manual_seed(settings.seed * 1_000_003 + self.state.step)
        sums, positives = torch.zeros(3, device=self.device), 0
        for _ in range(settings.accumulate):
            losses = self._losses(collate(next(batches), self.config.backbone, self.device))
            (losses.total / settings.accumulate).backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([losses.total, losses.classification, losses.regression]).detach()
            positives += losses.positives
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip_norm))
        if math.isfinite(norm):
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        loss, classification, regression = (sums / settings.accumulate).tolist()
        speed = settings.batch * settings.accumulate / (time.perf_counter() - began)
        return Step(epoch, self.state.step, loss, classification, regression, positives, rate, norm, round(speed, 3))

    def _losses(self, batch: Batch) -> Losses:
        half = self.config.training.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            outputs = self.network(batch.rgb, batch.flow)
        heads, strides = self.config.network.classes, self.network.strides
        return spotting_loss(outputs, batch.classes, batch.distances, strides, heads, self.config.training)

    def _batches(self, epoch: int, first: int) -> Generator[list[Window], None, None]:
        """Yield the batches of an epoch from step ``first`` on, cut in threads a little ahead."""
        settings = self.config.training
        begin, stop = (step * settings.accumulate for step in (first, self.steps_per_epoch))

        def cut(index: int) -> Window:
            return self.sampler.cut(self.sampler.draw(epoch, index), self.grids, self.lengths)

        waiting: deque[list[Future[Window]]] = deque()
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            try:
                for batch in range(begin, stop + BATCHES_AHEAD):
                    if batch < stop:
                        indices = range(batch * settings.batch, (batch + 1) * settings.batch)
                        waiting.append([pool.submit(cut, index) for index in indices])
                    if batch >= begin + BATCHES_AHEAD:
                        yield [window.result() for window in waiting.popleft()]
            finally:
                pool.shutdown(cancel_futures=True)

    def _finish(self, epoch: int) -> None:
        """Validate and write the checkpoints of an epoch."""
        found = validate(self.network, self.validation, self.config) if self.validation else None
        report = {"epoch": epoch, **_report(found)}
        with (self.out / "epochs.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(report) + "\n")
        config = found.apply(self.config) if found else self.config
        facts = {**self.facts, **report}
        save_checkpoint(self.out / "last.safetensors", self.network, config, facts=facts)
        if found is None or found.f1 > self.state.best:
            self.state.best = found.f1 if found else self.state.best
            save_checkpoint(self.out / "best.safetensors", self.network, config, facts=facts)


def set_batch_norm_momentum(network: torch.nn.Module, momentum: float) -> None:
    """Set how fast the running statistics follow the batches; it changes nothing that is stored."""
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = momentum


def learning_rate(step: int, config: Config, steps: int) -> float:
    """Return the learning rate of an update: linear warm-up, then constant or a cosine down to 1 %.

    Parameters
    ----------
    step : int
        Updates done before it.
    config : Config
        ``config.training`` is used.
    steps : int
        Updates of the whole run.
    """
    settings = config.training
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if not settings.cosine:
        return settings.learning_rate
    share = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    return settings.learning_rate * (LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * share)) / 2)


def _report(found: Validation | None) -> dict[str, Any]:
    if found is None:
        return {}
    scores = found.scores
    return {
        "f1": found.f1,
        "f1_mae": scores.mae.f1,
        "f1_me": scores.me.f1,
        "f1_all": scores.all.f1,
        "precision_all": scores.all.precision,
        "recall_all": scores.all.recall,
        "median_onset_error_s": scores.median_onset_error_s,
        "threshold_me": found.threshold_me,
        "threshold_mae": found.threshold_mae,
    }


def _run_digest(config: Config) -> str:
    """Digest of what a resumed run may not change: all but the number of epochs."""
    return config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})}).digest()


def _truncate(path: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    # A break in the middle of a line leaves it without its end.
    kept = [line for line in lines if line.endswith("}") and keep(json.loads(line))]
    path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event that is looked at between steps; the second one acts at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    signal.signal(signal.SIGINT, stop)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
