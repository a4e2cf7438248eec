import csv
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import pytest
from safetensors.numpy import load_file

from mespot.core.errors import ConfigError, FaceError
from mespot.data.dataset import AnnotatedVideo
from mespot.data.table import load_table
from mespot.simulate import corpus as module
from mespot.simulate.actions import COMBINATIONS, Action
from mespot.simulate.corpus import COLUMNS, Job, draw_job, simulate_corpus
from mespot.simulate.identity import build_neutral
from mespot.simulate.preview import preview_sheet
from mespot.vision.decode import VideoReader

ASSETS = Path(str(files("mespot.assets")))
FACES = [ASSETS / "faces" / "grace_hopper.jpg", ASSETS / "neutral_to_smile.mp4"]
CLIP_S = 4.0


def make(out: Path, workers: int = 1, seed: int = 5, vary: float = 0.0) -> Path:
    return simulate_corpus(
        out,
        faces=FACES,
        minutes=2 * CLIP_S / 60,
        seed=seed,
        workers=workers,
        size=[(160, 120)],
        fps=[30],
        clip_s=CLIP_S,
        vary=vary,
    )


def digests(out: Path) -> dict[str, str]:
    paths = [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus")
    assert make(out) == out / "annotations.csv"
    return out


def test_the_files_are_there(corpus: Path) -> None:
    names = {"annotations.csv", "manifest.json"}
    names |= {f"videos/sim_0000{i}.{suffix}" for i in range(2) for suffix in ("mp4", "json")}
    assert set(digests(corpus)) == names


def test_videos_have_the_stated_frames(corpus: Path) -> None:
    for record in json.loads((corpus / "manifest.json").read_text())["videos"]:
        video = cv2.VideoCapture(str(corpus / record["video"]))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == record["frames"] == 120
        assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (160, 120)
        video.release()


def test_the_table_agrees_with_the_manifest(corpus: Path) -> None:
    with (corpus / "annotations.csv").open(newline="") as file:
        table = csv.DictReader(file)
        rows = list(table)
        assert tuple(table.fieldnames or ()) == COLUMNS
    records = json.loads((corpus / "manifest.json").read_text())["videos"]
    assert [record["identity"] for record in records] == ["grace_hopper", "neutral_to_smile"]
    assert len(rows) == sum(len(record["expressions"]) for record in records) > 0
    for row in rows:
        assert (corpus / row["video"]).is_file()
        assert 0 <= int(row["onset"]) < int(row["apex"]) <= int(row["offset"]) < 120
        assert row["kind"] in {"ME", "MaE"}


def test_a_video_without_expressions_is_in_the_table(tmp_path: Path) -> None:
    faces = FACES[:1]
    table = simulate_corpus(
        tmp_path, faces=faces, minutes=1 / 60, seed=0, size=[(160, 120)], fps=[25], clip_s=1.0, per_minute=1.0
    )
    assert table.read_text(encoding="utf-8").splitlines()[1:] == ["videos/sim_00000.mp4,grace_hopper,,,,,,,,all"]
    (video,) = load_table(table, unit="frames", videos_root=tmp_path, first_frame=0)
    assert video == AnnotatedVideo(tmp_path / "videos" / "sim_00000.mp4", "grace_hopper")


def test_workers_and_repetition_change_no_byte(corpus: Path, tmp_path: Path) -> None:
    make(tmp_path, workers=2)
    assert digests(tmp_path) == digests(corpus)


def test_an_interrupted_run_goes_on(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path, dirs_exist_ok=True)
    kept = (tmp_path / "videos" / "sim_00000.mp4").stat().st_mtime_ns
    (tmp_path / "videos" / "sim_00001.json").unlink()
    (tmp_path / "videos" / "sim_00001.mp4").write_bytes(b"half a file")
    make(tmp_path)
    assert (tmp_path / "videos" / "sim_00000.mp4").stat().st_mtime_ns == kept
    assert digests(tmp_path) == digests(corpus)


def test_another_seed_makes_other_videos_in_the_same_folder(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path, dirs_exist_ok=True)
    make(tmp_path, seed=6)
    mine, theirs = digests(tmp_path), digests(corpus)
    assert mine.keys() == theirs.keys()
    assert all(mine[name] != theirs[name] for name in mine)


def job_of(free_share: float = 0.0, vary: float = 0.0) -> Job:
    out, sizes, rates = Path("corpus"), ((160, 120),), (30.0,)
    choice = ("train", 9.0, 0.55, free_share, vary)
    return Job(out, "sim_00000", FACES[0], 5, *choice, 0, sizes, rates, CLIP_S, exact=False)


def test_videos_that_were_made_before_there_were_free_combinations_or_variation_stay_finished() -> None:
    assert job_of(0.0).key() == "7756ce0493bab145"  # as bb7ea46 gives it; a new VERSION gives another
    assert len({job_of(*choice).key() for choice in ((0.0, 0.0), (0.3, 0.0), (0.0, 0.3))}) == 3


def test_people_who_move_otherwise_show_the_same_expressions_in_other_pictures(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people: list[Mapping[int, Action]] = []

    def build(still: Any, variation: Any, size: Any, actions: Mapping[int, Action]) -> Any:
        people.append(actions)
        return build_neutral(still, variation, size, actions)

    monkeypatch.setattr(module, "build_neutral", build)
    make(tmp_path, vary=1.0)
    assert len({str(actions[12]) for actions in people}) == 2
    plain, varied = ((json.loads((out / "manifest.json").read_text())["videos"]) for out in (corpus, tmp_path))
    assert [one["expressions"] for one in varied] == [one["expressions"] for one in plain]
    assert [one.get("vary") for one in (*plain, *varied)] == [None] * len(plain) + [1.0] * len(varied)
    mine, theirs = digests(tmp_path), digests(corpus)
    assert all(mine[name] != theirs[name] for name in mine if name.endswith(".mp4"))


def test_a_video_shows_free_combinations_where_they_are_asked_for() -> None:
    for share in (0.0, 1.0):
        scene, _ = draw_job(replace(job_of(share), clip_s=60.0))
        assert len(scene.events) > 3
        assert [event.combination in COMBINATIONS for event in scene.events] == [not share] * len(scene.events)


def test_what_an_interrupted_remake_leaves_describes_no_other_video(tmp_path: Path) -> None:
    faces = [tmp_path / "ann.jpg", tmp_path / "bob.jpg"]
    portrait = FACES[0].read_bytes()
    for path in faces:
        path.write_bytes(portrait)
    out = tmp_path / "out"

    def remake(seed: int) -> None:
        simulate_corpus(out, faces=faces, minutes=0.8 / 60, seed=seed, size=[(160, 120)], fps=[25], clip_s=0.4)

    remake(5)
    first = digests(out)
    faces[1].write_bytes(b"no picture")
    with pytest.raises(FaceError, match=r"bob\.jpg: cannot be read"):
        remake(6)
    assert {path.name for path in out.rglob("*") if path.is_file()} == {
        "sim_00000.mp4",
        "sim_00000.json",
        "sim_00001.mp4",
    }
    faces[1].write_bytes(portrait)
    remake(5)
    assert digests(out) == first


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"faces": []}, "at least one face"),
        ({"faces": [Path("nowhere.png")]}, "nowhere.png: there is no such file"),
        ({"minutes": 0.0}, "must be positive"),
        ({"size": [(161, 120)]}, "even width and height"),
        ({"fps": [0.0]}, "at least 5 frames"),
        ({"fps": [30.0, float("nan")]}, "at least 5 frames"),
        ({"minutes": float("inf")}, "positive and finite"),
        ({"split": "validation"}, "is all, train or test"),
        ({"per_minute": -1.0}, "0 to 60 expressions"),
        ({"me_share": 1.5}, "share of ME"),
        ({"free_share": 1.5}, "share of free combinations lies in 0 to 1, not at 1.5"),
        ({"vary": -0.1}, "vary by 0 to 1 from person to person, not by -0.1"),
        ({"vary": 0.5, "split": "test"}, "move as the simulator's table says; leave out --vary"),
        ({"free_share": 0.5, "split": "test"}, "held-out combinations alone; leave out --free-share"),
        ({"apart_from": [Path("none.json")]}, "none.json: is no manifest"),
    ],
)
def test_senseless_requests_are_refused(tmp_path: Path, changes: dict[str, object], fact: str) -> None:
    arguments: dict[str, object] = {"faces": FACES, "minutes": 0.1, "seed": 0, **changes}
    with pytest.raises(ConfigError, match=fact):
        simulate_corpus(tmp_path, **arguments)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_a_video_says_who_and_what_it_shows(corpus: Path) -> None:
    manifest = json.loads((corpus / "manifest.json").read_text())
    assert manifest["split"] == "all"
    for record in manifest["videos"]:
        assert record["split"] == "all"
        assert record["combinations"] == sorted({one["actions"] for one in record["expressions"]})
    with (corpus / "annotations.csv").open(newline="") as file:
        assert {row["split"] for row in csv.DictReader(file)} == {"all"}


def test_the_exact_motion_lies_beside_the_video_and_changes_it_not(tmp_path: Path) -> None:
    def once(out: Path, exact: bool) -> dict[str, str]:
        simulate_corpus(
            out, faces=FACES[:1], minutes=0.4 / 60, seed=3, size=[(160, 120)], fps=[25], clip_s=0.4, exact=exact
        )
        return digests(out)

    plain, exact, again = (once(tmp_path / name, name != "plain") for name in ("plain", "exact", "again"))
    assert exact == again
    assert exact["videos/sim_00000.mp4"] == plain["videos/sim_00000.mp4"]
    assert exact.keys() - plain.keys() == {"videos/sim_00000.safetensors"}
    assert once(tmp_path / "again", False) == plain
    motion = load_file(tmp_path / "exact" / "videos" / "sim_00000.safetensors")
    assert motion["displacement"].shape == (10, 2, 15, 20)
    assert motion["landmarks"].shape == (10, 468, 2)


@pytest.mark.parametrize(("size", "fps"), [((426, 240), 200.0), ((1920, 1080), 25.0)])
def test_small_and_large_pictures_and_high_rates_are_made(tmp_path: Path, size: tuple[int, int], fps: float) -> None:
    clip_s = 4 / fps
    simulate_corpus(tmp_path, faces=FACES[:1], minutes=clip_s / 60, seed=0, size=[size], fps=[fps], clip_s=clip_s)
    info = VideoReader(tmp_path / "videos" / "sim_00000.mp4").info
    assert (info.width_px, info.height_px) == size
    assert len(info) == 4
    assert info.frame_duration_s == pytest.approx(1 / fps, rel=1e-3)


def test_the_preview_shows_every_action(tmp_path: Path) -> None:
    sheet = cv2.imread(str(preview_sheet([FACES[0]], tmp_path / "sheet.png")))
    assert sheet is not None
    assert sheet.shape[1] % 7 == 0
    tile = sheet.shape[1] // 7
    shown = 1 + len(COMBINATIONS) + 5  # at rest, one-sided, speaking, two stages of a blink, looking aside
    assert sheet.shape[0] == -(-shown // 7) * tile
    last = sheet[-tile:, (shown - 1) % 7 * tile :]
    assert last[:, :tile].std() > 10
    assert (last[:, tile:] == 255).all()
    neutral = sheet[30:tile, :tile].astype(int)
    smile = sheet[30:tile, 2 * tile : 3 * tile].astype(int)
    assert abs(neutral - smile).mean() > 1
