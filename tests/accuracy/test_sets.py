from __future__ import annotations

from pathlib import Path

import pytest

from mespot.accuracy.sets import (
    Plan,
    held_out_clips,
    held_out_faces,
    injected_set,
    labelled_videos,
    marked_videos,
    own_marks,
    simulated_set,
)
from mespot.core.errors import AnnotationError, ConfigError
from mespot.core.expression import Kind
from mespot.data.table import load_table
from mespot.pipeline import Progress
from mespot.simulate.actions import HELD_OUT

PLAN = Plan(minutes=0.2, clip_s=6.0, per_minute=30.0, sizes=((160, 120),), rates=(25.0,), copies=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "simulated"
    simulated_set(folder, faces=held_out_faces()[:1], plan=PLAN, workers=1, on_progress=lambda _: None)
    return folder


def test_the_people_are_those_whom_no_training_saw(smile_clip: Path, smile_then_talk_clip: Path) -> None:
    assert [path.name for path in held_out_faces()] == ["grace_hopper.jpg", smile_clip.name, smile_then_talk_clip.name]
    assert [path.name for path in held_out_clips()] == [smile_clip.name, smile_then_talk_clip.name]
    media = (Path("b.mp4"), Path("a.PNG"))
    assert set(held_out_faces(media)) - set(held_out_faces()) == set(media)
    assert held_out_clips(media)[2:] == [Path("b.mp4")]
    assert all(path.is_file() for path in (*held_out_faces(), *own_marks()))


def test_videos_have_the_expressions_of_their_table_and_what_moves(corpus: Path) -> None:
    videos = labelled_videos(corpus)
    table = load_table(corpus / "annotations.csv", unit="frames", videos_root=corpus, first_frame=0)
    assert [(video.path, video.subject, video.expressions) for video in videos] == [
        (video.path, video.subject, video.expressions) for video in table
    ]
    marks = [mark for video in videos for mark in video.marks]
    assert len(videos) == 2
    assert len(marks) > 0
    assert {mark.actions for mark in marks} <= set(HELD_OUT)
    assert all(mark.intensity_px for mark in marks)
    assert any(video.distractions for video in videos)


def test_a_set_that_is_there_is_read(corpus: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in (corpus / "videos").iterdir()}
    again = simulated_set(corpus, faces=held_out_faces()[:1], plan=PLAN, workers=1, on_progress=lambda _: None)
    assert again == labelled_videos(corpus)
    assert {path: path.stat().st_mtime_ns for path in (corpus / "videos").iterdir()} == files


def test_distractors_hold_no_expression_and_the_curve_no_mae(tmp_path: Path) -> None:
    steps: list[Progress] = []
    few = {"faces": held_out_faces()[:1], "plan": PLAN, "workers": 1, "on_progress": steps.append, "minutes": 0.1}
    none = simulated_set(tmp_path / "none", per_minute=0.0, **few)  # type: ignore[arg-type]
    assert [video.marks for video in none] == [()]
    assert steps[0] == Progress("simulating none", 0, None)
    assert steps[-1] == Progress("simulating none", 1, 1)
    curve_plan = Plan(clip_s=6.0, curve_sizes=((128, 128),))
    few["plan"] = curve_plan
    shown = simulated_set(tmp_path / "curve", per_minute=30.0, curve_fps=40.0, **few)  # type: ignore[arg-type]
    kinds = {expression.kind for video in shown for expression in video.expressions}
    assert kinds == {Kind.ME}


def test_a_face_that_training_showed_is_refused(corpus: Path, tmp_path: Path) -> None:
    plan = Plan(minutes=0.1, clip_s=6.0, apart_from=(corpus / "manifest.json",))
    with pytest.raises(ConfigError, match="grace_hopper"):
        simulated_set(tmp_path, faces=held_out_faces()[:1], plan=plan, workers=1, on_progress=lambda _: None)


@pytest.mark.slow
def test_injected_clips_come_with_an_untouched_one(smile_clip: Path, tmp_path: Path) -> None:
    videos = injected_set(tmp_path, clips=[smile_clip], plan=PLAN, workers=1, on_progress=lambda _: None)
    untouched = [video for video in videos if "untouched" in video.path.name]
    assert len(untouched) == len(videos) - len(untouched) == 1
    assert untouched[0].marks == ()
    assert {mark.expression.kind for video in videos for mark in video.marks} == {Kind.ME}


def test_marked_clips_are_read_with_their_expressions() -> None:
    (table,) = own_marks()
    found = {video.path.name: [str(one.kind) for one in video.expressions] for video in marked_videos(table)}
    assert found == {"neutral_to_smile.mp4": ["MaE"], "smile_then_talk.mp4": ["MaE"]}


def test_a_table_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"none\.csv"):
        marked_videos(tmp_path / "none.csv")
