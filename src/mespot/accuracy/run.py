"""Measure weights on all sets, part by part, and write what they reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mespot.accuracy.actions import action_records
from mespot.accuracy.curve import draw_curve, recall_points
from mespot.accuracy.figures import (
    Figure,
    Measured,
    distractor_figures,
    injected_figures,
    simulated_figures,
    spotting_figures,
)
from mespot.accuracy.measurement import Measurer
from mespot.accuracy.real import marked_records
from mespot.accuracy.report import PARTS, header, markdown, set_facts
from mespot.accuracy.sets import (
    SPLIT,
    LabelledVideo,
    Plan,
    held_out_clips,
    held_out_faces,
    injected_set,
    marked_videos,
    own_marks,
    simulated_set,
)
from mespot.core.atomic import whole_file
from mespot.core.errors import AnnotationError, ConfigError
from mespot.pipeline import OnProgress
from mespot.simulate.manifest import check_apart
from mespot.training.run import simulated
from mespot.vision.decode import VideoReader


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What was measured and where it lies.

    Parameters
    ----------
    results : dict
        See `mespot.accuracy.report`.
    json, markdown : Path
        The same as files.
    """

    results: dict[str, Any]
    json: Path
    markdown: Path


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a part needs.

    Parameters
    ----------
    out : Path
        Folder of sets, streams, detections and results.
    measurer : Measurer
        The weights.
    plan : Plan
        Sizes of the sets.
    workers : int
        Processes.
    media : tuple of Path
        Further stills and clips that were held out.
    marked : tuple of LabelledVideo
        Real clips with the expressions that a person marked.
    on_progress : callable
        Receives `mespot.pipeline.Progress`.
    """

    out: Path
    measurer: Measurer
    plan: Plan
    workers: int
    media: tuple[Path, ...]
    marked: tuple[LabelledVideo, ...]
    on_progress: OnProgress

    def simulate(self, name: str, **changes: float) -> Measured:
        """Return a simulated set with what was found in it; ``changes`` are those of `simulated_set`."""
        videos = simulated_set(
            self.out / "sets" / name,
            faces=held_out_faces(self.media),
            plan=self.plan,
            workers=self.workers,
            on_progress=self.on_progress,
            **changes,
        )
        return self.measure(videos, name)

    def measure(self, videos: Sequence[LabelledVideo], name: str) -> Measured:
        """Return the videos with what was found in each."""
        paths = [video.path for video in videos]
        found = self.measurer.measure(paths, on_progress=self.on_progress, stage=f"measuring {name}")
        return list(zip(videos, found, strict=True))


def measure_accuracy(
    out: Path,
    *,
    weights: Path | None = None,
    plan: Plan | None = None,
    parts: Sequence[str] = tuple(PARTS),
    workers: int = 2,
    media: Sequence[Path] = (),
    marks: Sequence[Path] = (),
    on_progress: OnProgress = lambda _: None,
) -> Accuracy:
    """Measure what weights reach on videos that training never saw.

    All that may be refused is refused before anything is simulated.

    Parameters
    ----------
    out : Path
        Folder; made where missing. Sets, crops, flow and detections in it are used again, so that a run that was cut
        short goes on, and other weights cost the time of their network alone.
    weights : Path, optional
        A checkpoint; the shipped default weights otherwise. Its thresholds are used as they stand.
    plan : Plan, optional
        Sizes of the sets.
    parts : sequence of str
        Which of `PARTS`.
    workers : int
        Processes that simulate, and that make crops and flow.
    media : sequence of Path
        Further stills and clips of people whom no training saw, as the caller states.
    marks : sequence of Path
        Tables of marked real clips, besides those of a clone.
    on_progress : callable
        Receives `mespot.pipeline.Progress`.

    Raises
    ------
    ConfigError
        An unknown part, no worker, a plan that cannot be simulated, or a corpus of ``plan.apart_from`` shows one of
        the people.
    CheckpointError, AnnotationError, VideoError, FaceError
        The weights, a table, or a file of ``media`` is not as stated; or the weights were trained on one of the people.
    """
    if unknown := [part for part in parts if part not in PARTS]:
        raise ConfigError(f"part {unknown[0]}: is unknown; choose among {', '.join(PARTS)}.")
    if workers < 1:
        raise ConfigError(f"{workers} workers: at least one is needed; correct the number.")
    plan = plan or Plan()
    tables = (*own_marks(), *marks)
    if made := [table for table in tables if simulated(table)]:
        raise AnnotationError(f"{made[0]}: its videos are simulated; name tables of real clips.")
    marked = tuple(video for table in tables for video in marked_videos(table)) if "real" in parts else ()
    people = _people(parts, media, marked)
    check_apart(people, SPLIT, plan.apart_from)
    measurer = Measurer(weights, out, workers=workers)
    refuse_known_people(measurer.checkpoint.facts, people)
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench(out, measurer, plan, workers, tuple(media), marked, on_progress)
    results = {"parts": {part: _MEASURES[part](bench) for part in PARTS if part in parts}}
    return _written(out, header(bench.measurer, plan) | results)


def refuse_known_people(facts: Mapping[str, Any], people: Iterable[Path]) -> None:
    """Refuse stills and clips on which weights were trained or validated, as far as their checkpoint says.

    Parameters
    ----------
    facts : mapping
        Of the checkpoint: the subjects of ``train`` and ``validation``, which in a simulated corpus are the stems of
        the stills and clips that it shows; nothing where a checkpoint does not tell.
    people : iterable of Path
        Stills and clips, known by their stems.

    Raises
    ------
    AnnotationError
        One of them is among the subjects.
    """
    described = [part for part in (facts.get("train"), facts.get("validation")) if isinstance(part, Mapping)]
    known = {str(subject) for part in described for subject in part.get("subjects", ())}
    for path in people:
        if path.stem in known:
            raise AnnotationError(
                f"{path.name}: the weights were trained or validated on this face; measure weights that never saw it."
            )


def _people(parts: Sequence[str], media: Sequence[Path], marked: Sequence[LabelledVideo]) -> list[Path]:
    """Return the stills and clips that the parts show."""
    shown = [video.path for video in marked]
    if "injected" in parts:
        shown += held_out_clips(media)
    if set(parts) - {"injected", "real"}:
        shown += held_out_faces(media)
    return list(dict.fromkeys(shown))


def _simulated(bench: Bench) -> dict[str, Any]:
    measured = bench.simulate("simulated")
    return _part(measured, simulated_figures("simulated", measured)) | {"actions": action_records(measured)}


def _distractors(bench: Bench) -> dict[str, Any]:
    measured = bench.simulate("distractors", minutes=bench.plan.distractor_minutes, per_minute=0.0)
    return _part(measured, distractor_figures("distractors", measured))


def _injected(bench: Bench) -> dict[str, Any]:
    clips = held_out_clips(bench.media)
    videos = injected_set(
        bench.out / "sets" / "injected",
        clips=clips,
        plan=bench.plan,
        workers=bench.workers,
        on_progress=bench.on_progress,
    )
    measured = bench.measure(videos, "injected")
    return _part(measured, injected_figures("injected", measured))


def _real(bench: Bench) -> dict[str, Any]:
    measured = bench.measure(bench.marked, "real")
    records = [
        record
        for video, found in measured
        for record in marked_records(video.expressions, found.detections, VideoReader(video.path).info)
    ]
    return _part(measured, spotting_figures("real", measured), synthetic=False) | {"records": records}


def _curve(bench: Bench) -> dict[str, Any]:
    plan = bench.plan
    by_rate = {
        fps: bench.simulate(
            f"curve-{fps:g}", minutes=plan.curve_minutes, per_minute=plan.curve_per_minute, curve_fps=fps
        )
        for fps in plan.curve_rates
    }
    points = [point for fps, measured in by_rate.items() for point in recall_points(fps, measured)]
    draw_curve(points, bench.out / f"curve-{bench.measurer.checkpoint.digest}.png")
    every = [pair for measured in by_rate.values() for pair in measured]
    return _part(every, []) | {"points": [point.to_record() for point in points]}


_MEASURES: Mapping[str, Callable[[Bench], dict[str, Any]]] = {
    "simulated": _simulated,
    "distractors": _distractors,
    "injected": _injected,
    "real": _real,
    "curve": _curve,
}


def _part(measured: Measured, figures: Sequence[Figure], *, synthetic: bool = True) -> dict[str, Any]:
    return {
        "synthetic": synthetic,
        "set": set_facts(measured),
        "figures": [figure.to_record() for figure in figures],
    }


def result_name(weights: str, parts: Iterable[str]) -> str:
    """Return the name, without suffix, of the results of some parts; theirs do not overwrite those of all parts."""
    measured = [part for part in PARTS if part in set(parts)]
    return "-".join(["accuracy", weights, *(measured if len(measured) < len(PARTS) else ())])


def _written(out: Path, results: dict[str, Any]) -> Accuracy:
    name = result_name(results["weights"], results["parts"])
    files = [out / f"{name}.{suffix}" for suffix in ("json", "md")]
    for file, text in zip(files, (json.dumps(results, indent=1) + "\n", markdown(results)), strict=True):
        with whole_file(file) as part:
            part.write_text(text, encoding="utf-8")
    return Accuracy(results, *files)
