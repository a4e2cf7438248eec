"""The sets of videos that accuracy is measured on: simulated ones of people and movements that training never saw.

Every set is made once and kept in its folder; a run that was cut short goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from mespot.core.expression import Expression, Kind
from mespot.core.interval import Interval
from mespot.data.table import load_table
from mespot.pipeline import OnProgress, Progress
from mespot.simulate.corpus import simulate_corpus
from mespot.simulate.identity import IMAGE_SUFFIXES
from mespot.simulate.injection import inject_corpus
from mespot.simulate.nuisance import Distraction
from mespot.vision.decode import VideoReader

SPLIT = "test"
"""Combinations of actions that no training video shows."""
UNTOUCHED = "_untouched"
"""Ends the stem of a carrier clip into which nothing was injected."""
CHECKOUT = Path(__file__).parents[3]
"""The repository in a clone; in an installed package there is nothing of it here."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the sets are, and what decides them.

    Parameters
    ----------
    minutes, distractor_minutes, curve_minutes : float
        Of the simulated set, of the one without expressions, and of each frame rate of the curve.
    clip_s : float
        Duration of a simulated video.
    per_minute, curve_per_minute : float
        Expressions a minute that the simulator is asked for. Companions and short videos make it some more: an hour at
        12 holds about 520 ME and 430 MaE.
    me_share : float
        Share of ME among the expressions of the simulated set.
    sizes, rates : tuple
        Picture sizes and frame rates to choose from, repeated ones more likely; those of the simulator may change, a
        test set should not.
    curve_sizes, curve_rates : tuple
        The same for the curve: a set for each rate.
    copies : int
        Versions of every carrier clip with injected ME.
    seed : int
        Decides the sets; not that of any training.
    apart_from : tuple of Path
        Manifests of corpora that the weights were trained on: a face or clip of theirs is refused.
    """

    minutes: float = 60.0
    distractor_minutes: float = 20.0
    curve_minutes: float = 4.0
    clip_s: float = 30.0
    per_minute: float = 12.0
    me_share: float = 0.55
    curve_per_minute: float = 20.0
    sizes: tuple[tuple[int, int], ...] = (
        *((400, 400),) * 6, *((480, 360),) * 6, *((640, 480),) * 5, *((320, 240),) * 2, (1280, 720),
    )  # fmt: skip
    rates: tuple[float, ...] = (*(25.0,) * 6, *(30.0,) * 12, 50.0, 60.0)
    curve_sizes: tuple[tuple[int, int], ...] = ((400, 400),)
    curve_rates: tuple[float, ...] = (30.0, 60.0, 100.0, 200.0)
    copies: int = 24
    seed: int = 9_001_003
    apart_from: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A true expression and, where it was simulated, what moves.

    Parameters
    ----------
    expression : Expression
        In frames of its video.
    intensity_px : float or None
        Greatest displacement at the apex, px at 224.
    actions, side : str
        Combination of action units and side of the face; empty where they are not known.
    """

    expression: Expression
    intensity_px: float | None = None
    actions: str = ""
    side: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Mark:
        """Read an expression of a manifest."""
        interval = Interval.from_onset_offset(record["onset"], record["offset"], first_frame=0)
        expression = Expression(interval, Kind(record["kind"]), record["apex"])
        return cls(expression, float(record["intensity_px"]), record["actions"], record["side"])


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video and the truth about it.

    Parameters
    ----------
    path : Path
        The file.
    subject : str
        Who is seen.
    marks : tuple of Mark
        Its expressions.
    distractions : tuple of Distraction
        Blinks, speech and the like, where they are known.
    """

    path: Path
    subject: str
    marks: tuple[Mark, ...] = ()
    distractions: tuple[Distraction, ...] = ()

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions alone."""
        return tuple(mark.expression for mark in self.marks)


def held_out_faces(media: Sequence[Path] = ()) -> list[Path]:
    """Return stills and clips of the people whom no training saw: bundled ones, a clone's, and ``media``."""
    with resources.as_file(resources.files("mespot.assets")) as assets:
        return [
            assets / "faces" / "grace_hopper.jpg",
            *held_out_clips(),
            *(path for path in media if _is_still(path)),
        ] + [path for path in media if not _is_still(path)]


def held_out_clips(media: Sequence[Path] = ()) -> list[Path]:
    """Return the clips among `held_out_faces`."""
    with resources.as_file(resources.files("mespot.assets")) as assets:
        clips = [assets / "neutral_to_smile.mp4", CHECKOUT / "tests" / "media" / "smile_then_talk.mp4"]
    return [path for path in clips if path.is_file()] + [path for path in media if not _is_still(path)]


def own_marks() -> list[Path]:
    """Return the tables of marked real clips that a clone has."""
    table = CHECKOUT / "tests" / "media" / "marks.csv"
    return [table] if table.is_file() else []


def simulated_set(
    folder: Path,
    *,
    faces: Sequence[Path],
    plan: Plan,
    workers: int,
    on_progress: OnProgress,
    minutes: float | None = None,
    per_minute: float | None = None,
    curve_fps: float | None = None,
) -> list[LabelledVideo]:
    """Simulate a test set, or read the one that is there.

    Parameters
    ----------
    folder : Path
        Where it lies.
    faces : sequence of Path
        Stills and clips that begin with a face at rest.
    plan : Plan
        Sizes, rates, seed.
    workers : int
        Processes.
    on_progress : callable
        Receives `Progress`.
    minutes, per_minute : float, optional
        Instead of those of the plan; 0 a minute is a video without expressions.
    curve_fps : float, optional
        Frames a second of a set for the curve: ME alone, of the plan's curve sizes.
    """
    size, fps, me_share = plan.sizes, plan.rates, plan.me_share
    if curve_fps is not None:
        size, fps, me_share = plan.curve_sizes, (curve_fps,), 1.0
    stage = f"simulating {folder.name}"
    on_progress(Progress(stage, 0, None))
    simulate_corpus(
        folder,
        faces=faces,
        minutes=plan.minutes if minutes is None else minutes,
        seed=plan.seed,
        workers=workers,
        size=size,
        fps=fps,
        clip_s=plan.clip_s,
        split=SPLIT,
        per_minute=plan.per_minute if per_minute is None else per_minute,
        me_share=me_share,
        apart_from=plan.apart_from,
        on_progress=lambda done, total: on_progress(Progress(stage, done, total)),
    )
    return labelled_videos(folder)


def injected_set(
    folder: Path, *, clips: Sequence[Path], plan: Plan, workers: int, on_progress: OnProgress
) -> list[LabelledVideo]:
    """Inject ME into real clips, or read the set that is there; see `simulated_set`."""
    stage = f"injecting into {len(clips)} clips"
    on_progress(Progress(stage, 0, None))
    inject_corpus(
        folder,
        clips=clips,
        seed=plan.seed,
        copies=plan.copies,
        split=SPLIT,
        per_minute=plan.per_minute,
        me_share=1.0,
        workers=workers,
        apart_from=plan.apart_from,
        on_progress=lambda done, total: on_progress(Progress(stage, done, total)),
    )
    return labelled_videos(folder)


def labelled_videos(folder: Path) -> list[LabelledVideo]:
    """Return the videos of a simulated corpus with all that its manifest tells."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return [
        LabelledVideo(
            folder / record["video"],
            str(record["identity"]),
            tuple(Mark.of(one) for one in record["expressions"]),
            tuple(Distraction(one["kind"], one["start_s"], one["stop_s"]) for one in record.get("distractions", ())),
        )
        for record in manifest["videos"]
    ]


def marked_videos(table: Path) -> list[LabelledVideo]:
    """Return real clips with the expressions that a person marked in them.

    Parameters
    ----------
    table : Path
        Annotations in frames from 0 (`mespot.data.table`); clips lie relative to it.

    Raises
    ------
    AnnotationError, VideoError
        The table or a clip cannot be read as stated.
    """
    return [
        LabelledVideo(
            video.path, video.subject, tuple(Mark(one) for one in video.resolve(VideoReader(video.path).info))
        )
        for video in load_table(table, unit="frames", videos_root=table.parent, first_frame=0)
    ]


def _is_still(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES
