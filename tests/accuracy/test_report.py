from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mespot.accuracy.actions import action_records
from mespot.accuracy.curve import recall_points
from mespot.accuracy.figures import simulated_figures
from mespot.accuracy.report import PARTS, markdown, set_facts
from mespot.core.expression import Kind

Make = Callable[..., Any]


@pytest.fixture
def results(video: Make, mark: Make, detection: Make, found: Make) -> dict[str, Any]:
    measured = [
        (video(mark(0, 50, Kind.MAE), mark(100, 110)), found(detection(0, 50, Kind.MAE), detection(100, 110))),
        (video(mark(0, 10), name="lost.mp4"), found(rejected="lost.mp4: no face was found; give another.")),
    ]
    figures = [figure.to_record() for figure in simulated_figures("simulated", measured)]
    points = [point.to_record() for fps in (30.0, 200.0) for point in recall_points(fps, measured)]
    facts, actions = set_facts(measured), action_records(measured)
    records = [
        {"clip": "a.mp4", "marked": "MaE 3", "found": "MaE frames 3-4-9", "iou": 0.5, "onset_error_s": -0.04},
        {"clip": "a.mp4", "marked": "ME 50"},
        {"clip": "a.mp4", "besides": []},
    ]
    return {
        "mespot": "1.2.3",
        "weights": "0123456789abcdef",
        "engine": "torch",
        "thresholds": {"ME": 0.35, "MaE": 0.5},
        "parts": {
            "simulated": {"synthetic": True, "set": facts, "figures": figures, "actions": actions},
            "real": {"synthetic": False, "set": facts, "figures": [], "records": records},
            "curve": {"synthetic": True, "set": facts, "figures": [], "points": points},
        },
    }


def test_the_facts_of_a_set_name_what_was_refused(results: dict[str, Any]) -> None:
    assert results["parts"]["simulated"]["set"] == {
        "videos": 2,
        "minutes": 2.0,
        "ME": 2,
        "MaE": 1,
        "subjects": ["one"],
        "refused": {"lost.mp4": "lost.mp4: no face was found; give another."},
    }


def test_results_are_json_values(results: dict[str, Any]) -> None:
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_tables_have_as_many_cells_in_every_row(results: dict[str, Any]) -> None:
    lines = markdown(results).splitlines()
    for number, line in enumerate(lines):
        if line.startswith("|") and lines[number - 1].startswith("|"):
            assert line.count("|") == lines[number - 1].count("|")
    tables = [line for number, line in enumerate(lines) if line.startswith("|") and not lines[number - 1]]
    assert len(tables) == 3


def test_what_is_simulated_is_called_synthetic_and_what_is_real_is_not(results: dict[str, Any]) -> None:
    for name, heading in PARTS.items():
        assert ("SYNTHETIC" in heading) == (name != "real")
    headings = [line for line in markdown(results).splitlines() if line.startswith("**")]
    assert [("SYNTHETIC" in line) for line in headings] == [True, False, True]


def test_figures_stand_beside_their_targets(results: dict[str, Any]) -> None:
    text = markdown(results)
    assert "| MaE F1 | >= 0.85 | 1.000 | 1.000 to 1.000 | TP 1, FP 0, FN 0 | met |" in text
    assert "| ME recall |  | 0.500 |" in text
    assert "`0123456789abcdef`" in text
    assert "refused, their expressions count as missed and their minutes not at all: lost.mp4." in text
    assert "videos: 2, people: 1, 2.0 minutes, 1 MaE, 2 ME" in text
    assert "- a.mp4, marked ME 50: not found" in text
    assert "- a.mp4, marked MaE 3: found MaE frames 3-4-9, IoU 0.50, onset error -0.040 s" in text
    assert "- a.mp4, besides: nothing" in text
    assert "| action units | MaE found | ME found | of these at least 0.5 px |" in text
    assert "| 12 | 1 of 1 | 1 of 2 | 1 of 2 |" in text
    assert "| 0.2 to 0.3 px | - (0 of 0) | - (0 of 0) |" in text
    assert "| 1 to 1.5 px | 0.500 (1 of 2) | 0.500 (1 of 2) |" in text


def test_every_kind_of_an_action_stands_in_its_column(results: dict[str, Any]) -> None:
    results["parts"]["simulated"]["actions"] = [{"actions": "1+4", "mae": [1, 2], "me": [3, 9], "strong_me": [2, 4]}]
    lines = markdown(results).splitlines()
    head = lines.index("| action units | MaE found | ME found | of these at least 0.5 px |")
    assert lines[head + 2 : head + 4] == ["| 1+4 | 1 of 2 | 3 of 9 | 2 of 4 |", ""]
