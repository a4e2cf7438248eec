"""The whole method on real clips with the shipped weights, and what its result may not depend on.

Marks of the clips, made by eye from the frames before any model saw them, stand in ``tests/media/marks.csv``.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mespot import pipeline
from mespot.config import Config
from mespot.core.errors import CheckpointError, FaceError, VideoError
from mespot.core.expression import Detection, Expression, Kind
from mespot.core.signals import Features, Level
from mespot.core.spotting import Spotting
from mespot.data.table import load_table
from mespot.model.network import Network
from mespot.pipeline import Analysis, Spotter, extract_streams, locate, spot, stills
from mespot.vision.decode import VideoReader
from mespot.vision.encode import VideoWriter
from mespot.vision.regions import REGIONS
from mespot.vision.streams import Streams

MEDIA = Path(__file__).parent / "media"


def spotter(*assignments: str) -> Spotter:
    return Spotter(configure=lambda config: config.override(assignments))


@pytest.fixture(scope="module")
def analysis(smile_clip: Path) -> Analysis:
    return spotter().analyse(smile_clip)


def marked(clip: Path) -> Expression:
    """Return the one expression that a person marked in a clip."""
    for video in load_table(MEDIA / "marks.csv", unit="frames", videos_root=MEDIA, first_frame=0):
        if video.path.name == clip.name:
            (expression,) = video.expressions
            return expression
    raise LookupError(clip)


def best(spotting: Spotting, mark: Expression) -> Detection:
    found = [one for one in spotting.detections if one.kind is mark.kind]
    assert found, f"no {mark.kind} among {spotting.detections}"
    return max(found, key=lambda one: one.interval.iou(mark.interval))


def test_the_smile_of_the_bundled_clip_is_found(analysis: Analysis, smile_clip: Path) -> None:
    mark, info = marked(smile_clip), analysis.spotting.video
    smile = best(analysis.spotting, mark)
    assert abs(info.seconds(smile.interval.onset) - info.seconds(mark.interval.onset)) <= 0.25
    assert smile.apex in smile.interval


def test_nothing_but_the_smile_and_what_lies_in_it_is_reported(analysis: Analysis, smile_clip: Path) -> None:
    """Before the smile's onset the face rests; the blink at frames 25 to 29 lies inside the smile."""
    mark = marked(smile_clip)
    assert all(found.interval.stop > mark.interval.start for found in analysis.spotting.detections)
    assert len([found for found in analysis.spotting.detections if found.kind is Kind.MAE]) == 1


def test_the_complete_smile_before_the_talking_is_found(smile_then_talk_clip: Path) -> None:
    mark = marked(smile_then_talk_clip)
    assert best(spotter().spot(smile_then_talk_clip), mark).interval.iou(mark.interval) >= 0.5


def test_the_place_of_the_smile_is_about_the_mouth(analysis: Analysis, smile_clip: Path) -> None:
    region = best(analysis.spotting, marked(smile_clip)).attention.region
    assert any(part in region for part in ("lip", "cheek", "chin", "nose wing"))


@pytest.mark.parametrize("frames", [7, 256])
def test_the_result_does_not_depend_on_the_decoding_chunk(analysis: Analysis, smile_clip: Path, frames: int) -> None:
    again = spotter(f"decode.chunk_frames={frames}").spot(smile_clip)
    assert again.detections == analysis.spotting.detections
    assert again.curves == analysis.spotting.curves


def test_the_result_does_not_depend_on_the_backbone_chunk(smile_then_talk_clip: Path) -> None:
    """Sums in another order differ in the last bits; nothing else may."""
    one, other = (spotter(f"backbone.chunk_frames={n}").spot(smile_then_talk_clip) for n in (64, 512))
    assert [found.interval for found in one.detections] == [found.interval for found in other.detections]
    for kind in Kind:
        np.testing.assert_allclose(one.curves.score[kind], other.curves.score[kind], atol=1e-4)


def lossless_copy(clip: Path, path: Path, *, fps: int, keep: int = 1) -> Path:
    """Copy a clip frame by frame with its own time stamps under another declared rate, dropping every ``keep``-th."""
    reader = VideoReader(clip)
    with VideoWriter(path, width_px=640, height_px=360, fps=fps, codec="ffv1", time_base=Fraction(1, 1000)) as video:
        for chunk in reader.chunks(sampling_fps=None, chunk_frames=32):
            for frame, image, time_s in zip(chunk.frames, chunk.images, chunk.times_s, strict=True):
                if keep == 1 or frame % keep:
                    video.write(image, pts=round(1000 * time_s))
    return path


@pytest.mark.parametrize("keep", [1, 4])
def test_the_result_does_not_depend_on_the_declared_frame_rate(smile_clip: Path, tmp_path: Path, keep: int) -> None:
    """Neither at a constant rate, nor at a variable one, which every fourth frame left out makes."""
    slow, fast = (
        spotter().spot(lossless_copy(smile_clip, tmp_path / f"{fps}.mkv", fps=fps, keep=keep)) for fps in (12, 60)
    )
    assert slow.detections == fast.detections
    assert slow.curves == fast.curves
    assert slow.video == replace(fast.video, path=slow.video.path)
    assert (len(set(np.diff(slow.video.pts))) > 2) == (keep > 1)


def test_a_variable_rate_copy_moves_at_the_same_seconds_and_speed(smile_clip: Path, tmp_path: Path) -> None:
    """Every tenth frame is left out: the rise of the smile stays where it is, and is as fast in px per step."""

    def rise(spotting: Spotting) -> tuple[float, float]:
        times_s = spotting.video.times_s[spotting.curves.frames]
        motion = np.where(times_s < 1.5, spotting.curves.motion, 0)
        return float(times_s[motion > motion.max() / 2].mean()), float(motion.max())

    whole = rise(spotter().spot(smile_clip))
    gappy = rise(spotter().spot(lossless_copy(smile_clip, tmp_path / "vfr.mkv", fps=30, keep=10)))
    np.testing.assert_allclose(gappy[0], whole[0], atol=0.05)
    np.testing.assert_allclose(gappy[1], whole[1], rtol=0.25)


def test_two_processes_give_the_same_bytes(smile_clip: Path, tmp_path: Path) -> None:
    code = "import sys, mespot; mespot.spot(sys.argv[1]).save(sys.argv[2])"
    paths = [tmp_path / name for name in ("one.json", "two.json")]
    for path in paths:
        subprocess.run([sys.executable, "-c", code, str(smile_clip), str(path)], check=True, timeout=300)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_spotting_round_trips_through_its_file(analysis: Analysis, tmp_path: Path) -> None:
    path = tmp_path / "x.spotting.json"
    analysis.spotting.save(path)
    assert Spotting.load(path) == analysis.spotting


def test_stills_are_steady_crops_of_the_asked_frames(analysis: Analysis) -> None:
    pictures = stills(analysis, [0, 40], spotter().config)
    assert set(pictures) == {0, 40}
    assert all(picture.shape == (224, 224, 3) and picture.dtype == np.uint8 for picture in pictures.values())
    assert np.abs(pictures[0].astype(int) - pictures[40]).mean() > 1


def test_extracted_streams_come_back_from_the_cache(smile_clip: Path, tmp_path: Path) -> None:
    config = Config().override(["backbone.input_px=56", "flow.warps=1", "flow.scales=2"])
    made = extract_streams(smile_clip, config, tmp_path)
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    again = extract_streams(smile_clip, config, tmp_path)
    assert kept.stat().st_mtime_ns == before
    for name in Streams.__slots__:
        one, other = getattr(made, name), getattr(again, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_damaged_cache_file_is_made_again(smile_clip: Path, tmp_path: Path) -> None:
    config = Config().override(["backbone.input_px=56", "flow.warps=1", "flow.scales=2"])
    made = extract_streams(smile_clip, config, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    np.testing.assert_array_equal(extract_streams(smile_clip, config, tmp_path).rgb, made.rgb)


def test_other_features_than_the_weights_saw_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"flow\.lambda"):
        spotter("flow.lambda=0.2")


def test_a_clip_without_a_face_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with VideoWriter(path, width_px=160, height_px=120, fps=30) as video:
        for _ in range(40):
            video.write(np.full((120, 160, 3), 128, np.uint8))
    with pytest.raises(FaceError, match=r"grey\.mp4.*no face"):
        spot(path)


def test_a_clip_of_ten_frames_is_too_short(smile_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    images = next(VideoReader(smile_clip).chunks(sampling_fps=None, chunk_frames=10)).images
    with VideoWriter(path, width_px=640, height_px=360, fps=30) as video:
        for image in images:
            video.write(image)
    with pytest.raises(VideoError, match=r"short\.mp4: too short"):
        spot(path)


@pytest.mark.parametrize("neck", ["bifpn", "panet", "fpn", "none"])
def test_pyramid_and_head_do_not_depend_on_how_much_they_see_at_a_time(
    neck: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    small = ["backbone.width=0.125", "backbone.streams=flow", "network.channels=16", "network.hidden=16"]
    network = Network(Config().override([f"network.neck={neck}", *small])).eval()
    for layer in (network.head.classify, network.head.regress):
        nn.init.normal_(layer.weight)
    frames, rng = 20 * 512 + 100, np.random.default_rng(0)
    levels = [
        Level(
            rng.normal(size=(-(-frames // grid.stride), 16)).astype(np.float32),
            np.ones((-(-frames // grid.stride), 1, 1), np.float32),
            grid,
        )
        for grid in network.grids()[:3]
    ]
    features = Features(
        tuple(levels),
        np.arange(frames),
        np.arange(frames) / 30,
        np.ones(frames, np.bool_),
        np.zeros((frames, len(REGIONS), 2), np.float32),
        np.zeros((468, 2), np.float32),
    )
    whole = locate(features, network)
    monkeypatch.setattr(pipeline, "LOCATED_FRAMES", 512)
    for one, other in zip(locate(features, network), whole, strict=True):
        for found, wanted in zip(one, other, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
