"""Random training windows: which rows of which video, how augmented, with their targets.

Window ``k`` of epoch ``e`` is a pure function of (seed, e, k): training resumes to the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mespot.config import TrainingConfig
from mespot.core.errors import ConfigError
from mespot.core.signals import Grid
from mespot.model.candidates import MAE, ME
from mespot.model.targets import Target, assign
from mespot.training.overlay import Overlay, draw_overlay
from mespot.training.paste import (
    LIBRARY,
    PASTED_ROWS,
    Paste,
    add_flow,
    drawn_relief,
    drawn_shift,
    free_place,
    isolated,
    relief_field,
    reversed_flow,
)
from mespot.training.sample import Sample, shown
from mespot.vision.flow_library import FlowLibrary

FloatArray = npt.NDArray[np.float64]

SHORTEST_VIDEO = 48
"""Sampled rows of the shortest video that is imitated."""
EXPRESSION_SHARE = 0.5
"""Share of the windows that are drawn around an expression; the others begin anywhere."""
PACES = (0.75, 1.35)
"""Factors on the duration of a pasted expression."""


@dataclass(frozen=True, slots=True)
class Place:
    """A window and how it is changed.

    Parameters
    ----------
    sample : int
        Which video.
    start : int
        First sampled row.
    frames : int
        Rows that are shown; where fewer than the window has, it imitates a short video.
    cut : tuple of float
        Share of the side that is cut off, and where the crop's left and upper edge lie within it, each in [0, 1].
    flip : bool
        Whether left and right are exchanged.
    gain : float
        Factor on the flow.
    pasted : tuple of Paste
        Expressions of other videos that are added to the flow.
    overlay : Overlay, optional
        Another stretch of video that is added to the flow.
    relief : tuple of float
        Factors on the flow at `RELIEF_CELLS` x `RELIEF_CELLS` places of the face, as for a `Change`.
    reverse : bool
        Whether time runs backwards.
    """

    sample: int
    start: int
    frames: int
    cut: tuple[float, float, float] = (0.0, 0.0, 0.0)
    flip: bool = False
    gain: float = 1.0
    pasted: tuple[Paste, ...] = ()
    overlay: Overlay | None = None
    relief: tuple[float, ...] = ()
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of a video with targets, before scaling and augmentation.

    Parameters
    ----------
    rgb : (T, 3, S, S) uint8, optional
        Short videos are continued by their last picture; None where the video's streams have no pictures.
    flow : (T, 2, S, S) float32 or float16
        Short videos are continued by zeros.
    targets : tuple of Target
        One per level.
    place : Place
        Where it came from.
    """

    rgb: npt.NDArray[np.uint8] | None
    flow: npt.NDArray[np.floating]
    targets: tuple[Target, ...]
    place: Place


class WindowSampler:
    """Draws windows from videos.

    Parameters
    ----------
    samples : sequence of Sample
        At least one.
    config : TrainingConfig
        Window length, augmentation, seed.
    library : FlowLibrary, optional
        Expressions that are pasted besides those of the videos, at the size of the videos' flow.
    flow_step : int
        Rows between the two frames of a flow pair, ``flow.step``.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: TrainingConfig,
        library: FlowLibrary | None = None,
        flow_step: int = 1,
    ) -> None:
        if not samples:
            raise ValueError("there are no videos to draw windows from")
        if library is not None and library.fields.shape[1:] != samples[0].streams.flow.shape[1:]:
            raise ConfigError(
                f"the library's flow is {library.fields.shape[-1]} px wide and that of the videos "
                f"{samples[0].streams.flow.shape[-1]} px; make the library with the configuration of this training."
            )
        self.samples = samples
        self.config = config
        self.library = library
        self.flow_step = flow_step
        lengths = np.array([len(sample.streams) for sample in samples], np.float64)
        self._shares = lengths / lengths.sum()
        # Of an expression outside the sampled frames there is nothing to show or to paste.
        seen = [sample.intervals[:, 0] < sample.intervals[:, 1] for sample in samples]
        pools = (
            [(s, m) for s, sample in enumerate(samples) for m in np.flatnonzero((sample.kinds == kind) & seen[s])]
            for kind in (MAE, ME)
        )
        self._pools = [pool for pool in pools if pool]
        alone = [isolated(sample.intervals) for sample in samples]
        loose = ([(s, int(m)) for s, m in pool if alone[s][m]] for pool in self._pools)
        self._loose = [pool for pool in loose if pool]
        self._library = [np.flatnonzero(library.kinds == kind) for kind in (MAE, ME)] if library is not None else []
        self._library = [pool for pool in self._library if len(pool)]

    def draw(self, epoch: int, index: int) -> Place:
        """Return window ``index`` of ``epoch``: half of them around an expression, MaE and ME equally often."""
        config = self.config
        rng = np.random.default_rng([config.seed, epoch, index])
        frames = config.window_frames
        if rng.random() < config.short_share:
            frames = int(rng.integers(SHORTEST_VIDEO, config.window_frames))
        if self._pools and rng.random() < EXPRESSION_SHARE:
            pool = self._pools[rng.integers(len(self._pools))]
            sample, expression = pool[rng.integers(len(pool))]
            wanted = self.samples[sample].intervals[expression].mean() - rng.uniform(0.1, 0.9) * frames
        else:
            sample = int(rng.choice(len(self.samples), p=self._shares))
            wanted = rng.uniform(0.0, max(0.0, len(self.samples[sample].streams) - frames))
        rows = len(self.samples[sample].streams)
        latest = max(0, rows - frames)
        start = int(np.clip(round(wanted), 0, latest))
        cut = (rng.uniform(0.0, config.crop_jitter), rng.uniform(), rng.uniform())
        taken, seen = self.samples[sample].intervals - start, min(frames, rows)
        overlaid = config.overlay_share > 0 and rng.random() < config.overlay_share
        overlay = draw_overlay(rng, self.samples, self._shares, taken, seen) if overlaid else None
        if overlay is not None:
            taken = np.vstack([taken, overlay.intervals(self.samples[overlay.sample])])
        return Place(
            sample=int(sample),
            start=start,
            frames=frames,
            pasted=self._pastes(rng, taken, seen),
            cut=cut,
            flip=bool(config.flip and rng.random() < 0.5),
            gain=float(rng.uniform(1.0 - config.flow_gain, 1.0 + config.flow_gain)),
            overlay=overlay,
            relief=self._relief(rng),
            reverse=bool(config.reverse and rng.random() < 0.5),
        )

    def _relief(self, rng: np.random.Generator) -> tuple[float, ...]:
        reach = self.config.flow_relief
        return drawn_relief(rng, 1.0 - reach, 1.0 + reach) if reach else ()

    def _pastes(self, rng: np.random.Generator, taken: FloatArray, frames: int) -> tuple[Paste, ...]:
        """Draw expressions to add where the window's ``frames`` rows of a video have none."""
        config, pastes = self.config, list[Paste]()
        wanted = config.pastes * frames / config.window_frames
        for _ in range(rng.poisson(wanted) if self._loose or self._library else 0):
            paste = self._paste_drawn(rng)
            start, stop, _ = self._span(paste)
            lasting = (stop - start) * paste.pace
            at = free_place(rng, lasting, taken, frames)
            if at is not None:
                pastes.append(replace(paste, at=at))
                taken = np.vstack([taken, [at, at + lasting]])
        return tuple(pastes)

    def _paste_drawn(self, rng: np.random.Generator) -> Paste:
        """Draw an expression of a video or of the library, and how it is changed; where is not said yet."""
        gain = float(rng.uniform(1.0 - self.config.flow_gain, 1.0 + self.config.flow_gain))
        if self._library and (not self._loose or rng.random() < self.config.library_share):
            pool = self._library[rng.integers(len(self._library))]
            sample, expression = LIBRARY, int(pool[rng.integers(len(pool))])
        else:
            chosen = self._loose[rng.integers(len(self._loose))]
            sample, expression = chosen[rng.integers(len(chosen))]
        paste = Paste(sample, expression, 0, flip=bool(rng.random() < 0.5), gain=gain)
        start, stop, kind = self._span(paste)
        shortest, longest = PASTED_ROWS[kind]
        pace = float(np.exp(rng.uniform(*np.log(PACES))))
        pace = float(np.clip(pace, shortest / (stop - start), max(longest, stop - start) / (stop - start)))
        return replace(paste, pace=pace, shift=drawn_shift(rng), relief=drawn_relief(rng))

    def _span(self, paste: Paste) -> tuple[float, float, int]:
        """Return the rows of a pasted expression in `_flow`, half-open, and its kind."""
        if paste.sample == LIBRARY:
            assert self.library is not None
            start, stop = self.library.intervals[paste.expression].tolist()
            return start, stop, int(self.library.kinds[paste.expression])
        start, stop = self.samples[paste.sample].intervals[paste.expression].tolist()
        return start, stop, int(self.samples[paste.sample].kinds[paste.expression])

    def _flow(self, paste: Paste) -> npt.NDArray[np.floating]:
        """Return the flow that holds a pasted expression."""
        if paste.sample == LIBRARY:
            assert self.library is not None
            return self.library.flow(paste.expression)
        return self.samples[paste.sample].streams.flow

    def cut(self, place: Place, grids: Sequence[Grid], lengths: Sequence[int]) -> Window:
        """Return the rows and targets of a place, for levels of the given time grids and lengths."""
        sample = self.samples[place.sample]
        streams, rows = sample.streams, slice(place.start, place.start + place.frames)
        frames = len(streams.frames[rows])
        missing = self.config.window_frames - frames
        padding = ((0, missing), (0, 0), (0, 0), (0, 0))
        valid = np.pad(streams.present[rows], (0, missing))
        flow = np.pad(streams.flow[rows], padding)
        told, kinds = shown(sample.intervals - place.start, sample.kinds, frames, valid)
        if place.overlay is not None or place.pasted or place.relief:
            flow = flow.astype(np.float32)
        if place.overlay is not None:
            other = self.samples[place.overlay.sample]
            flow[:frames] += place.overlay.flow(other, frames)
            valid[:frames] &= place.overlay.present(other, frames)
            more, more_kinds = shown(place.overlay.intervals(other), other.kinds, frames, valid)
            told, kinds = np.vstack([told, more]), np.append(kinds, more_kinds)
        if place.pasted:
            spans = [self._span(paste) for paste in place.pasted]
            found = [
                add_flow(flow[:frames], self._flow(paste), span[:2], paste)
                for paste, span in zip(place.pasted, spans, strict=True)
            ]
            told, kinds = np.vstack([told, found]), np.append(kinds, [kind for _, _, kind in spans])
        if place.relief:
            flow *= relief_field(place.relief, flow.shape[-1])
        pictures = None if streams.rgb is None else streams.rgb[rows]
        if place.reverse:
            pictures = None if pictures is None else pictures[::-1]
            flow[:frames] = reversed_flow(flow[:frames], self.flow_step)
            valid[:frames] = valid[:frames][::-1].copy()
            told = frames - told[:, ::-1]
        return Window(
            rgb=None if pictures is None else np.pad(pictures, padding, mode="edge"),
            flow=flow,
            targets=assign(told, kinds, grids, lengths, valid),
            place=place,
        )
