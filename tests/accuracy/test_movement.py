import numpy as np
import pytest

from mespot.accuracy.movement import MOVED_SHARE, moved_regions, region_displacements
from mespot.core.errors import AnnotationError
from mespot.simulate.actions import COMBINATIONS
from mespot.vision.regions import REGIONS


@pytest.mark.parametrize(
    ("actions", "moved", "still"),
    [
        ("4", "glabella", "chin"),
        ("12", "left lip corner", "left brow"),
        ("1+2", "right brow", "lower lip"),
        ("17", "chin", "left eyelid"),
        ("7", "left eyelid", "chin"),
        ("25+26", "lower lip", "left brow"),
    ],
)
def test_actions_move_the_regions_of_their_muscles(actions: str, moved: str, still: str) -> None:
    assert moved in moved_regions(actions, "both")
    assert still not in moved_regions(actions, "both")


@pytest.mark.parametrize("actions", [one.name for one in COMBINATIONS])
def test_every_combination_moves_some_regions_and_not_all(actions: str) -> None:
    moved, means = moved_regions(actions, "both"), region_displacements(actions, "both")
    assert 0 < len(moved) < 2 * len(REGIONS) / 3
    assert REGIONS[int(means.argmax())] in moved
    assert all(
        (name in moved) == (mean >= MOVED_SHARE * means.max()) for name, mean in zip(REGIONS, means, strict=True)
    )


@pytest.mark.parametrize(("side", "other"), [("left", "right"), ("right", "left")])
@pytest.mark.parametrize("actions", ["12", "14", "2"])
def test_one_side_moves_no_region_of_the_other(actions: str, side: str, other: str) -> None:
    moved = moved_regions(actions, side)
    assert any(name.startswith(side) for name in moved)
    assert not any(name.startswith(other) for name in moved)


def test_displacements_are_within_the_greatest_of_the_skin() -> None:
    means = region_displacements("6+12", "both")
    assert means.shape == (len(REGIONS),)
    assert (means >= 0).all()
    assert np.isfinite(means).all()
    assert 0 < means.max() < 10
    assert not means.flags.writeable


@pytest.mark.parametrize(("actions", "side"), [("99", "both"), ("12", "middle"), ("", "")])
def test_a_movement_that_the_simulator_does_not_know_is_refused(actions: str, side: str) -> None:
    with pytest.raises(AnnotationError, match="no movement of the simulator's table"):
        moved_regions(actions, side)
