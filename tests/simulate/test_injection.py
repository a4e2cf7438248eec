import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mespot.core.errors import ConfigError
from mespot.data.table import load_table
from mespot.simulate import injection
from mespot.simulate.actions import Action
from mespot.simulate.carrier import Carrier, inject
from mespot.simulate.injection import inject_corpus
from mespot.simulate.scene import Cast, Event
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter
from mespot.vision.pictures import Image


@pytest.fixture(scope="module")
def clip(smile_then_talk_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of talking."""
    path = tmp_path_factory.mktemp("clips") / "ann.mp4"
    (chunk,) = VideoReader(smile_then_talk_clip).chunks(sampling_fps=None, chunk_frames=400)
    with VideoWriter(path, width_px=320, height_px=240, fps=25) as video:
        for row in range(200, 238):
            video.write(chunk.rgb(row))
    return path


PARTS = ("untouched", "01", "02")


def make(out: Path, clip: Path, workers: int = 1, seed: int = 1, vary: float = 0.0) -> Path:
    return inject_corpus(out, clips=[clip], seed=seed, copies=2, per_minute=40, vary=vary, repeat=2, workers=workers)


def digests(out: Path) -> dict[str, str]:
    paths = [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def corpus(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus")
    assert make(out, clip) == out / "annotations.csv"
    return out


def test_every_clip_is_there_untouched_and_with_expressions(corpus: Path) -> None:
    names = [f"videos/ann_{part}.mp4" for part in PARTS]
    videos = load_table(corpus / "annotations.csv", unit="frames", videos_root=corpus, first_frame=0)
    assert [video.path.relative_to(corpus).as_posix() for video in videos] == names
    assert {video.subject for video in videos} == {"ann"}
    untouched, *injected = videos
    assert not untouched.expressions
    assert all(video.expressions for video in injected)
    for name in names:
        info = VideoReader(corpus / name).info
        assert len(info) == 2 * 37 + 1
        assert info.frame_duration_s == pytest.approx(1 / 25)


def test_the_manifest_agrees_with_the_table(corpus: Path) -> None:
    manifest = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))
    with (corpus / "annotations.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"]]
    told = [(video["video"], str(one["onset"])) for video in manifest["videos"] for one in video["expressions"]]
    assert told == [(row["video"], row["onset"]) for row in rows]
    assert all(0 <= int(row["onset"]) < int(row["apex"]) <= int(row["offset"]) < 74 for row in rows)
    assert [video["copy"] for video in manifest["videos"]] == [0, 1, 2]
    assert {video["carrier"] for video in manifest["videos"]} == {"ann.mp4"}


def test_workers_and_an_interruption_change_no_byte(corpus: Path, clip: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path, dirs_exist_ok=True)
    kept = (tmp_path / "videos" / "ann_untouched.mp4").stat().st_mtime_ns
    for name in ("ann_01", "ann_02"):
        (tmp_path / "videos" / f"{name}.json").unlink()
    make(tmp_path, clip, workers=2)
    assert (tmp_path / "videos" / "ann_untouched.mp4").stat().st_mtime_ns == kept
    assert digests(tmp_path) == digests(corpus)


def test_another_seed_leaves_the_untouched_pictures_alone(corpus: Path, clip: Path, tmp_path: Path) -> None:
    make(tmp_path, clip, seed=2)
    mine, theirs = digests(tmp_path), digests(corpus)
    same = {name for name in mine if mine[name] == theirs[name]}
    assert same == {"videos/ann_untouched.mp4"}


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"clips": []}, "at least one clip"),
        ({"clips": [Path("none.mp4")]}, r"none\.mp4: there is no such file"),
        ({"copies": 0}, "at least 1"),
        ({"repeat": 0}, "at least 1"),
        ({"split": "dev"}, "all, train or test"),
    ],
)
def test_senseless_requests_are_refused(clip: Path, tmp_path: Path, changes: dict[str, object], fact: str) -> None:
    arguments: dict[str, object] = {"clips": [clip], "seed": 0, **changes}
    with pytest.raises(ConfigError, match=fact):
        inject_corpus(tmp_path, **arguments)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_two_clips_of_one_name_and_a_clip_that_another_corpus_has_are_refused(
    corpus: Path, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "clips").mkdir()
    twin = Path(shutil.copy(clip, tmp_path / "clips" / "ann.mp4"))
    with pytest.raises(ConfigError, match="the name is the subject"):
        inject_corpus(tmp_path / "out", clips=[clip, twin], seed=0)
    renamed = twin.rename(twin.with_name("bob.mp4"))
    with pytest.raises(ConfigError, match="the face or clip bob is in the new corpus too"):
        inject_corpus(tmp_path / "out", clips=[renamed], seed=0, apart_from=[corpus / "manifest.json"])
    assert not (tmp_path / "out").exists()


def test_every_copy_of_a_clip_moves_otherwise_where_that_is_asked_for(
    corpus: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people: list[Mapping[int, Action]] = []

    def follow(carrier: Carrier, events: tuple[Event, ...], actions: Mapping[int, Action]) -> Iterator[Image]:
        people.append(actions)
        return inject(carrier, events, actions)

    monkeypatch.setattr(injection, "inject", follow)
    make(tmp_path, clip, vary=1.0)
    assert len({str(actions[12]) for actions in people}) == 3
    mine, theirs = digests(tmp_path), digests(corpus)
    assert [mine[f"videos/ann_{part}.mp4"] == theirs[f"videos/ann_{part}.mp4"] for part in PARTS] == [
        True,
        False,
        False,
    ]
    assert (tmp_path / "annotations.csv").read_text() == (corpus / "annotations.csv").read_text()


def test_clips_show_free_combinations_where_they_are_asked_for(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    casts: list[Cast] = []

    def record(_rng: object, _carrier: object, cast: Cast, _per_minute: float) -> tuple[Event, ...]:
        casts.append(cast)
        return ()

    monkeypatch.setattr(injection, "draw_events", record)
    for share in (0.0, 0.7):
        inject_corpus(tmp_path / str(share), clips=[clip], seed=1, split="train", free_share=share)
    assert [(cast.split, cast.free_share) for cast in casts] == [("train", 0.0)] * 2 + [("train", 0.7)] * 2
    with pytest.raises(ConfigError, match="held-out combinations alone; leave out --free-share"):
        inject_corpus(tmp_path / "test", clips=[clip], seed=1, split="test", free_share=0.5)
