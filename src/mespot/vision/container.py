"""The shown frames of one video file, read with FFmpeg: time stamps made whole, pictures upright."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from mespot.core.errors import VideoError
from mespot.core.media import VIDEO_SUFFIXES
from mespot.vision.pictures import FramePicture, FrameShape, Picture

FALLBACK_FPS = Fraction(25)
"""Assumed where a file states no rate; used only to repair time stamps and to estimate lengths."""
LEAST_MISSING_S = 0.5
LEAST_MISSING_SHARE = 0.05
"""A video that ends earlier than its header states by both of these is incomplete."""
WIDEST_PIXEL = 4
"""A pixel aspect ratio beyond this (or its inverse) is a damaged header, not a picture."""


class Shown(NamedTuple):
    """A frame that a viewer shows: its time stamp and its picture, not yet converted."""

    pts: int
    picture: Picture


def open_container(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a local file and return it with its first video stream.

    Raises
    ------
    VideoError
        The file is empty, is not a video, is incomplete or has no video stream that can be decoded.
    """
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy or record it again.")
    try:
        # "file:": a colon in a name means no protocol; the whitelist keeps playlists off the network
        container = av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="ignore")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(_why_not_opened(path, error)) from error
    if container.format.name == "tty":  # FFmpeg draws any text file as a video
        container.close()
        raise VideoError(_why_not_opened(path, None))
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        container.close()
        raise VideoError(f"{path}: has no video stream; give a file with pictures.")
    if not hasattr(streams[0].codec_context, "width"):  # None where FFmpeg has no decoder, whatever the stubs say
        container.close()
        raise VideoError(f"{path}: its video codec is not known to this FFmpeg; convert the file to H.264.")
    return container, streams[0]


def _why_not_opened(path: Path, error: Exception | None) -> str:
    if isinstance(error, PermissionError):
        return f"{path}: may not be read; check its permissions."
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return f"{path}: is an incomplete or damaged video and cannot be opened; copy it again from its source."
    return f"{path}: is not a video that FFmpeg can open; give a video file or a folder of numbered images."


class FilePass:
    """One pass over the shown frames of a video file, in presentation order.

    Parameters
    ----------
    path : Path
        A local file.

    Attributes
    ----------
    time_base : Fraction
        Seconds per unit of a time stamp.
    expected_frames : int or None
        Estimate of the number of frames from the container's header.
    expected_s : float or None
        Estimate of how long the video lasts, s, from the same.
    repaired : int
        Time stamps that were missing or not increasing, so far.
    skipped_packets : int
        Packets that could not be decoded, so far.
    broke_off : bool
        Whether the file ended early: reading failed, its last packet is damaged, or its header promised more.

    Raises
    ------
    VideoError
        The file cannot be opened as a video.

    Notes
    -----
    Frames that an edit list hides do not come out of FFmpeg. A zero-size packet (Theora) repeats the
    picture before it and makes no frame: the time until the next one is longer. AVI keeps no presentation
    times: its frames get the decode time stamps in their order. Containers whose clock has an arbitrary
    origin (MPEG-PS, MPEG-TS, Ogg) are shifted so that the first frame is at 0. Interlaced pictures are
    taken as they are. Pixels that are not square are made square by stretching the shorter direction, and
    a picture whose size differs from the first one's is resized to it, both within the one colour
    conversion; a colour matrix that is not stated is BT.601, as everywhere in FFmpeg.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container, self._stream = open_container(path)
        self._stream.thread_type = "AUTO"
        self._aspect = _pixel_aspect(self._stream)
        self._shape = FrameShape((0, 0), 0)
        self._coded_stamps: deque[int | None] | None = deque() if self._container.format.name == "avi" else None
        self._rate = self._stream.guessed_rate or self._stream.average_rate or FALLBACK_FPS
        self.time_base = Fraction(self._stream.time_base or 1 / FALLBACK_FPS)
        self._nominal_step = max(1, round(1 / (self._rate * self.time_base)))
        self.expected_frames = self._estimate_frames()
        self.expected_s = self._estimate_duration_s()
        self.repaired = 0
        self.skipped_packets = 0
        self.broke_off = False
        self._stated_s = self._stated_duration_s()

    @property
    def rotation(self) -> int:
        """Clockwise degrees applied; known after the first frame."""
        return self._shape.rotation

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height as shown; known after the first frame."""
        return self._shape.size_px

    def close(self) -> None:
        """Close the file; pictures taken before can still be converted."""
        self._container.close()

    def __iter__(self) -> Iterator[Shown]:
        origin_is_arbitrary = Flags.ts_discont in Flags(self._container.format.flags)
        origin, first, previous = 0, 0, None
        for frame in self._decoded():
            pts = self._repair(self._stated_stamp(frame), previous)
            if previous is None:
                origin = pts if origin_is_arbitrary else 0
                first = pts
                self._shape = self._first_shape(frame)
            previous = pts
            yield Shown(pts - origin, FramePicture(frame, self._shape))
        if previous is not None and self._stated_s is not None:
            missing_s = self._stated_s - (previous - first) * float(self.time_base)
            self.broke_off |= missing_s > max(LEAST_MISSING_S, LEAST_MISSING_SHARE * self._stated_s)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size == 0:
                    continue
                self.broke_off = packet.is_corrupt
                yield from self._decode(packet)
        except av.FFmpegError:
            self.broke_off = True
        yield from self._decode(None)

    def _decode(self, packet: av.Packet[VideoStream] | None) -> list[av.VideoFrame]:
        if packet is not None and self._coded_stamps is not None:
            self._coded_stamps.append(packet.dts)
        try:
            return self._stream.decode(packet)
        except av.FFmpegError:
            if self._coded_stamps:
                self._coded_stamps.popleft()
            self.skipped_packets += 1
            self.broke_off = True  # until a later packet is whole
            return []

    def _stated_stamp(self, frame: av.VideoFrame) -> int | None:
        if self._coded_stamps is None:
            return frame.pts
        return self._coded_stamps.popleft() if self._coded_stamps else None  # damage: more frames than packets

    def _repair(self, stated: int | None, previous: int | None) -> int:
        if previous is None:
            self.repaired += stated is None
            return stated or 0
        if stated is not None and stated > previous:
            return stated
        self.repaired += 1
        return previous + self._nominal_step

    def _first_shape(self, frame: av.VideoFrame) -> FrameShape:
        width, height = frame.width, frame.height
        if self._aspect >= 1:
            width = round(width * self._aspect)
        else:
            height = round(height / self._aspect)
        return FrameShape((width, height), -90 * round(frame.rotation / 90) % 360)

    def _stated_duration_s(self) -> float | None:
        if self._stream.duration:
            return float(self._stream.duration * self.time_base)
        if self._container.duration and len(self._container.streams) == 1:  # else sound may last longer
            return self._container.duration / av.time_base
        return None

    def _estimate_frames(self) -> int | None:
        if self._stream.frames > 0:
            return self._stream.frames
        if self._stream.duration:
            return max(1, round(self._stream.duration * self.time_base * self._rate))
        if self._container.duration:
            return max(1, round(Fraction(self._container.duration, av.time_base) * self._rate))
        return None

    def _estimate_duration_s(self) -> float | None:
        if self._stream.duration:
            return float(self._stream.duration * self.time_base)
        if self._container.duration:
            return self._container.duration / av.time_base
        return None if self.expected_frames is None else float(self.expected_frames / self._rate)


def _pixel_aspect(stream: VideoStream) -> Fraction:
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return aspect if Fraction(1, WIDEST_PIXEL) <= aspect <= WIDEST_PIXEL else Fraction(1)
