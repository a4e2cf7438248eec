"""What a table of one's own recordings may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

import made_datasets as made
from mespot.core.errors import AnnotationError
from mespot.data import own
from mespot.data.loaders import to_dataset
from mespot.data.recordings import Recordings

HEADER = made.TABLE_HEADER[:6]


def codes(loaded: Recordings) -> list[str]:
    return [one.code for one in loaded.anomalies if one.code != "apex-missing"]


def test_the_table_may_be_named(tmp_path: Path) -> None:
    made.write_table(tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n", encoding="utf-8")
    by_folder, by_file = own.load(tmp_path), own.load(tmp_path / "annotations.csv")
    assert [one.name for one in by_folder.recordings] == [one.name for one in by_file.recordings]
    (tmp_path / "annotations.csv").rename(tmp_path / "third.csv")
    with pytest.raises(AnnotationError, match="holds 2 CSV tables"):
        own.load(tmp_path)


def test_seconds_become_frames_by_the_stated_rate(tmp_path: Path) -> None:
    header = (*HEADER, "fps", "unit")
    made.write_table(tmp_path, [("ann/one", "ann", 0.1, 0.2, 0.5, "ME", 20, "seconds")], header)
    (recording,) = own.load(tmp_path).recordings
    (one,) = recording.annotations
    assert (one.onset, one.apex, one.offset, recording.fps) == (2, 4, 10, 20.0)
    made.write_table(tmp_path, [("ann/one", "ann", 0.1, 0.2, 0.5, "ME")], HEADER)
    (again,) = own.load(tmp_path, unit="seconds", fps=20, first_frame=5).recordings
    assert (again.annotations[0].onset, again.numbering.index(again.annotations[0].onset)) == (7, 2)


def test_frames_from_one(tmp_path: Path) -> None:
    header = (*HEADER, "first_frame", "emotion")
    made.write_table(tmp_path, [("ann/one", "ann", 3, "", 9, "ME", 1, "joy")], header)
    loaded = own.load(tmp_path)
    assert codes(loaded) == ["fps-assumed"]
    assert loaded.recordings[0].annotations[0].emotion == "joy"
    (video,) = to_dataset(loaded)
    assert (video.expressions[0].interval.start, video.expressions[0].interval.stop) == (2, 9)


def test_images_are_counted_whatever_their_numbers(tmp_path: Path) -> None:
    made.write_table(tmp_path, [("ann/two", "ann", 3, 5, 9, "ME", 30)])
    made.write_images(tmp_path / "ann" / "two", range(100, 120))
    loaded = own.load(tmp_path)
    assert codes(loaded) == []
    (video,) = to_dataset(loaded)
    assert video.expressions[0].interval.start == 3


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("ann/one", "", 3, 5, 9, "ME", 30)], "row 2: subject is empty"),
        ([("ann/one", "ann", 3, 5, 9, "big", 30)], "row 2: unknown kind 'big'"),
        ([("ann/one", "ann", "x", 5, 9, "ME", 30)], "row 2: onset 'x' is no number"),
        ([("ann/one", "ann", 3, 5, "inf", "ME", 30)], "row 2: offset 'inf' is no number"),
        ([("ann/one", "ann", 3, 5, 9, "ME", 0)], "row 2: a rate of 0 frames a second is not possible"),
        ([("ann/one", "ann", 3, 5, 9, "ME", 30), ("ann/one", "bob", 3, 5, 9, "ME", 30)], "row 3: video 'ann/one' has"),
        ([], "has no rows"),
    ],
)
def test_malformed_rows(rows: list[made.Cells], said: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        own.load(made.write_table(tmp_path, rows))
    assert "annotations.csv" in str(caught.value)
    assert said in str(caught.value)


def test_malformed_tables(tmp_path: Path) -> None:
    made.write_table(tmp_path, [("ann/one", "ann", 3, 5, 9)], HEADER[:5])
    with pytest.raises(AnnotationError, match="column 'kind' is missing"):
        own.load(tmp_path)
    (tmp_path / "annotations.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match="cannot be read as a CSV table"):
        own.load(tmp_path)
    made.write_table(tmp_path, [("ann/one", "ann", 3, 5, 9, "ME", "hours")], (*HEADER, "unit"))
    with pytest.raises(AnnotationError, match="unknown unit 'hours'"):
        own.load(tmp_path)
