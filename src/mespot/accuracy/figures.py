"""The figures of every part: what was found against what is true, pooled over videos, with intervals and targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mespot.accuracy.measurement import Spotted
from mespot.accuracy.movement import moved_regions
from mespot.accuracy.sets import UNTOUCHED, LabelledVideo, Mark
from mespot.core.expression import Detection, Expression, Kind
from mespot.core.interval import Interval
from mespot.evaluation.bootstrap import Estimate, Tallies, median_estimate
from mespot.evaluation.matching import match
from mespot.evaluation.scores import score_video
from mespot.simulate.nuisance import Distraction

IOU = 0.5
"""Least overlap of a true positive."""
STRONG_PX = 0.5
"""ME whose skin moves at least so far at the apex, px at 224, must be found."""
BLINK_IOU = 0.3
"""Least overlap of a blink with the ME that it was taken for."""

Measured = Sequence[tuple[LabelledVideo, Spotted]]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach.

    Parameters
    ----------
    sign : str
        ``>=``, ``<=`` or ``<``.
    bound : float
        The limit.
    """

    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"

    def reached(self, value: float | None) -> bool | None:
        """Whether ``value`` meets the target; None where there was nothing to measure."""
        if value is None:
            return None
        return {">=": value >= self.bound, "<=": value <= self.bound, "<": value < self.bound}[self.sign]


TARGETS: Mapping[str, Target] = {
    "simulated: MaE F1": Target(">=", 0.85),
    "simulated: ME F1": Target(">=", 0.70),
    "simulated: all F1": Target(">=", 0.75),
    f"simulated: recall of ME of at least {STRONG_PX:g} px": Target(">=", 0.85),
    "simulated: median onset error, sampled frames": Target("<=", 2),
    "simulated: named region truly moved": Target(">=", 0.80),
    "distractors: false detections a minute": Target("<=", 1),
    "distractors: share of blinks taken for ME": Target("<", 0.02),
    "injected: ME recall": Target(">=", 0.60),
    "injected: detections a minute more than untouched": Target("<=", 3),
    "real: MaE F1": Target(">=", 0.70),
}
"""By part and name of the figure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure.

    Parameters
    ----------
    part, name : str
        Which.
    estimate : Estimate
        Value and interval.
    counts : str
        What it was counted from.
    """

    part: str
    name: str
    estimate: Estimate
    counts: str = ""

    @property
    def target(self) -> Target | None:
        """What it should reach; None where nothing is asked."""
        return TARGETS.get(f"{self.part}: {self.name}")

    @property
    def reached(self) -> bool | None:
        """Whether it does; None without a target, and where there was nothing to measure."""
        return None if self.target is None else self.target.reached(self.estimate.value)

    def to_record(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return {
            "name": self.name,
            "value": self.estimate.value,
            "low": self.estimate.low,
            "high": self.estimate.high,
            "counts": self.counts,
            "target": None if self.target is None else str(self.target),
            "reached": self.reached,
        }


def pairs(video: LabelledVideo, found: Spotted) -> Iterator[tuple[Mark, Detection]]:
    """Yield every true positive with its expression: one-to-one, by kind, IoU of at least `IOU`."""
    for row, column in match(reference=video.expressions, detected=found.detections, iou=IOU):
        yield video.marks[row], found.detections[column]


def spotting_figures(part: str, measured: Measured) -> list[Figure]:
    """Return precision, recall and F1 of MaE, ME and both, and the median onset error."""
    tallies = Tallies.of([_counts(video, found) for video, found in measured])
    return [
        *(figure for kind in ("MaE", "ME", "all") for figure in _ratios(part, kind, tallies)),
        *_errors(part, "onset", measured, lambda mark, one: one.interval.onset - mark.interval.onset),
    ]


def simulated_figures(part: str, measured: Measured) -> list[Figure]:
    """Return the figures of a set whose expressions were simulated: with strength, and what truly moved."""
    strong = Tallies.of([_strong(video, found) for video, found in measured])
    named = Tallies.of([_named(video, found) for video, found in measured])
    kinds = ((Kind.MAE, "MaE apex"), (Kind.ME, "ME apex"))
    return [
        *spotting_figures(part, measured),
        *(figure for kind, name in kinds for figure in _errors(part, name, measured, _off_the_apex, kind)),
        Figure(
            part,
            f"recall of ME of at least {STRONG_PX:g} px",
            strong.ratio({"found": 1}, {"shown": 1}),
            f"{strong.total('found'):.0f} of {strong.total('shown'):.0f}",
        ),
        Figure(
            part,
            "named region truly moved",
            named.ratio({"moved": 1}, {"named": 1}),
            f"{named.total('moved'):.0f} of {named.total('named'):.0f} TP",
        ),
    ]


def distractor_figures(part: str, measured: Measured) -> list[Figure]:
    """Return what is reported where there is no expression: a minute, within speech, and at blinks.

    A video that was refused adds nothing: it could hold no false detection.
    """
    tallies = Tallies.of([_distracted(video, found) for video, found in measured])
    total = tallies.total
    return [
        Figure(
            part,
            "false detections a minute",
            tallies.ratio({"false": 1}, {"minutes": 1}),
            f"{total('false'):.0f} in {total('minutes'):.1f} minutes",
        ),
        Figure(
            part,
            "false detections a minute of speech",
            tallies.ratio({"false in speech": 1}, {"minutes of speech": 1}),
            f"{total('false in speech'):.0f} in {total('minutes of speech'):.1f} minutes",
        ),
        Figure(
            part,
            "share of blinks taken for ME",
            tallies.ratio({"taken": 1}, {"blinks": 1}),
            f"{total('taken'):.0f} of {total('blinks'):.0f}",
        ),
    ]


def injected_figures(part: str, measured: Measured) -> list[Figure]:
    """Return the recall of injected ME, and how many more detections there are than in the untouched clips.

    True positives are not counted among the detections; what a clip holds of its own is in both. Copies of a clip are
    the same person in the same light, so their counts are added up and clips are resampled. Expressions of a video
    that was refused count as missed, and its minutes not at all.
    """
    clips: dict[str, dict[str, float]] = {}
    for video, found in measured:
        clip = clips.setdefault(video.subject, {})
        for name, count in _injected(video, found).items():
            clip[name] = clip.get(name, 0.0) + count
    tallies = Tallies.of(list(clips.values()))
    more = tallies.ratio_difference(({"other": 1}, {"minutes": 1}), ({"untouched": 1}, {"untouched minutes": 1}))
    total = tallies.total
    return [
        Figure(
            part,
            "ME recall",
            tallies.ratio({"ME tp": 1}, {"ME tp": 1, "ME fn": 1}),
            f"{total('ME tp'):.0f} of {total('ME tp') + total('ME fn'):.0f}",
        ),
        Figure(
            part,
            "detections a minute more than untouched",
            more,
            f"{total('other'):.0f} in {total('minutes'):.1f} minutes, untouched {total('untouched'):.0f} in "
            f"{total('untouched minutes'):.1f}",
        ),
    ]


def _errors(
    part: str,
    name: str,
    measured: Measured,
    error_of: Callable[[Expression, Detection], int],
    kind: Kind | None = None,
) -> Iterator[Figure]:
    """Yield the median error of the true positives, of one kind or both, in sampled frames and in seconds."""
    seconds = [
        [
            found.frame_s * abs(error_of(mark.expression, one))
            for mark, one in pairs(video, found)
            if kind in (None, one.kind)
        ]
        for video, found in measured
    ]
    rows = [
        [error * found.sampled_fps for error in errors] for errors, (_, found) in zip(seconds, measured, strict=True)
    ]
    for unit, errors in (("sampled frames", rows), ("s", seconds)):
        yield Figure(part, f"median {name} error, {unit}", median_estimate(errors), f"{sum(map(len, errors))} TP")


def _off_the_apex(expression: Expression, found: Detection) -> int:
    assert expression.apex is not None, "the simulator says when every apex is"
    return found.apex - expression.apex


def _ratios(part: str, kind: str, tallies: Tallies) -> Iterator[Figure]:
    tp, fp, fn = (f"{kind} {name}" for name in ("tp", "fp", "fn"))
    counts = ", ".join(f"{name.upper()} {tallies.total(f'{kind} {name}'):.0f}" for name in ("tp", "fp", "fn"))
    yield Figure(part, f"{kind} precision", tallies.ratio({tp: 1}, {tp: 1, fp: 1}), counts)
    yield Figure(part, f"{kind} recall", tallies.ratio({tp: 1}, {tp: 1, fn: 1}), counts)
    yield Figure(part, f"{kind} F1", tallies.ratio({tp: 2}, {tp: 2, fp: 1, fn: 1}), counts)


def _counts(video: LabelledVideo, found: Spotted) -> dict[str, float]:
    scores = score_video(reference=video.expressions, detected=found.detections, iou=IOU)
    kinds = (("MaE", scores.mae), ("ME", scores.me), ("all", scores.all))
    return {f"{kind} {name}": getattr(counts, name) for kind, counts in kinds for name in ("tp", "fp", "fn")}


def _strong(video: LabelledVideo, found: Spotted) -> dict[str, float]:
    return {
        "shown": sum(map(is_strong, video.marks)),
        "found": sum(is_strong(mark) for mark, _ in pairs(video, found)),
    }


def is_strong(mark: Mark) -> bool:
    """Whether it is an ME of at least `STRONG_PX`."""
    return mark.expression.kind is Kind.ME and (mark.intensity_px or 0.0) >= STRONG_PX


def _named(video: LabelledVideo, found: Spotted) -> dict[str, float]:
    told = [one.attention.region in moved_regions(mark.actions, mark.side) for mark, one in pairs(video, found)]
    return {"named": len(told), "moved": sum(told)}


def _distracted(video: LabelledVideo, found: Spotted) -> dict[str, float]:
    if found.rejected:
        return {}
    speech = [_frames(one, found) for one in video.distractions if one.kind == "speech"]
    blinks = [_frames(one, found) for one in video.distractions if one.kind == "blink"]
    me = [one.interval for one in found.detections if one.kind is Kind.ME]
    middles = [(one.interval.onset + one.interval.offset) // 2 for one in found.detections]
    return {
        "false": len(found.detections),
        "minutes": found.minutes,
        "false in speech": sum(any(middle in span for span in speech) for middle in middles),
        "minutes of speech": sum(map(len, speech)) * found.frame_s / 60,
        "blinks": len(blinks),
        "taken": sum(any(taken_for(blink, one) for one in me) for blink in blinks),
    }


def taken_for(blink: Interval, me: Interval) -> bool:
    """Whether an ME is the blink: it overlaps with it by `BLINK_IOU`, or lies inside."""
    return me.iou(blink) >= BLINK_IOU or me.intersection(blink) == len(me)


def _frames(one: Distraction, found: Spotted) -> Interval:
    """Return the frames of a distraction; what follows the end of its video is left out."""
    last = max(1, round(found.seconds / found.frame_s))
    start = min(round(one.start_s / found.frame_s), last - 1)
    return Interval(start, max(start + 1, min(round(one.stop_s / found.frame_s), last)))


def _injected(video: LabelledVideo, found: Spotted) -> dict[str, float]:
    minutes = 0.0 if found.rejected else found.minutes
    if video.path.stem.endswith(UNTOUCHED):
        return {"untouched": len(found.detections), "untouched minutes": minutes}
    scores = score_video(reference=video.expressions, detected=found.detections, iou=IOU)
    return {
        "ME tp": scores.me.tp,
        "ME fn": scores.me.fn,
        "other": scores.all.fp,
        "minutes": minutes,
    }
