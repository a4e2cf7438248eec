"""Everything that is told of the strict score: other overlaps, average precision, errors, intervals, single videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mespot.core.expression import Kind
from mespot.core.offsets import MissingOffset
from mespot.evaluation.bootstrap import Estimate, Tallies, Weights
from mespot.evaluation.events import DetectedEvent, Reference
from mespot.evaluation.precision import AP_IOUS, average_precision
from mespot.evaluation.scores import Counts
from mespot.evaluation.strict import MatchedVideo, match_videos, pooled

T_EVAL = (0.50, 0.40, 0.35, 0.30)
"""Overlaps of the paper's Table I."""
KINDS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("MaE", (Kind.MAE,)),
    ("ME", (Kind.ME,)),
    ("all", (Kind.MAE, Kind.ME)),
)
RATIOS: dict[str, tuple[Weights, Weights]] = {
    "precision": ({"tp": 1}, {"tp": 1, "fp": 1}),
    "recall": ({"tp": 1}, {"tp": 1, "fn": 1}),
    "f1": ({"tp": 2}, {"tp": 2, "fp": 1, "fn": 1}),
}


def strict_details(
    reference: Reference,
    found: Sequence[DetectedEvent],
    *,
    iou: float,
    missing_offset: MissingOffset,
    fps: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return the strict score with all its details as JSON values, as `mespot.evaluate` lists them.

    Parameters
    ----------
    reference, found, iou, missing_offset
        As for `mespot.evaluation.strict.strict`.
    fps : float
        Frames a second, for errors in seconds.
    resamples, seed : int
        Of the bootstrap.
    """
    videos = match_videos(reference, found, iou=iou, missing_offset=missing_offset)
    subjects: dict[str, list[MatchedVideo]] = {}
    for video in videos:
        subjects.setdefault(video.subject or video.video, []).append(video)
    precision = {
        f"{overlap:.2f}": {name: average_precision(videos, overlap, kinds) for name, kinds in KINDS}
        for overlap in AP_IOUS
    }
    precision["mean"] = {name: _mean([precision[f"{overlap:.2f}"][name] for overlap in AP_IOUS]) for name, _ in KINDS}
    return {
        **pooled(videos).to_json(),
        "t_eval": {f"{overlap:.2f}": pooled([video.at(overlap) for video in videos]).to_json() for overlap in T_EVAL},
        "average_precision": precision,
        "errors": _errors(videos, fps),
        "intervals_95": _intervals(list(subjects.values()), resamples, seed),
        "subjects": {name: pooled(mine).to_json() for name, mine in subjects.items()} if _named(videos) else {},
        "videos": {video.video: pooled([video]).to_json() for video in videos},
    }


def _named(videos: Sequence[MatchedVideo]) -> bool:
    return any(video.subject for video in videos)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _errors(videos: Sequence[MatchedVideo], fps: float) -> dict[str, Any]:
    """Return how far the boundaries of true positives are off, detected minus annotated, in frames and seconds."""
    found: dict[str, Any] = {"true_positives": sum(len(video.pairs) for video in videos)}
    for edge in ("onset", "offset"):
        off = [
            getattr(video.detected[column], edge) - getattr(video.reference[row], edge)
            for video in videos
            for row, column in video.pairs
        ]
        figures: dict[str, Any] = {}
        if off:
            sizes = np.abs(off)
            figures = {"median_absolute": np.median(sizes), "mean_absolute": np.mean(sizes), "mean": np.mean(off)}
        found[edge] = {
            f"{name}_{unit}": round(float(value) / per, 4)
            for unit, per in (("frames", 1.0), ("s", fps))
            for name, value in figures.items()
        }
    return found


def _intervals(groups: Sequence[Sequence[MatchedVideo]], resamples: int, seed: int) -> dict[str, Any]:
    """Return 95 % limits of the ratios, whole subjects resampled; null where there are fewer than two."""
    intervals: dict[str, Any] = {}
    for name, kinds in KINDS:
        tallies = Tallies.of([_counted(sum((v.counts(k) for v in group for k in kinds), Counts())) for group in groups])
        estimates = {ratio: tallies.ratio(*parts, resamples=resamples, seed=seed) for ratio, parts in RATIOS.items()}
        intervals[name] = {ratio: _limits(estimate) for ratio, estimate in estimates.items()}
    return intervals


def _counted(counts: Counts) -> dict[str, float]:
    return {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn}


def _limits(estimate: Estimate) -> list[float] | None:
    return None if estimate.low is None or estimate.high is None else [estimate.low, estimate.high]
