"""Simulated datasets in the layout of real ones: what the loaders read is what was planned, quirks and all."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cv2
import openpyxl
import pytest

from mespot.core.errors import ConfigError
from mespot.core.expression import Kind
from mespot.core.offsets import complete_offset
from mespot.data.loaders import load_recordings
from mespot.data.recordings import Recordings
from mespot.simulate.layout_plan import LAYOUTS, LayoutName, LayoutPlan, LayoutSettings, plan_layout
from mespot.simulate.layouts import MARK, simulate_layout
from mespot.simulate.media import MediaJob, make_media
from mespot.simulate.planned import PlannedRow
from mespot.simulate.workbooks import SAMM_COLUMNS

FACE = Path(str(files("mespot.assets"))) / "faces" / "grace_hopper.jpg"
CODES = {
    "offset-zero": "offset-missing",
    "offset-before-apex": "offset-missing",
    "apex-zero": "apex-missing",
    "apex-minus-one": "apex-missing",
    "name-twice": "name-twice",
}
"""What the loaders call a quirk that was planted."""
QUIRKS = {
    "casme2": ("offset-zero", "offset-before-apex", "apex-zero"),
    "samm_lv": ("apex-minus-one", "name-twice"),
}
SHEETS = {"casme2": ("CASFEcode_final", 1), "samm_lv": ("FACS_Movement_Only", 11)}
"""Sheet of the annotations and the row of the first."""


Made = tuple[LayoutPlan, Recordings, Path]


def settings(name: LayoutName, **changes: object) -> LayoutSettings:
    chosen = LayoutSettings(name, (FACE,), subjects=5, videos_per_subject=3, seconds=4.0, seed=3, per_minute=30.0)
    return replace(chosen, **changes)  # type: ignore[arg-type]


def without_pictures(plan: LayoutPlan) -> None:
    """Put empty pictures where those of the plan would lie."""
    for job in plan.jobs:
        job.target.mkdir(parents=True)
        for number in range(1, job.scene.frames + 1):
            (job.target / job.pattern.format(number)).touch()


@pytest.fixture(scope="module", params=list(LAYOUTS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A plan, the dataset as its loader reads it, and the workbook; the pictures are empty."""
    root = tmp_path_factory.mktemp(request.param)
    wanted = settings(request.param)
    plan = plan_layout(root, wanted)
    without_pictures(plan)
    (root / MARK).write_text(json.dumps(plan.facts(complete=False)))
    workbook = simulate_layout(root, wanted)
    return plan, load_recordings(request.param, root), workbook


def test_loaders_read_what_was_planned(made: Made) -> None:
    plan, found, _ = made
    assert found.simulated
    assert {one.name for one in found.recordings} == {job.name for job in plan.jobs}
    assert all(one.path is not None for one in found.recordings)
    assert {one.name: (one.subject, one.fps, one.frames) for one in found.recordings} == {
        job.name: (job.subject, job.scene.fps, job.scene.frames) for job in plan.jobs
    }
    read = {row.place: (one.name, row) for one in found.recordings for row in one.annotations}
    assert len(read) + len(found.left_out) == len(plan.rows)
    for place, planned in placed(made):
        apex = planned.apex if planned.apex > 0 else None
        offset = complete_offset(planned.onset, apex, planned.offset, "mirror")
        name, ours = read[place]
        assert (name, ours.kind, ours.onset, ours.apex) == (planned.video, planned.event.kind, planned.onset, apex)
        assert ours.offset == offset
        assert list(ours.stated) == [planned.onset, planned.apex, planned.offset]
        if not planned.quirk:
            assert (ours.onset, ours.apex, ours.offset) == planned.truth


def test_every_quirk_that_was_planted_is_reported_by_its_row_and_nothing_else_is(made: Made) -> None:
    plan, found, _ = made
    planted = {row.quirk for row in plan.rows} - {""}
    assert planted == set(QUIRKS[plan.settings.layout])
    reported = {(anomaly.place, anomaly.code) for anomaly in found.anomalies}
    expected = {(place, CODES[row.quirk]) for place, row in placed(made) if row.quirk}
    assert expected <= reported
    twins = {(row.video, row.number) for row in plan.rows if row.quirk == "name-twice"}
    expected |= {(place, "name-twice") for place, row in placed(made) if (row.video, row.number) in twins}
    assert {one for one in reported if one[1] != "kind-against-duration"} == expected


def placed(made: Made) -> list[tuple[str, PlannedRow]]:
    """Return the rows of the plan with their places in the workbook, as loaders name them."""
    plan, _, workbook = made
    sheet, first = SHEETS[plan.settings.layout]
    return [(f"{workbook.name}, sheet '{sheet}', row {first + i}", row) for i, row in enumerate(plan.rows)]


def test_workbooks_have_the_shape_of_the_real_ones(made: Made) -> None:
    plan, _, workbook = made
    book = openpyxl.load_workbook(workbook)
    if plan.settings.layout == "samm_lv":
        (sheet,) = book.worksheets
        assert sheet.title == "FACS_Movement_Only"
        assert [cell.value for cell in sheet[10]] == list(SAMM_COLUMNS)
        assert all(re.fullmatch(r"\d{3}_\d_\d+", str(row[1])) for row in sheet.iter_rows(min_row=11, values_only=True))
        return
    assert book.sheetnames == ["CASFEcode_final", "naming rule1", "naming rule2"]
    events, subjects, codes = ([*sheet.iter_rows(values_only=True)] for sheet in book.worksheets)
    assert len(events) == len(subjects) == len(plan.rows)
    assert [row[2] for row in subjects] == [row[0] for row in events]
    assert ("0101", "disgust1") in codes
    assert any(re.fullmatch(r"[a-z]+\d_1\d", str(row[1])) for row in events)


def test_the_truth_is_a_table_of_every_video_and_expression(made: Made) -> None:
    plan, _, workbook = made
    with workbook.with_name("truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["video"] for row in rows} == {job.name for job in plan.jobs}
    shown = [(row["video"], *(int(row[key]) for key in ("onset", "apex", "offset"))) for row in rows if row["kind"]]
    assert shown == [(row.video, *row.truth) for row in plan.rows]
    assert [row["quirk"] for row in rows if row["kind"]] == [row.quirk for row in plan.rows]


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_plan_has_both_kinds_and_people_that_differ(layout: LayoutName, tmp_path: Path) -> None:
    plan = plan_layout(tmp_path, settings(layout))
    kinds = [row.event.kind for row in plan.rows]
    assert {Kind.ME, Kind.MAE} == set(kinds)
    assert kinds.count(Kind.MAE) > kinds.count(Kind.ME)
    looks = {job.subject: job.scene.variation.shape.tobytes() for job in plan.jobs}
    assert len(set(looks.values())) == len(looks) == 5
    again = plan_layout(tmp_path, settings(layout))
    assert [row.truth for row in again.rows] == [row.truth for row in plan.rows]
    other = plan_layout(tmp_path, settings(layout, seed=4))
    assert [row.truth for row in other.rows] != [row.truth for row in plan.rows]


def test_a_small_dataset_is_written_whole_and_goes_on_after_a_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(
        "casme2", subjects=2, videos_per_subject=1, seconds=1.2, size=(96, 96), per_minute=60.0, me_share=1.0, seed=6
    )
    made: list[str] = []

    def noted(job: MediaJob) -> None:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(job.name)
        make_media(job)

    with monkeypatch.context() as patch:
        patch.setattr("mespot.simulate.layouts.make_media", noted)
        with pytest.raises(KeyboardInterrupt):
            simulate_layout(tmp_path / "made", wanted)
    assert json.loads((tmp_path / "made" / MARK).read_text())["complete"] is False
    assert not list((tmp_path / "made").glob("*.xlsx"))
    workbook = simulate_layout(tmp_path / "made", wanted)
    once = simulate_layout(tmp_path / "again", wanted, workers=2)
    assert workbook.read_bytes() == once.read_bytes()
    ours, theirs = (
        {picture.relative_to(root): picture.read_bytes() for picture in root.rglob("*.jpg")}
        for root in (tmp_path / "made", tmp_path / "again")
    )
    assert ours == theirs
    assert len(ours) == 72
    picture = cv2.imread(str(tmp_path / "made" / next(iter(ours))))
    assert picture is not None
    assert picture.shape == (96, 96, 3)
    with (tmp_path / "made" / "truth.csv").open(encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    assert {row["subject"] for row in truth} == {"s15", "s16"}
    assert json.loads((tmp_path / "made" / MARK).read_text())["complete"] is True


def test_samm_pictures_are_grey(tmp_path: Path) -> None:
    wanted = settings("samm_lv", subjects=1, videos_per_subject=1, seconds=0.03, size=(96, 96))
    (job,) = plan_layout(tmp_path / "made", wanted).jobs
    make_media(job)
    pictures = sorted((tmp_path / "made").rglob("*.jpg"))
    assert [path.name for path in pictures] == [f"006_1_{k:04d}.jpg" for k in range(1, 7)]
    read = cv2.imread(str(pictures[0]), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.ndim == 2


@pytest.mark.parametrize(
    ("layout", "file"), [("casme2", "rawvideo/s15/15_*.avi"), ("samm_lv", "SAMM_longvideos/006_1.avi")]
)
def test_recordings_can_be_video_files(layout: LayoutName, file: str, tmp_path: Path) -> None:
    wanted = settings(
        layout,
        subjects=1,
        videos_per_subject=1,
        seconds=2.0,
        size=(96, 96),
        per_minute=60.0,
        me_share=1.0,
        seed=0,
        media="video",
    )
    simulate_layout(tmp_path / "made", wanted)
    (video,) = (tmp_path / "made").glob(file)
    (recording,) = load_recordings(layout, tmp_path / "made").recordings
    assert recording.path == video
    (job,) = plan_layout(tmp_path / "made", wanted).jobs
    capture = cv2.VideoCapture(str(video))
    assert sum(1 for _ in iter(lambda: capture.read()[0], False)) == job.scene.frames


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "smic"}, "a layout is casme2 or samm_lv, not smic"),
        ({"subjects": 23}, "1 to 22 subjects here, not 23"),
        ({"videos_per_subject": 10}, "1 to 9 videos of a subject here, not 10"),
        ({"seconds": 0.0}, "lasts a frame or more"),
        ({"size": (97, 96)}, "even width and height"),
        ({"media": "film"}, "media are images or video, not film"),
        ({"faces": ()}, "at least one face"),
        ({"faces": (Path("nobody.jpg"),)}, r"nobody\.jpg: there is no such file"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings("casme2", **changes)


def test_a_dataset_without_any_expression_is_refused_before_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no expression fell into 1 videos"):
        simulate_layout(tmp_path / "made", settings("casme2", subjects=1, videos_per_subject=1, seconds=0.1))
    assert not (tmp_path / "made").exists()


def test_nothing_that_was_not_simulated_is_written_into(tmp_path: Path) -> None:
    (tmp_path / "own.txt").touch()
    with pytest.raises(ConfigError, match="holds something that was not simulated"):
        simulate_layout(tmp_path, settings("casme2"))
    (tmp_path / "own.txt").unlink()
    (tmp_path / MARK).write_text("{}")
    with pytest.raises(ConfigError, match="holds a simulated dataset of other settings"):
        simulate_layout(tmp_path, settings("casme2"))
