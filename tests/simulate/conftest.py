from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

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
