"""The plan of a simulated dataset: whose layout, who and what its videos show, and what its table states."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from mespot.core.errors import ConfigError
from mespot.core.expression import Kind
from mespot.simulate.corpus import check_choice
from mespot.simulate.identity import Variation
from mespot.simulate.manifest import VERSION, source_digest
from mespot.simulate.media import Media, MediaJob
from mespot.simulate.planned import PlannedRow, plant_casme2, plant_samm
from mespot.simulate.scene import Event, Scene, draw_scene
from mespot.simulate.workbooks import CASME2_CODES, CASME2_SUBJECTS, write_casme2, write_samm

LayoutName = Literal["casme2", "samm_lv"]
PER_MINUTE = 10.0
"""Expressions per minute, on average: a video of 12 s shows one to three, some show none."""
_FACE_SHARE = (0.48, 0.60)
"""Width of the face as share of the picture's shorter side."""
_CASME2_TITLES = {
    "0101": "disgustingteeth", "0102": "madeup", "0401": "girlcrashing", "0402": "madeup", "0502": "madeup",
    "0503": "madeup", "0505": "madeup", "0507": "madeup", "0508": "madeup",
}  # fmt: skip
"""What follows the code in a folder's name; the unknown ones are made up."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a dataset is laid out.

    Parameters
    ----------
    title : str
        For people.
    version : str
        Which release of the dataset is imitated.
    subjects : tuple of str
        As recordings call them, in order.
    most_videos : int
        Videos a subject can have.
    fps : float
        Frames per second.
    size : tuple of int
        Usual width and height here, px.
    grey : bool
        Whether pictures have no colour.
    me_share : float
        Share of ME among the expressions that do not accompany another one.
    overlapping : bool
        Whether expressions overlap.
    workbook : str
        File name of the annotations.
    write : callable
        Writes the workbook.
    plant : callable
        Plants the quirks of its table.
    """

    title: str
    version: str
    subjects: tuple[str, ...]
    most_videos: int
    fps: float
    size: tuple[int, int]
    grey: bool
    me_share: float
    overlapping: bool
    workbook: str
    write: Callable[[Path, Sequence[PlannedRow]], None]
    plant: Callable[[Sequence[PlannedRow], np.random.Generator], list[PlannedRow]]


LAYOUTS: dict[LayoutName, Layout] = {
    "casme2": Layout(
        title="CAS(ME)^2",
        version="workbook code_final (Updated), folder rawpic",
        subjects=tuple(f"s{number}" for number in CASME2_SUBJECTS),
        most_videos=len(CASME2_CODES),
        fps=30.0,
        size=(400, 400),
        grey=False,
        me_share=0.16,
        overlapping=False,
        workbook="CAS(ME)^2code_final(Updated).xlsx",
        write=write_casme2,
        plant=plant_casme2,
    ),
    "samm_lv": Layout(
        title="SAMM-LV",
        version="workbook V3, whole frames",
        subjects=tuple(f"{number:03d}" for number in range(6, 38)),
        most_videos=7,
        fps=200.0,
        size=(400, 272),
        grey=True,
        me_share=0.22,
        overlapping=True,
        workbook="SAMM_LongVideos_V3_Release.xlsx",
        write=write_samm,
        plant=plant_samm,
    ),
}
"""The layouts by name."""


@dataclass(frozen=True, slots=True)
class LayoutSettings:
    """All that decides a simulated dataset.

    Parameters
    ----------
    layout : {"casme2", "samm_lv"}
        Whose tables, names and quirks.
    faces : tuple of Path
        Stills, or clips that begin with a face at rest. Subjects take them in turn, each varied in its own shape,
        tone, light and size.
    subjects, videos_per_subject : int
        How many.
    seconds : float
        Duration of a video.
    seed : int
        The same seed and settings give the same bytes.
    size : (int, int), optional
        Width and height, even numbers of px; else that of the layout.
    media : {"images", "video"}
        Numbered JPEG files in a folder per video, or AVI files.
    split : str
        Which combinations of actions occur, see `combinations_of`.
    per_minute : float
        Expressions per minute, on average.
    me_share : float, optional
        Share of ME; else about that of the real dataset.

    Raises
    ------
    ConfigError
        An unknown name, a number out of range, or a face that is not there.
    """

    layout: LayoutName
    faces: tuple[Path, ...]
    subjects: int
    videos_per_subject: int
    seconds: float = 12.0
    seed: int = 0
    size: tuple[int, int] | None = None
    media: Media = "images"
    split: str = "all"
    per_minute: float = PER_MINUTE
    me_share: float | None = None

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ConfigError(f"a layout is {' or '.join(LAYOUTS)}, not {self.layout}; choose one of them.")
        title, most = self.style.title, (len(self.style.subjects), self.style.most_videos)
        if not 1 <= self.subjects <= most[0]:
            raise ConfigError(f"{title} has 1 to {most[0]} subjects here, not {self.subjects}; correct the number.")
        if not 1 <= self.videos_per_subject <= most[1]:
            raise ConfigError(
                f"{title} has 1 to {most[1]} videos of a subject here, not {self.videos_per_subject}; correct it."
            )
        if not 1 / self.style.fps <= self.seconds < math.inf:
            raise ConfigError(f"a video lasts a frame or more, not {self.seconds:g} s; correct the length.")
        if any(side < 96 or side % 2 for side in self.picture):
            raise ConfigError("a simulated picture needs an even width and height of at least 96 px; correct the size.")
        if self.media not in get_args(Media):
            raise ConfigError(f"media are {' or '.join(get_args(Media))}, not {self.media}; choose one of them.")
        check_choice(self.split, self.per_minute, self.share_of_me)
        if not self.faces:
            raise ConfigError("a simulated dataset needs at least one face; name a still or a clip.")
        if missing := [path for path in self.faces if not path.is_file()]:
            raise ConfigError(f"{missing[0]}: there is no such file; name stills or clips that exist.")

    @property
    def style(self) -> Layout:
        """The layout."""
        return LAYOUTS[self.layout]

    @property
    def picture(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.size or self.style.size

    @property
    def share_of_me(self) -> float:
        """Share of ME among the expressions that do not accompany another one."""
        return self.style.me_share if self.me_share is None else self.me_share

    def rng(self, *place: int) -> np.random.Generator:
        """Return a generator for one purpose: of this seed, this layout and a place in the dataset."""
        return np.random.default_rng([self.seed, sum(self.layout.encode()), *place])

    def facts(self) -> dict[str, Any]:
        """Return the settings for ``SIMULATED.json``."""
        return {
            "layout": self.layout,
            "imitates": f"{self.style.title}, {self.style.version}",
            "version": VERSION,
            "seed": self.seed,
            "subjects": self.subjects,
            "videos_per_subject": self.videos_per_subject,
            "seconds": self.seconds,
            "fps": self.style.fps,
            "size": list(self.picture),
            "media": self.media,
            "split": self.split,
            "per_minute": self.per_minute,
            "me_share": self.share_of_me,
            "faces": {path.name: source_digest(path) for path in self.faces},
        }


@dataclass(frozen=True, slots=True)
class LayoutPlan:
    """A simulated dataset before its pictures are made.

    Parameters
    ----------
    settings : LayoutSettings
        All that decides it.
    jobs : tuple of MediaJob
        Videos, in the order of the dataset.
    rows : tuple of PlannedRow
        Expressions, as shown and as stated, in the order of the table.
    """

    settings: LayoutSettings
    jobs: tuple[MediaJob, ...]
    rows: tuple[PlannedRow, ...]

    def facts(self, *, complete: bool) -> dict[str, Any]:
        """Return the contents of ``SIMULATED.json``."""
        kinds = [row.event.kind for row in self.rows]
        return {
            "simulated": True,
            "complete": complete,
            **self.settings.facts(),
            "counts": {
                "subjects": len({job.subject for job in self.jobs}),
                "videos": len(self.jobs),
                "frames": sum(job.scene.frames for job in self.jobs),
                "ME": kinds.count(Kind.ME),
                "MaE": kinds.count(Kind.MAE),
            },
            "underlying_faces": len(self.settings.faces),
            "identities": {job.subject: job.face.name for job in self.jobs},
            "truth": "truth.csv",
            "quirks": [
                {
                    "quirk": row.quirk,
                    "video": row.video,
                    "number": row.number,
                    "stated": [row.onset, row.apex, row.offset],
                    "true": list(row.truth),
                }
                for row in self.rows
                if row.quirk
            ],
        }


def plan_layout(out: Path, settings: LayoutSettings) -> LayoutPlan:
    """Draw a dataset that will lie in ``out``, without making its pictures."""
    jobs = []
    for number, subject in enumerate(settings.style.subjects[: settings.subjects]):
        who = _identity(settings, number)
        codes = settings.rng(1, number).permutation(settings.style.most_videos)[: settings.videos_per_subject]
        for video, code in enumerate(sorted(codes.tolist())):
            rng = settings.rng(2, number, video)
            scene = _scene(rng, settings, who)
            face = settings.faces[number % len(settings.faces)]
            names = _names(settings.layout, subject, code, video)
            jobs.append(MediaJob(out, *names, subject, settings.media, settings.style.grey, face, scene, rng))
    rows = settings.style.plant(_rows(settings.layout, jobs), settings.rng(3))
    return LayoutPlan(settings, tuple(jobs), tuple(rows))


def _identity(settings: LayoutSettings, number: int) -> Variation:
    low, high = (share * min(settings.picture) for share in _FACE_SHARE)
    return Variation.draw(settings.rng(0, number), (low, high))


def _scene(rng: np.random.Generator, settings: LayoutSettings, who: Variation) -> Scene:
    """Draw a video of a person, who sits a little elsewhere in each and is lit a little otherwise."""
    scene = draw_scene(
        rng,
        sizes=[settings.picture],
        rates=[settings.style.fps],
        clip_s=settings.seconds,
        split=settings.split,
        per_minute=settings.per_minute,
        me_share=settings.share_of_me,
    )
    x, y = rng.normal(0, 0.015, 2)
    variation = replace(
        who,
        shift=(who.shift[0] + float(x), who.shift[1] + float(y)),
        side_light=float(np.clip(who.side_light + rng.normal(0, 0.04), -0.4, 0.4)),
    )
    events = scene.events if settings.style.overlapping else _one_at_a_time(scene.events)
    return replace(scene, variation=variation, events=events)


def _one_at_a_time(events: Sequence[Event]) -> tuple[Event, ...]:
    """Leave out the expressions that overlap an earlier one."""
    kept: list[Event] = []
    for event in events:
        if not kept or event.onset > kept[-1].offset:
            kept.append(event)
    return tuple(kept)


def _names(layout: LayoutName, subject: str, code: int, video: int) -> tuple[str, str, str]:
    """Return a recording's name, the path of its media without suffix, and the pattern of its pictures' names."""
    if layout == "samm_lv":
        name = f"{subject}_{video + 1}"
        return name, f"SAMM_longvideos/{name}", f"{name}_{{:04d}}.jpg"
    text = list(CASME2_CODES)[code]
    name = f"{subject}/{subject.removeprefix('s')}_{text}{_CASME2_TITLES[text]}"
    return name, f"raw{{}}/{name}", "img{:03d}.jpg"


def _rows(layout: LayoutName, jobs: Sequence[MediaJob]) -> list[PlannedRow]:
    """Give the expressions of all videos their numbers; in CAS(ME)^2 the busiest video's numbers reach two digits."""
    busiest = max(jobs, key=lambda job: len(job.scene.events))
    rows = []
    for job in jobs:
        shown = job.scene.events
        first = (9 if len(shown) > 1 else 10) if layout == "casme2" and job is busiest else 1
        rows += [PlannedRow.of(job.name, job.subject, first + i, one) for i, one in enumerate(shown)]
    return rows
