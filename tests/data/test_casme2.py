"""One test a quirk of CAS(ME)^2; that every loader reads a plain dataset is tested elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import made_datasets as made
from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.data import casme2
from mespot.data.recordings import Recordings

MAE = "macro-expression"


def codes(loaded: Recordings) -> list[str]:
    return [one.code for one in loaded.anomalies]


def event(name: str = "disgust1_1", *frames: float, kind: str = MAE) -> made.Cells:
    return (1, name, *(frames or (3, 6, 30)), "4", "negative", kind, "")


def test_two_digit_event_numbers(tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, [event(f"anger1_{n}", n, n + 4, n + 17) for n in range(1, 22)]))
    (red,) = [one for one in loaded.recordings if one.annotations]
    assert red.name == "s15/15_0401redvideo"
    assert [one.onset for one in red.annotations] == list(range(1, 22))


@pytest.mark.parametrize("rule2", [((101, "disgust1"), ("0401", "anger1"), (503.0, "happy2")), None])
def test_codes_that_lost_their_zero_and_a_missing_sheet(rule2: list[made.Cells] | None, tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, codes=rule2))
    assert [one.name for one in loaded.recordings] == sorted(made.CASME2_VIDEOS)
    assert codes(loaded) == (["sheet-missing"] if rule2 is None else ["code-shortened"] * 2)


def test_subjects_without_their_sheet(tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, subjects=None))
    assert codes(loaded) == ["sheet-missing"]
    assert {one.subject for one in loaded.recordings} == {"s15", "s16"}


def test_a_subject_with_two_folders(tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, subjects=[(15, "s15", 1), (16, "s16", 2), (19, "s19", 1)]))
    assert codes(loaded) == ["folder-differs"]
    assert {one.subject for one in loaded.recordings} == {"s15", "s16"}


def test_an_old_workbook_and_one_of_a_wrong_suffix(tmp_path: Path) -> None:
    root = made.write_casme2(tmp_path, book="code_final.xls")
    names = [one.name for one in casme2.load(root).recordings]
    (root / "code_final.xls").rename(root / "code_final.xlsx")
    assert [one.name for one in casme2.load(root).recordings] == names == sorted(made.CASME2_VIDEOS)


def test_of_two_workbooks_the_updated_one_is_read(tmp_path: Path) -> None:
    made.write_casme2(tmp_path, [event()], book="code_final.xlsx")
    loaded = casme2.load(made.write_casme2(tmp_path))
    assert loaded.counts()["ME"] == 2
    ((code, place),) = [(one.code, one.place) for one in loaded.anomalies]
    assert (code, Path(place).name) == ("workbook-several", "code_final.xlsx")


def test_an_apex_of_zero_is_none(tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, [event("disgust1_1", 3, 0, 30)]))
    (annotation,) = loaded.recordings[0].annotations
    assert (annotation.onset, annotation.apex, annotation.offset, annotation.stated) == (3, None, 30, (3, 0, 30))
    assert codes(loaded) == ["apex-missing"]


def test_no_apex_and_no_offset_leave_the_row_out(tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, [event("disgust1_1", 3, 0, 0), event()]))
    assert len(loaded.recordings[0].annotations) == 1
    assert codes(loaded) == ["apex-missing", "offset-missing"]
    assert "left out" in loaded.anomalies[1].action
    assert loaded.anomalies[1].place.endswith("sheet 'CASFEcode_final', row 1")


@pytest.mark.parametrize(("frames", "code"), [((30, 0, 20), "offset-before-onset"), ((10, 3, 35), "apex-outside")])
def test_frames_out_of_order(frames: tuple[int, int, int], code: str, tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, [event("disgust1_1", *frames), event("disgust1_2")]))
    assert code in codes(loaded)
    assert len(loaded.recordings[0].annotations) == (1 if code == "offset-before-onset" else 2)


def test_the_label_is_the_kind_and_a_disagreement_is_said(tmp_path: Path) -> None:
    rows = [
        event("disgust1_1", 1, 5, 16, kind="micro-expression"),  # 15 frames: 0.5 s, still micro
        event("disgust1_2", 1, 5, 17, kind="micro-expression"),
        event("disgust1_3", 1, 5, 16),
        event("disgust1_4", 1, 5, 17),
    ]
    loaded = casme2.load(made.write_casme2(tmp_path, rows))
    assert [one.kind for one in loaded.recordings[0].annotations] == [Kind.ME, Kind.ME, Kind.MAE, Kind.MAE]
    said = [one.place.rpartition(" ")[2] for one in loaded.anomalies if one.code == "kind-against-duration"]
    assert said == ["2", "3"]


def test_added_columns_name_the_video(tmp_path: Path) -> None:
    rows = [(*event(), 28, "s15/15_0101blandvideo"), (*event("anger1_1"), 28, "s15/15_0402other")]
    loaded = casme2.load(made.write_casme2(tmp_path, rows))
    assert codes(loaded) == ["path-differs"]
    without = casme2.load(made.write_casme2(tmp_path / "bare", rows[:1], media=""))
    assert [one.name for one in without.recordings] == ["s15/15_0101blandvideo"]


def test_the_same_row_twice_counts_twice_and_is_said(tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, [event(), event("disgust1_2")]))
    assert len(loaded.recordings[0].annotations) == 2
    assert codes(loaded) == ["row-twice"] * 2


def test_a_header_that_somebody_added_is_read_over(tmp_path: Path) -> None:
    header = ("Subject", "Name", "Onset", "Apex", "Offset", "AU", "Emotion", "Type", "Report")
    loaded = casme2.load(made.write_casme2(tmp_path, [header, *made.CASME2_EVENTS]))
    assert codes(loaded) == ["header-row"]
    assert loaded.counts()["MaE"] == 1


@pytest.mark.parametrize(
    ("media", "name"),
    [
        ("rawpic", "img{:03d}.jpg"),
        ("release/longVideoFaceCropped", "img_{}.jpg"),
        ("cropped", "{}.jpg"),
        (".", "{}.jpg"),
    ],
)
def test_layouts_of_images(media: str, name: str, tmp_path: Path) -> None:
    loaded = casme2.load(made.write_casme2(tmp_path, media=media, name=name))
    assert codes(loaded) == []
    assert {one.frames for one in loaded.recordings} == {40}
    assert {one.numbering.index(1) for one in loaded.recordings} == {0}


def test_video_files(tmp_path: Path) -> None:
    made.write_casme2(tmp_path, media="")
    for video in made.CASME2_VIDEOS:
        path = tmp_path / "rawvideo" / f"{video}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    loaded = casme2.load(tmp_path)
    assert [one.name for one in loaded.recordings] == sorted(made.CASME2_VIDEOS)
    assert {(one.frames, one.numbering.first) for one in loaded.recordings} == {(None, 1)}
    assert loaded.counts()["frames in videos with annotations"] is None


def test_raw_images_are_chosen_before_cropped_ones(tmp_path: Path) -> None:
    made.write_casme2(tmp_path)
    made.write_images(tmp_path / "rawpic" / "s15" / "15_0101blandvideo", range(1, 41), "img{:03d}.jpg")
    loaded = casme2.load(tmp_path)
    (place,) = [one.place for one in loaded.anomalies if one.code == "media-elsewhere"]
    assert Path(place).parts[-3:] == ("rawpic", "s15", "15_0101blandvideo") == loaded.recordings[0].path.parts[-3:]  # type: ignore[union-attr]


def test_clips_of_single_expressions_are_no_videos(tmp_path: Path) -> None:
    made.write_casme2(tmp_path)
    made.write_images(tmp_path / "cropped" / "s15" / "anger1_1", range(3))
    loaded = casme2.load(tmp_path)
    assert codes(loaded) == ["media-unknown"]
    assert loaded.counts()["videos"] == 4


def test_a_video_twice_in_one_folder(tmp_path: Path) -> None:
    made.write_casme2(tmp_path)
    (tmp_path / "longVideoFaceCropped" / "s15" / "15_0101blandvideo.avi").touch()
    loaded = casme2.load(tmp_path)
    assert codes(loaded) == ["media-twice"]
    assert loaded.recordings[0].frames == 40


@pytest.mark.parametrize(
    ("numbers", "code", "frames"),
    [
        ([*range(1, 10), *range(20, 41), 50], "images-missing", 31),
        (range(0, 40), "first-number", 40),
        ([], "media-empty", None),
    ],
)
def test_numbers_of_images(numbers: list[int], code: str, frames: int | None, tmp_path: Path) -> None:
    made.write_casme2(tmp_path)
    folder = tmp_path / "longVideoFaceCropped" / "s15" / "15_0101blandvideo"
    for image in folder.iterdir():
        image.unlink()
    made.write_images(folder, numbers)
    loaded = casme2.load(tmp_path)
    assert codes(loaded) == [code]
    assert loaded.recordings[0].frames == frames
    assert (loaded.recordings[0].path is None) == (frames is None)
    if code == "images-missing":
        assert loaded.anomalies[0].fact == "19 of the numbers 1-50 have no image: 10-19, 41-49"
        assert loaded.recordings[0].numbering.index(15) == 8


@pytest.mark.parametrize(
    ("extra", "code"), [("img_07.jpg", "image-number-twice"), ("face.jpg", "image-without-number")]
)
def test_images_that_cannot_be_numbered(extra: str, code: str, tmp_path: Path) -> None:
    made.write_casme2(tmp_path)
    (tmp_path / "longVideoFaceCropped" / "s15" / "15_0101blandvideo" / extra).touch()
    loaded = casme2.load(tmp_path)
    assert codes(loaded) == [code]
    assert loaded.without_media == ("s15/15_0101blandvideo",)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((1, "disgust1", 3, 6, 12, "", "", MAE, ""), "row 2: 'disgust1' is no event of 'naming rule2'"),
        ((1, "joy1_1", 3, 6, 12, "", "", MAE, ""), "row 2: 'joy1_1' is no event of 'naming rule2'"),
        ((9, "disgust1_1", 3, 6, 12, "", "", MAE, ""), "row 2: subject 9 has no folder in 'naming rule1'"),
        (("x", "disgust1_1", 3, 6, 12, "", "", MAE, ""), "row 2: subject 'x' is no number"),
        ((1, "disgust1_1", "three", 6, 12, "", "", MAE, ""), "row 2: onset 'three' is no number"),
        ((1, "disgust1_1", 3, 6, None, "", "", MAE, ""), "row 2: offset '' is no number"),
        ((1, "disgust1_1", 3, 6, 12, "", "", "micro", ""), "row 2: unknown kind 'micro'"),
    ],
)
def test_malformed_rows(row: made.Cells, said: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        casme2.load(made.write_casme2(tmp_path, [event(), row]))
    assert f"{made.CASME2_BOOK}, sheet 'CASFEcode_final', {said}" in str(caught.value)
    assert str(caught.value).count(";") == 1


def test_malformed_workbooks(tmp_path: Path) -> None:
    book = tmp_path / "code_final.xlsx"
    for content, said in (
        (b"", "cannot be read as a workbook"),
        (b"subject,onset\n", "neither .xlsx nor .xls inside"),
        (b"PK\x03\x04 half", "cannot be read as a workbook"),
        (b"\xd0\xcf\x11\xe0 half", "cannot be read as a workbook"),
    ):
        book.write_bytes(content)
        with pytest.raises(AnnotationError) as caught:
            casme2.load(tmp_path)
        assert str(caught.value).startswith(f"{book}: ")
        assert said in str(caught.value)
    made.write_book(book, {"Tabelle1": [event()]})
    with pytest.raises(AnnotationError, match="has no sheet 'CASFEcode_final' but Tabelle1"):
        casme2.load(tmp_path)
    made.write_book(book, {"CASFEcode_final": []})
    with pytest.raises(AnnotationError, match="sheet 'CASFEcode_final': is empty"):
        casme2.load(tmp_path)
