"""Scores of any system's detections: the strict one with all its details, and published ones by name.

What each is and where it differs stands with it: `mespot.evaluation.strict`, `mespot.evaluation.protocols`. The paper's
equations (4) and (5) have the names of precision and recall exchanged; here they have their usual meaning.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mespot.core.errors import AnnotationError, ConfigError
from mespot.core.expression import Kind
from mespot.core.offsets import MISSING_OFFSETS, MissingOffset
from mespot.core.version import VERSION
from mespot.evaluation.bootstrap import Estimate, Tallies, Weights
from mespot.evaluation.events import DetectedEvent, Reference
from mespot.evaluation.files import read_detected, reference_with_rate
from mespot.evaluation.precision import AP_IOUS, average_precision
from mespot.evaluation.protocols import PROTOCOLS
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


def evaluate(
    *,
    reference: Path | str | Reference,
    detected: Path | str | Sequence[DetectedEvent],
    protocols: Sequence[str] = ("strict",),
    missing_offset: MissingOffset = "mirror",
    iou: float = 0.5,
    fps: float | None = None,
    first_frame: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Score detections against annotations.

    Parameters
    ----------
    reference : Path, str or Reference
        What was annotated: a file or folder (`mespot.evaluation.files.read_reference`), or events.
    detected : Path, str or sequence of DetectedEvent
        What a system reports (`mespot.evaluation.files.read_detected`).
    protocols : sequence of str
        Names from `mespot.evaluation.protocols.PROTOCOLS`; "all" is every one.
    missing_offset : {"mirror", "apex", "apex_plus_20", "drop"}
        What becomes of offsets of 0 in the strict score; published ones have rules of their own.
    iou : float
        Least intersection over union of a true positive in the strict score.
    fps : float, optional
        Frames a second, over what the reference states.
    first_frame : int
        Number of a video's first frame, for formats that count seconds or from 0.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        JSON values. For every protocol the tallies ``MaE``, ``ME`` and ``all``, each with tp, fp, fn, precision, recall
        and f1. ``strict`` has besides: ``t_eval`` (scores at the overlaps of Table I), ``average_precision``,
        ``errors`` (of the boundaries of true positives), ``intervals_95`` (bootstrap over subjects, or over videos
        where no subject is named), ``subjects``, ``videos``. ``about`` tells what was read and assumed.

    Raises
    ------
    ConfigError
        There is no such protocol or rule, or ``iou`` is not in (0, 1].
    AnnotationError, SpottingError
        A file cannot be read.

    Examples
    --------
    >>> mespot.evaluate(reference="annotated.csv", detected="found.csv")["strict"]["all"]["f1"]  # doctest: +SKIP
    """
    names = _names(protocols)
    if missing_offset not in MISSING_OFFSETS:
        raise ConfigError(f"unknown rule '{missing_offset}' for offsets; choose one of {', '.join(MISSING_OFFSETS)}.")
    if not 0 < iou <= 1:
        raise ConfigError(f"iou = {iou:g}: must lie above 0 and at most at 1; correct it.")
    notes: list[str] = []
    if isinstance(reference, Reference):
        annotated, rate = reference, fps or reference.fps
    else:
        annotated, stated = reference_with_rate(reference, fps=fps, first_frame=first_frame, on_note=notes.append)
        rate = stated or annotated.fps
    if isinstance(detected, Path | str):
        found = read_detected(detected, reference=annotated, fps=rate, first_frame=first_frame, on_note=notes.append)
    else:
        found = tuple(detected)
    notes += _strangers(annotated, found)
    scores: dict[str, Any] = {}
    for name in names:
        if name == "strict":
            scores[name] = _strict(annotated, found, iou, missing_offset, rate, seed)
            continue
        try:
            scores[name] = PROTOCOLS[name](annotated, found).to_json()
        except AnnotationError as error:
            if "all" not in protocols:
                raise
            notes.append(f"{name} is left out: {error}")
    about = {
        "mespot": VERSION,
        "iou": iou,
        "missing_offset": missing_offset,
        "fps": rate,
        "reference": {"source": _source(reference), "videos": len(annotated.videos), "events": len(annotated.events)},
        "detected": {"source": _source(detected), "events": len(found)},
        "notes": notes,
    }
    return {**scores, "about": about}


def _names(protocols: Sequence[str]) -> list[str]:
    if "all" in protocols:
        return list(PROTOCOLS)
    for name in protocols:
        if name not in PROTOCOLS:
            close = difflib.get_close_matches(name, PROTOCOLS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(PROTOCOLS)}, or all."
            raise ConfigError(f"unknown protocol '{name}'; {hint}")
    return list(dict.fromkeys(protocols))


def _source(given: object) -> str | None:
    return str(given) if isinstance(given, Path | str) else None


def _strangers(reference: Reference, found: Sequence[DetectedEvent]) -> list[str]:
    """Say which detections lie in videos that the reference does not know."""
    known = {video for video, _ in reference.videos} | {event.video for event in reference.events}
    strange = [event.video for event in found if event.video not in known]
    if not strange:
        return []
    return [
        f"{len(strange)} detections are in {len(set(strange))} videos that the reference does not list, for example "
        f"'{strange[0]}': they count as false positives in the strict score"
    ]


def _strict(
    reference: Reference,
    found: Sequence[DetectedEvent],
    iou: float,
    missing_offset: MissingOffset,
    fps: float,
    seed: int,
) -> dict[str, Any]:
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
        "intervals_95": _intervals(list(subjects.values()), seed),
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


def _intervals(groups: Sequence[Sequence[MatchedVideo]], seed: int) -> dict[str, Any]:
    """Return 95 % limits of the ratios, whole subjects resampled; null where there are fewer than two."""
    intervals: dict[str, Any] = {}
    for name, kinds in KINDS:
        tallies = Tallies.of([_counted(sum((v.counts(k) for v in group for k in kinds), Counts())) for group in groups])
        estimates = {ratio: tallies.ratio(*parts, seed=seed) for ratio, parts in RATIOS.items()}
        intervals[name] = {ratio: _limits(estimate) for ratio, estimate in estimates.items()}
    return intervals


def _counted(counts: Counts) -> dict[str, float]:
    return {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn}


def _limits(estimate: Estimate) -> list[float] | None:
    return None if estimate.low is None or estimate.high is None else [estimate.low, estimate.high]
