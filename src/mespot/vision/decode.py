"""Frames and their time stamps, from a file or a folder of images, in chunks of flat memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from mespot.config import DecodeConfig
from mespot.core.ahead import ahead
from mespot.core.errors import VideoError
from mespot.core.profile import NO_PROFILE, Recorder
from mespot.core.video import FloatArray, IntArray, VideoInfo
from mespot.vision.averaged import averaged
from mespot.vision.container import FilePass, Shown
from mespot.vision.images import FolderPass, images_rate
from mespot.vision.pictures import Image, Picture
from mespot.vision.sampling import KEEP_STEP, Sampler, sample_frames

__all__ = ["FrameChunk", "VideoReader", "sample_frames"]

LEAST_FRAMES = 2
"""Motion needs a pair of frames."""
CHUNK_BYTES = 64 << 20
"""Most memory of a chunk's pictures as decoded, if more than one: the consumer holds one while the next is filled."""
KEPT_BYTES = 160 << 20
"""Most memory of decoded frames that a reader keeps for its next pass: about 12 s of 640 x 480, 30 a second, or
7 s of a fast camera, whose means are kept too."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameChunk:
    """Sampled frames that follow each other, kept as they were decoded.

    Parameters
    ----------
    frames : (N,) int64
        Source frame numbers, counted from 0 in presentation order of the shown frames; strictly increasing.
    pts : (N,) int64
        Presentation time stamps in units of the video's time base.
    times_s : (N,) float64
        Presentation times in seconds.
    pictures : sequence of Picture
        N pictures, upright, with square pixels, of one size.

    Notes
    -----
    Every call of `rgb`, `grey` and `images` converts anew and keeps nothing; a frame that nobody asks for costs
    its decoding alone. Different threads may convert at the same time.
    """

    frames: IntArray
    pts: IntArray
    times_s: FloatArray
    pictures: Sequence[Picture]

    def __post_init__(self) -> None:
        rows = len(self.frames)
        if self.frames.shape != (rows,) or self.pts.shape != (rows,) or self.times_s.shape != (rows,):
            raise ValueError(
                f"frames, pts and times_s must be ({rows},), got {self.frames.shape}, {self.pts.shape}, "
                f"{self.times_s.shape}"
            )
        if len(self.pictures) != rows:
            raise ValueError(f"pictures must be {rows}, got {len(self.pictures)}")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def nbytes(self) -> int:
        """Memory of the decoded pictures, bytes."""
        return sum(picture.nbytes for picture in self.pictures)

    def rgb(self, row: int) -> Image:
        """Convert a row's picture to colour.

        Returns
        -------
        (H, W, 3) uint8
            RGB, full range; writable, rows may be padded (not C-contiguous).

        Raises
        ------
        VideoError
            An image of a folder is damaged or of another size than the first.
        """
        return self.pictures[row].rgb()

    def grey(self, row: int) -> Image:
        """Convert a row's picture to grey.

        Returns
        -------
        (H, W) uint8
            Luma, 0 black to 255 white, by the video's own colour matrix (an RGB source: BT.601), of the size of
            `rgb`; writable, rows may be padded.

        Raises
        ------
        VideoError
            As `rgb`.
        """
        return self.pictures[row].grey()

    @property
    def images(self) -> Image:
        """All pictures in colour, (N, H, W, 3) uint8, C-contiguous: twice the memory of the chunk or more."""
        first = self.rgb(0)
        images = np.empty((len(self), *first.shape), np.uint8)
        images[0] = first
        for row in range(1, len(self)):
            images[row] = self.rgb(row)
        return images


class _Pass(Protocol):
    """One pass over the shown frames; sizes and counts are complete at its end."""

    time_base: Fraction
    expected_frames: int | None
    expected_s: float | None
    repaired: int
    skipped_packets: int
    broke_off: bool

    @property
    def rotation(self) -> int: ...
    @property
    def size_px(self) -> tuple[int, int]: ...
    def __iter__(self) -> Iterator[Shown]: ...
    def close(self) -> None: ...


class VideoReader:
    """The frames of a video, decoded anew at every pass but for short videos.

    Parameters
    ----------
    path : Path
        A file of any container and codec that FFmpeg reads, or a folder of numbered images (png, jpg, bmp,
        tif).
    images_fps : float, optional
        Images per second of a folder; a file has its own time stamps and ignores it.

    Raises
    ------
    VideoError
        The path does not exist or cannot be decoded as a video; a folder lacks ``images_fps`` or images.

    Notes
    -----
    Time is the presentation time stamp, never a frame count divided by a rate. Frames, numbers and times do
    not depend on ``chunk_frames`` nor on earlier passes. A chunk holds at most ``chunk_frames`` pictures, and
    fewer where they would exceed 64 MiB as decoded. How files are read (edit lists, repairs, rotation, pixel
    aspect) is stated at `mespot.vision.container.FilePass`.

    In a folder the number is the last one in each name; the first image is at 0 s whatever its number, and
    missing numbers are gaps in time.
    """

    def __init__(self, path: Path, *, images_fps: float | None = None) -> None:
        if not path.exists():
            raise VideoError(f"{path}: does not exist; check the name.")
        self._path = path
        self._rate = images_rate(path, images_fps) if path.is_dir() else None
        self._info: VideoInfo | None = None
        self._truncated_after_s: float | None = None
        self._skipped_packets = 0
        self._kept: tuple[tuple[float, int, bool], list[FrameChunk]] | None = None
        first = self._start_pass()
        self._expected_frames = first.expected_frames
        self._expected_s = first.expected_s
        first.close()

    @property
    def info(self) -> VideoInfo:
        """Facts about the whole video; decodes it once without pictures unless a pass was completed before.

        Raises
        ------
        VideoError
            No frame, or fewer than 2 frames, could be decoded.
        """
        if self._info is None:
            for _ in self._shown(self._start_pass()):
                pass
        assert self._info is not None
        return self._info

    @property
    def expected_frames(self) -> int | None:
        """Number of source frames, for progress: an estimate until a pass is complete; None if unknown."""
        return self._expected_frames if self._info is None else len(self._info)

    def expected_rows(self, sampling_fps: float) -> int | None:
        """Return how many frames a sampling takes, for progress: as `expected_frames`, None if unknown."""
        if self._info is not None:
            return len(sample_frames(self._info.times_s, sampling_fps))
        if not self._expected_frames or not self._expected_s:
            return None
        ticks = round(self._expected_s * sampling_fps)
        # a source hardly faster than the sampling keeps every frame, see `Sampler`
        return self._expected_frames if KEEP_STEP * self._expected_frames <= ticks else max(1, ticks)

    @property
    def truncated_after_s(self) -> float | None:
        """Time of the last frame (s) if the completed pass broke off early; None if the file is whole."""
        return self._truncated_after_s

    @property
    def skipped_packets(self) -> int:
        """How many damaged packets the completed pass left out."""
        return self._skipped_packets

    def chunks(self, *, sampling_fps: float | None, chunk_frames: int, average: bool = False) -> Iterator[FrameChunk]:
        """Decode from the beginning and yield the sampled frames.

        Parameters
        ----------
        sampling_fps : float or None
            Frames to take per second (rule: `mespot.vision.sampling.Sampler`); None takes every frame.
        chunk_frames : int
            Most frames in a chunk; all but the last have so many, or as many as `CHUNK_BYTES` hold, at least 1.
        average : bool
            Whether the luma of a sampled frame is the mean over the frames around it, see
            `mespot.vision.averaged.averaged`.

        Raises
        ------
        VideoError
            No frame, or fewer than 2, could be decoded; the first image of a folder is damaged.
        """
        if chunk_frames < 1:
            raise ValueError(f"a chunk holds at least 1 frame, got {chunk_frames}")
        sampler, source = Sampler(sampling_fps), self._start_pass()
        numbers, stamps, pictures, held = array("q"), array("q"), list[Picture](), 0
        for number, shown in _sampled(self._shown(source), sampler, float(source.time_base), average):
            numbers.append(number)
            stamps.append(shown.pts)
            shown.picture.load()
            pictures.append(shown.picture)
            nbytes = shown.picture.nbytes
            held += nbytes
            if len(pictures) == chunk_frames or held + nbytes > CHUNK_BYTES:
                yield _chunk(numbers, stamps, pictures, source.time_base)
                numbers, stamps, pictures, held = array("q"), array("q"), [], 0
        if pictures:
            yield _chunk(numbers, stamps, pictures, source.time_base)

    def chunks_ahead(self, config: DecodeConfig, profile: Recorder = NO_PROFILE) -> Iterator[FrameChunk]:
        """Yield what `chunks` does, the next chunk decoded while one is used; its time belongs to the stage "decode".

        The frames of a short video, of at most `KEPT_BYTES`, are kept by the reader, and later passes decode nothing.
        """
        average = config.average == "always" or (config.average == "files" and self._rate is None)
        wanted = (config.sampling_fps, config.chunk_frames, average)
        if self._kept is not None and self._kept[0] == wanted:
            yield from self._kept[1]
            return
        kept: list[FrameChunk] = []
        nbytes = 0
        chunks = self.chunks(sampling_fps=config.sampling_fps, chunk_frames=config.chunk_frames, average=average)
        with closing(ahead(profile.wrap("decode", chunks), name="decode")) as decoded:
            for chunk in decoded:
                nbytes += chunk.nbytes
                kept = [*kept, chunk] if nbytes <= KEPT_BYTES else []
                yield chunk
        if kept:
            self._kept = wanted, kept

    def _start_pass(self) -> _Pass:
        return FilePass(self._path) if self._rate is None else FolderPass(self._path, self._rate)

    def _shown(self, source: _Pass) -> Iterator[Shown]:
        stamps = array("q")
        try:
            for shown in source:
                stamps.append(shown.pts)
                yield shown
            self._finish(source, stamps)
        finally:
            source.close()

    def _finish(self, source: _Pass, stamps: array[int]) -> None:
        if not stamps:
            raise VideoError(f"{self._path}: no frame could be decoded, it is damaged; copy it again from its source.")
        if len(stamps) < LEAST_FRAMES:
            raise VideoError(f"{self._path}: is too short ({len(stamps)} frame); give at least {LEAST_FRAMES} frames.")
        width, height = source.size_px
        self._info = VideoInfo(
            path=self._path.absolute(),
            pts=np.array(stamps, dtype=np.int64),
            time_base=source.time_base,
            width_px=width,
            height_px=height,
            rotation=source.rotation,
            repaired_time_stamps=source.repaired,
        )
        self._skipped_packets = source.skipped_packets
        self._truncated_after_s = float(stamps[-1] * source.time_base) if source.broke_off else None


def _sampled(shown: Iterator[Shown], sampler: Sampler, unit_s: float, average: bool) -> Iterator[tuple[int, Shown]]:
    if average and sampler.fps is not None:
        return averaged(shown, lambda frames: _taken(frames, sampler, unit_s), unit_s=unit_s, fps=sampler.fps)
    return _taken(shown, sampler, unit_s)


def _taken(shown: Iterator[Shown], sampler: Sampler, unit_s: float) -> Iterator[tuple[int, Shown]]:
    waiting: Shown | None = None
    number = -1
    for number, upcoming in enumerate(shown):
        if waiting is not None and sampler.takes(waiting.pts * unit_s, upcoming.pts * unit_s):
            yield number - 1, waiting
        waiting = upcoming
    if waiting is not None and sampler.takes(waiting.pts * unit_s, None):
        yield number, waiting


def _chunk(numbers: array[int], stamps: array[int], pictures: list[Picture], time_base: Fraction) -> FrameChunk:
    pts = np.array(stamps, dtype=np.int64)
    return FrameChunk(np.array(numbers, dtype=np.int64), pts, (pts * float(time_base)).astype(np.float64), pictures)
