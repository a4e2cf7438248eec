from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mespot.config import Config
from mespot.core.expression import Kind
from mespot.simulate import flows
from mespot.simulate.actions import HELD_OUT
from mespot.simulate.flows import draw_combination, draw_library
from mespot.vision.library import FlowLibrary

CONFIG = Config().override(["backbone.input_px=32", "backbone.streams=flow"])


def face() -> Path:
    with resources.as_file(resources.files("mespot.assets") / "faces" / "astronaut.jpg") as path:
        return path


@pytest.fixture(scope="module")
def library() -> FlowLibrary:
    patch = pytest.MonkeyPatch()
    patch.setattr(flows, "_SHAPES", 1)
    made = draw_library([face()], CONFIG, count=40, seed=3, split="train")
    patch.undo()
    return made


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


def test_the_same_seed_gives_the_same_library(library: FlowLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "_SHAPES", 1)
    again = draw_library([face()], CONFIG, count=40, seed=3, split="train")
    np.testing.assert_array_equal(again.fields, library.fields)
    np.testing.assert_array_equal(again.steps, library.steps)


def test_training_meets_no_held_out_combination_not_even_by_chance() -> None:
    rng = np.random.default_rng(0)
    names = {draw_combination(rng, Kind.ME, "train").name for _ in range(1500)}
    assert not names & set(HELD_OUT)
    assert len(names) > 200  # far more than the table has
