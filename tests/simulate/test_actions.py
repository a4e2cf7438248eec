import numpy as np
import pytest

from mespot.core.expression import Kind
from mespot.simulate.actions import (
    ACTIONS,
    ACTIONS_OF,
    COMBINATIONS,
    HELD_OUT,
    MIRROR,
    TWO_SIDED,
    Action,
    Combination,
    combinations_of,
    free_combination,
    frequency,
)

_MIDLINE = {0, 4, 8, 9, 13, 17, 18, 175, 199, 200}


def test_the_table_holds_the_seventeen_action_units() -> None:
    assert list(ACTIONS) == [1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26]


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: f"AU{action.number}")
def test_every_action_moves_something_that_can_be_mirrored(action: Action) -> None:
    edges = (action.upper_lid, action.lower_lid, action.upper_lip, action.lower_lip, action.jaw)
    assert action.pulls or any(edges)
    assert {pull.landmark for pull in action.pulls} <= set(MIRROR) | _MIDLINE
    assert all(pull.out == 0 for pull in action.pulls if pull.landmark in _MIDLINE)


def test_mirror_pairs_are_one_to_one() -> None:
    assert len(set(MIRROR.values())) == len(MIRROR)
    assert not set(MIRROR) & set(MIRROR.values())


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda one: one.name)
def test_combinations_name_known_actions_and_have_room(combination: Combination) -> None:
    assert {number for number, _ in combination.strengths} <= set(ACTIONS)
    assert combination.limit_px() > 2.5
    assert frequency(combination, Kind.ME) > 0
    assert frequency(combination, Kind.MAE) > 0


def test_training_and_test_combinations_are_disjoint_and_complete() -> None:
    train, test = combinations_of("train"), combinations_of("test")
    assert {one.name for one in test} == set(HELD_OUT)
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(COMBINATIONS) == set(combinations_of("all"))


def test_every_action_belongs_to_one_region_that_of_the_table() -> None:
    assert sorted(number for numbers in ACTIONS_OF.values() for number in numbers) == sorted(ACTIONS)
    alone = {one.strengths[0][0]: one.region for one in COMBINATIONS if len(one.strengths) == 1}
    assert set(ACTIONS) - set(alone) == {26}  # a jaw that drops parts the lips
    assert all(number in ACTIONS_OF[region] for number, region in (alone | {26: alone[25]}).items())


@pytest.mark.parametrize("region", [*ACTIONS_OF, "any"])
def test_free_combinations_show_every_action_of_their_region(region: str) -> None:
    rng = np.random.default_rng(0)
    drawn = [free_combination(rng, region, "train") for _ in range(400)]
    assert {number for one in drawn for number, _ in one.strengths} == set(ACTIONS_OF.get(region, ACTIONS))
    assert {one.region for one in drawn} == {region}
    assert {len(one.strengths) for one in drawn} == {1, 2, 3}
    assert all(len({number for number, _ in one.strengths}) == len(one.strengths) for one in drawn)


def test_free_combinations_are_as_strong_as_their_actions_may_be_and_one_sided_where_a_side_can_act() -> None:
    rng = np.random.default_rng(0)
    for drawn in (free_combination(rng, "any", "train") for _ in range(300)):
        strengths = dict(drawn.strengths)
        assert max(strengths.values()) == 1.0
        assert min(strengths.values()) >= 0.4
        assert all(drawn.limit_px() * share <= ACTIONS[number].limit_px + 1e-9 for number, share in strengths.items())
        assert (drawn.one_sided > 0) == (not set(strengths) & TWO_SIDED)


def test_free_combinations_keep_what_is_held_out_from_training_alone() -> None:
    rng = np.random.default_rng(0)
    names = {split: {free_combination(rng, "lower", split).name for _ in range(1000)} for split in ("train", "all")}
    assert not names["train"] & set(HELD_OUT)
    assert {"14", "20", "14+17", "15+17"} <= names["all"]
    with pytest.raises(ValueError, match="for the splits all and train, not for test"):
        free_combination(rng, "lower", "test")
    with pytest.raises(ValueError, match="a face has the regions upper, middle, lower, not mouth"):
        free_combination(rng, "mouth", "train")
