"""Pictures into a video file, the same bytes for the same pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

PIXEL_FORMATS = {"libx264": "yuv420p", "mpeg4": "yuv420p", "ffv1": "bgr0"}
"""What is written by which encoder; ffv1 is lossless."""
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""Those of libx264, the quickest first; medium is its own default."""
BT601_LIMITED = {"colorspace": "smpte170m", "color_range": "tv"}
LAMBDA_PER_QUANTISER = 118
"""FFmpeg's FF_QP2LAMBDA."""


class VideoWriter:
    """Encode RGB pictures; use as a context manager.

    The file appears under its name only when the block ends without an error: until then it is written beside
    it, under a name that begins with a dot, and an error removes it.

    Parameters
    ----------
    path : Path
        File to write; its suffix decides the container (mp4, mkv, mov, avi, ...). An existing file is
        replaced.
    width_px, height_px : int
        Size of the pictures; even for libx264 and mpeg4.
    fps : Fraction or float
        Frames per second.
    crf : int
        Quality of libx264, 0 (lossless) to 51; mpeg4 gets the quantiser ``crf / 6``, ffv1 ignores it.
    codec : str
        One of `PIXEL_FORMATS`.
    preset : str
        How long libx264 searches for a small file, one of `PRESETS`; the other codecs ignore it.
    time_base : Fraction, optional
        Seconds per unit of the time stamps given to `write`; the time between two frames at ``fps`` by
        default.

    Raises
    ------
    ValueError
        An unknown codec, or a size or rate that it cannot have.

    Notes
    -----
    One encoder thread, no date and no encoder version in the container: the same pictures make the same bytes
    with the same FFmpeg. Colours are BT.601, limited range.

    Examples
    --------
    >>> with VideoWriter(Path("grey.mp4"), width_px=64, height_px=48, fps=25) as video:  # doctest: +SKIP
    ...     video.write(np.full((48, 64, 3), 128, np.uint8))
    """

    def __init__(
        self,
        path: Path,
        *,
        width_px: int,
        height_px: int,
        fps: Fraction | float,
        crf: int = 18,
        codec: str = "libx264",
        preset: str = "medium",
        time_base: Fraction | None = None,
    ) -> None:
        _check(width_px, height_px, fps, crf, codec)
        if preset not in PRESETS:
            raise ValueError(f"preset is one of {', '.join(PRESETS)}, got {preset}")
        self._path = path
        self._partial = path.with_name(f".partial-{path.name}")
        self._shape = (height_px, width_px, 3)
        self._rate = Fraction(fps).limit_denominator(1001)
        self._time_base = time_base or 1 / self._rate
        self._pixel_format = PIXEL_FORMATS[codec]
        self._reformatter = VideoReformatter()
        self._last_pts = -1
        self._container = av.open(str(self._partial), "w", options={"fflags": "+bitexact"})
        try:
            self._stream = self._add_stream(codec, _options(codec, crf, preset))
        except BaseException:
            self._discard()
            raise

    def _add_stream(self, codec: str, options: dict[str, str]) -> av.VideoStream:
        stream = self._container.add_stream(codec, rate=self._rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = self._shape[:2]
        stream.pix_fmt = self._pixel_format
        stream.thread_count = 1
        stream.codec_context.time_base = self._time_base
        return stream

    def write(self, image: npt.NDArray[np.uint8], pts: int | None = None) -> None:
        """Append a picture.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB.
        pts : int, optional
            Time stamp in units of ``time_base``, later than the one before; one more than it by default, from
            0.

        Raises
        ------
        ValueError
            A picture of another shape, or a time stamp that is not later than the one before.
        """
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"a picture must be {self._shape} uint8, got {image.shape} {image.dtype}")
        pts = self._last_pts + 1 if pts is None else pts
        if pts <= self._last_pts:
            raise ValueError(f"time stamps increase from 0, got {pts} after {self._last_pts}")
        self._last_pts = pts
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            format=self._pixel_format,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = pts, self._time_base
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except BaseException:
            self._discard()
            raise
        self._partial.replace(self._path)

    def _discard(self) -> None:
        try:
            self._container.close()
        except av.FFmpegError:
            pass  # the error that led here is the one to report
        finally:
            self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()


def _check(width_px: int, height_px: int, fps: Fraction | float, crf: int, codec: str) -> None:
    if codec not in PIXEL_FORMATS:
        raise ValueError(f"codec is one of {', '.join(PIXEL_FORMATS)}, got {codec}")
    if width_px < 1 or height_px < 1:
        raise ValueError(f"a picture has a size, got {width_px} x {height_px}")
    if PIXEL_FORMATS[codec] == "yuv420p" and (width_px % 2 or height_px % 2):
        raise ValueError(f"{codec} needs an even width and height, got {width_px} x {height_px}")
    if not fps > 0:
        raise ValueError(f"a rate is positive, got {fps}")
    if not 0 <= crf <= 51:
        raise ValueError(f"crf lies in 0 to 51, got {crf}")


def _options(codec: str, crf: int, preset: str) -> dict[str, str]:
    if codec == "libx264":
        # Macroblock-tree rate control gives other bytes from run to run, on one thread too (seen on AVX-512).
        return {"flags": "+bitexact", "crf": str(crf), "preset": preset, "mbtree": "0", **BT601_LIMITED}
    if codec == "mpeg4":
        quantiser = max(1, round(crf / 6))
        return {
            "flags": "+bitexact+qscale",
            "global_quality": str(quantiser * LAMBDA_PER_QUANTISER),
            **BT601_LIMITED,
        }
    return {"flags": "+bitexact"}
