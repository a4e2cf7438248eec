from collections.abc import Callable
from typing import Any

from mespot.accuracy.actions import action_records
from mespot.core.expression import Kind

Make = Callable[..., Any]


def test_what_was_found_of_every_combination_by_hand(video: Make, mark: Make, detection: Make, found: Make) -> None:
    first = video(
        mark(0, 50, Kind.MAE, 4.0, "14"), mark(100, 110, actions="14"), mark(200, 210, px=0.4, actions="14"),
        mark(300, 310, actions="1+4"),
    )  # fmt: skip
    second = video(mark(100, 110, px=0.5, actions="14"), mark(200, 240, Kind.MAE, 0.9, "1+4"), name="b.mp4")
    lost = video(
        mark(0, 10, actions="20"), *(mark(at, at + 50, Kind.MAE, 4.0, "9") for at in (100, 200, 300)),
        mark(400, 410, actions="12"), name="c.mp4",
    )  # fmt: skip
    measured = [
        (first, found(detection(0, 50, Kind.MAE), detection(200, 210), detection(300, 340), detection(500, 510))),
        (second, found(detection(100, 110), detection(200, 240))),
        (lost, found(rejected="no face.")),
    ]
    assert action_records(measured) == [
        {"actions": "14", "mae": [1, 1], "me": [2, 3], "strong_me": [1, 2]},
        {"actions": "9", "mae": [0, 3], "me": [0, 0], "strong_me": [0, 0]},
        {"actions": "1+4", "mae": [0, 1], "me": [0, 1], "strong_me": [0, 1]},
        {"actions": "12", "mae": [0, 0], "me": [0, 1], "strong_me": [0, 1]},
        {"actions": "20", "mae": [0, 0], "me": [0, 1], "strong_me": [0, 1]},
    ]


def test_without_videos_there_are_no_combinations() -> None:
    assert action_records([]) == []
