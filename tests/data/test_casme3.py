"""One test a quirk of CAS(ME)^3, part A."""

from __future__ import annotations

from pathlib import Path

import pytest

import made_datasets as made
from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.data import casme3
from mespot.data.recordings import Recordings

BIG_J: made.Cells = ("spNO.2", "J", 61, 66, 71, "R14", "Micro-expression", "I")


def codes(loaded: Recordings) -> list[str]:
    return [one.code for one in loaded.anomalies if one.code != "images-missing"]


def test_an_upper_case_letter(tmp_path: Path) -> None:
    loaded = casme3.load(made.write_casme3(tmp_path, [*made.CASME3_EVENTS[:2], BIG_J]))
    assert codes(loaded) == ["name-upper-case"]
    assert loaded.recordings[-1].name == "spNO.2/j"
    assert loaded.recordings[-1].annotations[0].emotion == "fear"


def test_the_two_workbooks_are_merged(tmp_path: Path) -> None:
    loaded = casme3.load(made.write_casme3(tmp_path))
    found = {(a.kind, a.emotion, a.action_units) for one in loaded.recordings for a in one.annotations}
    assert found == {(Kind.ME, "anger", "L4"), (Kind.MAE, "", "12"), (Kind.ME, "fear", "R14")}
    assert loaded.counts()["ME with an emotion"] == 2


def test_an_me_with_other_frames_in_its_workbook_is_one(tmp_path: Path) -> None:
    labels = [("spNO.1", "a", 61, 65, 72, "L4", "I", "anger"), made.CASME3_LABELS[1]]
    loaded = casme3.load(made.write_casme3(tmp_path, labels=labels))
    assert codes(loaded) == ["frames-differ"]
    micro = [a for a in loaded.recordings[0].annotations if a.kind is Kind.ME]
    assert [(one.onset, one.offset, one.emotion) for one in micro] == [(61, 72, "anger")]


def test_an_me_in_one_workbook_alone(tmp_path: Path) -> None:
    labels = [made.CASME3_LABELS[0], ("spNO.1", "b", 61, 65, 72, "L4", "I", "anger")]
    loaded = casme3.load(made.write_casme3(tmp_path, labels=labels))
    assert codes(loaded) == ["only-here", "emotion-missing"]
    assert loaded.counts()["ME"] == 3


def test_either_workbook_will_do(tmp_path: Path) -> None:
    alone = casme3.load(made.write_casme3(tmp_path / "label", None))
    assert codes(alone) == ["workbook-missing"]
    assert (alone.counts()["ME"], alone.counts()["MaE"]) == (2, 0)
    without = casme3.load(made.write_casme3(tmp_path / "all", labels=None))
    assert codes(without) == ["workbook-missing"]
    assert (without.counts()["ME"], without.counts()["MaE"], without.counts()["ME with an emotion"]) == (2, 1, 0)


def test_an_me_longer_than_half_a_second_stays_one(tmp_path: Path) -> None:
    events = [("spNO.1", "a", 60, 64, 98, "L4", "Micro-expression", "I")]
    loaded = casme3.load(made.write_casme3(tmp_path, events, labels=None))
    assert [one.kind for one in loaded.recordings[0].annotations] == [Kind.ME]
    assert codes(loaded) == ["workbook-missing", "kind-against-duration"]


def test_images_keep_the_numbers_of_their_names(tmp_path: Path) -> None:
    (first, *_) = casme3.load(made.write_casme3(tmp_path)).recordings
    assert (first.numbering.number(0), first.frames) == (57, 41)
    assert [first.numbering.index(number) for number in (57, 79, 81, 83)] == [0, 22, 22, 23]
    assert first.path is not None
    assert first.path.name == "color"


def test_video_files_and_images_beside_the_letter(tmp_path: Path) -> None:
    made.write_casme3(tmp_path)
    made.write_images(tmp_path / "part_A" / "spNO.2" / "k", range(5, 9), "{}.jpg")
    (tmp_path / "part_A" / "spNO.2" / "M.mp4").touch()
    loaded = casme3.load(tmp_path)
    assert [one.name for one in loaded.recordings[-3:]] == ["spNO.2/j", "spNO.2/k", "spNO.2/m"]
    assert codes(loaded) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("1", "a", 60, 64, 70, "", "Micro-expression", ""), "row 2: Subject '1', Filename 'a' are not like spNO.1, a"),
        (("spNO.1", "ab", 60, 64, 70, "", "Micro-expression", ""), "row 2: Subject 'spNO.1', Filename 'ab'"),
        (("spNO.1", "a", 60, 64, 70, "", "micro", ""), "row 2: unknown Expression type 'micro'"),
        (("spNO.1", "a", 60, 64, "-", "", "Micro-expression", ""), "row 2: Offset '-' is no number"),
    ],
)
def test_malformed_rows(row: made.Cells, said: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        casme3.load(made.write_casme3(tmp_path, [row]))
    assert f"{made.CASME3_BOOK}, sheet 'Sheet1', {said}" in str(caught.value)
