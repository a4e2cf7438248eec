from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from mespot.config import Config
from mespot.core.errors import ConfigError
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.signals import Grid
from mespot.model.candidates import MAE, ME
from mespot.model.network import Network
from mespot.model.targets import Target, assign
from mespot.training.paste import LIBRARY, RELIEF_CELLS, Paste, relief_field, reversed_flow
from mespot.training.sample import Sample
from mespot.training.source import VideoWindows, make_source
from mespot.training.windows import Place, WindowSampler
from mespot.vision.flow_library import FlowLibrary, view_facts

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
MakeSample = Callable[..., Sample]
MakeLibrary = Callable[..., FlowLibrary]
GRIDS = tuple(Grid((stride - 1) / 2, stride, stride) for stride in (4, 8, 16, 32, 64))
LENGTHS = (16, 8, 4, 2, 1)


@pytest.fixture
def sampler(config: Config, make_sample: MakeSample) -> WindowSampler:
    return WindowSampler([make_sample(0), make_sample(1, frames=200), make_sample(2, frames=40)], config.training)


def test_a_window_depends_on_seed_epoch_and_number_alone(sampler: WindowSampler, config: Config) -> None:
    again = WindowSampler(sampler.samples, config.training)
    places = [sampler.draw(3, k) for k in range(20)]
    assert [again.draw(3, k) for k in reversed(range(20))] == places[::-1]
    assert [again.draw(4, k) for k in range(20)] != places
    other = WindowSampler(sampler.samples, config.training.model_copy(update={"seed": 1}))
    assert [other.draw(3, k) for k in range(20)] != places


def test_windows_stay_within_their_video_and_show_both_kinds(sampler: WindowSampler) -> None:
    shown = {MAE: 0, ME: 0}
    for k in range(400):
        place = sampler.draw(0, k)
        frames = len(sampler.samples[place.sample].streams)
        assert 0 <= place.start <= max(0, frames - 64)
        window = sampler.cut(place, GRIDS, LENGTHS)
        for kind in shown:
            shown[kind] += any((target.classes == kind).any() for target in window.targets)
    assert min(shown.values()) > 120


def test_augmentation_stays_within_its_limits(sampler: WindowSampler, config: Config) -> None:
    sampler.config = config.training.model_copy(update={"flow_gain": 0.3})
    places = [sampler.draw(1, k) for k in range(200)]
    assert all(0 <= place.cut[0] <= 0.05 and 0.7 <= place.gain <= 1.3 for place in places)
    assert 60 < sum(place.flip for place in places) < 140
    sampler.config = config.training.model_copy(update={"flip": False, "crop_jitter": 0.0})
    plain = [sampler.draw(1, k) for k in range(50)]
    assert not any(place.flip or place.cut[0] for place in plain)


@pytest.mark.parametrize("step", [1, 2, 4])
def test_reversed_flow_is_the_flow_of_the_reversed_video(step: int) -> None:
    places = np.cumsum(np.random.default_rng(step).normal(size=(20, 2, 3, 3)), axis=0)

    def flow(places: FloatArray) -> FloatArray:
        moved = np.zeros_like(places)
        moved[step:] = (places[step:] - places[:-step]) / step
        return moved

    np.testing.assert_allclose(reversed_flow(flow(places), step), flow(places[::-1]), atol=1e-12)


@pytest.mark.parametrize("step", [1, 4])
def test_windows_that_run_backwards_know_how_far_the_frames_of_a_pair_are_apart(
    config: Config, make_sample: MakeSample, step: int
) -> None:
    apart = config.override([f"flow.step={step}", "training.reverse=true"])
    source = VideoWindows([make_sample(0, frames=160)], apart, Network(apart))
    back = next(window for window in map(partial(source.cut, 0), range(20)) if window.place.reverse)
    assert not back.flow[:step].any()
    assert back.flow[step].any()


@pytest.mark.parametrize("step", [1, 4])
def test_time_runs_backwards_with_pictures_and_flow(config: Config, make_sample: MakeSample, step: int) -> None:
    sample = make_sample(0, frames=160, pictures=True)
    sampler = WindowSampler([sample], config.training, flow_step=step)
    place = Place(sample=0, start=12, frames=50)
    forth, back = (sampler.cut(one, GRIDS, LENGTHS) for one in (place, replace(place, reverse=True)))
    assert forth.rgb is not None
    assert back.rgb is not None
    np.testing.assert_array_equal(back.rgb[:50], forth.rgb[:50][::-1])
    assert (back.rgb[50:] == back.rgb[49]).all()
    # The way to the last frame is made again first, the other way round.
    np.testing.assert_array_equal(back.flow[step:50], -forth.flow[step:50][::-1])
    assert not back.flow[:step].any()
    assert not back.flow[50:].any()


def same_targets(found: tuple[Target, ...], intervals: FloatArray, kinds: IntArray, valid: BoolArray) -> None:
    for one, other in zip(found, assign(intervals, kinds, GRIDS, LENGTHS, valid), strict=True):
        np.testing.assert_array_equal(one.classes, other.classes)
        np.testing.assert_allclose(one.distances, other.distances)


def test_backwards_all_that_a_window_shows_is_where_it_then_lies(config: Config, make_sample: MakeSample) -> None:
    sample = make_sample(0, frames=160)
    sample.streams.present[[20, 21, 22, 40]] = False
    (me, mae), frames = sample.intervals[:2], 64
    start = int(me[0]) - 5
    assert mae[1] - start > frames  # the window cuts the MaE
    pasted = Paste(0, 0, at=5 + int(me[1] - me[0]) + 5, flip=False, gain=1.0)
    sampler = WindowSampler([sample], config.training)
    forth, back = (
        sampler.cut(Place(sample=0, start=start, frames=frames, pasted=(pasted,), reverse=reverse), GRIDS, LENGTHS)
        for reverse in (False, True)
    )
    shown = np.array([me - start, [mae[0] - start, frames], [pasted.at, pasted.at + me[1] - me[0]]])
    kinds = np.array([ME, MAE, ME])
    present = sample.streams.present[start : start + frames]
    same_targets(forth.targets, shown, kinds, present)
    same_targets(back.targets, frames - shown[:, ::-1], kinds, present[::-1])


def test_a_relief_changes_the_flow_smoothly_and_within_its_limits(sampler: WindowSampler, config: Config) -> None:
    sampler.config = config.training.model_copy(update={"flow_relief": 0.3, "reverse": True})
    places = [sampler.draw(1, k) for k in range(200)]
    assert all(len(place.relief) == 9 and 0.7 <= min(place.relief) < max(place.relief) <= 1.3 for place in places)
    assert 60 < sum(place.reverse for place in places) < 140
    place = next(one for one in places if not one.reverse)
    changed, plain = (sampler.cut(one, GRIDS, LENGTHS).flow for one in (place, replace(place, relief=())))
    moving = np.abs(plain) > 1e-3
    factors = changed[moving] / plain[moving]
    assert 0.69 < factors.min() < factors.max() < 1.31
    field = relief_field(place.relief, 32)
    steps = max(np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1))
    assert steps <= (max(place.relief) - min(place.relief)) * RELIEF_CELLS / 32 + 1e-6


def test_neither_is_drawn_unless_it_is_wanted(sampler: WindowSampler) -> None:
    assert not any(place.relief or place.reverse for place in (sampler.draw(0, k) for k in range(50)))


def test_a_short_video_is_continued_by_its_last_picture_standing_still(config: Config, make_sample: MakeSample) -> None:
    sampler = WindowSampler([make_sample(2, frames=40, pictures=True)], config.training)
    window = sampler.cut(Place(sample=0, start=0, frames=64), GRIDS, LENGTHS)
    assert window.rgb is not None
    assert window.rgb.shape[0] == window.flow.shape[0] == 64
    assert (window.rgb[40:] == window.rgb[39]).all()
    assert not window.flow[40:].any()
    assert (window.targets[0].classes[10:] == -1).all()
    assert (window.targets[0].classes[:10] != -1).any()


def test_targets_follow_the_window(config: Config, make_sample: MakeSample) -> None:
    sample = make_sample(0)
    sampler = WindowSampler([sample], config.training)
    start, stop = sample.intervals[0]
    window = sampler.cut(Place(sample=0, start=12, frames=64), GRIDS, LENGTHS)
    (rows,) = np.nonzero(window.targets[0].classes == ME)
    for row in rows:
        centre = GRIDS[0].centre(int(row)) + 12
        np.testing.assert_allclose(window.targets[0].distances[row], [centre - start, stop - centre])
    assert len(rows)


def test_an_expression_cut_by_the_edge_is_ignored_not_background(config: Config, make_sample: MakeSample) -> None:
    sample = make_sample(0)
    start, stop = sample.intervals[0]
    middle = int((start + stop) / 2)
    window = WindowSampler([sample], config.training).cut(Place(sample=0, start=middle, frames=64), GRIDS, LENGTHS)
    assert window.targets[0].classes[0] == -1
    assert not (window.targets[0].classes == ME).any() or sample.intervals[2][0] < middle + 64


def test_source_frames_become_rows(make_sample: MakeSample) -> None:
    np.testing.assert_allclose(make_sample(5, step=7).intervals, make_sample(5).intervals)


def test_a_frame_without_a_face_is_no_background(config: Config, make_sample: MakeSample) -> None:
    sample = make_sample(0)
    streams_ = replace(sample.streams, present=np.arange(300) >= 32)
    sampler = WindowSampler([Sample("gap", streams_, ())], config.training)
    classes = sampler.cut(Place(sample=0, start=0, frames=64), GRIDS, LENGTHS).targets[0].classes
    assert (classes[:8] == -1).all()
    assert (classes[8:] == 0).all()


def test_there_must_be_a_video(config: Config) -> None:
    with pytest.raises(ValueError, match="no videos"):
        WindowSampler([], config.training)


def test_a_window_that_imitates_a_short_video_ends_in_the_middle_of_an_expression(
    config: Config, make_sample: MakeSample
) -> None:
    sample = make_sample(0)
    index = int(np.flatnonzero(sample.kinds == MAE)[0])
    start, stop = sample.intervals[index]
    frames = int(start + 0.7 * (stop - start)) + 8
    place = Place(sample=0, start=int(start) - 8, frames=frames - int(start) + 8)
    window = WindowSampler([sample], config.training).cut(place, GRIDS, LENGTHS)
    shown = place.frames
    assert not window.flow[shown:].any()
    ends = [
        grid.centre(int(row)) + target.distances[row, 1]
        for grid, target in zip(GRIDS, window.targets, strict=True)
        for row in np.flatnonzero(target.classes == MAE)
    ]
    assert ends
    np.testing.assert_allclose(ends, shown)


def test_short_windows_come_as_often_as_asked(sampler: WindowSampler) -> None:
    sampler.config = sampler.config.model_copy(update={"short_share": 0.5})
    short = sum(sampler.draw(0, k).frames < 64 for k in range(200))
    assert 60 < short < 140


def test_pasted_expressions_are_targets_where_the_flow_moves(sampler: WindowSampler) -> None:
    sampler.config = sampler.config.model_copy(update={"pastes": 3.0})
    assert moved_and_told(sampler) > 8


def moved_and_told(sampler: WindowSampler) -> int:
    """Count the pastes of some windows; each moves the flow in its middle and adds to the targets."""
    pasted = 0
    for k in range(40):
        place = sampler.draw(0, k)
        window, plain = (sampler.cut(one, GRIDS, LENGTHS) for one in (place, replace(place, pasted=())))
        more = [
            int((a.classes > 0).sum() - (b.classes > 0).sum())
            for a, b in zip(window.targets, plain.targets, strict=True)
        ]
        for paste in place.pasted:
            pasted += 1
            start, stop, kind = sampler._span(paste)
            lasting = (stop - start) * paste.pace
            assert (lasting <= 15 + 1e-9) == (kind == ME)
            rows = slice(paste.at, paste.at + round(lasting))
            assert not np.array_equal(window.flow[rows], plain.flow[rows])
        assert not place.pasted or sum(more) > 0
    return pasted


def test_expressions_of_a_library_are_pasted_as_often_as_asked(
    sampler: WindowSampler, config: Config, make_library: MakeLibrary
) -> None:
    settings = config.training.model_copy(update={"pastes": 3.0, "library_share": 0.5})
    taught = WindowSampler(sampler.samples, settings, make_library((ME, MAE, ME)))
    assert moved_and_told(taught) > 8
    pastes = [paste for k in range(200) for paste in taught.draw(1, k).pasted]
    from_library = [paste for paste in pastes if paste.sample == LIBRARY]
    assert 0.35 < len(from_library) / len(pastes) < 0.65
    assert {paste.expression for paste in from_library} == {0, 1, 2}
    alone = WindowSampler(sampler.samples, settings.model_copy(update={"library_share": 1.0}), taught.library)
    assert all(paste.sample == LIBRARY for k in range(50) for paste in alone.draw(1, k).pasted)


def test_a_library_of_another_size_is_refused(
    sampler: WindowSampler, config: Config, make_library: MakeLibrary
) -> None:
    with pytest.raises(ConfigError, match="library's flow is 5 px wide"):
        WindowSampler(sampler.samples, config.training, make_library((ME,), 5))


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ("decode.sampling_fps=25", "sampling_fps"),
        ("align.crop_px=192", "crop_px"),
        ("flow.head_motion=none", "head_motion"),
        ("flow.step=2", "flow_step"),
    ],
)
def test_a_library_of_another_view_of_the_face_is_refused(
    sampler: WindowSampler, config: Config, make_library: MakeLibrary, changed: str, name: str
) -> None:
    library, network = make_library((ME,)), Network(config)
    same = replace(library, facts=view_facts(config))
    for allowed in (library, same):
        make_source(sampler.samples, config, network, allowed)
    other = replace(library, facts=view_facts(config.override([changed])))
    with pytest.raises(ConfigError, match=f"the library of flows was made with {name} = "):
        make_source(sampler.samples, config, network, other)


def test_a_library_from_before_flow_step_was_stated_shows_neighbouring_frames(
    sampler: WindowSampler, config: Config, make_library: MakeLibrary
) -> None:
    facts = {name: value for name, value in view_facts(config).items() if name != "flow_step"}
    library = replace(make_library((ME,)), facts=facts)
    make_source(sampler.samples, config, Network(config), library)
    apart = config.override(["flow.step=2"])
    with pytest.raises(ConfigError, match="made with flow_step = 1, and this training has 2"):
        make_source(sampler.samples, apart, Network(apart), library)


def test_a_library_that_does_not_say_what_it_shows_is_refused(
    sampler: WindowSampler, config: Config, make_library: MakeLibrary
) -> None:
    facts = {name: value for name, value in view_facts(config).items() if name != "head_motion"}
    library = replace(make_library((ME,)), facts=facts | {"remove_nose_mean": "True"})
    with pytest.raises(ConfigError, match="the library of flows was made with head_motion = unknown"):
        make_source(sampler.samples, config, Network(config), library)


def test_nothing_is_pasted_where_a_short_window_or_video_has_ended(
    config: Config, make_sample: MakeSample, make_library: MakeLibrary
) -> None:
    settings = config.training.model_copy(update={"pastes": 4.0, "short_share": 0.7, "library_share": 0.5})
    samples = [make_sample(0), make_sample(2, frames=52)]
    sampler = WindowSampler(samples, settings, make_library((ME,)))
    pasted = 0
    for k in range(60):
        place = sampler.draw(0, k)
        shown = min(place.frames, len(samples[place.sample].streams) - place.start)
        window = sampler.cut(place, GRIDS, LENGTHS)
        assert not window.flow[shown:].any()
        pasted += len(place.pasted) * (shown < 64)
        for paste in place.pasted:
            start, stop, _ = sampler._span(paste)
            assert paste.at + (stop - start) * paste.pace <= shown
    assert pasted > 10


def test_an_expression_without_a_sampled_row_is_neither_shown_nor_pasted(
    config: Config, make_sample: MakeSample
) -> None:
    sample = make_sample(0)
    missed = Sample("missed", sample.streams, (Expression(Interval(400, 410), Kind.ME),))  # after the last of them
    assert (missed.intervals[:, 0] == missed.intervals[:, 1]).all()
    settings = config.training.model_copy(update={"pastes": 4.0})
    sampler = WindowSampler([missed, sample], settings)
    pastes = [paste for k in range(40) for paste in sampler.draw(0, k).pasted]
    assert {paste.sample for paste in pastes} == {1}
    window = sampler.cut(Place(sample=0, start=236, frames=64), GRIDS, LENGTHS)
    assert not any(target.classes.any() for target in window.targets)
