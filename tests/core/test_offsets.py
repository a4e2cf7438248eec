"""Offsets that a table does not have."""

from __future__ import annotations

import pytest

from mespot.core.offsets import MISSING_OFFSETS, MissingOffset, complete_offset, offset_is_missing


@pytest.mark.parametrize(("rule", "expected"), [("mirror", 120), ("apex", 110), ("apex_plus_20", 130), ("drop", None)])
@pytest.mark.parametrize("stated", [0, -1, 105])
def test_a_missing_offset_is_completed_by_the_rule(rule: MissingOffset, expected: float | None, stated: float) -> None:
    assert complete_offset(100, 110, stated, rule) == expected


@pytest.mark.parametrize("rule", MISSING_OFFSETS)
@pytest.mark.parametrize("apex", [None, 0, -1, 110, 130])
def test_a_stated_offset_stays(rule: MissingOffset, apex: float | None) -> None:
    assert not offset_is_missing(apex, 130)
    assert complete_offset(100, apex, 130, rule) == 130


@pytest.mark.parametrize("rule", MISSING_OFFSETS)
@pytest.mark.parametrize("apex", [None, 0, -1, 90])
def test_without_an_apex_to_complete_from_the_row_is_dropped(rule: MissingOffset, apex: float | None) -> None:
    assert complete_offset(100, apex, 0, rule) is None
