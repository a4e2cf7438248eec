import cmath
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mespot.core.errors import ConfigError
from mespot.core.signals import Float32
from mespot.simulate.actions import ACTIONS, MIRROR, Action
from mespot.simulate.fields import FaceFields
from mespot.simulate.person import check_vary, personal_actions
from mespot.simulate.render import Neutral

Face = tuple[Neutral, Float32]


def people(count: int, vary: float) -> list[dict[int, list[complex]]]:
    """Ratios of every pull of so many people to that of the table, by action."""
    found = []
    for seed in range(count):
        drawn = personal_actions(np.random.default_rng(seed), vary)
        found.append(
            {
                number: [
                    complex(own.out, own.up) / complex(pull.out, pull.up)
                    for own, pull in zip(drawn[number].pulls, action.pulls, strict=True)
                    if pull.landmark in MIRROR and complex(pull.out, pull.up)
                ]
                for number, action in ACTIONS.items()
            }
        )
    return found


def turns(count: int, vary: float) -> list[float]:
    return [cmath.phase(ratio) for person in people(count, vary) for ratios in person.values() for ratio in ratios]


def test_without_variation_people_move_as_the_table_says_and_nothing_is_drawn() -> None:
    rng, other = np.random.default_rng(4), np.random.default_rng(4)
    assert personal_actions(rng, 0.0) == ACTIONS
    assert rng.random() == other.random()


def test_people_differ_as_far_as_asked_for() -> None:
    wide, narrow = (float(np.std(turns(60, vary))) for vary in (1.0, 0.2))
    assert 0.2 < wide < 0.34  # sqrt(0.35**2 + 0.3**2) / sqrt(3), for people lie between none and that
    assert wide / narrow == pytest.approx(5.0, rel=0.05)
    assert abs(float(np.mean(turns(60, 1.0)))) < 0.05


def test_the_pulls_of_an_action_turn_together_and_each_by_itself() -> None:
    spread = [
        (np.mean([cmath.phase(ratio) for ratio in ratios]), np.std([cmath.phase(ratio) for ratio in ratios]))
        for person in people(60, 1.0)
        for ratios in person.values()
        if len(ratios) > 4
    ]
    together, apart = np.array(spread).T
    assert together.std() > 0.15
    assert np.sqrt(np.mean(apart**2)) > 0.12


def test_a_person_keeps_the_midline_the_anchors_and_the_openings() -> None:
    for seed in range(10):
        for number, own in personal_actions(np.random.default_rng(seed), 1.0).items():
            action = ACTIONS[number]
            assert replace(own, pulls=action.pulls) == action
            for mine, theirs in zip(own.pulls, action.pulls, strict=True):
                assert mine.landmark == theirs.landmark
                assert mine.wide > 0
                assert mine.high > 0
                if theirs.landmark not in MIRROR:
                    assert mine.out == theirs.out == 0
                    assert (mine.up > 0, mine.up < 0) == (theirs.up > 0, theirs.up < 0)


def test_both_sides_of_a_person_move_alike(check_mirrored: Callable[[Action], None]) -> None:
    for one in personal_actions(np.random.default_rng(0), 1.0).values():
        check_mirrored(one)


def test_pulls_differ_in_size_and_extent() -> None:
    pairs = [
        (own, pull)
        for seed in range(60)
        for number, person in personal_actions(np.random.default_rng(seed), 1.0).items()
        for own, pull in zip(person.pulls, ACTIONS[number].pulls, strict=True)
    ]
    sizes = [math.log(math.hypot(own.out, own.up) / math.hypot(pull.out, pull.up)) for own, pull in pairs if pull.up]
    extents = [math.log(own.wide / pull.wide) for own, pull in pairs] + [
        math.log(own.high / pull.high) for own, pull in pairs
    ]
    # Spread and mean of people who lie evenly between none and the most: 1 / sqrt(3) and a half of it.
    assert np.std(sizes) == pytest.approx(0.4 / math.sqrt(3), rel=0.2)
    assert abs(np.mean(sizes)) < 0.02
    assert np.std(extents) == pytest.approx(0.2 / math.sqrt(3), rel=0.2)
    assert np.mean(extents) == pytest.approx(0.1 / 2, abs=0.02)


def test_the_fields_of_a_face_are_those_of_its_person(face: Face) -> None:
    neutral, landmarks = face
    size = (neutral.picture.shape[1], neutral.picture.shape[0])
    actions = personal_actions(np.random.default_rng(1), 1.0)
    own, plain = FaceFields.of(landmarks, size, actions=actions), FaceFields.of(landmarks, size)
    for row, action in enumerate(ACTIONS.values()):
        mine, theirs = (fields.skin[2 * row] + fields.skin[2 * row + 1] for fields in (own, plain))
        alone = FaceFields.of(landmarks, size, actions={**ACTIONS, action.number: actions[action.number]})
        np.testing.assert_array_equal(mine, alone.skin[2 * row] + alone.skin[2 * row + 1])
        assert np.array_equal(mine, theirs) == (not action.pulls)


@pytest.mark.parametrize("vary", [-0.1, 1.1, float("nan")])
def test_only_0_to_1_is_a_variation(vary: float) -> None:
    with pytest.raises(ConfigError, match="vary by 0 to 1 from person to person"):
        check_vary(vary)
