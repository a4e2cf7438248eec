"""What a run folder holds, as far as its study has come."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mespot.core.errors import StudyError
from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.study.folder import FORMAT, FORMAT_VERSION, RunFolder

SIMULATED = "SIMULATED"
"""The mark of whatever was not recorded from people."""
NEEDED = ("fold.json", "candidates.csv", "detections.csv")
"""Files of a fold that is finished."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What a finished fold says of itself.

    Parameters
    ----------
    subject : str
        Who was held out.
    facts : mapping
        ``fold.json``.
    losses : mapping of int to float
        Mean training loss by epoch.
    """

    subject: str
    facts: Mapping[str, Any]
    losses: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A run as far as it has come.

    Parameters
    ----------
    name : str
        Of its folder; what it is called in tables.
    dataset, options, versions, scores, timings : mapping
        Of ``run.json``, ``scores.json`` and ``timings.json``; the last two are {} of a run that is not finished.
    reference : Reference
        The annotations of the subjects whose folds are finished.
    detected, candidates : tuple of DetectedEvent
        At the thresholds of each fold; and all after NMS, whatever their score.
    folds : tuple of Fold
        Those that are finished.
    missing : tuple of str
        Subjects whose folds are not.
    """

    name: str
    dataset: Mapping[str, Any]
    options: Mapping[str, Any]
    versions: Mapping[str, Any]
    scores: Mapping[str, Any]
    timings: Mapping[str, Any]
    reference: Reference
    detected: tuple[DetectedEvent, ...]
    candidates: tuple[DetectedEvent, ...]
    folds: tuple[Fold, ...]
    missing: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether the recordings are simulated."""
        return bool(self.dataset["simulated"])

    @property
    def missing_offset(self) -> MissingOffset:
        """The rule by which a missing offset is completed."""
        rule: MissingOffset = self.dataset["missing_offset"]
        return rule

    @property
    def data(self) -> str:
        """What it was run on, for people: simulated data and a run that is not finished are called so."""
        title = f"{SIMULATED}, laid out like {self.dataset['title']}" if self.simulated else str(self.dataset["title"])
        return f"{title}; INCOMPLETE, {self.progress}" if self.missing else title

    @property
    def progress(self) -> str:
        """How far it has come."""
        return f"{len(self.folds)} of {len(self.folds) + len(self.missing)} subjects"


def read_result(path: Path) -> StudyResult:
    """Read a run folder.

    Parameters
    ----------
    path : Path
        A folder of ``mespot loso``, finished or not.

    Raises
    ------
    StudyError
        It is no such folder, or a file in it cannot be read.
    """
    run = RunFolder(path)
    facts = _facts(run)
    subjects = [str(subject) for subject in facts["dataset"]["subjects"]]
    done = [subject for subject in subjects if all((run.fold(subject) / name).is_file() for name in NEEDED)]
    missing = tuple(subject for subject in subjects if subject not in done)
    reference = read_reference(path / "reference.csv")
    finished = [run.fold(subject) for subject in done]
    return StudyResult(
        name=path.resolve().name,
        dataset=facts["dataset"],
        options=facts["options"],
        versions=facts["versions"],
        # Pooled files of a run that was changed and begun again belong to what it was before.
        scores={} if missing else _object(run, path / "scores.json"),
        timings={} if missing else _object(run, path / "timings.json"),
        reference=_restricted(reference, set(done)) if missing else reference,
        detected=tuple(event for fold in finished for event in run.read_detected(fold / "detections.csv")),
        candidates=tuple(event for fold in finished for event in run.read_detected(fold / "candidates.csv")),
        folds=tuple(
            Fold(subject, _object(run, fold / "fold.json"), read_losses(fold / "epochs.jsonl"))
            for subject, fold in zip(done, finished, strict=True)
        ),
        missing=missing,
    )


def read_reference(path: Path) -> Reference:
    """Read ``reference.csv``; a row without a kind names a video without any expression.

    Raises
    ------
    StudyError
        The file is missing or no such table.
    """
    events: list[ReferenceEvent] = []
    videos: dict[str, str] = {}
    fps = 30.0
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                videos[row["video"]] = row["subject"]
                fps = float(row["fps"])
                if row["kind"]:
                    apex = float(row["apex"]) if row["apex"] else None
                    span = float(row["onset"]), apex, float(row["offset"])
                    kind, emotion = Kind(row["kind"]), row["emotion"] or None
                    events.append(ReferenceEvent(row["video"], row["subject"], kind, *span, emotion))
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise StudyError(f"{path}: is no table of annotations ({error}); run the study again.") from error
    return Reference(tuple(events), tuple(videos.items()), fps)


def read_losses(path: Path) -> dict[int, float]:
    """Read the mean training loss by epoch from ``epochs.jsonl``; {} where nothing was trained.

    Raises
    ------
    StudyError
        The file cannot be read.
    """
    if not path.exists():
        return {}
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {int(line["epoch"]): float(line["loss"]) for line in lines if line.get("loss") is not None}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(
            f"{path}: is no list of epochs ({error}); delete its folder and run the study again."
        ) from error


def _facts(run: RunFolder) -> dict[str, Any]:
    """Return ``run.json``, of which everything that tables need is there."""
    path = run.path / "run.json"
    if not run.path.is_dir():
        raise StudyError(f"{run.path}: there is no such folder; name the folder of a run of 'mespot loso'.")
    facts = run.read_json(path)
    if facts is None:
        raise StudyError(f"{run.path}: is no run of 'mespot loso', for it has no run.json; name the folder of a run.")
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise StudyError(f"{path}: is not of a run of 'mespot loso'; name the folder of a run.")
    if facts.get("format_version") != FORMAT_VERSION:
        raise StudyError(
            f"{path}: has format {facts.get('format_version')!r}, but this mespot reads format {FORMAT_VERSION}; use "
            "the version that wrote it."
        )
    wanted: Mapping[str, Sequence[str]] = {
        "dataset": ("name", "title", "simulated", "missing_offset", "subjects", "videos", "ME", "MaE"),
        "options": (),
        "versions": (),
    }
    for name, keys in wanted.items():
        part = facts.get(name)
        if not isinstance(part, dict) or any(key not in part for key in keys):
            raise StudyError(f"{path}: lacks what it should say of '{name}'; run the study again.")
    dataset = facts["dataset"]
    if dataset["missing_offset"] not in get_args(MissingOffset) or not isinstance(dataset["subjects"], list):
        raise StudyError(
            f"{path}: has an unknown rule for missing offsets, or no list of subjects; run the study again."
        )
    # Whichever of the two says so: what is simulated must not pass for recorded.
    simulated = bool(dataset["simulated"] or facts.get("synthetic"))
    return {**facts, "dataset": {**dataset, "simulated": simulated}}


def _object(run: RunFolder, path: Path) -> dict[str, Any]:
    value = run.read_json(path)
    if not isinstance(value, dict | None):
        raise StudyError(f"{path}: is no JSON object; delete it and run the study again.")
    return value or {}


def _restricted(reference: Reference, subjects: set[str]) -> Reference:
    return Reference(
        tuple(event for event in reference.events if event.subject in subjects),
        tuple((video, subject) for video, subject in reference.videos if subject in subjects),
        reference.fps,
    )
