from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace

import mespot.assets
from mespot.vision.decode import VideoReader
from mespot.vision.pictures import FramePicture, FrameShape, Image
from synthetic import picture, turn_display, write_frames, write_video

SMILE = Path(mespot.assets.__file__).parent / "neutral_to_smile.mp4"
LUMA = {"ITU601": (0.299, 0.587, 0.114), "ITU709": (0.2126, 0.7152, 0.0722)}
COLOUR_SPACE = {"ITU601": 6, "ITU709": 1}
LIMITED, FULL = 1, 2
UPRIGHT = FrameShape((64, 48), 0)


def noise(seed: int = 0, *, width: int = 64, height: int = 48) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def coded(image: Image, pixels: str, *, matrix: str = "ITU601", color_range: int = LIMITED) -> av.VideoFrame:
    """Return a picture as a decoder would give it in a pixel format."""
    rgb = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame = rgb.reformat(format=pixels, dst_colorspace=matrix, dst_color_range=color_range)
    frame.colorspace, frame.color_range = COLOUR_SPACE[matrix], color_range
    return frame


def luma_frame(luma: Image, pixels: str = "yuv420p", *, color_range: int = LIMITED) -> av.VideoFrame:
    height, width = luma.shape
    frame = av.VideoFrame(width, height, pixels)
    frame.color_range = color_range
    plane = frame.planes[0]
    np.ndarray(luma.shape, np.uint8, buffer=memoryview(plane), strides=(plane.line_size, 1))[:] = luma
    return frame


@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", ["ITU601", "ITU709"])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "yuv444p12le", "yuva420p"])
def test_grey_is_the_luma_of_the_videos_own_matrix(pixels: str, matrix: str, color_range: int) -> None:
    image = noise()
    grey = FramePicture(coded(image, pixels, matrix=matrix, color_range=color_range), UPRIGHT).grey()
    assert grey.shape == (48, 64)
    assert grey.dtype == np.uint8
    assert np.abs(grey - image @ np.array(LUMA[matrix])).max() < 1.5


@pytest.mark.parametrize("pixels", ["bgr0", "gbrp", "rgb24", "rgb48le"])
def test_grey_of_rgb_is_luma_of_bt601(pixels: str) -> None:
    image = noise()
    grey = FramePicture(coded(image, pixels, color_range=FULL), UPRIGHT).grey()
    assert np.abs(grey - image @ np.array(LUMA["ITU601"])).max() < 1.5


@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
def test_grey_of_grey_is_itself(pixels: str) -> None:
    image = np.repeat(noise()[:, :, :1], 3, axis=2)
    grey = FramePicture(coded(image, pixels, color_range=FULL), UPRIGHT).grey()
    assert np.abs(grey.astype(int) - image[:, :, 0]).max() <= 1


@pytest.mark.parametrize("width", [256, 250, 66, 31])
def test_limited_range_is_expanded_exactly(width: int) -> None:
    luma = np.arange(256 * 5, dtype=np.int64).astype(np.uint8)[: 256 * 5 // width * width].reshape(-1, width)
    shown = FramePicture(luma_frame(luma), FrameShape((width, len(luma)), 0)).grey()
    exact = np.clip((luma.astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(shown - exact).max() <= 0.5
    assert np.array_equal(shown, np.round(exact))


def test_full_range_is_kept_and_the_decoders_frame_is_not_shared() -> None:
    luma = noise()[:, :, 0]
    for frame in (luma_frame(luma, color_range=FULL), luma_frame(luma, "yuvj420p", color_range=0)):
        shown = FramePicture(frame, UPRIGHT).grey()
        assert np.array_equal(shown, luma)
        shown[:] = 0
        assert np.array_equal(FramePicture(frame, UPRIGHT).grey(), luma)


@pytest.mark.parametrize(("pixels", "method"), [("rgb24", "rgb"), ("gray", "grey")])
def test_a_frame_that_needs_no_conversion_is_not_shared_either(pixels: str, method: str) -> None:
    shown = FramePicture(coded(noise(), pixels, color_range=FULL), UPRIGHT)
    before = getattr(shown, method)().copy()
    getattr(shown, method)()[:] = 0
    assert np.array_equal(getattr(shown, method)(), before)


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_grey_and_colour_are_turned_alike(clockwise: int) -> None:
    frame = coded(noise(), "yuv420p")
    turned = FramePicture(frame, FrameShape((64, 48), clockwise))
    straight = FramePicture(frame, UPRIGHT)
    assert turned.shape.size_px == turned.rgb().shape[1::-1]
    assert np.array_equal(turned.rgb(), np.rot90(straight.rgb(), -clockwise // 90))
    assert np.array_equal(turned.grey(), np.rot90(straight.grey(), -clockwise // 90))


def test_colour_is_that_of_one_plain_conversion() -> None:
    for pixels in ("yuv420p", "yuv422p", "yuv420p10le", "bgr0"):
        for matrix in LUMA:
            frame = coded(noise(), pixels, matrix=matrix)
            plain = frame.to_ndarray(format="rgb24", src_colorspace=matrix, dst_colorspace=Colorspace.DEFAULT)
            assert np.abs(FramePicture(frame, UPRIGHT).rgb().astype(int) - plain).max() <= 1


@pytest.mark.parametrize("aspect", [Fraction(2), Fraction(1, 2)])
@pytest.mark.parametrize("clockwise", [0, 90])
def test_grey_has_the_size_of_colour_where_pixels_are_not_square(
    tmp_path: Path, aspect: Fraction, clockwise: int
) -> None:
    frames = [coded(picture(i), "yuv420p") for i in range(3)]
    path = turn_display(write_frames(tmp_path / "a.mp4", frames, "libx264", aspect=aspect), clockwise)
    (chunk,) = VideoReader(path).chunks(sampling_fps=None, chunk_frames=9)
    colour, grey = chunk.rgb(1), chunk.grey(1)
    assert colour.shape[:2] == grey.shape
    assert sorted(grey.shape) == sorted({2: (48, 128), Fraction(1, 2): (96, 64)}[aspect])
    inside = np.abs(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY).astype(int) - grey)
    assert np.median(inside) <= 2


def test_grey_is_close_to_that_of_the_colours_on_a_real_clip() -> None:
    (chunk,) = VideoReader(SMILE).chunks(sampling_fps=3, chunk_frames=64)
    for row in range(len(chunk)):
        other = cv2.cvtColor(chunk.rgb(row), cv2.COLOR_RGB2GRAY)
        assert np.abs(chunk.grey(row).astype(int) - other).mean() < 2


@pytest.mark.parametrize(("codec", "pixels", "name"), [("gif", "rgb8", "a.gif"), ("qtrle", "rgb24", "a.mov")])
def test_frames_that_are_held_do_not_change_while_others_are_decoded(
    tmp_path: Path, codec: str, pixels: str, name: str
) -> None:
    """These decoders draw each picture over the one before."""
    frames = [coded(picture(i, width=96), pixels, color_range=FULL) for i in range(8)]
    path = write_frames(tmp_path / name, frames, codec)
    (held,) = VideoReader(path).chunks(sampling_fps=None, chunk_frames=8)
    at_once = [chunk.rgb(0) for chunk in VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)]
    assert np.array_equal(held.images, at_once)
    assert len(np.unique(held.images.reshape(8, -1), axis=0)) == 8


def test_threads_may_convert_at_the_same_time(tmp_path: Path) -> None:
    (chunk,) = VideoReader(write_video(tmp_path / "a.mp4", 24, width=320, height=240)).chunks(
        sampling_fps=None, chunk_frames=24
    )
    rows = [*range(24)] * 4
    with ThreadPoolExecutor(4) as pool:
        for convert in (chunk.rgb, chunk.grey):
            for row, image in zip(rows, pool.map(convert, rows), strict=True):
                assert np.array_equal(image, convert(row))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_images_of_a_folder_are_grey_by_bt601(tmp_path: Path, suffix: str) -> None:
    smooth = cv2.GaussianBlur(noise(), (0, 0), 3)
    for number in range(2):
        assert cv2.imwrite(str(tmp_path / f"{number}{suffix}"), smooth[:, :, ::-1])
    (chunk,) = VideoReader(tmp_path, images_fps=25).chunks(sampling_fps=None, chunk_frames=2)
    grey, colour = chunk.grey(1), chunk.rgb(1)
    assert np.abs(colour.astype(int) - smooth).max() <= (12 if suffix == ".jpg" else 0)
    assert np.abs(grey - colour @ np.array(LUMA["ITU601"])).max() <= (3 if suffix == ".jpg" else 1.01)
