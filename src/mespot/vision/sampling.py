"""Which frames of a video are looked at, decided from their time stamps alone."""

from __future__ import annotations

import numpy as np

from mespot.core.video import FloatArray, IntArray

KEEP_STEP = 0.72
"""A frame at least this share of a sampling step after the one before it restarts the ticks. Promised is
0.75: the difference is 1 ms at 30 per second, the rounding of a container that counts in milliseconds."""


class Sampler:
    """Choose frames near the ticks of a regular clock, one frame of lookahead at a time.

    Parameters
    ----------
    fps : float or None
        Frames to take per second; None takes every frame.

    Notes
    -----
    The rule, of which `sample_frames` is the offline form:

    1. The first frame is taken; the next tick is one sampling step (1 / fps) later.
    2. Of the frames after the last taken one, the nearest to the tick is taken; the earlier one if two are
       equally near. The video's last frame is taken unless it lies more than half a step before the tick.
    3. The tick moves on, one step or as many as make it later than the taken frame. But if the taken frame
       directly follows the last taken one in the video, at least 0.72 of a step later, the source is hardly
       faster than the sampling: the tick restarts at one step after the taken frame.

    So a source whose frames lie 0.75 of a step or more apart keeps every frame (25 or 29.97 frames per second
    at a sampling of 30; no drift takes one away), and a faster one (200 per second) gets 30 per second on a
    steady grid.
    """

    def __init__(self, fps: float | None) -> None:
        if fps is not None and not fps > 0:
            raise ValueError(f"a sampling rate is positive, got {fps}")
        self.fps = fps
        self._anchor_s = 0.0
        self._steps = 0
        self._taken_s: float | None = None
        self._follows = True

    def takes(self, time_s: float, next_s: float | None) -> bool:
        """Say whether the frame at ``time_s`` is taken; ``next_s`` is the frame after it, None at the end."""
        if self.fps is None:
            return True
        if self._taken_s is not None and self._is_passed_over(time_s, next_s):
            self._follows = False
            return False
        self._move_tick(time_s)
        return True

    def _is_passed_over(self, time_s: float, next_s: float | None) -> bool:
        assert self.fps is not None
        tick_s = self._anchor_s + self._steps / self.fps
        if next_s is None:
            return time_s < tick_s - 0.5 / self.fps
        return abs(next_s - tick_s) < abs(time_s - tick_s)

    def _move_tick(self, time_s: float) -> None:
        assert self.fps is not None
        slow = self._taken_s is not None and self._follows and time_s - self._taken_s >= KEEP_STEP / self.fps
        if self._taken_s is None or slow:
            self._anchor_s, self._steps = time_s, 0
        self._steps += 1
        self._steps = _steps_beyond(self._anchor_s, self._steps, self.fps, time_s)
        self._taken_s, self._follows = time_s, True


def _steps_beyond(anchor_s: float, steps: int, fps: float, time_s: float) -> int:
    """Count the steps from the anchor to the first tick, from ``steps`` on, that is later than ``time_s``."""
    steps = max(steps, int((time_s - anchor_s) * fps) - 1)  # a gap of years is one jump
    while anchor_s + steps / fps <= time_s:
        steps += 1
    return steps


def sample_frames(times_s: FloatArray, fps: float) -> IntArray:
    """Frames that a sampling of ``fps`` takes: the whole time line at once.

    Parameters
    ----------
    times_s : (T,) float64
        Presentation time of every frame in seconds, strictly increasing.
    fps : float
        Frames to take per second.

    Returns
    -------
    (N,) int64
        Frame numbers, strictly increasing.

    Notes
    -----
    The rule is stated at `Sampler`, which decides the same frames while they are being decoded.

    Examples
    --------
    >>> sample_frames(np.arange(10) / 60, 30).tolist()
    [0, 2, 4, 6, 8]
    """
    if not fps > 0:
        raise ValueError(f"a sampling rate is positive, got {fps}")
    if len(times_s) == 0:
        return np.empty(0, dtype=np.int64)
    taken, anchor_s, steps = [0], float(times_s[0]), 1
    last = len(times_s) - 1
    while taken[-1] < last:
        tick_s = anchor_s + steps / fps
        after = max(taken[-1] + 1, int(np.searchsorted(times_s, tick_s)))
        before = max(taken[-1] + 1, after - 1)
        if after > last:
            if times_s[last] < tick_s - 0.5 / fps:
                break
            frame = last
        else:
            frame = after if times_s[after] - tick_s < abs(times_s[before] - tick_s) else before
        if frame == taken[-1] + 1 and times_s[frame] - times_s[taken[-1]] >= KEEP_STEP / fps:
            anchor_s, steps = float(times_s[frame]), 0
        steps += 1
        steps = _steps_beyond(anchor_s, steps, fps, float(times_s[frame]))
        taken.append(frame)
    return np.array(taken, dtype=np.int64)
