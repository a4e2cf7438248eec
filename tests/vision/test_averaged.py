"""Frames of a fast camera averaged into the sampled ones."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.config import Config, DecodeConfig
from mespot.core.errors import VideoError
from mespot.vision import averaged as module
from mespot.vision.averaged import OTHER_SCENE, AveragedPicture, averaged, mean_picture
from mespot.vision.container import Shown
from mespot.vision.decode import VideoReader
from mespot.vision.pictures import Image
from mespot.vision.sampling import sample_frames
from synthetic import write_frames

UNIT_S = 1 / 12000


class Flat:
    """A picture of one luma."""

    def __init__(self, luma: float) -> None:
        self._luma = np.full((16, 24), luma, np.uint8)

    @property
    def nbytes(self) -> int:
        return self._luma.nbytes

    def load(self) -> None:
        pass

    def rgb(self) -> Image:
        return np.repeat(self._luma[:, :, None], 3, axis=2)

    def grey(self) -> Image:
        return self._luma.copy()


def shown(lumas: Sequence[float], fps: float) -> list[Shown]:
    return [Shown(round(number / fps / UNIT_S), Flat(luma)) for number, luma in enumerate(lumas)]


def sampled(frames: list[Shown], fps: float = 30.0) -> list[tuple[int, Shown]]:
    """Sample by the rule for a whole time line, as the decoder does frame by frame."""
    taken = set(sample_frames(np.array([frame.pts for frame in frames]) * UNIT_S, fps).tolist())
    return list(
        averaged(
            frames,
            lambda seen: ((number, frame) for number, frame in enumerate(seen) if number in taken),
            unit_s=UNIT_S,
            fps=fps,
        )
    )


def value(frame: Shown) -> int:
    (luma,) = np.unique(frame.picture.grey())
    return int(luma)


@pytest.mark.parametrize(("fps", "beside"), [(60, 1), (90, 1), (100, 1), (120, 2), (150, 2), (200, 3), (240, 4)])
def test_a_sampled_frame_is_the_mean_of_those_within_half_a_step(fps: float, beside: int) -> None:
    lumas = np.random.default_rng(0).integers(100, 108, 80).tolist()
    found = sampled(shown(lumas, fps))
    assert len(found) > 8
    for number, frame in found:
        near = min(beside, number, len(lumas) - 1 - number)
        assert abs(value(frame) - np.mean(lumas[number - near : number + near + 1])) <= 0.5


@pytest.mark.parametrize("jitter_ms", [0.0, 1.0, 2.0])
def test_a_camera_of_twice_the_rate_is_averaged_though_its_stamps_jitter(jitter_ms: float) -> None:
    """Whole ms, as in Matroska: 16, 17 and 17 between frames, and what the camera adds."""
    rng = np.random.default_rng(2)
    times_ms = np.round(np.arange(200) * 50 / 3 + rng.uniform(-jitter_ms / 2, jitter_ms / 2, 200))
    frames = [Shown(int(time * 12), Flat(luma)) for time, luma in zip(times_ms, [100.0, 104.0] * 100, strict=True)]
    found = sampled(frames)[1:-1]
    assert len(found) > 90
    assert all(isinstance(frame.picture, AveragedPicture) for _, frame in found)


@pytest.mark.parametrize("fps", [15, 24, 25, 29.97, 30, 50])
def test_a_source_with_no_frame_within_half_a_step_passes_as_it_is(fps: float) -> None:
    frames = shown([100.0] * 40, fps)
    for number, frame in sampled(frames):
        assert frame is frames[number]


@given(st.lists(st.integers(20, 800), min_size=2, max_size=150), st.integers(20, 200))
def test_numbers_times_and_colours_stay_whatever_the_steps(steps: list[int], luma: int) -> None:
    stamps = np.cumsum([0, *steps])
    frames = [Shown(int(pts), Flat((luma + number) % 256)) for number, pts in enumerate(stamps)]
    found = sampled(frames)
    assert [number for number, _ in found] == sample_frames(stamps * UNIT_S, 30.0).tolist()
    for number, frame in found:
        assert frame.pts == frames[number].pts
        np.testing.assert_array_equal(frame.picture.rgb(), frames[number].picture.rgb())


def test_what_changes_evenly_is_seen_as_it_was_at_the_sampled_time() -> None:
    for number, frame in sampled(shown([20.0 + number for number in range(200)], 200)):
        assert value(frame) == 20 + number


@pytest.mark.parametrize("missing", range(40, 60))
def test_a_dropped_frame_moves_a_mean_by_less_than_half_a_frame(missing: int) -> None:
    frames = shown([20.0 + 2 * number for number in range(100)], 200)
    del frames[missing]
    for _, frame in sampled(frames):
        assert abs(value(frame) - (20 + 2 * frame.pts * UNIT_S * 200)) <= 1


@pytest.mark.parametrize("cut", range(14, 22))
@pytest.mark.parametrize("slope", [0, 1])
def test_a_mean_mixes_no_two_scenes_and_is_not_late_before_a_cut(cut: int, slope: int) -> None:
    lumas = [60.0 + slope * number + (number >= cut) * 2 * 255 * OTHER_SCENE for number in range(40)]
    for number, frame in sampled(shown(lumas, 200)):
        assert value(frame) == int(lumas[number])


@pytest.mark.parametrize("sigma", [10, 30])
def test_noise_is_no_other_scene(sigma: int) -> None:
    rng = np.random.default_rng(3)

    def noisy() -> Flat:
        picture = Flat(0)
        picture._luma = np.clip(rng.normal(128, sigma, (480, 640)), 0, 255).astype(np.uint8)
        return picture

    mean = mean_picture(noisy(), [(noisy(), noisy()), (noisy(), noisy())])
    assert mean.grey().std() == pytest.approx(sigma / np.sqrt(5), rel=0.05)


def test_a_picture_that_cannot_be_read_is_left_out_with_its_partner() -> None:
    class Damaged(Flat):
        def grey(self) -> Image:
            raise VideoError("x.png: cannot be read as an image")

    mean = mean_picture(Flat(100), [(Damaged(0), Flat(110)), (Flat(103), Flat(103))])
    assert mean.grey().max() == 102
    alone = Flat(100)
    assert mean_picture(alone, [(Flat(110), Damaged(0))]) is alone


def test_large_pictures_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = shown([100.0, 104.0] * 40, 200)
    for pixels, means in ((16 * 24, True), (16 * 24 - 1, False)):
        monkeypatch.setattr(module, "MOST_PIXELS", pixels)
        assert all(isinstance(frame.picture, AveragedPicture) is means for _, frame in sampled(frames)[1:-1])


def test_few_frames_are_held_of_any_source() -> None:
    alive: weakref.WeakSet[Flat] = weakref.WeakSet()
    most = 0

    def frames() -> Iterator[Shown]:
        nonlocal most
        for number in range(3000):
            picture = Flat(100.0)
            alive.add(picture)
            most = max(most, len(alive))
            yield Shown(number, picture)

    def every_400th(seen: Iterator[Shown]) -> Iterator[tuple[int, Shown]]:
        return ((number, frame) for number, frame in enumerate(seen) if number % 400 == 0)

    for _ in averaged(frames(), every_400th, unit_s=UNIT_S, fps=30):
        pass
    assert most < 30  # of 400 between two sampled ones


def test_a_mean_is_rounded_and_its_memory_counted() -> None:
    mean = mean_picture(Flat(100), [(Flat(101), Flat(101))])
    assert isinstance(mean, AveragedPicture)
    assert mean.grey().max() == 101
    assert mean.nbytes == 2 * Flat(0).nbytes
    mean.grey()[:] = 0
    assert mean.grey().max() == 101, "every call gives a picture of its own"


def noisy_frames(count: int) -> list[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    return [np.clip(rng.normal(120, 8, (48, 64)), 0, 255).astype(np.uint8) for _ in range(count)]


@pytest.fixture
def fast_file(tmp_path: Path) -> Path:
    """Noise at 25 frames a second, lossless: fast for a sampling of 5."""
    frames = [av.VideoFrame.from_ndarray(frame, format="gray") for frame in noisy_frames(40)]
    return write_frames(tmp_path / "noise.mkv", frames, "ffv1")


@pytest.fixture
def fast_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, frame in enumerate(noisy_frames(40)):
        assert cv2.imwrite(str(folder / f"{number:03}.png"), frame)
    return folder


def luma_noise(reader: VideoReader, average: str) -> list[float]:
    config = DecodeConfig(sampling_fps=5, average=average)
    return [float(chunk.grey(row).std()) for chunk in reader.chunks_ahead(config) for row in range(len(chunk))]


@pytest.mark.parametrize(("average", "of_files", "of_images"), [("never", 1, 1), ("files", 5, 1), ("always", 5, 5)])
def test_the_setting_says_of_what_frames_are_averaged(
    fast_file: Path, fast_folder: Path, average: str, of_files: int, of_images: int
) -> None:
    readers = VideoReader(fast_file), VideoReader(fast_folder, images_fps=25.0)
    for reader, frames in zip(readers, (of_files, of_images), strict=True):
        for noise in luma_noise(reader, average)[1:-1]:  # before the first frame and after the last there is none
            assert noise == pytest.approx(8 / np.sqrt(frames), rel=0.08)


def test_a_reader_that_kept_its_frames_does_not_pass_them_for_others(fast_file: Path) -> None:
    reader = VideoReader(fast_file)
    noises = [luma_noise(reader, average)[1] for average in ("never", "files", "never")]
    assert noises[0] == noises[2] > 1.5 * noises[1]


def test_frames_and_times_are_those_without_a_mean(fast_file: Path) -> None:
    reader = VideoReader(fast_file)
    (plain,), (mean,) = (
        list(reader.chunks(sampling_fps=5, chunk_frames=64, average=average)) for average in (False, True)
    )
    for name in ("frames", "pts", "times_s", "images"):
        np.testing.assert_array_equal(getattr(mean, name), getattr(plain, name))


@pytest.mark.parametrize("average", [False, True])
def test_a_rate_that_is_not_positive_is_refused(fast_file: Path, average: bool) -> None:
    with pytest.raises(ValueError, match="a sampling rate is positive"):
        next(VideoReader(fast_file).chunks(sampling_fps=0, chunk_frames=1, average=average))


def test_streams_of_means_are_others_than_those_without() -> None:
    assert len({Config().override([f"decode.average={how}"]).streams_digest() for how in ("never", "files")}) == 2
