"""From the network's outputs to intervals with a kind and a score: the only way there.

`detect_rows` is read top to bottom: decode every position, settle the kinds, select by score, suppress overlaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from mespot.config import SpottingConfig
from mespot.core.expression import ME_LONGEST_S, Kind
from mespot.core.signals import Float32, Grid
from mespot.core.timeline import row_times_s
from mespot.model.nms import hard_nms, soft_nms

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Located = tuple[Float32, Float32]
"""(2, L) scores of MaE and ME, and (2, L) distances in sampled frames, of one level."""

BACKGROUND, MAE, ME = 0, 1, 2
"""Class numbers of the network and of training targets."""
KIND_OF_CLASS = {MAE: Kind.MAE, ME: Kind.ME}
CLASS_OF_KIND = {kind: number for number, kind in KIND_OF_CLASS.items()}
FEWEST_CANDIDATES = 200
"""A short video keeps at least so many candidates, whatever its share of an hour: neighbouring rows see the same
expression."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Intervals that may be expressions.

    Parameters
    ----------
    starts, stops : (M,) float64
        Sampled rows, ``start <= row < stop``.
    scores : (M,) float64
        In [0, 1].
    kinds : (M,) int64
        1 MaE, 2 ME.
    levels : (M,) int64
        Pyramid level, 0 for P3.
    rows : (M,) int64
        Row of the level.
    either : (M,) float64
        Probability that the row sees an expression of whichever kind, in [0, 1].
    """

    starts: FloatArray
    stops: FloatArray
    scores: FloatArray
    kinds: IntArray
    levels: IntArray
    rows: IntArray
    either: FloatArray

    def __post_init__(self) -> None:
        shapes = {getattr(self, field.name).shape for field in fields(self)}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(f"candidates must be arrays of one length, got {sorted(shapes)}")

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Self:
        """Return the candidates at the given indices, or where a mask is true."""
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Candidates]) -> Self:
        """Return the candidates of all parts, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class Found:
    """A detection in sampled rows.

    Parameters
    ----------
    start, stop : float
        Sampled rows, ``0 <= start < stop <= T``.
    kind : Kind
        After `settle_kinds`.
    score : float
        In [0, 1].
    level, row : int
        Where in the pyramid it was seen; level 0 is P3.
    """

    start: float
    stop: float
    kind: Kind
    score: float
    level: int
    row: int


def detect_rows(
    located: Sequence[Located],
    grids: Sequence[Grid],
    times_s: FloatArray,
    present: npt.NDArray[np.bool_],
    spotting: SpottingConfig,
) -> list[Found]:
    """Return the detections of one video, in order of time.

    Parameters
    ----------
    located : sequence of ((2, L), (2, L))
        Per level the scores of MaE and ME, and the distances in sampled frames, see `decode`.
    grids : sequence of Grid
        One per level.
    times_s : (T,) float64
        Presentation times of the sampled frames, s.
    present : (T,) bool
        A candidate whose middle lies where no face was seen is dropped.
    spotting : SpottingConfig
        Thresholds and NMS.
    """
    candidates = decode_video(located, grids, times_s, present, spotting)
    kept = select(candidates, spotting, hours=duration_hours(times_s))
    return [
        Found(
            start=float(kept.starts[index]),
            stop=float(kept.stops[index]),
            kind=KIND_OF_CLASS[int(kept.kinds[index])],
            score=float(kept.scores[index]),
            level=int(kept.levels[index]),
            row=int(kept.rows[index]),
        )
        for index in range(len(kept))
    ]


def decode_video(
    located: Sequence[Located],
    grids: Sequence[Grid],
    times_s: FloatArray,
    present: npt.NDArray[np.bool_],
    spotting: SpottingConfig,
) -> Candidates:
    """Return the candidates of one video before any threshold, cut to the video, kinds settled.

    Parameters are those of `detect_rows`; of ``spotting`` the shortest and the longest duration are used.
    """
    candidates = decode(located, grids)
    candidates = replace(
        candidates,
        starts=candidates.starts.clip(0.0, len(times_s)),
        stops=candidates.stops.clip(0.0, len(times_s)),
    )
    lasting_s = durations_s(candidates, times_s)
    middles = ((candidates.starts + candidates.stops) / 2).astype(np.int64).clip(0, len(present) - 1)
    kept = (lasting_s >= spotting.least_s) & (lasting_s <= spotting.longest_s) & (lasting_s > 0) & present[middles]
    return settle_kinds(candidates.take(kept), lasting_s[kept], frame_s=_frame_s(times_s))


def score_curves(located: Sequence[Located], grids: Sequence[Grid], frames: int) -> tuple[Float32, Float32]:
    """Return the (T,) scores of MaE and of ME at every sampled frame: the best level, linear between rows.

    Parameters
    ----------
    located : sequence of ((2, L), (2, L))
        As for `detect_rows`.
    grids : sequence of Grid
        One per level.
    frames : int
        T.
    """
    curves = np.zeros((2, frames), np.float32)
    for (scores, _), grid in zip(located, grids, strict=True):
        rows = (np.arange(frames) - grid.first) / grid.stride
        for kind in range(2):
            curve = np.interp(rows, np.arange(scores.shape[1]), scores[kind]).astype(np.float32)
            curves[kind] = np.maximum(curves[kind], curve)
    return curves[0], curves[1]


def decode(located: Sequence[Located], grids: Sequence[Grid]) -> Candidates:
    """Return two candidates (MaE, ME) for every row of every level.

    Parameters
    ----------
    located : sequence of ((2, L), (2, L))
        Probability of MaE and of ME; sampled frames from the row's centre back to the start and on to the stop.
    grids : sequence of Grid
        One per level.
    """
    parts = []
    for level, ((score, distance), grid) in enumerate(zip(located, grids, strict=True)):
        rows = np.arange(score.shape[1], dtype=np.int64)
        either = np.minimum(score.sum(axis=0, dtype=np.float64), 1.0)
        centres = grid.first + grid.stride * rows.astype(np.float64)
        for number in (MAE, ME):
            parts.append(
                Candidates(
                    starts=centres - distance[0].astype(np.float64),
                    stops=centres + distance[1].astype(np.float64),
                    scores=score[number - 1].astype(np.float64),
                    kinds=np.full(len(rows), number, np.int64),
                    levels=np.full(len(rows), level, np.int64),
                    rows=rows,
                    either=either,
                )
            )
    return Candidates.join(parts)


def durations_s(candidates: Candidates, times_s: FloatArray) -> FloatArray:
    """Return the (M,) durations of the candidates in seconds, by the time stamps of the frames."""
    return row_times_s(times_s, candidates.stops) - row_times_s(times_s, candidates.starts)


def settle_kinds(candidates: Candidates, lasting_s: FloatArray, *, frame_s: float) -> Candidates:
    """Give every candidate whose duration leaves no doubt the kind of that duration.

    Parameters
    ----------
    candidates : Candidates
        Of any kind.
    lasting_s : (M,) float64
        Their durations, s.
    frame_s : float
        Time between sampled frames, s.

    Notes
    -----
    The rule (method.md 7, and nowhere else): what lasts longer than 0.5 s plus one sampled frame is a MaE, what lasts
    less than 0.5 s is an ME, and its score is the probability of an expression of either kind, because the network's
    doubt between the kinds is settled. Between the two the network's label and score stand: a boundary is not known
    better than one sampled frame.
    """
    # A billionth of a second of slack: sums of frame durations are not exact.
    long = lasting_s > ME_LONGEST_S + frame_s + 1e-9
    short = lasting_s < ME_LONGEST_S - 1e-9
    kinds = np.where(long, MAE, np.where(short, ME, candidates.kinds))
    scores = np.where(long | short, candidates.either, candidates.scores)
    return replace(candidates, kinds=kinds, scores=scores)


def select(candidates: Candidates, spotting: SpottingConfig, *, hours: float) -> Candidates:
    """Apply thresholds, top fraction, cap and NMS; return what remains in order of time.

    Parameters
    ----------
    candidates : Candidates
        Of one video, kinds settled.
    spotting : SpottingConfig
        Thresholds and NMS.
    hours : float
        Duration of the video, for the cap.

    Notes
    -----
    ``top_fraction`` is the paper's "top threshold" (Table II): of the candidates of a kind that pass its
    threshold, the best ``ceil(top_fraction * count)`` by score enter NMS, so the more is kept, the larger it is.
    NMS acts within a kind; an ME inside a MaE stays, but for one that begins with it (`same_onset_frames`): that is
    the rise of the MaE, seen as a movement of its own.
    """
    mae, me = (_best_of(candidates, kind, spotting, hours) for kind in (MAE, ME))
    kept = Candidates.join([mae, me.take(~_rises(mae, me, spotting.same_onset_frames))])
    return kept.take(np.lexsort((kept.kinds, kept.stops, kept.starts)))


def _rises(mae: Candidates, me: Candidates, frames: int) -> npt.NDArray[np.bool_]:
    """Return which ME begin within ``frames`` sampled frames of the start of a MaE."""
    apart = np.abs(me.starts[:, None] - mae.starts[None])
    return np.asarray((apart <= frames).any(axis=1)) if frames else np.zeros(len(me), np.bool_)


def _best_of(candidates: Candidates, kind: int, spotting: SpottingConfig, hours: float) -> Candidates:
    """Apply threshold, top fraction, cap and NMS to one kind."""
    passed = candidates.take((candidates.kinds == kind) & (candidates.scores >= _threshold(kind, spotting)))
    most = max(FEWEST_CANDIDATES, math.ceil(spotting.candidates * hours))
    if spotting.top_fraction is not None:
        most = min(most, math.ceil(spotting.top_fraction * len(passed)))
    best = np.lexsort((passed.stops, passed.starts, -passed.scores))[:most]
    return _suppress(passed.take(best), kind, spotting)


def _threshold(kind: int, spotting: SpottingConfig) -> float:
    return spotting.threshold_me if kind == ME else spotting.threshold_mae


def _suppress(candidates: Candidates, kind: int, spotting: SpottingConfig) -> Candidates:
    starts, stops, scores = candidates.starts, candidates.stops, candidates.scores
    if spotting.nms == "hard":
        return candidates.take(hard_nms(starts, stops, scores, spotting.nms_iou))
    limit = _threshold(kind, spotting)
    kept, decayed = soft_nms(starts, stops, scores, spotting.soft_sigma, np.full(len(scores), limit))
    return replace(candidates.take(kept), scores=decayed)


def _frame_s(times_s: FloatArray) -> float:
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0


def duration_hours(times_s: FloatArray) -> float:
    """Return how long the sampled frames last, in hours."""
    return float(times_s[-1] - times_s[0] + _frame_s(times_s)) / 3600.0
