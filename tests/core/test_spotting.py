from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.core.errors import SpottingError
from mespot.core.expression import Attention, Detection, Kind
from mespot.core.interval import Interval
from mespot.core.spotting import COLUMNS, Curves, Spotting
from mespot.core.video import VideoInfo
from results import FLICKER, SMILE, make_spotting

SHARES = st.floats(0, 1)


@st.composite
def spottings(draw: st.DrawFn) -> Spotting:
    steps = draw(st.lists(st.integers(1, 10**5), min_size=5, max_size=60))
    pts = np.cumsum([draw(st.integers(-(10**9), 10**9)), *steps], dtype=np.int64)
    detections = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(pts) - 1))
        stop = draw(st.integers(start + 1, len(pts)))
        heat = tuple(tuple(draw(st.lists(SHARES, min_size=2, max_size=2))) for _ in range(draw(st.integers(0, 3))))
        attention = Attention(draw(st.text(max_size=8)), heat)
        apex = draw(st.integers(start, stop - 1))
        kind = draw(st.sampled_from(Kind))
        detections.append(Detection(Interval(start, stop), kind, draw(SHARES), apex, attention))
    rows = np.array(sorted(draw(st.sets(st.integers(0, len(pts) - 1)))), np.int64)
    floats = st.lists(st.floats(width=32, allow_infinity=False), min_size=len(rows), max_size=len(rows))
    curve = floats.map(lambda values: np.array(values, np.float32))
    base = make_spotting()
    return replace(
        base,
        video=VideoInfo(
            Path("a") / draw(st.text("xé日\udc80 '", min_size=1, max_size=5)),
            pts,
            draw(st.sampled_from([Fraction(1, 90000), Fraction(1001, 30000)])),
            draw(st.integers(1, 9999)),
            draw(st.integers(1, 9999)),
            draw(st.sampled_from([0, 90, 180, 270])),
        ),
        detections=tuple(detections),
        curves=Curves(rows, draw(curve), {Kind.MAE: draw(curve), Kind.ME: draw(curve)}),
        provenance=replace(base.provenance, quality=tuple(draw(st.lists(st.text(max_size=9), max_size=2)))),
    )


@given(spottings())
@settings(max_examples=60)
def test_json_comes_back_exactly(spotting: Spotting) -> None:
    text = spotting.to_json()
    again = Spotting.from_json(text)
    assert again == spotting
    assert again.to_json() == text
    assert text.isascii()


def test_a_saved_file_is_loaded_as_it_was(tmp_path: Path) -> None:
    spotting = make_spotting(quality=("the face is seen in 93% of the sampled frames",))
    path = spotting.save(tmp_path)
    assert path == tmp_path / "person one.spotting.json"
    assert Spotting.load(path) == spotting
    assert spotting.save(tmp_path / "other.json").name == "other.json"


def test_the_file_names_frames_and_seconds_for_other_programs() -> None:
    record = json.loads(make_spotting().to_json())
    smile = record["detections"][1]
    assert (smile["kind"], smile["onset"], smile["apex"], smile["offset"]) == ("MaE", 16, 22, 71)
    assert smile["onset_s"] == pytest.approx(16 / 30 + 0.01)
    assert record["video"]["pts"] == {"first": 900, "steps": [[3000, 71]]}
    assert record["video"]["time_base"] == "1/90000"


def damaged(**changes: Any) -> str:
    record = json.loads(make_spotting().to_json())
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = record
        for parent in parents:
            target = target[int(parent) if parent.isdecimal() else parent]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "Expecting value"),
        ("[]", "list"),
        ("[" * 100_000, ""),
        (damaged(format="elan"), "'elan'"),
        (damaged(curves=None), "no member 'curves'"),
        (damaged(video__pts__steps=[[3000, 10**13]]), "damaged"),
        (damaged(video__pts__steps=[[-3000, 71]]), "increase"),
        (damaged(video__time_base="1/0"), "Fraction"),
        (damaged(detections__0__kind="smirk"), "smirk"),
        (damaged(detections__0__score=7), "score"),
        (damaged(detections__0__apex=70), "apex 70"),
        (damaged(detections__1__offset=72), "frame 72"),
        (damaged(detections__0__onset=2.5), "2.5"),
        (damaged(curves__motion=[0.1]), "motion"),
        (damaged(provenance__surprise=1), "surprise"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(text: str, fact: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.spotting.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpottingError) as caught:
        Spotting.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert fact in str(caught.value)
    assert "run mespot spot again" in str(caught.value)


def test_a_newer_version_is_told_from_damage() -> None:
    with pytest.raises(SpottingError, match=r"format version 2 .* install"):
        Spotting.from_json(damaged(version=2))


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpottingError, match="cannot be read"):
        Spotting.load(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpottingError, match="cannot be read"):
        Spotting.load(tmp_path / "binary.json")


def test_rows_count_time_to_the_end_of_the_offset_frame() -> None:
    flicker, smile = make_spotting().rows()
    assert tuple(flicker) == COLUMNS
    assert (flicker["video"], flicker["face"], flicker["kind"]) == ("person one.mp4", 1, "ME")
    assert (smile["onset_frame"], smile["apex_frame"], smile["offset_frame"]) == (16, 22, 71)
    assert smile["offset_s"] == pytest.approx(71 / 30 + 0.01)
    # The smile reaches the last frame, which lasts as long as a median one.
    assert smile["duration_s"] == pytest.approx(56 / 30)
    assert flicker["duration_s"] == pytest.approx(10 / 30)


def test_the_duration_follows_the_time_stamps_where_the_rate_varies() -> None:
    spotting = make_spotting()
    late = spotting.video.pts.copy()
    late[12:] += 90_000
    slow = replace(spotting, video=replace(spotting.video, pts=late))
    assert slow.duration_s(FLICKER) == pytest.approx(1 + 10 / 30)
    assert slow.duration_s(SMILE) == pytest.approx(56 / 30)


def test_the_table_has_the_columns_of_the_file_and_their_types_even_when_empty() -> None:
    full, empty = make_spotting().to_dataframe(), make_spotting(()).to_dataframe()
    assert tuple(full.columns) == tuple(empty.columns) == COLUMNS
    assert (full.dtypes == empty.dtypes).all()
    assert full["kind"].tolist() == ["ME", "MaE"]
    assert full["onset_frame"].dtype == np.int64
    assert len(empty) == 0


def test_a_result_counts_and_shows_its_expressions() -> None:
    spotting = make_spotting()
    assert (spotting.count(Kind.ME), spotting.count(Kind.MAE)) == (1, 1)
    assert repr(spotting) == "Spotting(person one.mp4: 1 ME, 1 MaE)"


def test_detections_and_curves_outside_the_video_are_rejected() -> None:
    with pytest.raises(ValueError, match="ends at frame 71, the video at 69"):
        make_spotting(frames=70)
    spotting = make_spotting()
    with pytest.raises(ValueError, match="outside frames 0 to 71"):
        replace(spotting, curves=replace(spotting.curves, frames=spotting.curves.frames + 3))


def test_curves_check_shape_type_and_order() -> None:
    curves = make_spotting().curves
    with pytest.raises(ValueError, match="ME must be"):
        replace(curves, score={Kind.ME: curves.motion[1:]})
    with pytest.raises(ValueError, match="float64"):
        replace(curves, motion=curves.motion.astype(np.float64))
    with pytest.raises(ValueError, match="finite or NaN"):
        replace(curves, motion=np.full_like(curves.motion, math.inf))
    with pytest.raises(ValueError, match="increase strictly"):
        replace(curves, frames=curves.frames[::-1])
    with pytest.raises(ValueError, match="int64"):
        replace(curves, frames=curves.frames.astype(np.int32))


def test_curves_are_equal_only_in_all_values() -> None:
    curves = make_spotting().curves
    other = curves.motion.copy()
    other[3] += 1e-6
    assert replace(curves, motion=other) != curves
    unknown = np.full_like(other, math.nan)
    assert replace(curves, motion=unknown) == replace(curves, motion=unknown.copy())
