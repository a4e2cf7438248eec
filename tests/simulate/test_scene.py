import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.core.expression import Kind
from mespot.simulate.actions import COMBINATIONS, HELD_OUT
from mespot.simulate.fields import CROP_EYE_PX
from mespot.simulate.render import Neutral
from mespot.simulate.scene import Cast, Scene, draw_scene
from mespot.simulate.timing import ONSET_SHARE

Face = tuple[Neutral, npt.NDArray[np.float32]]


def scene_of(seed: int, split: str = "all", clip_s: float = 60.0, free_share: float = 0.0) -> Scene:
    rng = np.random.default_rng(seed)
    return draw_scene(rng, sizes=[(640, 480)], rates=[30.0], clip_s=clip_s, split=split, free_share=free_share)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene_of(seed) for seed in range(60)]


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_events_lie_inside_and_same_regions_never_overlap(seed: int) -> None:
    scene = scene_of(seed)
    for event in scene.events:
        assert 0 <= event.onset < event.apex <= event.offset < scene.frames
    for i, one in enumerate(scene.events):
        for other in scene.events[i + 1 :]:
            if other.onset <= one.offset:
                assert one.combination.region != other.combination.region


def test_expressions_are_as_frequent_as_stated(scenes: list[Scene]) -> None:
    counts = [len(scene.events) for scene in scenes if scene.events]
    assert 6 <= np.mean(counts) <= 13
    kinds = [event.kind for scene in scenes for event in scene.events]
    assert 0.4 < np.mean([kind is Kind.ME for kind in kinds]) < 0.75


def test_some_micro_expressions_overlap_a_macro_expression(scenes: list[Scene]) -> None:
    overlapping = 0
    for scene in scenes:
        mae = [event for event in scene.events if event.kind is Kind.MAE]
        me = [event for event in scene.events if event.kind is Kind.ME]
        overlapping += sum(a.onset <= b.offset and b.onset <= a.offset for a in mae for b in me)
    assert overlapping > 10


def test_some_macro_expressions_of_different_regions_overlap(scenes: list[Scene]) -> None:
    overlapping = 0
    for scene in scenes:
        mae = [event for event in scene.events if event.kind is Kind.MAE]
        overlapping += sum(a is not b and a.onset <= b.onset <= a.offset for a in mae for b in mae)
    count = sum(event.kind is Kind.MAE for scene in scenes for event in scene.events)
    assert 0.03 * count < overlapping < 0.25 * count


def test_a_scene_without_expressions_keeps_its_distractions() -> None:
    for seed in range(5):
        scene = draw_scene(np.random.default_rng(seed), sizes=[(640, 480)], rates=[30.0], clip_s=60, per_minute=0)
        assert scene.events == ()
        assert scene.nuisance.distractions


@pytest.mark.parametrize("me_share", [0.0, 1.0])
def test_the_share_of_micro_expressions_is_as_asked_for(me_share: float) -> None:
    kinds: list[Kind] = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scene = draw_scene(rng, sizes=[(640, 480)], rates=[30.0], clip_s=60, me_share=me_share)
        kinds += [event.kind for event in scene.events]
    share = np.mean([kind is Kind.ME for kind in kinds])
    assert share == 1 if me_share else 0 < share < 0.4  # those beside an MaE remain


def test_distractions_vary_and_include_every_kind(scenes: list[Scene]) -> None:
    kinds = [{one.kind for one in scene.nuisance.distractions} for scene in scenes]
    assert set.union(*kinds) == {"blink", "gaze", "jerk", "nod", "speech", "swallow", "light step"}
    talking = np.mean(["speech" in kind for kind in kinds])
    assert 0.25 < talking < 0.55  # in 40 % of the videos
    assert any(not scene.nuisance.closure.any() for scene in scenes)
    assert all(0 <= scene.nuisance.closure.min() <= scene.nuisance.closure.max() <= 1 for scene in scenes)


def test_splits_share_no_combination() -> None:
    train = {event.combination.name for seed in range(8) for event in scene_of(seed, "train").events}
    test = {event.combination.name for seed in range(8) for event in scene_of(seed, "test").events}
    assert test <= set(HELD_OUT)
    assert not train & test
    assert train


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_as_many_combinations_are_free_as_asked_for(share: float) -> None:
    events = [event for seed in range(30) for event in scene_of(seed, "train", free_share=share).events]
    free = np.mean([event.combination not in COMBINATIONS for event in events])
    assert len(events) > 200
    assert free == share or (0 < share < 1 and abs(free - share) < 0.1)


def test_what_is_drawn_is_as_it_was_before_there_were_free_combinations() -> None:
    rng = np.random.default_rng(11)
    scene = draw_scene(rng, sizes=[(640, 480)], rates=[30.0], clip_s=30.0, split="train")
    assert [(event.combination.name, event.onset, event.apex, event.offset) for event in scene.events] == [
        ("1+2", 20, 22, 27),
        ("23", 371, 385, 406),
        ("15", 496, 499, 506),
        ("4", 509, 521, 579),
        ("12", 638, 640, 644),
        ("23+24", 826, 846, 899),
    ]


def test_free_combinations_stay_where_speech_is_not() -> None:
    in_speech = 0
    for seed in range(30):
        scene = scene_of(seed, "train", free_share=1.0)
        talks = [one for one in scene.nuisance.distractions if one.kind == "speech"]
        for event in scene.events:
            if any(one.start_s < event.course.start_s < one.stop_s for one in talks):
                in_speech += 1
                assert event.combination.region == "upper"
    assert in_speech > 10


def test_no_combination_is_free_where_no_region_is() -> None:
    cast = Cast("train", 0.5, 30.0, 900, free_share=1.0)
    assert cast.draw(np.random.default_rng(0), Kind.ME, 1.0, {"upper", "middle", "lower"}) is None


@pytest.mark.parametrize("free_share", [0.0, 1.0])
def test_what_overlaps_moves_other_muscles_and_makes_no_held_out_combination(free_share: float) -> None:
    together = 0
    for seed in range(150):
        events = scene_of(seed, "train", free_share=free_share).events
        for number, one in enumerate(events):
            for other in events[number + 1 :]:
                if one.onset <= other.offset and other.onset <= one.offset:
                    together += 1
                    numbers = [{number for number, _ in event.combination.strengths} for event in (one, other)]
                    assert not numbers[0] & numbers[1]
                    assert "+".join(map(str, sorted(numbers[0] | numbers[1]))) not in HELD_OUT
    assert together > 20


def test_annotations_match_the_true_displacement(face: Face) -> None:
    fields = face[0].fields
    checked = 0
    for seed in range(12):
        scene = scene_of(seed)
        scene.nuisance.skin[:] = 0
        strength = scene.skin(fields)
        for event in scene.events:
            alone = all(
                other is event or other.offset < event.onset - 5 or other.onset > event.offset + 5
                for other in scene.events
            )
            if not alone or event.offset + 1 >= scene.frames:
                continue
            window = slice(event.onset - 1, event.offset + 2)
            curve = np.abs(strength[window]).sum(axis=(1, 2))
            threshold = ONSET_SHARE * curve.max()
            assert curve.argmax() == event.apex - event.onset + 1
            assert curve[0] <= threshold < curve[1]
            assert curve[-1] <= threshold < curve[-2]
            apex_px = fields.greatest(strength[event.apex]) * CROP_EYE_PX / fields.eye_px
            assert 0.85 * event.intensity_px < apex_px <= event.intensity_px * 1.001
            checked += 1
    assert checked > 40
