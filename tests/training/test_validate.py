from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from mespot.config import Config
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.signals import Features
from mespot.evaluation.scores import Counts, Scores
from mespot.model.candidates import CLASS_OF_KIND, Located
from mespot.model.network import Network
from mespot.training import validate as module
from mespot.training.sample import Sample
from mespot.training.validate import THRESHOLDS, Validation, score_samples, validate

MakeSample = Callable[..., Sample]


@pytest.fixture
def network(config: Config) -> Network:
    torch.manual_seed(0)
    return Network(config)


def oracle(samples: list[Sample], scores: dict[Kind, float], wrong: float) -> Callable[..., list[Located]]:
    """Return what a perfect network would locate, and in front of it a false ME of score ``wrong`` (half of it MaE)."""
    waiting = iter(samples)

    def locate(features: Features, network: Network) -> list[Located]:
        sample = next(waiting)
        found = []
        for level, grid in enumerate(network.grids()):
            rows = -(-len(features) // grid.stride)
            level_scores, distances = np.zeros((2, rows), np.float32), np.full((2, rows), 6, np.float32)
            if level == 0:
                level_scores[:, 1] = wrong / 2
                distances[:, 1] = 5
                for (start, stop), expression in zip(sample.intervals, sample.expressions, strict=True):
                    row = round(grid.row((start + stop) / 2))
                    level_scores[CLASS_OF_KIND[expression.kind] - 1, row] = scores[expression.kind]
                    distances[:, row] = grid.centre(row) - start, stop - grid.centre(row)
            found.append((level_scores, distances))
        return found

    return locate


@pytest.mark.parametrize("step", [1, 7])
def test_the_sweep_finds_the_gap_between_right_and_wrong(
    network: Network, config: Config, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    samples = [make_sample(seed, frames=160, step=step) for seed in (0, 1)]
    monkeypatch.setattr(module, "locate", oracle(samples, {Kind.ME: 0.6, Kind.MAE: 0.8}, wrong=0.3))
    found = validate(network, samples, config)
    assert found.scores.all == Counts(tp=sum(len(sample.expressions) for sample in samples))
    assert 0.3 < found.threshold_me <= 0.6
    assert found.threshold_mae <= 0.8
    assert found.scores.median_onset_error_s == pytest.approx(0.0, abs=1e-9)
    applied = found.apply(config).spotting
    assert (applied.threshold_me, applied.threshold_mae) == (found.threshold_me, found.threshold_mae)


Triple = tuple[float, float, float]


def choose_beside_false_reports(
    network: Network,
    config: Config,
    make_sample: MakeSample,
    monkeypatch: pytest.MonkeyPatch,
    right: Triple,
    wrong: Triple,
    wrong_mae: float = 0.0,
) -> Validation:
    """Validate on three videos of 5.3 s with an ME each: scores of these, of false ME and of one false MaE."""
    samples = [
        replace(make_sample(seed, frames=160), expressions=(Expression(Interval(60, 72), Kind.ME),))
        for seed in range(3)
    ]
    locators = iter(
        [oracle([sample], {Kind.ME: score}, false) for sample, score, false in zip(samples, right, wrong, strict=True)]
    )
    first = True

    def locate(features: Features, network: Network) -> list[Located]:
        nonlocal first
        found = next(locators)(features, network)
        if first and wrong_mae:
            scores, distances = found[0]
            scores[CLASS_OF_KIND[Kind.MAE] - 1, 30], distances[:, 30] = wrong_mae, 12
        first = False
        return found

    monkeypatch.setattr(module, "locate", locate)
    return validate(network, samples, config)


@pytest.mark.parametrize(
    ("limit", "wrong", "wrong_mae", "chosen"),
    [
        (0.0, (0.3, 0.0, 0.0), 0.0, 0.05),
        (3.75, (0.3, 0.0, 0.0), 0.0, 0.05),  # one in 16 s is just allowed
        (3.0, (0.3, 0.0, 0.0), 0.0, 0.35),
        (3.0, (0.98, 0.0, 0.0), 0.0, 0.05),  # none keeps it: the fewest are one, at every threshold
        (3.0, (0.98, 0.3, 0.0), 0.0, 0.35),  # and here one in place of two
        (3.75, (0.3, 0.0, 0.0), 0.97, 0.35),  # a false MaE is one of those allowed
    ],
)
def test_thresholds_at_which_too_much_is_reported_do_not_compete(
    network: Network,
    config: Config,
    make_sample: MakeSample,
    monkeypatch: pytest.MonkeyPatch,
    limit: float,
    wrong: Triple,
    wrong_mae: float,
    chosen: float,
) -> None:
    """One ME scores 0.6 and two 0.2, so the best F1 takes a false report in 16 s with it: 3.75 a minute."""
    limited = config.override([f"training.false_per_minute={limit}"])
    found = choose_beside_false_reports(network, limited, make_sample, monkeypatch, (0.6, 0.2, 0.2), wrong, wrong_mae)
    assert found.threshold_me == chosen


@pytest.mark.parametrize(("limit", "given", "chosen"), [(0.0, 0.5, 0.05), (3.0, 0.5, 0.8), (3.0, 0.9, 0.9)])
def test_the_limit_is_kept_where_nothing_right_is_left(
    network: Network,
    config: Config,
    make_sample: MakeSample,
    monkeypatch: pytest.MonkeyPatch,
    limit: float,
    given: float,
    chosen: float,
) -> None:
    """Every false ME (0.75) scores more than the true ones (0.3)."""
    limited = config.override([f"training.false_per_minute={limit}", f"spotting.threshold_me={given}"])
    found = choose_beside_false_reports(network, limited, make_sample, monkeypatch, (0.3, 0.3, 0.3), (0.75, 0.75, 0.75))
    assert found.threshold_me == chosen
    assert found.scores.all.fp == (0 if limit else 3)


@pytest.mark.parametrize(
    ("limit", "quiet", "false", "elsewhere", "chosen"),
    [
        (0.0, 8, 4, 0, 0.05),
        (6.0, 8, 4, 0, 0.35),  # 4 and a standard error of 2 are more than the 4.3 of the quiet ones, not than all 7.5
        (8.5, 8, 4, 0, 0.05),  # 6.04 are allowed
        (6.0, 8, 1, 4, 0.05),  # what is false in the others is not counted
        (6.0, 1, 1, 0, 0.05),  # 5 s without expressions say nothing, and all 37 s may have 3.7
        (6.0, 1, 1, 3, 0.35),
    ],
)
def test_false_reports_are_counted_where_nothing_happens(
    network: Network,
    config: Config,
    make_sample: MakeSample,
    monkeypatch: pytest.MonkeyPatch,
    limit: float,
    quiet: int,
    false: int,
    elsewhere: int,
    chosen: float,
) -> None:
    """Six videos of 5.3 s have an ME each; of the others ``false``, and of the six ``elsewhere``, have a false one."""
    shown = [make_sample(seed, frames=160) for seed in range(6)]
    shown = [replace(one, expressions=(Expression(Interval(60, 72), Kind.ME),)) for one in shown]
    empty = [replace(make_sample(seed, frames=160), expressions=()) for seed in range(6, 6 + quiet)]
    right = [0.6] * 2 + [0.2] * 4 + [0.0] * quiet
    wrong = [0.3] * elsewhere + [0.0] * (6 - elsewhere) + [0.3] * false + [0.0] * (quiet - false)
    samples = [*shown, *empty]
    locators = iter(
        [oracle([one], {Kind.ME: score}, other) for one, score, other in zip(samples, right, wrong, strict=True)]
    )
    monkeypatch.setattr(module, "locate", lambda features, network: next(locators)(features, network))
    limited = config.override([f"training.false_per_minute={limit}"])
    assert validate(network, samples, limited).threshold_me == chosen


def test_me_are_swept_beside_the_mae_that_are_reported(
    network: Network, config: Config, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A false MaE begins with every ME: below its score the ME would be taken for its rise."""
    samples = [make_sample(seed, frames=160) for seed in (0, 1)]
    right, waiting = oracle(samples, {Kind.ME: 0.6, Kind.MAE: 0.8}, wrong=0.0), iter(samples)

    def locate(features: Features, network: Network) -> list[Located]:
        sample, found, grid = next(waiting), right(features, network), network.grids()[0]
        scores, distances = found[0]
        for start in sample.intervals[sample.kinds == CLASS_OF_KIND[Kind.ME], 0]:
            row = round(grid.row(start + 16))
            scores[CLASS_OF_KIND[Kind.MAE] - 1, row] = 0.28
            distances[:, row] = grid.centre(row) - start, start + 20 - grid.centre(row)
        return found

    monkeypatch.setattr(module, "locate", locate)
    found = validate(network, samples, config)
    assert found.scores.all == Counts(tp=sum(len(sample.expressions) for sample in samples))
    assert (found.threshold_mae, found.threshold_me) == (0.3, 0.05)


def test_scores_are_those_at_the_configured_thresholds_and_overlap(
    network: Network, config: Config, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [make_sample(0, frames=160)]
    annotated = len(samples[0].expressions)
    for threshold, found, wrong in ((0.5, annotated, 0), (0.2, annotated, 1), (0.9, 0, 0)):
        monkeypatch.setattr(module, "locate", oracle(samples, {Kind.ME: 0.75, Kind.MAE: 0.75}, wrong=0.25))
        settings = config.override([f"spotting.threshold_me={threshold}", f"spotting.threshold_mae={threshold}"])
        scores = score_samples(network, samples, settings, iou=1.0)
        assert scores.all == Counts(tp=found, fp=wrong, fn=annotated - found)


def test_an_untrained_network_is_scored_and_left_in_its_mode(
    network: Network, config: Config, make_sample: MakeSample
) -> None:
    found = validate(network.train(), [make_sample(3, frames=100)], config)
    assert network.training
    assert found.threshold_me in THRESHOLDS
    assert found.scores.all.annotated == len(make_sample(3, frames=100).expressions)


def test_the_mean_is_over_the_kinds_that_are_annotated() -> None:
    good, bad, none = Counts(tp=1), Counts(fp=1, fn=1), Counts(fp=3)
    assert Validation(0.5, 0.5, Scores(mae=good, me=bad)).f1 == 0.5
    assert Validation(0.5, 0.5, Scores(mae=good, me=none)).f1 == 1.0
    assert Validation(0.5, 0.5, Scores()).f1 == 0.0
