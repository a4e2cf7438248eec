"""F1 on held-out videos, and the thresholds that make it best there.

Thresholds are chosen on validation videos only, never on test subjects (method.md 10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mespot.config import Config, SpottingConfig
from mespot.core.expression import Attention, Detection
from mespot.core.signals import Features
from mespot.core.timeline import interval_of
from mespot.evaluation.scores import Counts, Scores, score_video
from mespot.model.candidates import KIND_OF_CLASS, Candidates, decode_video, duration_hours, select
from mespot.model.engine import Engine, TorchEngine
from mespot.model.network import Network
from mespot.pipeline import locate
from mespot.training.maps import MappedSample
from mespot.training.sample import Sample
from mespot.vision.features import encode_features

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Scores that the sweep tries: 0.05 to 0.95."""
MAE_SLACK, ME_SLACK = 1.0, 0.0
"""Standard errors of the best F1 that a lower threshold may fall short of it. Real MaE score lower than simulated ones,
which a few dozen validation expressions cannot show; what a low threshold of ME adds are movements of speech."""

_FEW = 4
"""What a limit of false reports must amount to in the videos without expressions for these alone to keep it."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What a network reaches on validation videos.

    Parameters
    ----------
    threshold_me, threshold_mae : float
        Of ME the threshold of the best F1 (see `validate` for a limit of false reports); of MaE the lowest one whose F1
        lies within one standard error of the best.
    scores : Scores
        At these thresholds, IoU 0.5.
    """

    threshold_me: float
    threshold_mae: float
    scores: Scores

    @property
    def f1(self) -> float:
        """Mean F1 of the kinds that are annotated: the many MaE do not outweigh the few ME."""
        counts = [count for count in (self.scores.mae, self.scores.me) if count.annotated]
        return float(np.mean([count.f1 for count in counts])) if counts else 0.0

    def report(self) -> dict[str, Any]:
        """Return the scores and thresholds as JSON values."""
        scores = self.scores
        return {
            "f1": self.f1,
            "f1_mae": scores.mae.f1,
            "f1_me": scores.me.f1,
            "f1_all": scores.all.f1,
            "precision_all": scores.all.precision,
            "recall_all": scores.all.recall,
            "median_onset_error_s": scores.median_onset_error_s,
            "threshold_me": self.threshold_me,
            "threshold_mae": self.threshold_mae,
        }

    def apply(self, config: Config) -> Config:
        """Return the configuration with these thresholds."""
        thresholds = {"threshold_me": self.threshold_me, "threshold_mae": self.threshold_mae}
        return config.model_copy(update={"spotting": config.spotting.model_copy(update=thresholds)})


def validate(network: Network, samples: Sequence[Sample], config: Config) -> Validation:
    """Run the network over whole videos as `mespot.spot` does, and sweep the thresholds of both kinds.

    Parameters
    ----------
    network : Network
        Is left in the mode (training or not) in which it came.
    samples : sequence of Sample
        Whole validation videos.
    config : Config
        ``config.spotting``; its threshold of a kind stays where nothing of that kind is found at any threshold, for
        then there is nothing to choose by. With ``config.training.false_per_minute`` only thresholds of ME compete at
        which false reports, MaE and ME together, are no more; where none keeps it, those with the fewest. Where
        nothing is found at these, it is at least the lowest of them. Where the videos without expressions are so long
        that the limit amounts to a few false reports there, it is these that keep it, and with a standard error added
        (of a Poisson count, as if reports came independently): few minutes of few people must say something of others.

    Notes
    -----
    MaE come first: which of them are reported does not depend on ME, but an ME that is the rise of a reported MaE is
    not reported. ME are then swept beside the chosen MaE.
    """
    candidates = _all_candidates(network, samples, config)

    def scores(me: float, mae: float) -> Scores:
        return _score(samples, candidates, _with_thresholds(config.spotting, me, mae))

    given = config.spotting
    mae = _best([scores(1.0, threshold).mae for threshold in THRESHOLDS], MAE_SLACK, given.threshold_mae)
    settings = [_with_thresholds(given, threshold, mae) for threshold in THRESHOLDS]
    beside = [_score(samples, candidates, setting) for setting in settings]
    swept = list(zip(settings, beside, strict=True))
    first = _first_allowed(samples, candidates, swept, config.training.false_per_minute)
    least = max(given.threshold_me, THRESHOLDS[first]) if first else given.threshold_me
    me = _best([one.me for one in beside[first:]], ME_SLACK, least)
    return Validation(me, mae, scores(me, mae))


def score_samples(
    network: Network, samples: Sequence[Sample], config: Config, *, iou: float = 0.5, engine: Engine | None = None
) -> Scores:
    """Return the pooled scores of a network on whole videos, at the thresholds of ``config.spotting``.

    Parameters
    ----------
    network : Network
        Is left in the mode (training or not) in which it came.
    samples : sequence of Sample
        Whole videos.
    config : Config
        ``config.spotting`` is used as it stands.
    iou : float
        Least intersection over union of a true positive.
    engine : Engine, optional
        What runs the network's backbone; the network's own modules otherwise.
    """
    return _score(samples, _all_candidates(network, samples, config, engine), config.spotting, iou)


def _all_candidates(
    network: Network, samples: Sequence[Sample], config: Config, engine: Engine | None = None
) -> list[Candidates]:
    was_training = network.training
    network.eval()
    try:
        return [video_candidates(network, sample, config, engine) for sample in samples]
    finally:
        network.train(was_training)


def _first_allowed(
    samples: Sequence[Sample],
    candidates: Sequence[Candidates],
    swept: Sequence[tuple[SpottingConfig, Scores]],
    a_minute: float,
) -> int:
    """Return from which of the ``swept`` settings on false reports of both kinds keep a limit, or are the fewest.

    They only become fewer as the threshold of ME rises. 0 is no limit.
    """
    if not a_minute:
        return 0
    quiet = [number for number, sample in enumerate(samples) if not sample.expressions]
    silence, silent = [samples[number] for number in quiet], [candidates[number] for number in quiet]
    most = a_minute * _minutes(silence)
    if most >= _FEW:
        counts = [_score(silence, silent, setting).all.fp for setting, _ in swept]
        false = [count + math.sqrt(count) for count in counts]
    else:
        most, false = a_minute * _minutes(samples), [float(scores.all.fp) for _, scores in swept]
    allowed = max(most + 1e-9, min(false))  # minutes are sums of floats
    return next(number for number, count in enumerate(false) if count <= allowed)


def _minutes(samples: Sequence[Sample]) -> float:
    return sum(60 * duration_hours(sample.streams.times_s) for sample in samples)


def _best(counts: Sequence[Counts], errors: float, given: float) -> float:
    """Return the lowest threshold whose F1 lies within so many standard ``errors`` of the best.

    ``counts`` belong to the last ones of `THRESHOLDS`. ``given`` where every F1 is 0: there is nothing to choose by.
    """
    f1 = [count.f1 for count in counts]
    best = max(f1)
    if not best:
        return given
    slack = errors * math.sqrt(best * (1 - best) / max(1, counts[0].annotated))
    return next(threshold for threshold, value in zip(THRESHOLDS[-len(f1) :], f1, strict=True) if value >= best - slack)


def video_candidates(network: Network, sample: Sample, config: Config, engine: Engine | None = None) -> Candidates:
    """Return the candidates of a whole video before any threshold; the parameters are those of `score_samples`."""
    features = _features(network, sample, config, engine)
    return decode_video(locate(features, network), network.grids(), features.times_s, features.present, config.spotting)


def _features(network: Network, sample: Sample, config: Config, engine: Engine | None) -> Features:
    if isinstance(sample, MappedSample):
        return sample.features(network)
    return encode_features(
        [sample.streams],
        (engine or TorchEngine(network)).begin(),
        network.grids()[:3],
        config.backbone,
        landmarks=np.zeros((0, 2), np.float32),
    )


def detections(candidates: Candidates, sample: Sample, spotting: SpottingConfig) -> list[Detection]:
    """Return what a spotting configuration makes of the candidates, in source frames; apex and place are not told."""
    streams = sample.streams
    kept = select(candidates, spotting, hours=duration_hours(streams.times_s))
    found = []
    for start, stop, kind, score in zip(kept.starts, kept.stops, kept.kinds, kept.scores, strict=True):
        interval = interval_of(streams.frames, float(start), float(stop))
        found.append(Detection(interval, KIND_OF_CLASS[int(kind)], float(score), interval.onset, Attention("")))
    return found


def _score(
    samples: Sequence[Sample], candidates: Sequence[Candidates], spotting: SpottingConfig, iou: float = 0.5
) -> Scores:
    total = Scores()
    for sample, found in zip(samples, candidates, strict=True):
        frame_s = float(np.polyfit(sample.streams.frames, sample.streams.times_s, 1)[0])
        detected = detections(found, sample, spotting)
        total += score_video(reference=sample.expressions, detected=detected, iou=iou, frame_s=frame_s)
    return total


def _with_thresholds(spotting: SpottingConfig, me: float, mae: float) -> SpottingConfig:
    return spotting.model_copy(update={"threshold_me": me, "threshold_mae": mae})
