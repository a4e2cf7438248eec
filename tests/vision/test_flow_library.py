from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mespot.core.errors import ConfigError
from mespot.vision.flow_library import FlowLibrary


@pytest.fixture
def library() -> FlowLibrary:
    rng = np.random.default_rng(0)
    return FlowLibrary(
        fields=rng.normal(size=(2, 2, 4, 4)).astype(np.float16),
        steps=np.array([0.5, 0.5, -1.0, 1.0, -1.0], np.float32),
        bounds=np.array([0, 3, 5]),
        intervals=np.array([[0, 3], [0, 2]]),
        kinds=np.array([1, 2]),
        facts={"split": "train", "sampling_fps": "30.0"},
    )


def test_the_flow_sums_to_the_displacement_at_the_apex_and_back(library: FlowLibrary) -> None:
    way = np.cumsum(library.flow(0), axis=0)
    assert way.shape == (3, 2, 4, 4)
    np.testing.assert_allclose(way[1], library.fields[0].astype(np.float32))
    np.testing.assert_allclose(way[-1], 0.0, atol=1e-6)


def test_a_library_is_read_as_it_was_written(library: FlowLibrary, tmp_path: Path) -> None:
    path = tmp_path / "new" / "library.safetensors"
    library.save(path)
    again = FlowLibrary.load(path)
    assert again.facts == library.facts
    for name in ("fields", "steps", "bounds", "intervals", "kinds"):
        np.testing.assert_array_equal(getattr(again, name), getattr(library, name))
    assert [file.name for file in path.parent.iterdir()] == ["library.safetensors"]


def test_a_library_that_states_nothing_is_read(library: FlowLibrary, tmp_path: Path) -> None:
    path = tmp_path / "library.safetensors"
    arrays = {name: getattr(library, name) for name in ("fields", "steps", "bounds", "intervals", "kinds")}
    save_file(arrays, path)
    assert FlowLibrary.load(path).facts == {}


def test_a_digest_belongs_to_one_content(library: FlowLibrary) -> None:
    assert replace(library, fields=library.fields.copy()).digest() == library.digest()
    others = (
        replace(library, fields=2 * library.fields),
        replace(library, steps=-library.steps),
        replace(library, bounds=np.array([0, 2, 5]), intervals=np.array([[0, 2], [0, 2]])),
        replace(library, intervals=np.array([[0, 2], [0, 2]])),
        replace(library, kinds=np.array([2, 1])),
    )
    assert len({library.digest(), *(other.digest() for other in others)}) == len(others) + 1


@pytest.mark.parametrize("content", [b"", b"no library at all"])
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "library.safetensors"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"library\.safetensors: is no library of flows"):
        FlowLibrary.load(path)


def test_parts_that_do_not_fit_are_refused(library: FlowLibrary) -> None:
    for wrong in (
        {"kinds": np.array([1])},
        {"bounds": np.array([0, 3, 4])},
        {"bounds": np.array([0, 0, 5])},
        {"intervals": np.array([[0, 4], [0, 2]])},
        {"intervals": np.array([[1, 1], [0, 2]])},
        {"intervals": np.array([[0, 3], [2, 1]])},
        {"kinds": np.array([0, 2])},
        {"kinds": np.array([1, 3])},
        {"fields": np.zeros((2, 2, 4, 5), np.float16)},
    ):
        with pytest.raises(ValueError, match="library"):
            replace(library, **wrong)
