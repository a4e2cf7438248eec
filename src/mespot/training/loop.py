"""Fit a network to videos: steps, validation, checkpoints, going on after a break."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from mespot.config import Config
from mespot.core.errors import CheckpointError, ConfigError
from mespot.model.checkpoint import save_checkpoint
from mespot.model.losses import Losses, spotting_loss
from mespot.model.network import Network
from mespot.training.interrupt import interruptible
from mespot.training.logs import RunLog, Step
from mespot.training.moving import MovingMean
from mespot.training.precision import computes_bfloat16
from mespot.training.sample import Sample
from mespot.training.source import Targets, check_pastes, cut_ahead, make_source
from mespot.training.state import STATE_FILE, RunState, config_digest, data_digest, load_state, save_state
from mespot.training.validate import validate
from mespot.vision.flow_library import FlowLibrary

LEAST_RATE = 0.01
"""Share of the learning rate that cosine annealing ends with."""
SAVE_EVERY_S = 300.0
"""Work within an epoch after which the state is saved, s: as much is lost where a run is killed."""


def train(
    train: Sequence[Sample],
    validation: Sequence[Sample],
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    on_step: Callable[[Step], None] | None = None,
    on_line: Callable[[str], None] | None = None,
    start: Network | None = None,
    library: FlowLibrary | None = None,
    facts: dict[str, Any] | None = None,
) -> Path:
    """Train a network and return the path of the best checkpoint.

    Parameters
    ----------
    train, validation : sequence of Sample
        Videos; thresholds and the best epoch are chosen on ``validation``. Without any, the last epoch is the best.
        With ``config.training.mode`` frozen_backbone they are samples of one `mespot.training.maps.MapStore`.
    config : Config
        Sections ``backbone`` and ``network`` make the network, ``training`` fits it.
    out : Path
        Folder for ``best.safetensors``, ``last.safetensors``, the logs (`mespot.training.logs.RunLog`) and the state
        from which a run goes on.
    resume : bool
        Go on at the step at which the run in ``out`` was saved last: at the end of an epoch, on Ctrl-C, and every
        `SAVE_EVERY_S` between; the result is that of a run without a break. Begins anew where there is none.
    device : str
        ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.
    on_step : callable, optional
        Receives every `Step`.
    on_line : callable, optional
        Receives one line of text after every epoch, and where something is not as asked.
    start : Network, optional
        Weights to begin with, of the same configuration; random ones otherwise. A frozen backbone is its backbone.
    library : FlowLibrary, optional
        Expressions as flow that are pasted besides those of the videos (``training.pastes``, ``library_share``).
    facts : dict, optional
        Written into the checkpoints, beside epoch and score (for example the held-out subject).

    Raises
    ------
    CheckpointError
        ``out`` holds a run and ``resume`` is off, or that run had another configuration, other videos,
        annotations or flows; or the maps of the samples are those of another backbone.
    ConfigError
        ``training.patience`` is given without validation videos, or pastes or a library that the network cannot learn
        from, or a library of which nothing is pasted.
    KeyboardInterrupt
        Ctrl-C was pressed; the state was saved first.

    Notes
    -----
    Method.md 8. Batch normalisation learns from every batch: prefer ``batch`` over ``accumulate`` where memory allows.
    """
    run = _Run(train, validation, config, out, device, start, library, facts or {}, on_line or (lambda _: None))
    run.open(resume)
    with interruptible() as interrupted, RunLog(out, run.state.step, run.epoch, run.say) as log:
        while not run.finished():
            run.finish_epoch(log, on_step, interrupted)
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
        library: FlowLibrary | None,
        facts: dict[str, Any],
        say: Callable[[str], None],
    ) -> None:
        settings = config.training
        if settings.patience and not validation:
            raise ConfigError("training.patience: early stopping needs validation videos; name some, or set it to 0.")
        self.device = training_device(device)
        torch.manual_seed(settings.seed)
        self.network = Network(config)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        set_batch_norm_momentum(self.network, settings.batch_norm_momentum)
        check_pastes(config, library)
        self.source = make_source(samples, config, self.network, library)
        self.network.to(self.device).train()
        self.mean = MovingMean(self.network, settings.average) if settings.average else None
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.half = settings.precision == "bfloat16" and computes_bfloat16(self.device)
        if settings.precision == "bfloat16" and not self.half:
            say("training.precision = bfloat16: this processor has no bfloat16 arithmetic; float32 is used instead")
        self.validation, self.config, self.out, self.facts, self.say = validation, config, out, facts, say
        self.steps_per_epoch = max(1, settings.windows_per_epoch // (settings.batch * settings.accumulate))
        self.state = RunState(config=config_digest(config), data=data_digest(samples, validation, library))

    @property
    def epoch(self) -> int:
        return self.state.step // self.steps_per_epoch

    @property
    def judged(self) -> Network:
        """The network that is validated and written: the moving mean where there is one."""
        return self.mean.network if self.mean else self.network

    def finished(self) -> bool:
        """Whether all epochs are done, or so many were no better that no more are wanted."""
        patience, stale = self.config.training.patience, self.epoch - 1 - self.state.best_epoch
        if patience and self.epoch < self.config.training.epochs and self.epoch and stale >= patience:
            self.say(f"stopped after epoch {self.epoch - 1}: no better validation F1 for {stale} epochs")
            return True
        return self.epoch >= self.config.training.epochs

    def open(self, resume: bool) -> None:
        """Make the folder, or restore the run in it."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / STATE_FILE
        if path.exists() and not resume:
            raise CheckpointError(f"{self.out}: already holds a training run; resume it, or choose another folder.")
        if path.exists():
            mean = self.mean.network if self.mean else None
            self.state = load_state(path, self.network, self.optimizer, self.state, mean)

    def finish_epoch(self, log: RunLog, on_step: Callable[[Step], None] | None, interrupted: threading.Event) -> None:
        """Take the steps that are left of this epoch, validate and save; only save when interrupted before its end.

        Long epochs are saved every `SAVE_EVERY_S` too.
        """
        settings, began = self.config.training, time.perf_counter()
        saved = began
        epoch, first = divmod(self.state.step, self.steps_per_epoch)
        begin, stop = (step * settings.accumulate for step in (first, self.steps_per_epoch))
        waited_s = 0.0
        with closing(cut_ahead(lambda index: self.source.cut(epoch, index), begin, stop, settings.batch)) as batches:
            for _ in range(first, self.steps_per_epoch):
                step = self._step(epoch, batches)
                waited_s += step.waiting_s
                log.step(step)
                # After its last step an epoch is saved with what it reached, or that would be lost.
                if self.epoch == epoch and time.perf_counter() - saved >= SAVE_EVERY_S:
                    self._save()
                    saved = time.perf_counter()
                if on_step:
                    on_step(step)
                if interrupted.is_set():
                    break
        took_s = time.perf_counter() - began
        if self.epoch > epoch:
            windows = (self.steps_per_epoch - first) * settings.accumulate * settings.batch
            self._finish(epoch, log, windows / took_s, waited_s / took_s)
        self._save()

    def _save(self) -> None:
        mean = self.mean.network if self.mean else None
        save_state(self.out / STATE_FILE, self.network, self.optimizer, self.state, mean)

    def _step(self, epoch: int, batches: Iterator[list[Any]]) -> Step:
        began, settings = time.perf_counter(), self.config.training
        rate = learning_rate(self.state.step, self.config, self.steps_per_epoch * settings.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # Dropout depends on seed and step alone, so that a resumed run repeats it.
        torch.manual_seed(settings.seed * 1_000_003 + self.state.step)
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        sums, positives, waited_s = torch.zeros(3, device=self.device), 0, 0.0
        for _ in range(settings.accumulate):
            asked = time.perf_counter()
            windows = next(batches)
            waited_s += time.perf_counter() - asked
            losses = self._losses(self.source.collate(windows, self.device))
            (losses.total / settings.accumulate).backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([losses.total, losses.classification, losses.regression]).detach()
            positives += losses.positives
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip_norm))
        self._update(math.isfinite(norm), statistics)
        loss, classification, regression = (sums / settings.accumulate).tolist()
        speed = settings.batch * settings.accumulate / (time.perf_counter() - began)
        sizes = positives, rate, norm, round(speed, 3), round(waited_s, 4)
        return Step(epoch, self.state.step, loss, classification, regression, *sizes)

    def _update(self, finite: bool, statistics: Sequence[torch.Tensor]) -> None:
        """Apply the gradients; where they are not finite, take back what batch normalisation saw instead."""
        if finite:
            self.optimizer.step()
        else:
            for buffer, before in zip(self.network.buffers(), statistics, strict=True):
                buffer.copy_(before)
        self.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        if finite and self.mean:
            self.mean.update(self.network, self.state.step)

    def _losses(self, batch: Targets) -> Losses:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            outputs = self.source.run(self.network, batch)
        heads, strides = self.config.network.classes, self.network.strides
        return spotting_loss(outputs, batch.classes, batch.distances, strides, heads, self.config.training)

    def _finish(self, epoch: int, log: RunLog, windows_per_s: float, waiting: float) -> None:
        """Validate, write the checkpoints of an epoch and say what it reached."""
        found = validate(self.judged, self.validation, self.config) if self.validation else None
        report = {"epoch": epoch, **(found.report() if found else {})}
        speed = {"windows_per_s": round(windows_per_s, 3), "waiting_share": round(waiting, 4)}
        log.epoch(report | speed, self.state.step)
        config = found.apply(self.config) if found else self.config
        facts = {**self.facts, **report}
        save_checkpoint(self.out / "last.safetensors", self.judged, config, facts=facts)
        if found is None or found.f1 > self.state.best:
            self.state.best = found.f1 if found else self.state.best
            self.state.best_epoch = epoch
            save_checkpoint(self.out / "best.safetensors", self.judged, config, facts=facts)
        reached = f"F1 MaE {found.scores.mae.f1:.3f}, ME {found.scores.me.f1:.3f}; " if found else ""
        self.say(
            f"epoch {epoch}: {reached}{windows_per_s:.2f} windows a second, {waiting:.1%} of the time waiting for them"
        )


def training_device(name: str) -> torch.device:
    """Return the device of a name; ``auto`` is CUDA where there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


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
