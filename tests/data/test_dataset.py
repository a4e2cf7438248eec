from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot.core.errors import AnnotationError
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.core.video import VideoInfo
from mespot.data.dataset import AnnotatedVideo, Dataset, TimedExpression

# 25 frames a second, but frame 50 and all after it come half a second late.
PTS = np.arange(100, dtype=np.int64) * 40 + np.where(np.arange(100) >= 50, 500, 0)
INFO = VideoInfo(Path("a.mp4"), PTS, Fraction(1, 1000), 640, 480)


def test_seconds_become_frames_by_the_time_stamps() -> None:
    video = AnnotatedVideo(Path("a.mp4"), "s1", timed=(TimedExpression(1.0, 3.0, Kind.MAE, apex_s=2.5),))
    (found,) = video.resolve(INFO)
    assert (found.interval.onset, found.apex, found.interval.offset) == (25, 50, 62)


def test_expressions_come_in_order_of_onset() -> None:
    later = Expression(Interval(60, 70), Kind.ME)
    video = AnnotatedVideo(Path("a.mp4"), "s1", (later,), (TimedExpression(0.4, 1.0, Kind.MAE),))
    assert video.resolve(INFO) == (Expression(Interval(10, 26), Kind.MAE), later)


@pytest.mark.parametrize(
    "video",
    [
        AnnotatedVideo(Path("a.mp4"), "s1", (Expression(Interval(90, 101), Kind.ME),)),
        AnnotatedVideo(Path("a.mp4"), "s1", timed=(TimedExpression(4.0, 5.0, Kind.ME),)),
    ],
)
def test_an_expression_after_the_end_is_an_error(video: AnnotatedVideo) -> None:
    with pytest.raises(AnnotationError, match=r"a\.mp4: an annotated offset .* lies after"):
        video.resolve(INFO)


def test_the_last_frame_may_be_an_offset() -> None:
    assert AnnotatedVideo(Path("a.mp4"), "s1", (Expression(Interval(90, 100), Kind.ME),)).resolve(INFO)


@pytest.mark.parametrize(("onset_s", "offset_s", "apex_s"), [(2.0, 1.0, None), (-1.0, 1.0, None), (1.0, 2.0, 2.5)])
def test_times_out_of_order_are_refused(onset_s: float, offset_s: float, apex_s: float | None) -> None:
    with pytest.raises(ValueError, match=r"onset|apex"):
        TimedExpression(onset_s, offset_s, Kind.ME, apex_s)


def test_a_video_is_in_a_dataset_once() -> None:
    video = AnnotatedVideo(Path("a.mp4"), "s1")
    with pytest.raises(AnnotationError, match=r"a\.mp4: is listed twice"):
        Dataset((video, video))
