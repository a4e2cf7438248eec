"""One reference and one result in every format: golden files, and what comes back of them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made_events as made
from mespot.core.expression import Attention, Detection, Kind
from mespot.core.interval import Interval
from mespot.evaluation.evaluate import evaluate
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.files import read_detected, read_reference
from mespot.export.csv import write_csv
from results import make_spotting

RATES = (24.0, 25.0, 30000 / 1001, 30.0, 60000 / 1001, 100.0, 200.0)


def counts(scores: dict[str, Any], kind: str) -> tuple[float, ...]:
    return tuple(scores["strict"][kind][name] for name in ("tp", "fp", "fn"))


def test_golden_files_are_what_their_script_writes(tmp_path: Path) -> None:
    made.write_all(tmp_path)
    names = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {path.relative_to(made.GOLDEN) for path in made.GOLDEN.rglob("*") if path.is_file()}
    for name in names:
        assert (tmp_path / name).read_text(encoding="utf-8") == (made.GOLDEN / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("reference", made.REFERENCES)
@pytest.mark.parametrize("detected", made.DETECTIONS)
def test_every_pair_of_formats_scores_the_same(reference: str, detected: str) -> None:
    scores = evaluate(
        reference=made.GOLDEN / reference,
        detected=made.GOLDEN / detected,
        first_frame=made.FIRST_FRAME,
        fps=made.FPS,
        resamples=1,
    )
    assert counts(scores, "MaE") == (2, 1, 0)
    assert counts(scores, "ME") == (1, 2, 1)
    golden = json.loads((made.GOLDEN / "scores.json").read_text(encoding="utf-8"))
    assert {kind: counts(golden, kind) for kind in ("MaE", "ME", "all")} == {
        kind: counts(scores, kind) for kind in ("MaE", "ME", "all")
    }
    assert set(scores["strict"]["subjects"]) == {"s1", "s2"}


def test_what_a_format_can_hold_comes_back() -> None:
    assert read_reference(made.GOLDEN / "reference.csv") == made.REFERENCE
    without_apex = tuple(replace(one, apex=None) for one in made.REFERENCE.events)
    of_activitynet = read_reference(made.GOLDEN / "reference.json", first_frame=made.FIRST_FRAME)
    assert of_activitynet == replace(made.REFERENCE, events=without_apex)
    of_elan = read_reference(made.GOLDEN / "reference_elan", fps=made.FPS, first_frame=made.FIRST_FRAME)
    called = [replace(one, video=f"/data/{one.video}.mp4") for one in made.REFERENCE.events]
    assert sorted(of_elan.events, key=str) == sorted(called, key=str)
    assert read_detected(made.GOLDEN / "detected.csv") == made.DETECTED
    bare = tuple(replace(one, score=0.0, emotion=None) for one in made.DETECTED)
    assert read_detected(made.GOLDEN / "detected_megc.csv") == bare
    for name in ("detected.json", "detected_elan"):
        found = read_detected(made.GOLDEN / name, reference=made.REFERENCE, fps=made.FPS, first_frame=made.FIRST_FRAME)
        assert sorted(found, key=str) == sorted(made.DETECTED, key=str), name


def test_results_of_mespot_score_as_the_plain_table(tmp_path: Path) -> None:
    """Both exports: frames count from 0, and the CSV names the file without its folder."""
    for ending in ("json", "csv"):
        (tmp_path / ending).mkdir()
    for video, _ in made.REFERENCE.videos:
        found = [exported(one) for one in made.DETECTED if one.video == video]
        name = video.replace("/", "_")
        spotting = make_spotting(found, path=Path("clips", f"{name}.mp4"), frames=300)
        spotting.save(tmp_path / "json" / f"{name}.spotting.json")
        write_csv(spotting, tmp_path / "csv" / f"{name}.csv")
    events = tuple(replace(one, video=one.video.replace("/", "_")) for one in made.REFERENCE.events)
    videos = tuple((video.replace("/", "_"), subject) for video, subject in made.REFERENCE.videos)
    for ending in ("json", "csv"):
        scores = evaluate(
            reference=Reference(events, videos), detected=tmp_path / ending, first_frame=made.FIRST_FRAME, resamples=1
        )
        assert (counts(scores, "MaE"), counts(scores, "ME")) == ((2, 1, 0), (1, 2, 1)), ending
        assert scores["about"]["notes"] == []


def exported(event: DetectedEvent) -> Detection:
    onset, offset = int(event.onset) - made.FIRST_FRAME, int(event.offset) - made.FIRST_FRAME
    return Detection(Interval(onset, offset + 1), event.kind, event.score, onset, Attention("nose"))


def test_other_names_are_matched_only_where_not_one_is_known(tmp_path: Path) -> None:
    path = tmp_path / "found.csv"
    reference = Reference((), (("s1/a", "s1"), ("s1/b", "s1")), 30.0)
    path.write_text("video,kind,onset,offset,score\na,ME,1,9,0.5\nx,ME,1,9,0.5\n", encoding="utf-8")
    assert [one.video for one in read_detected(path, reference=reference)] == ["s1/a", "x"]
    path.write_text("video,kind,onset,offset,score\na,ME,1,9,0.5\ns1/b,ME,1,9,0.5\n", encoding="utf-8")
    assert [one.video for one in read_detected(path, reference=reference)] == ["a", "s1/b"]


def test_a_result_of_another_rate_is_told(tmp_path: Path) -> None:
    make_spotting().save(tmp_path / "one.spotting.json")
    scores = evaluate(reference=made.REFERENCE, detected=tmp_path, fps=200, resamples=1)
    assert any("is of 30 fps and the reference of 200" in note for note in scores["about"]["notes"])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(RATES),
    st.lists(
        st.tuples(st.sampled_from(list(Kind)), st.integers(1, 20_000), st.integers(0, 600)), min_size=1, max_size=6
    ),
)
def test_frames_survive_seconds_and_milliseconds(fps: float, drawn: list[tuple[Kind, int, int]]) -> None:
    events = [ReferenceEvent("v", "s", kind, onset, None, onset + more) for kind, onset, more in drawn]
    found = [DetectedEvent("v", one.kind, one.onset, one.offset, 0.5) for one in events]
    reference = Reference((), (("v", "s"),))
    with tempfile.TemporaryDirectory() as folder:
        made.activitynet(Path(folder, "r.json"), events, (("v", "s"),), fps)
        assert read_reference(Path(folder, "r.json"), first_frame=1).events == tuple(events)
        made.activitynet(Path(folder, "d.json"), found, (("v", ""),), fps)
        made.elan(Path(folder, "d.eaf"), found, "v", fps=fps)
        for name in ("d.json", "d.eaf"):
            back = read_detected(Path(folder, name), reference=reference, fps=fps, first_frame=1)
            assert sorted(back, key=str) == sorted(found, key=str), name
