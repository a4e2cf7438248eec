"""Scores of any system's detections: the strict one with all its details, and published ones by name.

What each is and where it differs stands with it: `mespot.evaluation.strict`, `mespot.evaluation.protocols`. The paper's
equations (4) and (5) have the names of precision and recall exchanged; here they have their usual meaning.
"""

from __future__ import annotations

import difflib
import math
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mespot.core.errors import AnnotationError, ConfigError
from mespot.core.offsets import MISSING_OFFSETS, MissingOffset, complete_offset, offset_is_missing
from mespot.core.version import VERSION
from mespot.evaluation.bootstrap import RESAMPLES
from mespot.evaluation.details import strict_details
from mespot.evaluation.events import DetectedEvent, Reference
from mespot.evaluation.files import read_detected, reference_with_rate
from mespot.evaluation.protocols import PROTOCOLS


def evaluate(
    *,
    reference: Path | str | Reference,
    detected: Path | str | Sequence[DetectedEvent],
    protocols: Sequence[str] = ("strict",),
    missing_offset: MissingOffset = "mirror",
    iou: float = 0.5,
    fps: float | None = None,
    first_frame: int = 0,
    resamples: int = RESAMPLES,
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
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        JSON values. For every protocol the tallies ``MaE``, ``ME`` and ``all``, each with tp, fp, fn, precision, recall
        and f1. ``strict`` has besides: ``t_eval`` (scores at the overlaps of Table I), ``average_precision``,
        ``errors`` (of the boundaries of true positives), ``intervals_95`` (bootstrap over subjects, or over videos
        where no subject is named), ``subjects``, ``videos``, and ``strs`` where every expression and detection has an
        emotion. ``about`` tells what was read and assumed.

    Raises
    ------
    ConfigError
        There is no such protocol or rule, or a number is out of range.
    AnnotationError, SpottingError
        A file cannot be read.

    Examples
    --------
    >>> mespot.evaluate(reference="annotated.csv", detected="found.csv")["strict"]["all"]["f1"]  # doctest: +SKIP
    """
    protocols = (protocols,) if isinstance(protocols, str) else protocols
    names = _names(protocols)
    _check(missing_offset, iou, fps, resamples)
    notes: list[str] = []
    if isinstance(reference, Reference):
        annotated = replace(reference, fps=fps or reference.fps)
        rate = annotated.fps
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
            scores[name] = strict_details(
                annotated, found, iou=iou, missing_offset=missing_offset, fps=rate, resamples=resamples, seed=seed
            )
            scores[name] |= _recognition(annotated, found, notes)
            notes += _left_out(annotated, missing_offset)
            continue
        try:
            scores[name] = PROTOCOLS[name](annotated, found).to_json()
        except AnnotationError as error:
            if "all" not in protocols:
                raise
            notes.append(f"{name} is left out: {error}")
    about = {
        "versions": {"mespot": VERSION, "python": platform.python_version(), "numpy": np.__version__},
        "protocols": [name for name in names if name in scores],
        "iou": iou,
        "missing_offset": missing_offset,
        "fps": rate,
        "first_frame": first_frame,
        "resamples": resamples,
        "seed": seed,
        "reference": {"source": _source(reference), "videos": len(annotated.videos), "events": len(annotated.events)},
        "detected": {"source": _source(detected), "events": len(found)},
        "notes": list(dict.fromkeys(notes)),
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


def _check(missing_offset: str, iou: float, fps: float | None, resamples: int) -> None:
    if missing_offset not in MISSING_OFFSETS:
        raise ConfigError(f"unknown rule '{missing_offset}' for offsets; choose one of {', '.join(MISSING_OFFSETS)}.")
    if not 0 < iou <= 1:
        raise ConfigError(f"iou = {iou:g}: must lie above 0 and at most at 1; correct it.")
    if fps is not None and not 0 < fps < math.inf:
        raise ConfigError(f"fps = {fps:g}: must lie above 0; give the frames a second of the videos.")
    if resamples < 1:
        raise ConfigError(f"resamples = {resamples}: must be 1 at least; correct it.")


def _recognition(reference: Reference, found: Sequence[DetectedEvent], notes: list[str]) -> dict[str, Any]:
    """Return STRS where both sides name emotions, for those who ask for the strict score alone."""
    if not all(any(event.emotion for event in events) for events in (reference.events, found)):
        return {}
    try:
        return {"strs": PROTOCOLS["strs"](reference, found).to_json()}
    except AnnotationError as error:
        notes.append(f"strs is left out: {error}")
        return {}


def _left_out(reference: Reference, rule: MissingOffset) -> list[str]:
    """Say which expressions the strict score does not count, and which nothing can hit."""
    dropped = [one for one in reference.events if complete_offset(one.onset, one.apex, one.offset, rule) is None]
    backwards = [
        one for one in reference.events if one.offset < one.onset and not offset_is_missing(one.apex, one.offset)
    ]
    notes = []
    if dropped:
        notes.append(
            f"{len(dropped)} of {len(reference.events)} expressions have no offset that the rule '{rule}' can complete,"
            f" for example from frame {dropped[0].onset:g} of '{dropped[0].video}': the strict score leaves them out"
        )
    if backwards:
        notes.append(
            f"{len(backwards)} of {len(reference.events)} expressions end before they begin, for example from frame "
            f"{backwards[0].onset:g} of '{backwards[0].video}': no detection can hit them"
        )
    return notes


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
