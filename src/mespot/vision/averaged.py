"""The frames of a fast camera that sampling passes over, averaged into those that it takes: less noise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mespot.core.errors import VideoError
from mespot.core.signals import Float32
from mespot.vision.container import Shown
from mespot.vision.pictures import Image, Picture, shrunk

REACH = 0.58
"""Share of a sampling step on either side within which frames are averaged: one half, and what the time stamps of a
camera of twice the rate are off by (2.7 ms at a sampling of 30)."""
LEAST_APART = 0.11
"""Share of a sampling step between frames that are averaged: eight of them make little noise, and little memory."""
MOST_PIXELS = 1_000_000
"""Larger pictures stay as they are: a crop averages many of their pixels anyway, and means would take a third of the
time (2040 x 1088 at 200 frames a second: 0.75 instead of 1.0 times real time on two cores)."""
OTHER_SCENE = 0.05
"""Mean difference of the small pictures, of the full range, from which a frame beside a sampled one shows something
else: a cut, a flash."""
_SMALL_PX = 32
"""Side of these pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class AveragedPicture:
    """A sampled picture whose luma is the mean over the frames around it; its colour is its own.

    Parameters
    ----------
    picture : Picture
        The sampled one.
    luma : (H, W) uint8
        The mean.
    """

    picture: Picture
    luma: Image

    @property
    def nbytes(self) -> int:
        """Memory of the decoded picture and of the mean, bytes."""
        return self.picture.nbytes + self.luma.nbytes

    def load(self) -> None:
        """Do what the sampled picture does ahead of the first look."""
        self.picture.load()

    def rgb(self) -> Image:
        """Return (H, W, 3) uint8 RGB of the sampled picture alone."""
        return self.picture.rgb()

    def grey(self) -> Image:
        """Return (H, W) uint8 mean luma."""
        return self.luma.copy()


def averaged(
    shown: Iterable[Shown],
    sample: Callable[[Iterator[Shown]], Iterator[tuple[int, Shown]]],
    *,
    unit_s: float,
    fps: float,
) -> Iterator[tuple[int, Shown]]:
    """Yield what ``sample`` takes of the shown frames, each averaged with those within half a sampling step of it.

    They come in pairs, one before it and one after it, so at a steady rate they show on average what was there at its
    time: number and time stamp stay as they are. A source whose frames are further apart, or larger than `MOST_PIXELS`,
    passes unchanged.

    Parameters
    ----------
    shown : iterable of Shown
        All frames, in presentation order.
    sample : callable
        Takes the frames one after the other and yields number and frame of some of them; it may look ahead.
    unit_s : float
        Duration of a unit of the time stamps, s.
    fps : float
        Frames that ``sample`` takes per second, more than 0.

    Notes
    -----
    A sampled frame is yielded when the next one is known. About two sampling steps of decoded frames are held.
    """
    recent: deque[Shown] = deque()
    few_pixels: bool | None = None
    step = 1 / (fps * unit_s)
    reach, apart = REACH * step, LEAST_APART * step

    def remembered() -> Iterator[Shown]:
        for frame in shown:
            if few_pixels is not False and (not recent or frame.pts - recent[-1].pts >= apart):
                recent.append(frame)
            yield frame

    def mean(frame: Shown) -> Shown:
        nonlocal few_pixels
        earlier = [other.picture for other in reversed(recent) if 0 < frame.pts - other.pts <= reach]
        later = [other.picture for other in recent if 0 < other.pts - frame.pts <= reach]
        pairs = list(zip(earlier, later, strict=False))  # from the nearest outwards; first and last frames have none
        if few_pixels is None and pairs:
            few_pixels = frame.picture.grey().size <= MOST_PIXELS  # all frames of a video have one size
        return frame._replace(picture=mean_picture(frame.picture, pairs)) if pairs and few_pixels else frame

    before: tuple[int, Shown] | None = None
    for number, frame in sample(remembered()):
        if before is not None:
            yield before[0], mean(before[1])
        while recent and recent[0].pts < frame.pts - reach:
            recent.popleft()
        before = number, frame
    if before is not None:
        yield before[0], mean(before[1])


def mean_picture(picture: Picture, pairs: Iterable[tuple[Picture, Picture]]) -> Picture:
    """Return ``picture`` with the mean luma of it and of those pairs that both show the same scene.

    A picture that cannot be read shows another one: nobody has asked for it.
    """
    own = picture.grey()
    scene = shrunk(own, _SMALL_PX)
    total: npt.NDArray[np.uint16] = own.astype(np.uint16)
    count = 1
    for pair in pairs:
        lumas = [luma for one in pair if (luma := _luma(one)) is not None]
        if len(lumas) == 2 and all(_alike(scene, luma) for luma in lumas):
            total += lumas[0]
            total += lumas[1]
            count += 2
    if count == 1:
        return picture
    return AveragedPicture(picture, ((total + count // 2) // count).astype(np.uint8))


def _luma(picture: Picture) -> Image | None:
    try:
        return picture.grey()
    except (VideoError, OSError):
        return None


def _alike(scene: Float32, luma: Image) -> bool:
    return float(np.abs(shrunk(luma, _SMALL_PX) - scene).mean()) < OTHER_SCENE
