"""Decoded pictures, kept as they were decoded and converted when somebody looks at them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from mespot.core.signals import Float32

Image = npt.NDArray[np.uint8]

LUMA_IN_PLANE_0: Final = frozenset(
    {f"yuv{kind}{chroma}p" for kind in ("", "j") for chroma in (410, 411, 420, 422, 440, 444)} | {"nv12", "nv21"}
)
"""Pixel formats of which the first plane is luma of 8 bits."""
BLACK: Final = 16
LIMITED_TO_FULL: Final = 255 / 219
"""Limited range has black at 16 and white at 235."""
_PIXELS_AVERAGED = 4
"""Of a picture that is made small, about so many pixels a side are averaged; those between them are left out."""
QUARTER_TURNS: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Picture(Protocol):
    """One shown picture, upright and with square pixels, converted at every call."""

    @property
    def nbytes(self) -> int:
        """Memory of the decoded picture, bytes."""

    def load(self) -> None:
        """Do what may be done ahead of the first look."""

    def rgb(self) -> Image:
        """Return (H, W, 3) uint8 RGB; rows may be padded."""

    def grey(self) -> Image:
        """Return (H, W) uint8 luma, 0 black and 255 white; rows may be padded."""


@dataclass(frozen=True, slots=True)
class FramePicture:
    """A frame as FFmpeg decoded it.

    Parameters
    ----------
    frame : av.VideoFrame
        Shared with the decoder, so never written to.
    shape : FrameShape
        How frames of this video are shown.
    """

    frame: av.VideoFrame
    shape: FrameShape

    @property
    def nbytes(self) -> int:
        """Memory of the frame's planes, bytes."""
        return sum(plane.buffer_size for plane in self.frame.planes)

    def load(self) -> None:
        """Do nothing: the frame is decoded."""

    def rgb(self) -> Image:
        """Return (H, W, 3) uint8 RGB; rows may be padded."""
        return self.shape.upright(self.shape.converted(self.frame, "rgb24"))

    def grey(self) -> Image:
        """Return (H, W) uint8 luma of full range, by the colour matrix of the video."""
        luma = self._luma_plane()
        return self.shape.upright(self.shape.converted(self.frame, "gray") if luma is None else luma)

    def _luma_plane(self) -> Image | None:
        """Expand the luma plane to full range in one pass; None where it is not one plane of 8 bits and this size."""
        frame = self.frame
        plane = frame.planes[0]
        if frame.format.name not in LUMA_IN_PLANE_0 or self.shape.resizes(frame) or plane.line_size < 0:
            return None
        luma: Image = np.ndarray(
            (frame.height, frame.width), np.uint8, buffer=memoryview(plane), strides=(plane.line_size, 1)
        )
        if _color_range(frame) == ColorRange.JPEG:
            return luma if self.shape.rotation else luma.copy()
        # rounds and saturates; a look-up table gives the same bytes in twice the time
        return np.asarray(cv2.addWeighted(luma, LIMITED_TO_FULL, luma, 0, -BLACK * LIMITED_TO_FULL), np.uint8)


class FrameShape:
    """How the frames of one video are shown: size, rotation and the conversions to it.

    Parameters
    ----------
    coded_px : tuple of int
        Width and height with square pixels before the rotation.
    rotation : int
        Clockwise degrees, a multiple of 90.
    """

    def __init__(self, coded_px: tuple[int, int], rotation: int) -> None:
        self._coded_px = coded_px
        self.rotation = rotation
        self._reformatters = _Reformatters()

    @cached_property
    def size_px(self) -> tuple[int, int]:
        """Width and height as shown."""
        width, height = self._coded_px
        return (height, width) if self.rotation % 180 else (width, height)

    def resizes(self, frame: av.VideoFrame) -> bool:
        """Whether a frame is shown in another size than it is coded."""
        return (frame.width, frame.height) != self._coded_px

    def converted(self, frame: av.VideoFrame, pixel_format: str) -> Image:
        """Return a frame as rgb24 or gray of full range, with square pixels, not yet upright."""
        width, height = self._coded_px
        keeps_luma = pixel_format == "gray" and not frame.format.is_rgb  # else swscale makes it that of BT.601
        picture = self._reformatters.to[pixel_format].reformat(
            frame,
            width,
            height,
            pixel_format,
            src_colorspace=Colorspace.ITU601 if keeps_luma else frame.colorspace,
            dst_colorspace=Colorspace.DEFAULT,
            src_color_range=_color_range(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BICUBIC if self.resizes(frame) else Interpolation.BILINEAR,
            threads=1,  # more of them cost more to wake than the conversion takes
        )
        image: Image = np.asarray(picture.to_ndarray(), dtype=np.uint8)
        return image.copy() if picture is frame else image  # nothing to convert: the decoder's own memory

    def upright(self, image: Image) -> Image:
        """Turn a converted frame as the video states."""
        if not self.rotation:
            return image
        return np.asarray(cv2.rotate(image, QUARTER_TURNS[self.rotation]), np.uint8)


class _Reformatters(threading.local):
    """One for each target, as a change of target costs a new plan, and for each thread, as they are not shared."""

    def __init__(self) -> None:
        self.to = {"rgb24": VideoReformatter(), "gray": VideoReformatter()}


def _color_range(frame: av.VideoFrame) -> ColorRange | None:
    if frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG:
        return ColorRange.JPEG
    return ColorRange.MPEG if frame.color_range == ColorRange.MPEG else None


def shrunk(grey: Image, side_px: int) -> Float32:
    """Return an (H, W) uint8 picture as (side_px, side_px) float32 in 0..1, to tell roughly what it shows."""
    steps = [max(1, length // (_PIXELS_AVERAGED * side_px)) for length in grey.shape]
    few = np.ascontiguousarray(grey[:: steps[0], :: steps[1]])
    small = cv2.resize(few, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)
