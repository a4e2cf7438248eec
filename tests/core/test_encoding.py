from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mespot.core.encoding import decode_curve, decode_runs, encode_curve, encode_runs, whole_number

FLOATS = st.lists(st.floats(width=32, allow_infinity=False))


@given(st.integers(-(2**40), 2**40), st.lists(st.integers(1, 10**6), max_size=80))
def test_runs_come_back(first: int, steps: list[int]) -> None:
    values = np.cumsum([first, *steps], dtype=np.int64)
    decoded = decode_runs(json.loads(json.dumps(encode_runs(values))))
    assert decoded.dtype == np.int64
    assert decoded.tolist() == values.tolist()


def test_a_constant_rate_is_one_run_whatever_the_length() -> None:
    assert encode_runs(np.arange(100_000) * 512) == {"first": 0, "steps": [[512, 99_999]]}
    assert len(decode_runs(encode_runs(np.zeros(0, np.int64)))) == 0


@pytest.mark.parametrize(
    "runs",
    [
        {"first": 0, "steps": [[1, 10**12]]},
        {"first": 0, "steps": [[1, -5], [1, 10]]},
        {"first": 0, "steps": [[1.5, 2]]},
        {"first": "0", "steps": []},
        {"first": True, "steps": []},
    ],
)
def test_damaged_runs_are_refused_before_memory_is_taken(runs: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode_runs(runs)


@given(FLOATS)
@example([float(np.float32(0.1)), -0.0, float("nan"), 3.4028234663852886e38, 1.401298464324817e-45])
def test_curves_come_back_bit_for_bit(values: list[float]) -> None:
    curve = np.array(values, np.float32)
    decoded = decode_curve(json.loads(json.dumps(encode_curve(curve), allow_nan=False)))
    known = ~np.isnan(curve)
    assert decoded.dtype == np.float32
    assert np.array_equal(np.isnan(decoded), ~known)
    assert decoded[known].tobytes() == curve[known].tobytes()


def test_curves_take_few_digits() -> None:
    assert json.dumps(encode_curve(np.array([0.1, 0.25, np.nan], np.float32))) == "[0.1, 0.25, null]"


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_only_whole_numbers_are_whole(value: object) -> None:
    with pytest.raises(TypeError, match="whole number"):
        whole_number(value)
