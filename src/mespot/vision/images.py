"""A folder of numbered images, read like a video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from mespot.core.errors import VideoError
from mespot.core.media import LARGEST_NUMBER, image_number, is_image
from mespot.vision.container import Shown
from mespot.vision.pictures import Image


def images_rate(folder: Path, images_fps: float | None) -> Fraction:
    """Return the images a second of a folder; a VideoError where it is missing or no rate."""
    if images_fps is None:
        raise VideoError(f"{folder}: is a folder of images; state their rate with --images-fps.")
    rate = Fraction(images_fps).limit_denominator(1001) if 0 < images_fps < float("inf") else Fraction(0)
    if rate <= 0:
        raise VideoError(f"{folder}: a rate of {images_fps} images per second is not possible; state a positive one.")
    return rate


class FilePicture:
    """An image file, decoded once, when it is loaded or first looked at.

    Parameters
    ----------
    path : Path
        The file.
    size_px : tuple of int
        Width and height that it must have.
    """

    def __init__(self, path: Path, size_px: tuple[int, int]) -> None:
        self._path, self._size_px = path, size_px
        self._image: Image | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the decoded picture, bytes."""
        return 3 * self._size_px[0] * self._size_px[1]

    def load(self) -> None:
        """Decode the file unless it is decoded.

        Raises
        ------
        VideoError
            It is damaged or has another size.
        """
        if self._image is not None:
            return
        image = _read_image(self._path)
        height, width = image.shape[:2]
        if (width, height) != self._size_px:
            first = "{} x {}".format(*self._size_px)
            raise VideoError(
                f"{self._path}: is {width} x {height} pixels, the first image {first}; give images of one size."
            )
        self._image = image

    def rgb(self) -> Image:
        """Return (H, W, 3) uint8 RGB."""
        return self._decoded().copy()

    def grey(self) -> Image:
        """Return (H, W) uint8 luma (BT.601)."""
        return np.asarray(cv2.cvtColor(self._decoded(), cv2.COLOR_RGB2GRAY), np.uint8)

    def _decoded(self) -> Image:
        self.load()
        assert self._image is not None
        return self._image


class FolderPass:
    """One pass over a folder of numbered images; the time base is the time between neighbouring numbers."""

    rotation = 0
    repaired = 0
    skipped_packets = 0
    broke_off = False

    def __init__(self, folder: Path, rate: Fraction) -> None:
        self.time_base = 1 / rate
        self._images = _numbered_images(folder)
        self.expected_frames: int | None = len(self._images)
        self.expected_s: float | None = float((self._images[-1][0] - self._images[0][0] + 1) * self.time_base)
        self.size_px = (0, 0)

    def __iter__(self) -> Iterator[Shown]:
        start = self._images[0][0]
        height, width = _read_image(self._images[0][1]).shape[:2]
        self.size_px = (width, height)
        for number, path in self._images:
            yield Shown(number - start, FilePicture(path, self.size_px))

    def close(self) -> None:
        """Nothing stays open."""


def image_files(folder: Path) -> list[Path]:
    """Return the images of a folder, sorted by name; other files and hidden ones are none."""
    return sorted(path for path in folder.iterdir() if is_image(path.name))


def image_faults(folder: Path) -> list[str]:
    """Decode every image of a folder and return a sentence for each that is damaged or of another size than the first.

    Raises
    ------
    VideoError
        The folder holds no images, or they cannot be numbered.
    """
    faults: list[str] = []
    size_px: tuple[int, int] | None = None
    for _, path in _numbered_images(folder):
        try:
            if size_px is None:
                height, width = _read_image(path).shape[:2]
                size_px = (width, height)
            else:
                FilePicture(path, size_px).load()
        except (VideoError, OSError) as error:
            faults.append(str(error))
    return faults


def _numbered_images(folder: Path) -> list[tuple[int, Path]]:
    images: dict[int, Path] = {}
    for path in image_files(folder):
        number = image_number(path.name)
        if number is None:
            raise VideoError(f"{path}: has no number in its name; remove it or number it like the other images.")
        if number > LARGEST_NUMBER:
            raise VideoError(f"{path}: has a number above {LARGEST_NUMBER}; number the images from 1.")
        if number in images:
            raise VideoError(f"{path}: has the same number as {images[number].name}; remove one of them.")
        images[number] = path
    if not images:
        raise VideoError(f"{folder}: holds no images (png, jpg, bmp, tif); give a folder of images or a video file.")
    return sorted(images.items())


def _read_image(path: Path) -> Image:
    data = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if image is None:
        raise VideoError(f"{path}: cannot be read as an image; copy it again from its source.")
    return np.asarray(image, dtype=np.uint8)
