"""The frames of a fast camera that sampling passes over, averaged into those that it takes: less noise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mespot.vision.container import Shown
from mespot.vision.pictures import Image, Picture

REACH = 0.52
"""Share of a sampling step on either side within which frames are averaged: one half, and the rounding of a container
that counts in milliseconds."""
LEAST_APART = 0.11
"""Share of a sampling step between frames that are averaged: eight of them make little noise, and little memory."""
OTHER_SCENE = 12.0
"""Mean difference of luma from which a frame beside a sampled one shows something else: a cut, a flash."""
_GRID = 8
"""Pixels, across and down, between those by which frames are compared."""


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

    As many of them come before it as after it, so what they show on average is what was there at its time: number and
    time stamp stay as they are. A source whose frames are further apart passes unchanged.

    Parameters
    ----------
    shown : iterable of Shown
        All frames, in presentation order.
    sample : callable
        Takes the frames one after the other and yields number and frame of some of them; it may look ahead.
    unit_s : float
        Duration of a unit of the time stamps, s.
    fps : float
        Frames that ``sample`` takes per second.

    Notes
    -----
    A sampled frame is yielded when the next one is known. About two sampling steps of decoded frames are held.
    """
    recent: deque[Shown] = deque()
    step = 1 / (fps * unit_s)
    reach, apart = REACH * step, LEAST_APART * step

    def remembered() -> Iterator[Shown]:
        for frame in shown:
            if not recent or frame.pts - recent[-1].pts >= apart:
                recent.append(frame)
            yield frame

    def mean(frame: Shown) -> Shown:
        earlier = [other.picture for other in recent if 0 < frame.pts - other.pts <= reach]
        later = [other.picture for other in recent if 0 < other.pts - frame.pts <= reach]
        sides = min(len(earlier), len(later))
        if not sides:
            return frame
        return frame._replace(picture=mean_picture(frame.picture, [*earlier[-sides:], *later[:sides]]))

    before: tuple[int, Shown] | None = None
    for number, frame in sample(remembered()):
        if before is not None:
            yield before[0], mean(before[1])
        while recent and recent[0].pts < frame.pts - reach:
            recent.popleft()
        before = number, frame
    if before is not None:
        yield before[0], mean(before[1])


def mean_picture(picture: Picture, beside: Sequence[Picture]) -> Picture:
    """Return ``picture`` with the mean luma of it and those beside it that show the same scene."""
    own = picture.grey()
    total: npt.NDArray[np.uint16] = own.astype(np.uint16)
    count = 1
    for other in beside:
        luma = other.grey()
        if _difference(own, luma) < OTHER_SCENE:
            total += luma
            count += 1
    if count == 1:
        return picture
    return AveragedPicture(picture, ((total + count // 2) // count).astype(np.uint8))


def _difference(one: Image, other: Image) -> float:
    few = (slice(None, None, _GRID), slice(None, None, _GRID))
    return float(np.abs(one[few].astype(np.int16) - other[few]).mean())
