"""References and results from files of every format, and what is refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mespot.core.errors import AnnotationError
from mespot.core.expression import Kind
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.files import read_detected, read_reference
from mespot.evaluation.stated import called_as
from mespot.export.csv import write_csv
from results import make_spotting

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-11-26T00:00:00Z" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{media}</HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1400"/>
<TIME_SLOT TIME_SLOT_ID="t3" TIME_VALUE="1200"/><TIME_SLOT TIME_SLOT_ID="t4" TIME_VALUE="1201"/></TIME_ORDER>
<TIER TIER_ID="micro" LINGUISTIC_TYPE_REF="expression" PARTICIPANT="p1"><ANNOTATION><ALIGNABLE_ANNOTATION
 ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>micro</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="apex" LINGUISTIC_TYPE_REF="expression"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2"
 TIME_SLOT_REF1="t3" TIME_SLOT_REF2="t4"><ANNOTATION_VALUE/></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="micro-confidence" LINGUISTIC_TYPE_REF="c" PARENT_REF="micro"><ANNOTATION><REF_ANNOTATION
 ANNOTATION_ID="a3" ANNOTATION_REF="a1"><ANNOTATION_VALUE>0.75</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="speech" LINGUISTIC_TYPE_REF="expression"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4"
 TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>hello</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER></ANNOTATION_DOCUMENT>
"""
MEDIA = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///data/s15/talk.mp4" MIME_TYPE="video/mp4"{origin}/>'


def written(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plain_reference_keeps_what_it_states(tmp_path: Path) -> None:
    path = written(tmp_path, "video,subject,kind,onset,apex,offset,fps\na,p1,MaE,10,20,0,200\nb,p2,,,,,200\n\n")
    reference = read_reference(path)
    assert reference.events == (ReferenceEvent("a", "p1", Kind.MAE, 10, 20, 0),)
    assert reference.videos == (("a", "p1"), ("b", "p2"))
    assert reference.fps == 200


def test_a_rate_that_nobody_states_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    path = written(tmp_path, "video,subject,kind,onset,apex,offset\na,p1,ME,10.5,,19.25\n")
    reference = read_reference(path, on_note=notes.append)
    assert reference.events == (ReferenceEvent("a", "p1", Kind.ME, 10.5, None, 19.25),)
    assert reference.fps == 30
    assert "states no frames a second; 30 is assumed" in notes[0]
    assert read_reference(path, fps=25).fps == 25


def test_a_table_in_seconds_counts_as_its_loader_does(tmp_path: Path) -> None:
    head = "video,subject,kind,onset,apex,offset,unit,fps,first_frame\n"
    path = written(tmp_path, head + "a,p1,ME,1.0,1.2,1.4,seconds,25,1\na,p1,MaE,3,4,5,frames,25,\n")
    assert read_reference(path).events == (
        ReferenceEvent("a", "p1", Kind.ME, 26, 31, 36),
        ReferenceEvent("a", "p1", Kind.MAE, 3, 4, 5),
    )
    with pytest.raises(AnnotationError, match="row 2: unknown unit 'minutes'; write frames or seconds"):
        read_reference(written(tmp_path, head + "a,p1,ME,1.0,1.2,1.4,minutes,25,1\n"))


def test_files_of_a_folder_do_not_forget_a_subject(tmp_path: Path) -> None:
    head = "video,subject,kind,onset,apex,offset\n"
    written(tmp_path, head + "a,p1,ME,1,2,3\n", "1.csv")
    written(tmp_path, head + "a,,ME,11,12,13\n", "2.csv")
    assert read_reference(tmp_path).videos == (("a", "p1"),)
    written(tmp_path, head + "a,p2,ME,21,22,23\n", "3.csv")
    with pytest.raises(AnnotationError, match=r"3\.csv: video 'a' shows p1 before and p2 here"):
        read_reference(tmp_path)


def test_plain_detections_and_a_submission_to_the_megc(tmp_path: Path) -> None:
    plain = written(tmp_path, "video,kind,onset,offset,score\na,ME,3,9,0.25\n")
    assert read_detected(plain) == (DetectedEvent("a", Kind.ME, 3, 9, 0.25),)
    megc = written(tmp_path, "vid,pred_onset,pred_offset,type\na,3,9,me\na,20,60,mae\n", "cas_pred.csv")
    assert read_detected(megc) == (DetectedEvent("a", Kind.ME, 3, 9), DetectedEvent("a", Kind.MAE, 20, 60))


def test_our_own_results_come_back_as_they_were_saved(tmp_path: Path) -> None:
    spotting = make_spotting()
    name = str(spotting.video.path)
    (tmp_path / "json").mkdir()
    spotting.save(tmp_path / "json" / "one.spotting.json")
    (tmp_path / "csv").mkdir()
    write_csv(spotting, tmp_path / "csv" / "one.csv")
    wanted = {(one.kind, one.interval.onset, one.interval.offset) for one in spotting.detections}
    for place in (tmp_path / "json", tmp_path / "json" / "one.spotting.json", tmp_path / "csv" / "one.csv"):
        found = read_detected(place)
        assert {(one.kind, one.onset, one.offset) for one in found} == wanted, place
        shifted = read_detected(place, first_frame=1)
        assert shifted == tuple(replace(one, onset=one.onset + 1, offset=one.offset + 1) for one in found)
    stem = Path(name).stem
    reference = Reference((), ((stem, "s1"), ("s2/other", "s2")))
    assert {one.video for one in read_detected(tmp_path / "json", reference=reference)} == {stem}


def test_activitynet_counts_seconds(tmp_path: Path) -> None:
    entry = {"fps": 25, "subject": "p1", "annotations": [{"segment": [1.0, 1.4], "label": "micro", "emotion": "sad"}]}
    reference = read_reference(written(tmp_path, json.dumps({"database": {"a": entry}}), "gt.json"))
    assert reference.events == (ReferenceEvent("a", "p1", Kind.ME, 25, None, 34, "sad"),)
    results = {"results": {"a": [{"segment": [0, 2.0], "label": "MaE", "score": 0.5}], "b": []}}
    path = written(tmp_path, json.dumps(results), "found.json")
    assert read_detected(path, fps=25) == (DetectedEvent("a", Kind.MAE, 0, 49, 0.5),)
    with pytest.raises(AnnotationError, match="counts seconds and states no frames a second; give them with --fps"):
        read_detected(path)


def test_elan_counts_milliseconds(tmp_path: Path) -> None:
    notes: list[str] = []
    path = written(tmp_path, ELAN.format(media=MEDIA.format(origin="")), "talk.eaf")
    reference = read_reference(path, fps=25, on_note=notes.append)
    assert reference.events == (ReferenceEvent("/data/s15/talk.mp4", "p1", Kind.ME, 25, 30, 34),)
    assert any("1 annotations of the tier 'speech' are of no kind" in note for note in notes)
    (found,) = read_detected(path, fps=25, first_frame=1, reference=Reference((), (("s15/talk", "s15"),)))
    assert found == DetectedEvent("s15/talk", Kind.ME, 26, 35, 0.75)
    moved = written(tmp_path, ELAN.format(media=MEDIA.format(origin=' TIME_ORIGIN="2000"')), "moved.eaf")
    assert read_detected(moved, fps=25)[0].onset == 75


@pytest.mark.parametrize(
    ("file", "name"),
    [("s15/15_0101", "s15/15_0101"), ("/data/s15/15_0101.avi", "s15/15_0101"), ("15_0101.mp4", "s15/15_0101"),
     ("C:\\v\\spNO.1\\a.mp4", "spNO.1/a"), ("elsewhere.mp4", "elsewhere.mp4")],
)  # fmt: skip
def test_media_files_are_called_as_the_reference_does(file: str, name: str) -> None:
    assert called_as(["s15/15_0101", "s16/16_0101", "spNO.1/a", "spNO.2/b"])(file) == name


def test_a_name_that_fits_two_videos_stays() -> None:
    assert called_as(["s1/a", "s2/a"])("a.mp4") == "a.mp4"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "x.csv", "is empty"),
        ("video,kind,onset\na,ME,1\n", "x.csv", "has no column 'offset'"),
        ("video,kind,onset,offset\na,happy,1,2\n", "x.csv", "row 2: unknown kind 'happy'; write ME or MaE"),
        ("video,kind,onset,offset\na,ME,one,2\n", "x.csv", "row 2: onset 'one' is no number"),
        ("video,kind,onset,offset\na,ME,1\n", "x.csv", "row 2: has 3 cells where the header has 4"),
        ("video,kind,onset,offset\n,ME,1,2\n", "x.csv", "row 2: names no video"),
        ("{", "x.json", "is no JSON"),
        ("{}", "x.json", "neither a result of mespot nor ActivityNet"),
        ('{"results": {"a": [{"segment": [3, 1], "label": "ME"}]}}', "x.json", "segment 1: lasts from 3 s to 1 s"),
        ('{"results": {"a": [{"segment": [1, 1e308], "label": "ME"}]}}', "x.json", "lies beyond any video"),
        ('{"results": {"a": 3}}', "x.json", "video 'a': has no list of segments"),
        ("<a/>", "x.eaf", "is no ELAN document but <a>"),
        ("<a", "x.eaf", "is no XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "x.eaf", "has a document type, which no ELAN file has"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(text: str, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=message):
        read_detected(written(tmp_path, text, name), fps=30)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,p1,ME,1,2,3,30\na,p2,ME,5,6,7,30\n", "row 3: video 'a' shows p1 before and p2 here"),
        ("a,p1,ME,1,2,3,30\nb,p1,ME,5,6,7,200\n", "holds videos of 30 and of 200 fps"),
        ("a,p1,ME,1,2,3,0\n", "fps 0 is not above 0"),
    ],
)
def test_references_that_contradict_themselves_are_refused(rows: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=message):
        read_reference(written(tmp_path, "video,subject,kind,onset,apex,offset,fps\n" + rows))


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"holds no \*\.spotting\.json"):
        read_detected(tmp_path)
