from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mespot.simulate.actions import MIRROR, Action
from mespot.simulate.fields import unit_field
from mespot.simulate.identity import SHAPE_ANCHORS, Variation, build_neutral, load_still
from mespot.simulate.render import Neutral

FACES = Path(str(files("mespot.assets"))) / "faces"


@pytest.fixture(scope="session")
def still_path() -> Path:
    return FACES / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def plain() -> Variation:
    """A variation that varies nothing."""
    shape = np.zeros((len(SHAPE_ANCHORS), 2))
    return Variation(190.0, False, 0.0, shape, (0.0, 0.0), 1.0, 1.0, 0.0, (1.0, 1.0, 1.0))


@pytest.fixture(scope="session")
def face(still_path: Path, plain: Variation) -> tuple[Neutral, npt.NDArray[np.float32]]:
    """A neutral face, and its landmarks in px of the shown picture."""
    return build_neutral(load_still(still_path), plain, (480, 400))


@pytest.fixture
def check_mirrored() -> Callable[[Action], None]:
    """Return a check that the field of an action on a mirrored face is the mirrored field."""
    rng = np.random.default_rng(0)
    landmarks = rng.normal(0, 60, (468, 2))
    landmarks[33], landmarks[263] = (-50, 0), (50, 0)
    mirrored = landmarks * (-1, 1)
    for left, right in MIRROR.items():
        mirrored[[left, right]] = mirrored[[right, left]]
    points = rng.normal(0, 60, (50, 2))

    def check(action: Action) -> None:
        field = unit_field(action, landmarks, points)
        there = unit_field(action, mirrored, points * (-1, 1))
        np.testing.assert_allclose(field, there * (-1, 1), atol=1e-6)

    return check
