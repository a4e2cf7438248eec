"""One test a quirk of SAMM Long Videos."""

from __future__ import annotations

from pathlib import Path

import pytest

import made_datasets as made
from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.data import samm_lv
from mespot.data.loaders import to_dataset
from mespot.data.recordings import Recordings


def codes(loaded: Recordings) -> list[str]:
    return [one.code for one in loaded.anomalies]


def event(name: str = "006_1_1", onset: float = 4, apex: object = 20, offset: float = 160) -> made.Cells:
    return (int(name[:3]), name, 1, onset, apex, offset, offset - onset + 1, "Macro", "12", "")


def test_fractional_frames_of_the_first_release(tmp_path: Path) -> None:
    rows = [event("006_1_1", 9.6, 40.4, 150.5), event("006_1_2", 0, 20, 120)]
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, rows, book="SAMM_LongVideos_V1_Release.xlsx"))
    first, second = loaded.recordings[0].annotations
    assert (first.onset, first.apex, first.offset, first.stated) == (10, 40, 151, (9.6, 40.4, 150.5))
    assert (second.onset, second.offset) == (0, 120)
    assert codes(loaded) == ["frames-fractional", "onset-before-start"]
    (video, *_) = to_dataset(loaded)
    assert [one.interval.start for one in video.expressions] == [9, 0]


def test_an_apex_of_minus_one_is_none(tmp_path: Path) -> None:
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, [event(apex=-1), event("006_1_2", apex="")]))
    assert [one.apex for one in loaded.recordings[0].annotations] == [None, None]
    assert [one.fact for one in loaded.anomalies if one.code == "apex-missing"] == [
        "apex -1 is none",
        "the apex is empty",
    ]


def test_a_name_that_occurs_twice_counts_twice(tmp_path: Path) -> None:
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, [event(), event("006_1_1", 15)]))
    assert len(loaded.recordings[0].annotations) == 2
    assert codes(loaded) == ["name-twice"] * 2
    assert [one.place.rpartition(" ")[2] for one in loaded.anomalies] == ["11", "12"]


def test_of_several_releases_the_latest_is_read(tmp_path: Path) -> None:
    made.write_samm_lv(tmp_path, [event()], book="SAMM_LongVideos_V1_Release.xlsx")
    made.write_samm_lv(tmp_path, [event()], book="SAMM_LongVideos_V2_Release.xlsx")
    loaded = samm_lv.load(made.write_samm_lv(tmp_path))
    assert loaded.counts()["ME"] == 2
    assert codes(loaded) == ["workbook-several"] * 2


@pytest.mark.parametrize(("book", "said"), [("V1", ["corrected-later"]), ("V2", [])])
def test_offsets_that_later_releases_correct(book: str, said: list[str], tmp_path: Path) -> None:
    root = made.write_samm_lv(tmp_path, [event("020_6_5")], book=f"SAMM_LongVideos_{book}_Release.xlsx")
    assert [code for code in codes(samm_lv.load(root)) if code != "media-missing"] == said


@pytest.mark.parametrize("preamble", [0, 3, 12])
def test_a_header_on_another_row_is_found_and_said(preamble: int, tmp_path: Path) -> None:
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, preamble=preamble))
    assert codes(loaded) == ["header-row"]
    assert loaded.anomalies[0].place.endswith(f"row {preamble + 1}")
    assert loaded.counts()["MaE"] == 1


def test_subjects_stored_as_text_and_one_that_differs(tmp_path: Path) -> None:
    rows = [("006", *event()[1:]), (7, "006_1_2", *event("006_1_2", 15)[2:])]
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, rows))
    assert codes(loaded) == ["subject-differs"]
    assert {one.subject for one in loaded.recordings if one.annotations} == {"006"}


def test_a_duration_that_differs(tmp_path: Path) -> None:
    row = (*event()[:6], 99, *event()[7:])
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, [row]))
    assert codes(loaded) == ["duration-differs"]
    assert loaded.recordings[0].annotations[0].offset == 160


def test_the_rule_of_half_a_second_at_200_frames(tmp_path: Path) -> None:
    rows = [
        (6, "006_1_1", 1, 10, 50, 110, 101, "Micro - 1/2", "", ""),
        (6, "006_1_2", 1, 10, 50, 111, 102, "Micro - 1/2", "", ""),
    ]
    loaded = samm_lv.load(made.write_samm_lv(tmp_path, rows))
    assert {one.kind for one in loaded.recordings[0].annotations} == {Kind.ME}
    assert codes(loaded) == ["kind-against-duration"]


def test_video_files_beside_each_other(tmp_path: Path) -> None:
    made.write_samm_lv(tmp_path, media=False)
    for video in made.SAMM_VIDEOS:
        (tmp_path / "release" / "videos").mkdir(parents=True, exist_ok=True)
        (tmp_path / "release" / "videos" / f"{video}.avi").touch()
    loaded = samm_lv.load(tmp_path)
    assert codes(loaded) == []
    assert [one.name for one in loaded.recordings] == list(made.SAMM_VIDEOS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((6, "006_1", 1, 4, 20, 44, 41, "Macro", "", ""), "row 11: Filename '006_1' is not like 006_1_2"),
        ((6, "006_1_1", 1, 4, 20, 44, 41, "Large", "", ""), "row 11: unknown Type 'Large'"),
        ((6, "006_1_1", 1, None, 20, 44, 41, "Macro", "", ""), "row 11: Onset '' is no number"),
    ],
)
def test_malformed_rows(row: made.Cells, said: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        samm_lv.load(made.write_samm_lv(tmp_path, [row]))
    assert f"{made.SAMM_BOOK}, sheet 'FACS_Movement_Only', {said}" in str(caught.value)


def test_malformed_sheets(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no annotation stands below"):
        samm_lv.load(made.write_samm_lv(tmp_path, []))
    made.write_book(tmp_path / made.SAMM_BOOK, {"FACS_Movement_Only": [("Subject", "Filename", "Onset", "Apex")]})
    with pytest.raises(AnnotationError, match="'Offset' is missing"):
        samm_lv.load(tmp_path)
    made.write_book(tmp_path / made.SAMM_BOOK, {"Sheet1": [made.SAMM_HEADER]})
    with pytest.raises(AnnotationError, match="has no sheet 'FACS_Movement_Only' but Sheet1"):
        samm_lv.load(tmp_path)
