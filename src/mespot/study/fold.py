"""One fold of leave-one-subject-out: train without a subject, then find that subject's expressions.

Epoch and thresholds are chosen on an inner split of the other subjects. Nothing here reads an annotation of the subject
who is held out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import StudyError
from mespot.core.expression import Detection, Kind
from mespot.core.version import VERSION
from mespot.data.recordings import Numbering
from mespot.evaluation.events import DetectedEvent
from mespot.model.checkpoint import load_checkpoint
from mespot.model.engine import choose_engine
from mespot.model.network import Network
from mespot.study.folder import RunFolder
from mespot.study.inputs import Inputs, Sides
from mespot.training.logs import Step
from mespot.training.loop import train, training_device
from mespot.training.maps import MappedSample
from mespot.training.state import config_digest
from mespot.training.validate import detections, video_candidates

INNER_SHARE = 0.2
"""Share of the training subjects on which epoch and thresholds are chosen."""
TRIES = 200
"""Inner splits that are drawn until one has both kinds on both sides."""
LEAST_SCORE = 0.05
"""Score of the least sure candidate that is kept for Table II and average precision."""
FOLD_VERSION = 1
"""Raised whenever the same inputs give another fold."""
DETECTED = ("candidates.csv", "detections.csv")
"""Files of what is found of the subject who is held out."""
OnStep = Callable[[Step], None]


def sides(inputs: Inputs, subject: str, seed: int) -> Sides:
    """Return the inner split of the fold of a subject.

    A fifth of the other subjects, at least one, is drawn by ``seed`` and ``subject`` until ME and MaE are on both
    sides; where no draw has that, the one with the most kinds on them. With one other subject there is no inner
    split.
    """
    others = sorted({inputs.recordings[name].subject for name in inputs.prepared} - {subject})
    kinds = {one: _kinds(inputs, [one]) for one in others}
    if len(others) < 2:
        note = "there are too few subjects for an inner split: the last epoch and the given thresholds are used"
        return Sides(subject, tuple(others), (), _missing(_kinds(inputs, others)) or note)
    digest = hashlib.sha256(json.dumps([seed, subject, others]).encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    count = min(len(others) - 1, max(1, round(INNER_SHARE * len(others))))
    best: tuple[int, tuple[str, ...]] = (-1, ())
    for _ in range(TRIES):
        inner = tuple(sorted(rng.choice(others, count, replace=False).tolist()))
        left = set().union(*(kinds[one] for one in others if one not in inner))
        found = 2 * len(left) + len(set().union(*(kinds[one] for one in inner)))
        if found > best[0]:
            best = found, inner
        if found == 6:
            break
    training = tuple(one for one in others if one not in best[1])
    return Sides(subject, training, best[1], _missing(_kinds(inputs, training)))


def _kinds(inputs: Inputs, subjects: Iterable[str]) -> set[str]:
    return {str(one.kind) for name in inputs.of(subjects) for one in inputs.prepared[name].expressions}


def _missing(kinds: set[str]) -> str:
    absent = [str(kind) for kind in (Kind.MAE, Kind.ME) if str(kind) not in kinds]
    if len(absent) == 2:
        return "no training subject has any expression: nothing can be learnt, and nothing is reported"
    return f"no training subject has a {absent[0]}: none can be learnt" if absent else ""


def training_digest(inputs: Inputs, split: Sides, config: Config, initial: str | None) -> str:
    """Return a digest of all that the checkpoint and the thresholds of a fold depend on."""
    values = config.model_dump(by_alias=True)
    for threshold in ("threshold_me", "threshold_mae"):
        if split.inner:
            values["spotting"].pop(threshold)  # chosen by the fold
    for key in ("chunk_frames", "engine", "bfloat16"):
        values["backbone"].pop(key)
    values["decode"].pop("chunk_frames")
    learnt = {
        name: [inputs.prepared[name].key, [_stated(one) for one in inputs.prepared[name].expressions]]
        for name in inputs.of((*split.train, *split.inner))
    }
    return _digest([FOLD_VERSION, VERSION, values, initial, inputs.backbone, learnt, split.train, split.inner])


def _stated(expression: Any) -> list[Any]:
    return [expression.interval.start, expression.interval.stop, str(expression.kind)]


def _numbered(numbering: Numbering) -> list[Any]:
    return [numbering.first, None if numbering.numbers is None else numbering.numbers.tolist()]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


class Fold:
    """A fold in its folder: what is done is kept, and made anew only where something that it depends on has changed.

    Parameters
    ----------
    run : RunFolder
        Of the study.
    inputs : Inputs
        Prepared.
    split : Sides
        Who is on which side.
    config : Config
        Resolved.
    initial : str, optional
        Digest of the weights to begin with.
    """

    def __init__(self, run: RunFolder, inputs: Inputs, split: Sides, config: Config, initial: str | None) -> None:
        self.run, self.inputs, self.split, self.config = run, inputs, split, config
        self.folder = run.fold(split.subject)
        self.trained = training_digest(inputs, split, config, initial)
        seen = [
            [name, inputs.prepared[name].key, *_numbered(inputs.recordings[name].numbering)]
            for name in inputs.of([split.subject])
        ]
        self.detected = _digest([self.trained, seen])

    @property
    def checkpoint(self) -> Path:
        """The weights that were chosen."""
        return self.folder / "checkpoint.safetensors"

    def facts(self) -> dict[str, Any]:
        """Return what ``fold.json`` says; {} where there is none."""
        return self.run.read_json(self.folder / "fold.json") or {}

    def learnt(self) -> bool:
        """Whether the weights are there, made from what they would be made from now."""
        facts = self.facts()
        return facts.get("trained") == self.trained and (facts.get("epoch") is None or self.checkpoint.is_file())

    def done(self) -> bool:
        """Whether weights and detections are there, made from what they would be made from now."""
        found = all((self.folder / name).is_file() for name in DETECTED)
        return found and self.learnt() and self.facts().get("detected") == self.detected

    def clear_stale(self) -> bool:
        """Remove what was made from other data or values than now, and return whether there was any.

        What is left is of the present study alone, however far it has come.
        """
        stamp = self.run.read_json(self.folder / "stamp.json") or {}
        if stamp.get("trained") != self.trained:
            stale = self.folder.exists()
            self.run.clear_fold(self.split.subject)
            return stale
        if stale := self.facts().get("detected") not in (None, self.detected):
            self.run.remove(self.folder / name for name in DETECTED)
        return stale

    def finish(self, start: Network | None, device: str, on_step: OnStep, on_line: Callable[[str], None]) -> None:
        """Do what is left of the fold."""
        if self.done():
            return
        self.clear_stale()
        if not self.learnt():
            self._stamp()
            self.run.write_json(self.folder / "fold.json", self._train(start, device, on_step, on_line))
        facts = self.facts()
        facts |= self._detect(facts["thresholds"], device)
        self.run.write_json(self.folder / "fold.json", facts)
        shutil.rmtree(self._scratch, ignore_errors=True)  # only now can nothing that it holds be needed again

    @property
    def _scratch(self) -> Path:
        return self.folder / "training"

    def _stamp(self) -> None:
        """Say what is being trained; a training run that other values of no consequence began cannot go on."""
        stamp = {"trained": self.trained, "config": config_digest(self.config)}
        if self.run.read_json(self.folder / "stamp.json") != stamp:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self.run.write_json(self.folder / "stamp.json", stamp)

    def _train(
        self, start: Network | None, device: str, on_step: OnStep, on_line: Callable[[str], None]
    ) -> dict[str, Any]:
        """Train, keep the chosen weights and the losses, and return what is known of the fold."""
        began, split = time.perf_counter(), self.split
        facts: dict[str, Any] = {
            "subject": split.subject,
            "inner_validation": list(split.inner),
            "epoch": None,
            "thresholds": {"MaE": self.config.spotting.threshold_mae, "ME": self.config.spotting.threshold_me},
            "train": self._describe(split.train),
            "note": split.note,
            "trained": self.trained,
        }
        if _kinds(self.inputs, split.train):
            try:
                best = train(
                    [self.inputs.sample(name) for name in self.inputs.of(split.train)],
                    [self.inputs.sample(name) for name in self.inputs.of(split.inner)],
                    self.config,
                    self._scratch,
                    resume=True,
                    device=device,
                    on_step=on_step,
                    on_line=on_line,
                    start=start,
                    facts={"held_out": split.subject, "synthetic": self.inputs.simulated},
                )
                chosen = load_checkpoint(best)
                facts["epoch"] = chosen.facts.get("epoch")
                spotting = chosen.config.spotting
                facts["thresholds"] = {"MaE": spotting.threshold_mae, "ME": spotting.threshold_me}
                self._keep_epochs(self._scratch)
                with whole_file(self.checkpoint) as part:
                    shutil.copyfile(best, part)
            except OSError as error:
                raise StudyError(
                    f"{self.folder}: cannot be written ({error}); check the folder and the free space, and run the "
                    "same command again: what is finished is kept."
                ) from error
        facts["seconds"] = {"train": round(time.perf_counter() - began, 3)}
        return facts

    def _keep_epochs(self, scratch: Path) -> None:
        """Write ``epochs.jsonl``: mean losses and validation of every epoch."""
        steps, lines = _lines(scratch / "steps.jsonl"), []
        for epoch in _lines(scratch / "epochs.jsonl"):
            mine = [step for step in steps if step["epoch"] == epoch["epoch"]]
            losses = {
                name: float(np.mean([step[name] for step in mine])) if mine else None
                for name in ("loss", "classification", "regression")
            }
            validation = {key: value for key, value in epoch.items() if key.startswith(("f1", "threshold"))}
            line = {"epoch": epoch["epoch"], **losses, "validation_f1": epoch.get("f1"), "validation": validation}
            lines.append(json.dumps(line))
        (self.folder / "epochs.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")

    def _detect(self, thresholds: dict[str, float], device: str) -> dict[str, Any]:
        """Write candidates and detections of the subject who was held out."""
        began, split = time.perf_counter(), self.split
        candidates: list[DetectedEvent] = []
        found: list[DetectedEvent] = []
        if self.checkpoint.is_file():
            checkpoint = load_checkpoint(self.checkpoint)
            network = checkpoint.network.to(training_device(device))
            spotting = self.config.spotting.model_copy(
                update={"threshold_mae": thresholds["MaE"], "threshold_me": thresholds["ME"]}
            )
            least = spotting.model_copy(update={"threshold_mae": LEAST_SCORE, "threshold_me": LEAST_SCORE})
            for name in self.inputs.of([split.subject]):
                sample = self.inputs.sample(name)
                engine = None if isinstance(sample, MappedSample) else choose_engine(network, self.config.backbone)
                rows = video_candidates(network, sample, self.config, engine)
                numbering = self.inputs.recordings[name].numbering
                candidates += _events(name, numbering, detections(rows, sample, least))
                found += _events(name, numbering, detections(rows, sample, spotting))
        self.run.write_detected(self.folder / "candidates.csv", candidates)
        self.run.write_detected(self.folder / "detections.csv", found)
        seconds = self.facts().get("seconds", {}) | {"detect": round(time.perf_counter() - began, 3)}
        return {"detected": self.detected, "seconds": seconds, "test": {"videos": len(self.inputs.of([split.subject]))}}

    def _describe(self, subjects: Iterable[str]) -> dict[str, Any]:
        names = self.inputs.of(subjects)
        kinds = [str(one.kind) for name in names for one in self.inputs.prepared[name].expressions]
        return {
            "subjects": list(subjects),
            "videos": len(names),
            "MaE": kinds.count(str(Kind.MAE)),
            "ME": kinds.count(str(Kind.ME)),
        }


def _events(name: str, numbering: Numbering, found: Iterable[Detection]) -> list[DetectedEvent]:
    """Return detections in the dataset's own frame numbers, onset and offset inside."""
    return [
        DetectedEvent(
            name,
            one.kind,
            numbering.number(one.interval.onset),
            numbering.number(one.interval.offset),
            round(one.score, 6),
        )
        for one in found
    ]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
