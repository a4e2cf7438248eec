"""The results as one JSON file and as Markdown for the model card.

The JSON object has the keys

``schema``
    `SCHEMA`.
``mespot``, ``weights``, ``config_digest``, ``engine``
    Version of the code, digests of the weights and of their configuration, and what ran the backbone.
``thresholds``
    Of ME and MaE, as they stand in the checkpoint.
``plan``
    `mespot.accuracy.sets.Plan`: sizes of the sets and their seed.
``bootstrap``
    Resamples, level and units of the intervals: by part where it is not the video.
``parts``
    By name (`PARTS`) an object with ``synthetic`` (whether any of it is simulated), ``set`` (videos, minutes, numbers
    of ME and MaE, subjects, and the videos that were refused with the reason), ``figures`` (name, value, low, high,
    counts, target, reached; null where there was nothing to measure), and in some ``records`` (real clips: every
    mark with what was found, and what was found besides), ``actions`` (simulated: by combination of action units, see
    `mespot.accuracy.actions`) or ``points`` (curve: frames a second, limits of the bin in px, ME shown and found,
    recall, low, high).

Nothing in it depends on the machine but ``engine``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mespot.accuracy.figures import IOU, STRONG_PX, Measured
from mespot.accuracy.measurement import Measurer
from mespot.accuracy.sets import Plan
from mespot.core.expression import Kind
from mespot.core.version import VERSION
from mespot.evaluation.bootstrap import RESAMPLES

SCHEMA = "mespot-accuracy-1"
PARTS: Mapping[str, str] = {
    "simulated": "SYNTHETIC test set",
    "distractors": "SYNTHETIC, no expressions",
    "injected": "SYNTHETIC ME in real clips",
    "real": "real clips",
    "curve": "SYNTHETIC curve",
}
"""Parts with the heading under which they are shown; what is simulated is called so."""
NONE = "-"
"""Stands where there was nothing to measure."""


def header(measurer: Measurer, plan: Plan) -> dict[str, Any]:
    """Return what the results belong to, as JSON values."""
    spotting = measurer.config.spotting
    return {
        "schema": SCHEMA,
        "mespot": VERSION,
        "weights": measurer.checkpoint.digest,
        "config_digest": measurer.config.digest(),
        "engine": measurer.engine.name,
        "thresholds": {"ME": spotting.threshold_me, "MaE": spotting.threshold_mae},
        "plan": asdict(plan) | {"apart_from": [f"{path.parent.name}/{path.name}" for path in plan.apart_from]},
        "bootstrap": {"resamples": RESAMPLES, "level": 0.95, "unit": "video", "injected": "clip"},
    }


def set_facts(measured: Measured) -> dict[str, Any]:
    """Return how large a set is, and what of it was refused, as JSON values."""
    kinds = [expression.kind for video, _ in measured for expression in video.expressions]
    return {
        "videos": len(measured),
        "minutes": round(sum(found.minutes for _, found in measured), 2),
        "ME": kinds.count(Kind.ME),
        "MaE": kinds.count(Kind.MAE),
        "subjects": sorted({video.subject for video, _ in measured}),
        "refused": {video.path.name: found.rejected for video, found in measured if found.rejected},
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    thresholds = results["thresholds"]
    yield (
        f"Weights `{results['weights']}`, thresholds as in the file (MaE {thresholds['MaE']:g}, "
        f"ME {thresholds['ME']:g}), mespot {results['mespot']}, {results['engine']}. True positive: IoU >= {IOU:g}, "
        "one-to-one, by kind; counts pooled. 95 % intervals: bootstrap over videos, with injected ME over clips; not "
        "over people, of whom a set shows few."
    )
    for name, part in results["parts"].items():
        yield ""
        yield f"**{PARTS[name]}**: {_set_sentence(part['set'])}"
        if part["figures"]:
            yield from _figure_table(part["figures"])
        if "actions" in part:
            yield from _action_table(part["actions"])
        if "points" in part:
            yield from _curve_table(part["points"])
        for record in part.get("records", ()):
            yield f"- {_record_sentence(record)}"


def _set_sentence(facts: Mapping[str, Any]) -> str:
    text = (
        f"videos: {facts['videos']}, people: {len(facts['subjects'])}, {facts['minutes']:.1f} minutes, "
        f"{facts['MaE']} MaE, {facts['ME']} ME"
    )
    if facts["refused"]:
        text += (
            f"; refused, their expressions count as missed and their minutes not at all: {', '.join(facts['refused'])}"
        )
    return text + "."


def _figure_table(figures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield ""
    yield "| figure | target | reached | 95 % interval | counted | |"
    yield "|---|---|---|---|---|---|"
    for figure in figures:
        interval = NONE if figure["low"] is None else f"{_number(figure['low'])} to {_number(figure['high'])}"
        verdict = "" if figure["target"] is None else {True: "met", False: "not met", None: NONE}[figure["reached"]]
        cells = (figure["name"], figure["target"] or "", _number(figure["value"]), interval, figure["counts"], verdict)
        yield f"| {' | '.join(cells)} |"


def _action_table(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield ""
    yield f"| action units | MaE found | ME found | of these at least {STRONG_PX:g} px |"
    yield "|---|---|---|---|"
    for record in records:
        cells = (f"{found} of {shown}" for found, shown in (record["mae"], record["me"], record["strong_me"]))
        yield f"| {record['actions']} | {' | '.join(cells)} |"


def _curve_table(points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rates = list(dict.fromkeys(point["fps"] for point in points))
    bins = list(dict.fromkeys((point["low_px"], point["high_px"]) for point in points))
    cells = {(point["fps"], point["low_px"], point["high_px"]): point for point in points}
    yield ""
    yield f"| recall of ME by displacement at the apex | {' | '.join(f'{rate:g} frames a second' for rate in rates)} |"
    yield f"|---|{'---|' * len(rates)}"
    for low, high in bins:
        row = [cells[rate, low, high] for rate in rates]
        texts = [f"{_number(point['recall'])} ({point['found']} of {point['shown']})" for point in row]
        yield f"| {low:g} to {high:g} px | {' | '.join(texts)} |"


def _record_sentence(record: Mapping[str, Any]) -> str:
    if "besides" in record:
        return f"{record['clip']}, besides: {'; '.join(record['besides']) or 'nothing'}"
    if "found" not in record:
        return f"{record['clip']}, marked {record['marked']}: not found"
    return (
        f"{record['clip']}, marked {record['marked']}: found {record['found']}, IoU {record['iou']:.2f}, onset error "
        f"{record['onset_error_s']:+.3f} s"
    )


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
