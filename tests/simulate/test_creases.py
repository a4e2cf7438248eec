import numpy as np
import numpy.typing as npt
import pytest

from mespot.simulate.actions import ACTIONS
from mespot.simulate.creases import Creases
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.render import Neutral

Face = tuple[Neutral, npt.NDArray[np.float32]]
ORDER = list(ACTIONS)


def skin(number: int, left: float, right: float) -> npt.NDArray[np.float32]:
    weights = np.zeros((len(ACTIONS), 2), np.float32)
    weights[ORDER.index(number)] = left, right
    return weights


@pytest.fixture(scope="module")
def creases(face: Face) -> Creases:
    found = face[0].creases
    assert found is not None
    return found


@pytest.mark.parametrize(("number", "crease"), [(12, 0), (10, 0), (4, 1), (1, 2), (2, 2)])
def test_an_action_deepens_its_crease_on_its_side(creases: Creases, number: int, crease: int) -> None:
    weights = creases.weights(skin(number, 5.0, 0.0)).reshape(3, 2)
    assert weights[crease, 0] > 0.1
    weights[crease, 0] = 0
    assert not weights.any()


def test_creases_deepen_with_strength_and_have_a_limit(creases: Creases) -> None:
    depths = [creases.weights(skin(12, px, px))[0] for px in (0.0, 1.0, 4.0, 100.0)]
    assert depths == sorted(depths)
    assert depths[0] == 0
    assert depths[1] < 0.15
    assert depths[3] <= 1
    assert 0 <= creases.maps.min() <= creases.maps.max() < 0.4


def test_no_action_pushes_a_crease_out(creases: Creases) -> None:
    assert not creases.weights(skin(12, -5.0, -5.0)).any()


def test_the_fold_lies_between_nose_and_mouth_corner(face: Face, creases: Creases) -> None:
    box, landmarks = face[0].fields.box, face[1]
    rows, columns = np.nonzero(creases.maps[0, ..., 0] > 0.1)
    assert landmarks[4, 0] < columns.min() + box.x - BORDER_PX
    assert landmarks[4, 1] - 10 < rows.min() + box.y - BORDER_PX
    assert rows.max() + box.y - BORDER_PX < landmarks[152, 1]
