from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import image
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mespot.core.expression import Detection, Kind
from mespot.core.interval import Interval
from mespot.core.spotting import Spotting
from mespot.export.timeline import COLOURS, draw_timeline, shown_detections, still_frames, timeline_figure
from results import FLICKER, SMILE, make_spotting


def faces(spotting: Spotting) -> dict[int, npt.NDArray[np.uint8]]:
    return {frame: np.full((32, 32, 3), 40 + frame % 200, np.uint8) for frame in still_frames(spotting)}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]]


def crowd(count: int) -> Spotting:
    detections = [
        Detection(Interval(10 * i, 10 * i + 8), list(Kind)[i % 2], 0.5 + i / 200, 10 * i + 3, SMILE.attention)
        for i in range(count)
    ]
    return make_spotting(detections, frames=10 * count)


def test_the_picture_is_a_png_of_1600_by_900(tmp_path: Path) -> None:
    spotting = make_spotting()
    path = draw_timeline(spotting, faces(spotting), tmp_path / "clip.png")
    assert image.imread(path).shape[:2] == (900, 1600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_title_names_the_file_and_counts() -> None:
    spotting = make_spotting(quality=("the file breaks off after 2.4 s",))
    title, facts, *_ = texts(timeline_figure(spotting, faces(spotting)))
    assert title == "person one.mp4: 1 macro-expression and 1 micro-expression"
    assert facts == "2.4 s · 72 frames · 640 x 360 px · the file breaks off after 2.4 s"


def test_every_interval_is_drawn_in_its_colour_from_onset_to_the_end_of_the_offset_frame() -> None:
    spotting = make_spotting()
    figure = timeline_figure(spotting, {})
    for axes in figure.axes:
        spans = [
            (round(span.get_x(), 4), round(span.get_x() + span.get_width(), 4), to_hex(span.get_facecolor()).upper())
            for span in axes.patches
            if isinstance(span, Rectangle)
        ]
        assert spans == [(0.0767, 0.41, COLOURS[Kind.ME]), (0.5433, 2.41, COLOURS[Kind.MAE])]


def test_every_apex_is_marked_at_its_time() -> None:
    motion, _ = timeline_figure(make_spotting(), {}).axes
    apexes = sorted(float(line.get_xdata()[0]) for line in motion.lines if line.get_marker() == "v")  # type: ignore[index, arg-type]
    assert apexes == pytest.approx([6 / 30 + 0.01, 22 / 30 + 0.01])


def test_the_curves_and_thresholds_are_those_of_the_result() -> None:
    spotting = make_spotting()
    _, score = timeline_figure(spotting, {}).axes
    lines = {line.get_label(): line for line in score.lines}
    for kind in Kind:
        times, values = map(np.asarray, lines[f"{kind} score"].get_data())
        np.testing.assert_array_equal(times, spotting.video.times_s[spotting.curves.frames])
        np.testing.assert_array_equal(values, spotting.curves.score[kind])
        assert lines[f"{kind} threshold"].get_ydata()[0] == 0.5  # type: ignore[index]


def test_stills_show_onset_apex_and_offset_of_the_best_four() -> None:
    spotting = crowd(7)
    shown = shown_detections(spotting)
    assert [detection.interval.onset for detection in shown] == [30, 40, 50, 60]
    assert still_frames(spotting) == [frame for onset in (30, 40, 50, 60) for frame in (onset, onset + 3, onset + 7)]
    figure = timeline_figure(spotting, faces(spotting))
    assert sum(bool(axes.images) for axes in figure.axes) == 12
    assert any("pictures of the 4 with the highest score" in text for text in texts(figure))


def test_the_heat_map_is_laid_over_the_apex_where_there_is_room() -> None:
    spotting = make_spotting([SMILE])
    *cards, _, _ = timeline_figure(spotting, faces(spotting)).axes
    assert [len(axes.images) for axes in cards] == [1, 1, 1, 2]
    np.testing.assert_array_equal(cards[3].images[0].get_array(), faces(spotting)[SMILE.apex])
    np.testing.assert_array_equal(cards[3].images[1].get_array(), np.array(SMILE.attention.heat))


def test_a_missing_still_is_said_not_made_up() -> None:
    spotting = make_spotting([FLICKER])
    pictures = faces(spotting)
    del pictures[FLICKER.apex]
    assert texts(timeline_figure(spotting, pictures)).count("no picture") == 1


def test_nothing_found_is_said(tmp_path: Path) -> None:
    spotting = make_spotting(())
    figure = timeline_figure(spotting, {})
    assert "person one.mp4: no expression found" in texts(figure)
    assert "no expression found above the thresholds" in texts(figure)
    assert draw_timeline(spotting, {}, tmp_path / "clip.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["$x^2$ _a_.mp4", "表情\t\n.mp4", "x" * 200 + ".mp4"])
def test_any_file_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    spotting = make_spotting(path=Path(name))
    draw_timeline(spotting, faces(spotting), tmp_path / "clip.png")
    figure = timeline_figure(spotting, {})
    figure.canvas.draw()
    title = figure.texts[0].get_window_extent()
    assert title.x1 < 1600


def test_one_frame_unknown_motion_and_no_thresholds_can_be_drawn(tmp_path: Path) -> None:
    first = replace(FLICKER, interval=Interval(0, 1), apex=0)
    spotting = make_spotting([first], frames=1)
    curves = replace(spotting.curves, motion=np.full(1, np.nan, np.float32))
    bare = replace(spotting, curves=curves, provenance=replace(spotting.provenance, config={}))
    assert draw_timeline(bare, faces(bare), tmp_path / "clip.png").exists()


def test_numbers_that_have_no_room_give_way_to_those_with_a_higher_score() -> None:
    spotting = crowd(60)
    motion, _ = timeline_figure(spotting, {}).axes
    labels = [text for text in motion.texts if text.get_text()]
    assert "60  MaE" in [text.get_text() for text in labels]
    figure = motion.figure
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    boxes = sorted((box.x0, box.x1) for box in (text.get_window_extent() for text in labels))
    assert 5 < len(boxes) < 60
    assert all(right <= left for (_, right), (left, _) in pairwise(boxes))


def test_drawing_leaves_no_global_state(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw_timeline(make_spotting(), {}, tmp_path / "clip.png")
    assert dict(matplotlib.rcParams) == before
