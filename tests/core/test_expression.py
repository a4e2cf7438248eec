from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mespot.core.expression import Attention, Detection, Expression, Kind
from mespot.core.interval import Interval

SPAN = Interval(10, 20)
MOUTH = Attention("mouth")


def test_kinds_are_written_as_the_field_writes_them() -> None:
    assert [str(kind) for kind in Kind] == ["ME", "MaE"]
    assert Kind("MaE") is Kind.MAE
    with pytest.raises(ValueError, match="macro"):
        Kind("macro")


@pytest.mark.parametrize("apex", [10, 19])
def test_the_apex_may_be_the_onset_or_the_offset(apex: int) -> None:
    assert Expression(SPAN, Kind.ME, apex).apex == apex
    assert Detection(SPAN, Kind.ME, 0.5, apex, MOUTH).apex == apex


@pytest.mark.parametrize("apex", [9, 20])
def test_an_apex_outside_is_rejected(apex: int) -> None:
    with pytest.raises(ValueError, match=f"apex {apex} lies outside onset 10 to offset 19"):
        Expression(SPAN, Kind.ME, apex)
    with pytest.raises(ValueError, match="lies outside"):
        Detection(SPAN, Kind.ME, 0.5, apex, MOUTH)


def test_an_annotation_may_lack_the_apex() -> None:
    assert Expression(SPAN, Kind.MAE).apex is None


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan")])
def test_a_score_outside_zero_to_one_is_rejected(score: float) -> None:
    with pytest.raises(ValueError, match="score"):
        Detection(SPAN, Kind.ME, score, 12, MOUTH)


def test_annotations_and_detections_are_different_types_and_frozen() -> None:
    expression, detection = Expression(SPAN, Kind.ME, 12), Detection(SPAN, Kind.ME, 1.0, 12, MOUTH)
    assert detection.__eq__(expression) is NotImplemented
    with pytest.raises(FrozenInstanceError):
        detection.score = 0.0  # type: ignore[misc]
