"""From annotation tables to a trained network, and from a network to its scores on a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mespot.config import Config
from mespot.core.errors import AnnotationError
from mespot.core.expression import Expression
from mespot.core.version import VERSION
from mespot.data.dataset import AnnotatedVideo, Dataset
from mespot.data.folds import refuse_shared_subjects, split
from mespot.data.table import load_table
from mespot.evaluation.scores import Counts, Scores
from mespot.model.checkpoint import file_digest, load_checkpoint
from mespot.model.engine import choose_engine
from mespot.pipeline import extract_streams, load_default_weights
from mespot.training.initial import starting_network
from mespot.training.logs import Step
from mespot.training.loop import train, training_device
from mespot.training.maps import MapStore
from mespot.training.sample import Sample
from mespot.training.source import check_pastes
from mespot.training.validate import score_samples
from mespot.vision.cache import cache_path
from mespot.vision.decode import VideoReader
from mespot.vision.flow_library import FlowLibrary

OnLine = Callable[[str], None]


def train_from_tables(
    train_tables: Sequence[Path],
    validation_table: Path | None,
    *,
    out: Path,
    config: Config,
    cache: Path,
    resume: bool = False,
    validation_subjects: tuple[str, ...] = (),
    first_frame: int = 0,
    initial: Path | None = None,
    flows: Path | None = None,
    device: str = "auto",
    on_line: OnLine = print,
) -> Path:
    """Train on annotated videos and return the path of the best checkpoint.

    Parameters
    ----------
    train_tables : sequence of Path
        Annotations in frames (`mespot.data.table`); the videos of each lie relative to it.
    validation_table : Path, optional
        Videos on which the best epoch and the thresholds are chosen; otherwise those of ``validation_subjects``.
    out : Path
        Folder for checkpoints and logs.
    config : Config
        The network and how to train it.
    cache : Path
        Folder where crops and flow of the videos are kept.
    resume : bool
        Go on with the run in ``out``.
    validation_subjects : tuple of str
        Subjects of ``train_tables`` that are kept out of training.
    first_frame : int
        Number of a video's first frame in the tables.
    initial : Path, optional
        Weights to start from, see `mespot.training.initial.starting_network`; a frozen backbone needs them.
    flows : Path, optional
        A library of expressions as flow (``mespot flows``) that are pasted into the videos.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    on_line : callable
        Receives one line of text now and then.

    Raises
    ------
    AnnotationError, CheckpointError, ConfigError, VideoError, FaceError
        A table, checkpoint, configuration or video is not as stated.
    """
    start = starting_network(initial, config)
    library = FlowLibrary.load(flows) if flows else None
    check_pastes(config, library)
    training = Dataset(tuple(video for table in train_tables for video in _table(table, first_frame)))
    if validation_table:
        validation = _table(validation_table, first_frame)
        refuse_shared_subjects(training, validation)
    else:
        training, validation = split(training, validation_subjects)
    store = None
    if start and config.training.mode == "frozen_backbone":
        store = MapStore(cache, start.to(training_device(device)), config)
    train_samples = list(samples(training, config, cache, on_line, store))
    validation_samples = list(samples(validation, config, cache, on_line, store))
    tables = [table for table in (*train_tables, validation_table) if table]
    facts = {
        "synthetic": flows is not None or any(simulated(table) for table in tables),
        "initial": file_digest(initial)[:16] if initial else None,
        "flows": file_digest(flows)[:16] if flows else None,
        "train": _describe(training, train_samples),
        "validation": _describe(validation, validation_samples),
    }
    if library is not None:
        facts["library"] = {**library.facts, "count": len(library)}  # partly synthetic, whatever the videos are
    return train(
        train_samples,
        validation_samples,
        config,
        out,
        resume=resume,
        device=device,
        on_step=_narrator(on_line),
        on_line=on_line,
        start=start,
        library=library,
        facts=facts,
    )


def evaluate_table(
    table: Path,
    *,
    weights: Path | None = None,
    cache: Path,
    first_frame: int = 0,
    iou: float = 0.5,
    on_line: OnLine = print,
) -> dict[str, Any]:
    """Score a network on annotated videos.

    Parameters
    ----------
    table : Path
        Annotations in frames; videos lie relative to it.
    weights : Path, optional
        A checkpoint; the shipped default weights otherwise.
    cache : Path
        Folder where crops and flow of the videos are kept.
    first_frame : int
        Number of a video's first frame in the table.
    iou : float
        Least overlap of a true positive.
    on_line : callable
        Receives one line of text now and then.

    Returns
    -------
    dict
        JSON values: counts, precision, recall and F1 of MaE, ME and all, the median onset error of true positives
        in seconds, and whether the videos are simulated.
    """
    checkpoint = load_checkpoint(weights) if weights else load_default_weights()
    dataset = _table(table, first_frame)
    found = list(samples(dataset, checkpoint.config, cache, on_line))
    engine = choose_engine(checkpoint.network, checkpoint.config.backbone)
    scores = score_samples(checkpoint.network, found, checkpoint.config, iou=iou, engine=engine)
    synthetic = simulated(table)
    for line in score_lines(scores, iou, synthetic):
        on_line(line)
    return {
        "table": str(table),
        "weights": checkpoint.digest,
        "synthetic": synthetic,
        "iou": iou,
        "minutes": sum(_minutes(sample) for sample in found),
        "MaE": _counts(scores.mae),
        "ME": _counts(scores.me),
        "all": _counts(scores.all),
        "median_onset_error_s": scores.median_onset_error_s,
    }


def samples(
    dataset: Dataset, config: Config, cache: Path, on_line: OnLine, store: MapStore | None = None
) -> Iterator[Sample]:
    """Yield every video with its annotations, from ``cache`` where it was made before.

    With a ``store`` these are samples with the maps of its backbone, for all folds of a training with a frozen
    backbone; otherwise samples with streams.
    """
    for number, video in enumerate(dataset, start=1):
        expressions = _resolve(video)
        sample = _sample(video.path, expressions, config, cache, store)
        on_line(
            f"{number}/{len(dataset)} {video.path.name}: {len(sample.streams)} frames, {len(expressions)} expressions"
        )
        yield sample


def _sample(
    path: Path, expressions: tuple[Expression, ...], config: Config, cache: Path, store: MapStore | None
) -> Sample:
    if store is None:
        return Sample(path.name, extract_streams(path, config, cache), expressions)
    key = cache_path(cache, path, config).name
    return store.sample(path.name, key, lambda: extract_streams(path, config, cache), expressions)


def score_lines(scores: Scores, iou: float, synthetic: bool) -> Iterator[str]:
    """Yield a short table of scores; scores on simulated video are called synthetic."""
    yield f"{'SYNTHETIC (simulated video), ' if synthetic else ''}IoU >= {iou:g}, one-to-one, by kind"
    for name, counts in (("MaE", scores.mae), ("ME", scores.me), ("all", scores.all)):
        yield (
            f"{name:>4}: precision {counts.precision:.3f}  recall {counts.recall:.3f}  F1 {counts.f1:.3f}  "
            f"(TP {counts.tp}, FP {counts.fp}, FN {counts.fn})"
        )
    if scores.median_onset_error_s is not None:
        yield f"median onset error of true positives: {scores.median_onset_error_s:.3f} s"


def _table(path: Path, first_frame: int) -> Dataset:
    return load_table(path, unit="frames", videos_root=path.parent, first_frame=first_frame)


def simulated(table: Path) -> bool:
    """Whether the table lies in a corpus that ``mespot simulate`` wrote."""
    return (table.parent / "manifest.json").is_file()


def _resolve(video: AnnotatedVideo) -> tuple[Expression, ...]:
    return video.resolve(VideoReader(video.path).info)


def _describe(dataset: Dataset, found: list[Sample]) -> dict[str, Any]:
    if not found:
        raise AnnotationError("there is no video left to use; name fewer validation subjects.")
    kinds = [str(expression.kind) for sample in found for expression in sample.expressions]
    return {
        "subjects": list(dataset.subjects),
        "videos": len(found),
        "minutes": round(sum(_minutes(sample) for sample in found), 1),
        "MaE": kinds.count("MaE"),
        "ME": kinds.count("ME"),
        "code": VERSION,
    }


def _minutes(sample: Sample) -> float:
    times = sample.streams.times_s
    return float(times[-1] - times[0]) / 60


def _counts(counts: Counts) -> dict[str, float]:
    ratios = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return asdict(counts) | {name: round(value, 4) for name, value in ratios.items()}


def _narrator(on_line: OnLine) -> Callable[[Step], None]:
    def narrate(step: Step) -> None:
        on_line(f"epoch {step.epoch} {json.dumps(asdict(step))}")

    return narrate
