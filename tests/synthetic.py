"""Tiny video files with known pictures, times and defects."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from mespot.vision.encode import VideoWriter

Image = npt.NDArray[np.uint8]

RED, GREEN, BLUE = (200, 40, 40), (40, 180, 60), (50, 60, 190)


def picture(number: int, *, width: int = 64, height: int = 48) -> Image:
    """Red, green and blue quarters show the orientation; the grey one, lower right, shows ``number``."""
    image = np.empty((height, width, 3), np.uint8)
    half_h, half_w = height // 2, width // 2
    image[:half_h, :half_w] = RED
    image[:half_h, half_w:] = GREEN
    image[half_h:, :half_w] = BLUE
    image[half_h:, half_w:] = 20 + number * 6
    return image


def number_of(image: Image) -> int:
    """Read the number back from a decoded `picture`, which coding changes by less than half a step."""
    height, width = image.shape[:2]
    return round((float(image[height * 5 // 8 : height * 7 // 8, width * 5 // 8 : width * 7 // 8].mean()) - 20) / 6)


def corners(image: Image) -> Image:
    """Colours of the red, green and blue quarters, (3, 3)."""
    height, width = image.shape[:2]
    rows, columns = (height // 4, height // 4, height * 3 // 4), (width // 4, width * 3 // 4, width // 4)
    return image[rows, columns]


def write_video(
    path: Path,
    pts: Sequence[int] | int = 10,
    *,
    fps: Fraction | float = 25,
    codec: str = "libx264",
    time_base: Fraction | None = None,
    width: int = 64,
    height: int = 48,
    turns: int = 0,
) -> Path:
    """Write pictures numbered from 0, at the given time stamps; ``turns`` quarter turns counterclockwise."""
    stamps = range(pts) if isinstance(pts, int) else pts
    pictures = [np.rot90(picture(i, width=width, height=height), turns) for i in range(len(stamps))]
    shown_height, shown_width = pictures[0].shape[:2]
    with VideoWriter(
        path, width_px=shown_width, height_px=shown_height, fps=fps, codec=codec, crf=4, time_base=time_base
    ) as video:
        for stamp, image in zip(stamps, pictures, strict=True):
            video.write(image, stamp)
    return path


def write_frames(
    path: Path,
    frames: Iterable[av.VideoFrame],
    codec: str,
    *,
    options: dict[str, str] | None = None,
    aspect: Fraction = Fraction(1),
) -> Path:
    """Encode frames as they are (pixel format, colour tags) at 25 per second."""
    with av.open(str(path), "w") as container:
        stream: av.VideoStream | None = None
        for number, frame in enumerate(frames):
            if stream is None:
                added = container.add_stream(codec, rate=25, options=options or {})
                assert isinstance(added, av.VideoStream)
                stream = added
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
                stream.codec_context.sample_aspect_ratio = aspect
                stream.codec_context.color_range = frame.color_range
                stream.codec_context.colorspace = frame.colorspace
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    return path


def remux(
    source: Path, path: Path, *, stamps: Sequence[int] | None = None, options: dict[str, str] | None = None
) -> Path:
    """Copy the packets of a video into another file; ``stamps`` replaces their time stamps."""
    with av.open(str(source)) as reading, av.open(str(path), "w", options=options or {}) as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        packets = [packet for packet in reading.demux(stream) if packet.size]
        for number, packet in enumerate(packets):
            if stamps is not None:
                packet.pts = packet.dts = stamps[number]
            packet.stream = copy
            writing.mux(packet)
    return path


def turn_display(path: Path, clockwise: int) -> Path:
    """Write the display matrix of a phone that was held turned into an MP4 file."""
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise]
    one = 1 << 16
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", data, matrix) == (one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, matrix, cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def trim_with_edit_list(path: Path, *, from_s: float, to_s: float) -> Path:
    """Change the one edit of an MP4 file, so that only part of the pictures is shown."""
    data = bytearray(path.read_bytes())
    (movie_scale,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)
    (media_scale,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    edit = data.index(b"elst") + 8
    entries, _, media_time = struct.unpack_from(">IIi", data, edit)
    assert entries == 1
    shown = round((to_s - from_s) * movie_scale)
    struct.pack_into(">IIi", data, edit, 1, shown, media_time + round(from_s * media_scale))
    path.write_bytes(data)
    return path


def cut_short(path: Path, share: float) -> Path:
    """Keep only the first ``share`` of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    return path
