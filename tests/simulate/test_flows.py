from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mespot.config import Config
from mespot.core.errors import ConfigError
from mespot.core.expression import Kind
from mespot.simulate import flows as module
from mespot.simulate.actions import HELD_OUT, Combination
from mespot.simulate.flows import draw_combination, draw_library
from mespot.simulate.manifest import source_digest
from mespot.vision.flow_library import FlowLibrary, view_facts

CONFIG = Config().override(["backbone.input_px=32", "backbone.streams=flow"])


def face() -> Path:
    with resources.as_file(resources.files("mespot.assets") / "faces" / "astronaut.jpg") as path:
        return path


@pytest.fixture(scope="module")
def library() -> FlowLibrary:
    return draw_library([face()], CONFIG, count=40, seed=3, split="train", shapes=2)


def test_a_library_has_both_kinds_within_their_durations(library: FlowLibrary) -> None:
    lasting = np.diff(library.intervals, axis=1)[:, 0]
    assert len(library) == 40
    assert set(library.kinds) == {1, 2}
    assert (lasting[library.kinds == 2] <= 15).all()
    assert (lasting[library.kinds == 1] > 15).all()


def test_every_expression_moves_the_face_and_comes_back(library: FlowLibrary) -> None:
    for index in range(len(library)):
        flow = library.flow(index)
        way = np.cumsum(flow, axis=0)
        size = np.hypot(way[:, 0], way[:, 1]).max(axis=(1, 2))
        start, stop = library.intervals[index]
        assert 0.03 < size.max() < 12.0
        assert size[:start].max(initial=0.0) <= 0.06 * size.max()
        assert size[-1] <= 0.06 * size.max()
        assert start <= size.argmax() < stop


def test_the_same_seed_gives_the_same_library(library: FlowLibrary) -> None:
    again = draw_library([face()], CONFIG, count=40, seed=3, split="train", shapes=2)
    assert again.facts == library.facts
    for name in ("fields", "steps", "bounds", "intervals", "kinds"):
        np.testing.assert_array_equal(getattr(again, name), getattr(library, name))


def test_the_people_of_a_library_move_otherwise_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smile of one strength on one face, each time by other muscles."""
    smile = Combination(((12, 1.0),), "lower", me=1.0, mae=1.0)
    monkeypatch.setattr(module, "draw_combination", lambda *_: smile)
    monkeypatch.setattr(module, "_PROPORTION", 0.0)

    def directions(vary: float) -> npt.NDArray[np.float64]:
        library = draw_library([face()], CONFIG, count=8, seed=3, split="train", shapes=8, vary=vary)
        assert library.facts["vary"] == f"{vary:g}"
        fields = library.fields.astype(np.float64)
        below = fields[:, :, CONFIG.backbone.input_px // 2 :].reshape(8, 2, -1)
        place = np.hypot(*below.mean(axis=0)).argmax()  # a lip corner or cheek
        across, down = below[:, :, place].T
        return np.asarray(np.arctan2(down, np.abs(across)))

    alike, varied = directions(0.0), directions(1.0)
    assert alike.std() < 0.03
    assert varied.std() > 0.1


@pytest.mark.parametrize("step", [2, 4])
def test_flow_between_distant_frames_is_the_mean_of_that_between_neighbours(library: FlowLibrary, step: int) -> None:
    apart = CONFIG.override([f"flow.step={step}"])
    other = draw_library([face()], apart, count=40, seed=3, split="train", shapes=2)
    np.testing.assert_array_equal(other.intervals, library.intervals)
    np.testing.assert_array_equal(other.fields, library.fields)
    for mine, theirs in zip(pairwise(other.bounds), pairwise(library.bounds), strict=True):
        steps = np.convolve(library.steps[slice(*theirs)], np.full(step, 1 / step))
        np.testing.assert_allclose(other.steps[slice(*mine)], steps, atol=1e-6)


def test_expressions_come_back_at_low_rates_and_wide_steps_too() -> None:
    slow = CONFIG.override(["flow.step=4", "decode.sampling_fps=10"])
    library = draw_library([face()], slow, count=20, seed=3, split="train", shapes=1)
    ends = [library.steps[slice(*bounds)].sum() for bounds in pairwise(library.bounds)]
    np.testing.assert_allclose(ends, 0.0, atol=1e-6)


def test_a_library_says_how_it_was_made(library: FlowLibrary) -> None:
    assert library.facts == {
        **view_facts(CONFIG),
        "split": "train",
        "seed": "3",
        "shapes": "2",
        "vary": "0",
        "faces": source_digest(face()),
    }


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"faces": []}, "at least one face"),
        ({"faces": [Path("none.png")]}, r"none\.png: there is no such file"),
        ({"count": 0}, "at least one expression"),
        ({"shapes": 0}, "one shape of each face"),
        ({"split": "test"}, "all or train, not test"),
        ({"me_share": 1.5}, "0 to 1, not at 1.5"),
        ({"vary": 1.5}, "0 to 1 from person to person, not by 1.5"),
        ({"config": CONFIG.override(["decode.sampling_fps=5"])}, "at least 10 sampled frames"),
    ],
)
def test_senseless_requests_are_refused(changes: dict[str, object], fact: str) -> None:
    arguments: dict[str, object] = {"faces": [face()], "config": CONFIG, "count": 2, "seed": 0, "split": "all"}
    with pytest.raises(ConfigError, match=fact):
        draw_library(**{**arguments, **changes})  # type: ignore[arg-type]


def test_training_meets_no_held_out_combination_not_even_by_chance() -> None:
    rng = np.random.default_rng(0)
    names = {draw_combination(rng, Kind.ME, "train").name for _ in range(1500)}
    assert not names & set(HELD_OUT)
    assert len(names) > 200  # far more than the table has
