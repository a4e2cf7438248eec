"""Measure weights on all sets, part by part, and write what they reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    tables : tuple of Path
        Marked real clips.
    on_progress : callable
        Receives `mespot.pipeline.Progress`.
    """

    out: Path
    measurer: Measurer
    plan: Plan
    workers: int
    media: tuple[Path, ...]
    tables: tuple[Path, ...]
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
        An unknown part, no worker, or a plan that cannot be simulated.
    CheckpointError, AnnotationError, VideoError, FaceError
        The weights, a table, or a file of ``media`` is not as stated.
    """
    if unknown := [part for part in parts if part not in PARTS]:
        raise ConfigError(f"part {unknown[0]}: is unknown; choose among {', '.join(PARTS)}.")
    if workers < 1:
        raise ConfigError(f"{workers} workers: at least one is needed; correct the number.")
    plan = plan or Plan()
    tables = (*own_marks(), *marks)
    if made := [table for table in tables if simulated(table)]:
        raise AnnotationError(f"{made[0]}: its videos are simulated; name tables of real clips.")
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench(out, Measurer(weights, out, workers=workers), plan, workers, tuple(media), tables, on_progress)
    results = {"parts": {part: _MEASURES[part](bench) for part in PARTS if part in parts}}
    return _written(out, header(bench.measurer, plan) | results)


def _simulated(bench: Bench) -> dict[str, Any]:
    measured = bench.simulate("simulated")
    return _part(measured, simulated_figures("simulated", measured))


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
    measured = bench.measure([video for table in bench.tables for video in marked_videos(table)], "real")
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


def _written(out: Path, results: dict[str, Any]) -> Accuracy:
    files = [out / f"accuracy-{results['weights']}.{suffix}" for suffix in ("json", "md")]
    for file, text in zip(files, (json.dumps(results, indent=1) + "\n", markdown(results)), strict=True):
        with whole_file(file) as part:
            part.write_text(text, encoding="utf-8")
    return Accuracy(results, *files)
