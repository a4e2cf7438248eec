"""Other video over a training window: where it lies, what it teaches, what it keeps clear of."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mespot.config import Config
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.signals import Grid
from mespot.model.candidates import ME
from mespot.model.targets import IGNORE, assign
from mespot.training.overlay import Overlay, draw_overlay
from mespot.training.paste import MARGIN, relief_field
from mespot.training.sample import Sample
from mespot.training.windows import Place, WindowSampler

MakeSample = Callable[..., Sample]
GRIDS = tuple(Grid((stride - 1) / 2, stride, stride) for stride in (4, 8, 16, 32, 64))
LENGTHS = (16, 8, 4, 2, 1)


@pytest.fixture
def sampler(config: Config, make_sample: MakeSample) -> WindowSampler:
    samples = [make_sample(0), make_sample(1, frames=200), make_sample(2, frames=40)]
    return WindowSampler(samples, config.training.model_copy(update={"overlay_share": 0.5}))


def shown_rows(sampler: WindowSampler, place: Place) -> int:
    return min(place.frames, len(sampler.samples[place.sample].streams) - place.start)


def added(other: Sample, over: Overlay, rows: int) -> np.ndarray:
    """Return the flow that an overlay adds: the way of every px between the edges of the window's rows."""
    flow = other.streams.flow[over.start :].astype(np.float64)
    way = np.concatenate([np.zeros_like(flow[:1]), np.cumsum(flow, axis=0)]).reshape(len(flow) + 1, -1)
    edges = np.arange(rows + 1) / over.pace
    at = np.stack([np.interp(edges, np.arange(len(way)), column) for column in way.T], axis=1)
    steps = np.diff(at, axis=0).reshape(rows, *flow.shape[1:]) * over.gain
    return steps[..., ::-1] * np.array([-1.0, 1.0])[:, None, None] if over.flip else steps


def test_a_window_is_where_it_was_and_the_other_flow_is_added_to_it(sampler: WindowSampler, config: Config) -> None:
    plain = WindowSampler(sampler.samples, config.training)
    overlaid = 0
    for k in range(60):
        place, bare = sampler.draw(0, k), plain.draw(0, k)
        assert (place.sample, place.start, place.frames) == (bare.sample, bare.start, bare.frames)
        if place.overlay is None:
            continue
        overlaid += 1
        over = replace(place.overlay, shift=(0, 0), relief=())
        window, alone = (sampler.cut(replace(place, overlay=one), GRIDS, LENGTHS) for one in (over, None))
        rows = shown_rows(sampler, place)
        more = added(sampler.samples[over.sample], over, rows)
        np.testing.assert_allclose(window.flow[:rows], alone.flow[:rows] + more, atol=2e-5)
        assert not window.flow[rows:].any()
    assert 10 < overlaid < 50


def test_its_place_and_strength_vary_as_those_of_a_paste_do(sampler: WindowSampler) -> None:
    drawn = [place.overlay for place in (sampler.draw(0, k) for k in range(200)) if place.overlay is not None]
    assert {over.flip for over in drawn} == {False, True}
    assert {shift for over in drawn for shift in over.shift} == {-2, -1, 0, 1, 2}
    for values, low, high in (
        ([over.pace for over in drawn], 0.8, 1.25),
        ([over.gain for over in drawn], 0.4, 1.1),
        ([factor for over in drawn for factor in over.relief], 0.5, 1.1),
    ):
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high
    over = replace(drawn[0], shift=(0, 0))
    other = sampler.samples[over.sample]
    even = replace(over, relief=()).flow(other, 30)
    np.testing.assert_allclose(over.flow(other, 30), even * relief_field(over.relief, 32), atol=1e-5)
    moved = replace(over, relief=(), shift=(1, -2)).flow(other, 30)
    np.testing.assert_array_equal(moved[:, :, :-2, 1:], even[:, :, 2:, :-1])
    assert not moved[:, :, -2:].any()
    assert not moved[..., 0].any()


def test_what_it_shows_is_taught_at_its_pace(sampler: WindowSampler) -> None:
    for sample in sampler.samples:
        sample.streams.present[10::40] = False
    taught, missing = 0, 0
    for place in (sampler.draw(1, k) for k in range(600)):
        if place.overlay is None:
            continue
        over, here, rows = place.overlay, sampler.samples[place.sample], shown_rows(sampler, place)
        there = sampler.samples[over.sample]
        spans = np.vstack([here.intervals - place.start, (there.intervals - over.start) * over.pace])
        kinds = np.append(here.kinds, there.kinds)
        outside = (spans[:, 1] <= 0) | (spans[:, 0] >= rows)
        inside = (spans[:, 0] >= 0) & (spans[:, 1] <= rows)
        if not (outside | inside).all():
            continue  # what a window cuts is tested below
        seen = [there.streams.present[over.start + int(row / over.pace)] for row in range(rows)]
        valid = np.pad(here.streams.present[place.start :][:rows] & seen, (0, 64 - rows))
        window = sampler.cut(place, GRIDS, LENGTHS)
        for one, wanted in zip(
            window.targets, assign(spans[inside], kinds[inside], GRIDS, LENGTHS, valid), strict=True
        ):
            np.testing.assert_array_equal(one.classes, wanted.classes)
            np.testing.assert_allclose(one.distances, wanted.distances, atol=1e-5)
        taught += bool(inside[len(here.kinds) :].any())
        missing += not all(seen)
    assert taught > 15
    assert missing > 15


def lasting(make_sample: MakeSample, kind: Kind, rows: int) -> Sample:
    """Return a video with one expression of so many rows in its middle."""
    return replace(make_sample(0, frames=150), expressions=(Expression(Interval(70, 70 + rows), kind),))


@pytest.mark.parametrize(
    ("kind", "rows", "slowest", "fastest"),
    [(Kind.ME, 15, 1.0, 0.8), (Kind.ME, 13, 15 / 13, 0.8), (Kind.MAE, 17, 1.25, 1.0), (Kind.MAE, 19, 1.25, 17 / 19)],
)
def test_no_pace_makes_an_expression_one_of_the_other_kind(
    make_sample: MakeSample, kind: Kind, rows: int, slowest: float, fastest: float
) -> None:
    samples, rng = [lasting(make_sample, kind, rows)], np.random.default_rng(0)
    drawn = [draw_overlay(rng, samples, np.ones(1), np.zeros((0, 2)), 112) for _ in range(300)]
    paces = [over.pace for over in drawn if over is not None]
    assert fastest <= min(paces) < fastest + 0.02
    assert slowest - 0.02 < max(paces) <= slowest


@pytest.mark.parametrize(("shown", "taught"), [(0.9, True), (0.6, False)])
def test_of_an_expression_that_the_window_cuts_nothing_is_taught_unless_most_of_it_shows(
    make_sample: MakeSample, config: Config, shown: float, taught: bool
) -> None:
    rest = replace(make_sample(1), expressions=())
    sampler = WindowSampler([rest, lasting(make_sample, Kind.ME, 12)], config.training)
    over = Overlay(1, 70 + round(12 * (1 - shown)), flip=False, gain=1.0, pace=1.2)
    window = sampler.cut(Place(sample=0, start=0, frames=60, overlay=over), GRIDS, LENGTHS)
    classes = window.targets[0].classes
    ends = shown * 12 * 1.2
    centres = 1.5 + 4 * np.arange(len(classes))
    assert (ME in classes) == taught
    if not taught:
        assert (classes[centres < ends - 0.5] == IGNORE).all()
    assert (classes[(centres > ends + 4) & (centres < 60)] == 0).all()


def test_expressions_of_two_videos_never_meet(sampler: WindowSampler) -> None:
    met = 0
    for place in (sampler.draw(2, k) for k in range(200)):
        if place.overlay is None:
            continue
        rows, over = shown_rows(sampler, place), place.overlay
        for here in sampler.samples[place.sample].intervals - place.start:
            if here[1] <= 0 or here[0] >= rows:
                continue
            for there in over.intervals(sampler.samples[over.sample]):
                assert here[1] + MARGIN <= there[0] + 1e-9 or there[1] + MARGIN <= here[0] + 1e-9
                met += there[1] > 0 and there[0] < rows
    assert met > 20


def test_pastes_keep_clear_of_what_lies_over_a_window(sampler: WindowSampler) -> None:
    sampler.config = sampler.config.model_copy(update={"overlay_share": 1.0, "pastes": 3.0})
    met = 0
    for place in (sampler.draw(0, k) for k in range(300)):
        if place.overlay is None:
            continue
        over = place.overlay.intervals(sampler.samples[place.overlay.sample])
        for paste in place.pasted:
            start, stop = sampler.samples[paste.sample].intervals[paste.expression]
            end = paste.at + (stop - start) * paste.pace
            assert ((over[:, 1] + MARGIN <= paste.at) | (over[:, 0] - MARGIN >= end)).all()
            met += bool(len(over))
    assert met > 20


def test_a_window_that_no_video_can_fill_has_no_overlay(make_sample: MakeSample) -> None:
    short = [make_sample(0, frames=90)]
    assert draw_overlay(np.random.default_rng(0), short, np.ones(1), np.zeros((0, 2)), 120) is None
