"""Detections of a tiny random network: they have no meaning, but must be those of the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mespot.accuracy.measurement import Measurer, keep_streams, kept_streams
from mespot.core.expression import Attention
from mespot.model.engine import choose_engine
from mespot.pipeline import Progress, Spotter, detect, extract_streams
from mespot.vision.encode import VideoWriter
from mespot.vision.features import encode_features
from mespot.vision.streams import Streams


def silent(_: Progress) -> None:
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("measured")


@pytest.fixture(scope="module")
def weights(tiny_weights: Callable[[int], Path]) -> Path:
    return tiny_weights(0)


@pytest.fixture(scope="module")
def measurer(weights: Path, folder: Path, smile_clip: Path) -> Measurer:
    measurer = Measurer(weights, folder)
    measurer.measure([smile_clip], on_progress=silent)
    return measurer


def test_detections_are_those_of_the_pipeline(
    measurer: Measurer, weights: Path, folder: Path, smile_clip: Path
) -> None:
    (found,) = measurer.measure([smile_clip], on_progress=silent)
    checkpoint, config = measurer.checkpoint, measurer.config
    features = encode_features(
        [extract_streams(smile_clip, config, folder / "streams")],
        choose_engine(checkpoint.network, config.backbone).begin(),
        checkpoint.network.grids()[:3],
        config.backbone,
        landmarks=Spotter(weights, device="cpu").analyse(smile_clip).features.landmarks,
    )
    wanted = detect(features, checkpoint.network, config)
    assert len(wanted) > 0
    assert [(one.interval, one.kind, one.apex, one.attention.region) for one in found.detections] == [
        (one.interval, one.kind, one.apex, one.attention.region) for one in wanted
    ]
    np.testing.assert_allclose([one.score for one in found.detections], [one.score for one in wanted], atol=1e-6)
    assert all(one.attention == Attention(one.attention.region) for one in found.detections)
    assert found.sampled_fps == pytest.approx(30, rel=0.01)
    assert found.seconds == pytest.approx(72 / 30, rel=0.02)
    assert found.frame_s == pytest.approx(1 / 30, rel=0.01)


def test_the_streams_are_those_that_training_keeps(measurer: Measurer, folder: Path, smile_clip: Path) -> None:
    made, face = kept_streams(smile_clip, measurer.config, folder / "streams")
    again = extract_streams(smile_clip, measurer.config)
    for name in Streams.__slots__:
        np.testing.assert_array_equal(getattr(made, name), getattr(again, name))
    assert face.shape == (468, 2)
    assert 0 < face.mean() < measurer.config.align.crop_px


def test_a_second_run_reads_what_is_kept(measurer: Measurer, folder: Path, smile_clip: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    steps: list[Progress] = []
    again = Measurer(None, folder)  # other weights, of which nothing is kept
    assert again.measure([], on_progress=silent) == []
    first, second = (measurer.measure([smile_clip], on_progress=steps.append) for _ in range(2))
    assert first == second
    assert steps == [Progress("measuring", 1, 1)] * 2
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == files


def test_other_weights_use_the_same_streams(
    measurer: Measurer, tiny_weights: Callable[[int], Path], folder: Path, smile_clip: Path
) -> None:
    streams = {path: path.stat().st_mtime_ns for path in (folder / "streams").iterdir()}
    (mine,) = measurer.measure([smile_clip], on_progress=silent)
    (other,) = Measurer(tiny_weights(1), folder).measure([smile_clip], on_progress=silent)
    assert {path: path.stat().st_mtime_ns for path in (folder / "streams").iterdir()} == streams
    assert [one.score for one in mine.detections] != [one.score for one in other.detections]
    assert len(list((folder / "detections").iterdir())) == 2


def test_another_engine_has_results_of_its_own(
    measurer: Measurer, folder: Path, weights: Path, smile_clip: Path
) -> None:
    (before,) = measurer.measure([smile_clip], on_progress=silent)
    kept = set((folder / "detections").rglob("*.json"))
    other = Measurer(weights, folder)
    other.engine.name = "torch of another version"
    assert other.measure([smile_clip], on_progress=silent) == [before]
    (new,) = set((folder / "detections").rglob("*.json")) - kept
    new.unlink()  # the other tests count files


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"detections": [1]}'])
def test_a_damaged_result_is_made_again(measurer: Measurer, folder: Path, smile_clip: Path, text: str) -> None:
    (before,) = measurer.measure([smile_clip], on_progress=silent)
    for file in folder.glob(f"detections/{measurer.checkpoint.digest}-*/*.json"):
        file.write_text(text, encoding="utf-8")
    assert measurer.measure([smile_clip], on_progress=silent) == [before]


def test_a_video_without_a_face_has_no_detections_and_says_why(measurer: Measurer, tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with VideoWriter(path, width_px=160, height_px=120, fps=20) as video:
        for _ in range(30):
            video.write(np.full((120, 160, 3), 128, np.uint8))
    (found,) = measurer.measure([path], on_progress=silent)
    assert found.detections == ()
    assert "no face" in found.rejected
    assert found.seconds == pytest.approx(1.5)
    assert found.frame_s == pytest.approx(0.05)
    assert keep_streams(path, measurer.config, tmp_path) == found.rejected


@pytest.mark.slow
def test_two_processes_find_the_same(
    tiny_weights: Callable[[int], Path], smile_clip: Path, smile_then_talk_clip: Path, tmp_path: Path
) -> None:
    videos = [smile_then_talk_clip, smile_clip]
    one, two = (
        Measurer(tiny_weights(0), tmp_path / str(workers), workers=workers).measure(videos, on_progress=silent)
        for workers in (1, 2)
    )
    assert one == two
    assert [found.seconds for found in one] == pytest.approx([15.0, 2.4], rel=0.05)
