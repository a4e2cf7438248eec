"""Every loader, on a small made-up dataset of its layout without any quirk, and what no loader takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import made_datasets as made
from mespot.core.errors import AnnotationError, ConfigError, MespotError
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.offsets import MissingOffset
from mespot.data.loaders import LOADERS, load_recordings, to_dataset

ANNOTATIONS: dict[str, dict[str, list[tuple[Kind, int, int | None, int]]]] = {
    "casme2": {
        "s15/15_0101blandvideo": [(Kind.ME, 3, 6, 12)],
        "s15/15_0401redvideo": [(Kind.MAE, 2, 10, 32)],
        "s16/16_0503softvideo": [(Kind.ME, 5, 9, 15)],
        "s16/16_0505noevent": [],
    },
    "samm_lv": {
        "006_1": [(Kind.ME, 4, 20, 44), (Kind.MAE, 10, 60, 160)],
        "007_2": [(Kind.ME, 30, 50, 70)],
        "007_3": [],
    },
    "casme3": {
        "spNO.1/a": [(Kind.ME, 60, 64, 70), (Kind.MAE, 62, 75, 90)],
        "spNO.1/b": [],
        "spNO.2/j": [(Kind.ME, 61, 66, 71)],
    },
    "table": {"ann/one": [(Kind.ME, 3, 5, 9), (Kind.MAE, 12, None, 35)], "bob/two.mp4": []},
}
SUBJECTS = {
    "casme2": ["s15", "s15", "s16", "s16"],
    "samm_lv": ["006", "007", "007"],
    "casme3": ["spNO.1", "spNO.1", "spNO.2"],
    "table": ["ann", "bob"],
}
INTERVALS = {
    "casme2": [(2, 12), (1, 32), (4, 15)],
    "samm_lv": [(3, 44), (9, 160), (29, 70)],
    "casme3": [(3, 14), (5, 31), (4, 15)],  # 57 is frame 0; 80 to 82 are missing
    "table": [(3, 10), (12, 36)],
}
ANOMALIES = {"casme2": [], "samm_lv": [], "casme3": ["images-missing"] * 3, "table": ["apex-missing"]}
FPS = {"casme2": 30.0, "samm_lv": 200.0, "casme3": 30.0, "table": 30.0}


@pytest.mark.parametrize("name", LOADERS)
def test_a_dataset_is_loaded(name: str, tmp_path: Path) -> None:
    loaded = load_recordings(name, made.WRITERS[name](tmp_path))
    assert loaded.name == name
    assert not loaded.simulated
    assert loaded.missing_offset == "mirror"
    assert {
        one.name: [(a.kind, a.onset, a.apex, a.offset) for a in one.annotations] for one in loaded.recordings
    } == ANNOTATIONS[name]
    assert [one.name for one in loaded.recordings] == sorted(ANNOTATIONS[name])
    assert [one.subject for one in loaded.recordings] == SUBJECTS[name]
    assert {one.fps for one in loaded.recordings} == {FPS[name]}
    assert [one.code for one in loaded.anomalies] == ANOMALIES[name]
    assert loaded.without_media == ()
    assert all(one.path is not None and one.path.exists() for one in loaded.recordings)
    counts = loaded.counts()
    assert (counts["videos"], counts["subjects"]) == (len(SUBJECTS[name]), len(set(SUBJECTS[name])))
    assert all(published in counts for published, _ in loaded.facts.counts)


@pytest.mark.parametrize("name", [name for name in LOADERS if name != "table"])
def test_licence_citation_and_link_stand_beside_each_dataset(name: str, tmp_path: Path) -> None:
    facts = load_recordings(name, made.WRITERS[name](tmp_path)).facts
    assert "each research group" in facts.licence
    assert "IEEE" in facts.citation
    assert facts.link.startswith("http")


@pytest.mark.parametrize("name", LOADERS)
def test_what_is_trained_on_counts_frames_from_zero(name: str, tmp_path: Path) -> None:
    loaded = load_recordings(name, made.WRITERS[name](tmp_path))
    lines: list[str] = []
    dataset = to_dataset(loaded, on_line=lines.append)
    assert lines == []
    assert [video.path for video in dataset] == [one.path for one in loaded.recordings]
    found = [(e.interval.start, e.interval.stop) for video in dataset for e in video.expressions]
    assert found == INTERVALS[name]


@pytest.mark.parametrize("name", LOADERS)
def test_missing_media_is_said_and_left_out(name: str, tmp_path: Path) -> None:
    whole = load_recordings(name, made.WRITERS[name](tmp_path))
    gone = whole.recordings[0]
    assert gone.path is not None
    shutil.rmtree(gone.path)
    loaded = load_recordings(name, tmp_path)
    (said,) = [one for one in loaded.anomalies if one.code in ("media-missing", "media-empty")]
    (left,) = loaded.without_media
    assert gone.name.startswith(left)  # without media CAS(ME)^2 does not tell the whole name
    assert left in f"{said.place} {said.fact}"
    assert said.place.startswith(str(tmp_path))
    assert loaded.counts()["ME"] == whole.counts()["ME"]
    lines: list[str] = []
    assert len(to_dataset(loaded, on_line=lines.append)) == len(whole.recordings) - 1
    (line,) = lines
    assert line.startswith(f"{left}: is left out")


@pytest.mark.parametrize("name", LOADERS)
def test_no_media_at_all_cannot_be_trained_on(name: str, tmp_path: Path) -> None:
    root = made.WRITERS[name](tmp_path)
    for folder in root.iterdir():
        if folder.is_dir() and folder.name != "annotation":
            shutil.rmtree(folder)
    loaded = load_recordings(name, root)
    assert len(loaded.without_media) == len(loaded.recordings) > 0
    with pytest.raises(AnnotationError, match=r"none of its \d recordings has media"):
        to_dataset(loaded)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize(
    ("content", "simulated"),
    [('{"simulated": true}', True), ("no json", True), ("[]", True), ('{"simulated": false}', False)],
)
def test_the_mark_of_simulated_data(name: str, content: str, simulated: bool, tmp_path: Path) -> None:
    root = made.WRITERS[name](tmp_path)
    (root / "SIMULATED.json").write_text(content, encoding="utf-8")
    assert load_recordings(name, root).simulated is simulated


@pytest.mark.parametrize("name", ["casme2", "samm_lv", "table"])
def test_simulated_media_are_marked_from_wherever_they_are_named(name: str, tmp_path: Path) -> None:
    root = made.WRITERS[name](tmp_path / "made")
    (root / "SIMULATED.json").write_text("{}", encoding="utf-8")
    if name == "table":
        table = (root / "annotations.csv").read_text(encoding="utf-8")
        header, *lines = table.splitlines()
        place = header.split(",").index("video")
        assert place == 0
        (tmp_path / "annotations.csv").write_text("\n".join([header, *(f"made/{line}" for line in lines)]))
    assert load_recordings(name, tmp_path).simulated


@pytest.mark.parametrize("name", LOADERS)
def test_folders_without_a_table(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(AnnotationError) as caught:
            load_recordings(name, path)
        assert str(path) in str(caught.value)
        assert str(caught.value).endswith(".")


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="casme2, samm_lv, casme3, table"):
        load_recordings("smic", tmp_path)
    with pytest.raises(MespotError, match="mirror, apex, apex_plus_20, drop"):
        load_recordings("casme2", tmp_path, missing_offset="guess")  # type: ignore[arg-type]


RULES: list[tuple[MissingOffset, list[int]]] = [
    ("mirror", [18, 18]),
    ("apex", [10, 10]),
    ("apex_plus_20", [30, 30]),
    ("drop", []),
]
MISSING = {
    "casme2": [(1, "anger1_1", 2, 10, o, "", "negative", "macro-expression", "") for o in (0, 7)],
    "samm_lv": [(6, "006_1_1", 1, 2, 10, o, o - 1, "Macro", "", "") for o in (0, 7)],
    "casme3": [("spNO.1", "a", 2, 10, o, "", "Macro-expression", "") for o in (0, 7)],
    "table": [("ann/one", "ann", 2, 10, o, "MaE", 30) for o in (0, 7)],
}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize(("rule", "offsets"), RULES)
def test_missing_offsets(name: str, rule: MissingOffset, offsets: list[int], tmp_path: Path) -> None:
    root = made.WRITERS[name](tmp_path, MISSING[name])
    loaded = load_recordings(name, root, missing_offset=rule)
    found = [one for recording in loaded.recordings for one in recording.annotations if one.kind is Kind.MAE]
    assert [annotation.offset for annotation in found] == offsets
    assert all(annotation.stated[2] in (0, 7) for annotation in found)
    assert loaded.missing_offset == rule
    assert loaded.counts()["MaE"] == 2
    assert len(loaded.left_out) == 2 - len(offsets)
    assert len(loaded.annotated) == (2 if name == "casme3" else 1)
    told = [one for one in loaded.anomalies if one.code == "offset-missing"]
    assert [one.fact for one in told] == ["offset 0 is missing", "offset 7 lies before apex 10"]
    assert all(rule in one.action and "row" in one.place for one in told)


def test_expressions_at_the_end_of_a_video_are_cut_and_said(tmp_path: Path) -> None:
    rows = [
        (1, "disgust1_1", 30, 35, 50, "", "", "macro-expression", ""),
        (1, "disgust1_2", 45, 46, 50, "", "", "micro-expression", ""),
    ]
    loaded = load_recordings("casme2", made.write_casme2(tmp_path, rows))
    assert [one.code for one in loaded.anomalies] == ["offset-after-end"] * 2
    lines: list[str] = []
    (video, *_) = to_dataset(loaded, on_line=lines.append)
    assert video.expressions == (Expression(Interval(29, 40), Kind.MAE, 34),)
    assert ["cut" in line for line in lines] == [True, False]


def test_a_video_file_is_cut_where_decoding_told_its_length(tmp_path: Path) -> None:
    made.write_casme2(tmp_path, media="")
    video = tmp_path / "rawvideo" / "s15" / "15_0401redvideo.avi"
    video.parent.mkdir(parents=True)
    video.touch()
    loaded = load_recordings("casme2", tmp_path)
    (whole,) = to_dataset(loaded)
    (cut,) = to_dataset(loaded, frames={"s15/15_0401redvideo": 20})
    assert [one.interval for one in (*whole.expressions, *cut.expressions)] == [Interval(1, 32), Interval(1, 20)]


@pytest.mark.parametrize(
    ("manifest", "simulated"),
    [
        ('{"version": 4, "seed": 0, "split": "all", "videos": []}', True),
        ('{"name": "a web page"}', False),
        ("no json", False),
    ],
)
def test_a_corpus_of_the_simulator_is_known_by_its_manifest(manifest: str, simulated: bool, tmp_path: Path) -> None:
    table = tmp_path / "annotations.csv"
    table.write_text("video,subject,onset,apex,offset,kind\na.mp4,p1,3,5,9,ME\n", encoding="utf-8")
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    assert load_recordings("table", table).simulated is simulated
