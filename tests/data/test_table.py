from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.core.errors import AnnotationError
from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.data.dataset import AnnotatedVideo, TimedExpression
from mespot.data.table import load_table, write_table

HEADER = "video,subject,onset,apex,offset,kind\n"


def table(folder: Path, text: str, *videos: str) -> Path:
    for name in videos:
        (folder / name).touch()
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def load_error(folder: Path, text: str, *, unit: str = "frames", first_frame: int | None = 1) -> str:
    path = table(folder, text, "a.mp4")
    with pytest.raises(AnnotationError) as caught:
        load_table(path, unit=unit, videos_root=folder, first_frame=first_frame)  # type: ignore[arg-type]
    return str(caught.value)


def test_frames_from_one(tmp_path: Path) -> None:
    text = (
        "note,kind,video,subject,onset,apex,offset\nx,ME,a.mp4,s1,11,15,20\n,macro,a.mp4,s1,1,,100.0\n,,b.mp4,s2,,,\n"
    )
    path = table(tmp_path, text, "a.mp4", "b.mp4")
    found = load_table(path, unit="frames", videos_root=tmp_path, first_frame=1)
    assert found.videos == (
        AnnotatedVideo(
            tmp_path / "a.mp4",
            "s1",
            (Expression(Interval(10, 20), Kind.ME, 14), Expression(Interval(0, 100), Kind.MAE)),
        ),
        AnnotatedVideo(tmp_path / "b.mp4", "s2"),
    )


def test_seconds_stay_seconds(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + "a.mp4,s1,0.5,,0.9,me\n", "a.mp4")
    (video,) = load_table(path, unit="seconds", videos_root=tmp_path)
    assert video.timed == (TimedExpression(0.5, 0.9, Kind.ME),)
    assert video.expressions == ()


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeff" + HEADER + "a.mp4,s1,1,,5,ME\n", "a.mp4")
    assert len(load_table(path, unit="frames", videos_root=tmp_path, first_frame=0)) == 1


ROWS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 90), st.sampled_from(list(Kind)), st.booleans()), max_size=5
)


@settings(deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=3), first_frame=st.integers(0, 3))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[tuple[int, int, Kind, bool]]],
    first_frame: int,
) -> None:
    folder = tmp_path_factory.mktemp("table")
    videos = []
    for index, expressions in enumerate(rows):
        path = folder / f"video {index}, with comma.mp4"
        path.touch()
        made = (
            Expression(Interval(onset, onset + 1 + more), kind, onset + more // 2 if apex else None)
            for onset, more, kind, apex in expressions
        )
        videos.append(AnnotatedVideo(path, f"s{index}", tuple(made)))
    write_table(folder / "t.csv", videos, videos_root=folder, first_frame=first_frame)
    found = load_table(folder / "t.csv", unit="frames", videos_root=folder, first_frame=first_frame)
    assert found.videos == tuple(videos)
    assert [path.name for path in folder.glob("*.part")] == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.mp4,s1,one,,5,ME", "row 2: onset 'one' is no number"),
        ("a.mp4,s1,nan,,5,ME", "row 2: onset 'nan' is no number"),
        ("a.mp4,s1,1.5,,5,ME", "row 2: onset 1.5 is no whole frame"),
        ("a.mp4,s1,0,,5,ME", "row 2: onset 0 lies before the first frame 1"),
        ("a.mp4,s1,9,,5,ME", "row 2: offset 5 lies before onset 9"),
        ("a.mp4,s1,1,7,5,ME", "row 2: apex 7 lies outside onset 1 to offset 5"),
        ("a.mp4,s1,1,,5,tiny", "row 2: unknown kind 'tiny'; write ME or MaE"),
        ("z.mp4,s1,1,,5,ME", "row 2: video 'z.mp4' is not in"),
        (",s1,1,,5,ME", "row 2: video '' is not in"),
        ("a.mp4,,1,,5,ME", "needs one subject"),
        ("a.mp4,s1,1,,5,ME\na.mp4,s2,8,,9,ME", "needs one subject"),
        ("a.mp4,s1,1,,5,ME\n\na.mp4,s1,8", "row 4: unknown kind ''"),
        ("", "has no rows"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    error = load_error(tmp_path, HEADER + row + "\n")
    assert message in error
    assert "table.csv" in error
    assert error.endswith(".")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    error = load_error(tmp_path, "video,subject,onset,offset,kind\na.mp4,s1,1,5,ME\n")
    assert "column 'apex' is missing" in error


def test_frames_need_to_say_where_they_begin(tmp_path: Path) -> None:
    assert "from 0 or from 1" in load_error(tmp_path, HEADER + "a.mp4,s1,1,,5,ME\n", first_frame=None)


def test_negative_seconds_are_refused(tmp_path: Path) -> None:
    assert "before the video" in load_error(tmp_path, HEADER + "a.mp4,s1,-1,,5,ME\n", unit="seconds")


def test_a_file_that_is_no_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"none\.csv: cannot be read"):
        load_table(tmp_path / "none.csv", unit="seconds", videos_root=tmp_path)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(AnnotationError, match=r"binary\.csv: cannot be read"):
        load_table(tmp_path / "binary.csv", unit="seconds", videos_root=tmp_path)


def test_seconds_are_not_written_as_frames(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", "s1", timed=(TimedExpression(0.5, 0.9, Kind.ME),))
    with pytest.raises(AnnotationError, match="annotated in seconds"):
        write_table(tmp_path / "t.csv", [video], videos_root=tmp_path)
    assert list(tmp_path.iterdir()) == []
