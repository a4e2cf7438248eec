"""Simulated datasets in the layout of real ones: what the loaders read is what was planned, quirks and all."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cv2
import pytest

from mespot.core.errors import ConfigError
from mespot.core.expression import Kind
from mespot.core.offsets import complete_offset
from mespot.data.loaders import load_recordings
from mespot.simulate.layout_plan import LAYOUTS, LayoutName, LayoutPlan, LayoutSettings, plan_layout
from mespot.simulate.layouts import MARK, simulate_layout
from mespot.simulate.media import MediaJob, make_media

FACE = Path(str(files("mespot.assets"))) / "faces" / "grace_hopper.jpg"
CODES = {
    "offset-zero": "offset-missing",
    "offset-before-apex": "offset-missing",
    "apex-zero": "apex-missing",
    "apex-minus-one": "apex-missing",
    "name-twice": "name-twice",
}
"""What the loaders call a quirk that was planted."""


def settings(name: LayoutName, **changes: object) -> LayoutSettings:
    chosen = LayoutSettings(name, (FACE,), subjects=5, videos_per_subject=3, seconds=12.0, seed=3)
    return replace(chosen, **changes)  # type: ignore[arg-type]


def without_pictures(plan: LayoutPlan) -> None:
    """Put empty pictures where those of the plan would lie."""
    for job in plan.jobs:
        job.target.mkdir(parents=True)
        for number in range(1, job.scene.frames + 1):
            (job.target / job.pattern.format(number)).touch()


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_loaders_read_what_was_planned(layout: LayoutName, tmp_path: Path) -> None:
    wanted = settings(layout)
    plan = plan_layout(tmp_path, wanted)
    without_pictures(plan)
    (tmp_path / MARK).write_text(json.dumps(plan.facts(complete=False)))
    simulate_layout(tmp_path, wanted)
    found = load_recordings(layout, tmp_path)
    assert found.simulated
    assert {one.name for one in found.recordings} == {job.name for job in plan.jobs}
    assert all(one.path is not None for one in found.recordings)
    assert {one.name: one.frames for one in found.recordings} == {job.name: job.scene.frames for job in plan.jobs}
    stated = sorted((one.name, row.stated[0], str(row.kind)) for one in found.recordings for row in one.annotations)
    assert stated == sorted((row.video, row.onset, str(row.event.kind)) for row in plan.rows)
    read = {(one.name, row.stated[0], str(row.kind)): row for one in found.recordings for row in one.annotations}
    for row in plan.rows:
        ours = read[row.video, row.onset, str(row.event.kind)]
        apex = row.apex if row.apex > 0 else None
        assert ours.onset == row.onset
        assert ours.offset == complete_offset(row.onset, apex, row.offset, "mirror")
        assert ours.apex == apex or row.quirk


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_every_quirk_that_was_planted_is_reported(layout: LayoutName, tmp_path: Path) -> None:
    wanted = settings(layout)
    plan = plan_layout(tmp_path, wanted)
    without_pictures(plan)
    (tmp_path / MARK).write_text(json.dumps(plan.facts(complete=False)))
    simulate_layout(tmp_path, wanted)
    quirks = [row.quirk for row in plan.rows if row.quirk]
    assert len(set(quirks)) == (3 if layout == "casme2" else 2)
    codes = [anomaly.code for anomaly in load_recordings(layout, tmp_path).anomalies]
    for code in set(CODES.values()):
        planted = sum(CODES[quirk] == code for quirk in quirks)
        assert codes.count(code) >= planted or code == "name-twice"
        if planted:
            assert code in codes


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
    wanted = settings("casme2", subjects=2, videos_per_subject=1, seconds=0.5, size=(96, 96), per_minute=60.0)
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
    assert len(ours) == 30
    picture = cv2.imread(str(tmp_path / "made" / next(iter(ours))))
    assert picture is not None
    assert picture.shape == (96, 96, 3)
    with (tmp_path / "made" / "truth.csv").open(encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    assert {row["subject"] for row in truth} == {"s15", "s16"}
    assert json.loads((tmp_path / "made" / MARK).read_text())["complete"] is True


def test_samm_pictures_are_grey(tmp_path: Path) -> None:
    wanted = settings("samm_lv", subjects=1, videos_per_subject=1, seconds=0.03, size=(96, 96), per_minute=60.0)
    simulate_layout(tmp_path / "made", wanted)
    pictures = sorted((tmp_path / "made").rglob("*.jpg"))
    assert [path.name for path in pictures] == [f"006_1_{k:04d}.jpg" for k in range(1, 7)]
    read = cv2.imread(str(pictures[0]), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.ndim == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "smic"}, "a layout is casme2 or samm_lv, not smic"),
        ({"subjects": 23}, "1 to 22 subjects here, not 23"),
        ({"videos_per_subject": 10}, "1 to 9 videos of a subject here, not 10"),
        ({"seconds": 0.0}, "lasts a frame or more"),
        ({"size": (97, 96)}, "even width and height"),
        ({"faces": ()}, "at least one face"),
        ({"faces": (Path("nobody.jpg"),)}, r"nobody\.jpg: there is no such file"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings("casme2", **changes)


def test_nothing_that_was_not_simulated_is_written_into(tmp_path: Path) -> None:
    (tmp_path / "own.txt").touch()
    with pytest.raises(ConfigError, match="holds something that was not simulated"):
        simulate_layout(tmp_path, settings("casme2"))
    (tmp_path / "own.txt").unlink()
    (tmp_path / MARK).write_text("{}")
    with pytest.raises(ConfigError, match="holds a simulated dataset of other settings"):
        simulate_layout(tmp_path, settings("casme2"))
