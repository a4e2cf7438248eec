"""What every corpus of simulated videos has: jobs that can be resumed, manifest, table, and what it may not share."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any, Self, TypeVar

from mespot.core.atomic import whole_file
from mespot.core.errors import ConfigError
from mespot.core.workers import each_done
from mespot.simulate.actions import HELD_OUT, combinations_of
from mespot.simulate.scene import Event

VERSION = 4
"""Raised whenever the same seed gives other videos."""
COLUMNS = (
    "video", "subject", "onset", "apex", "offset", "kind", "actions", "side", "intensity_px", "split",
)  # fmt: skip
"""Columns of ``annotations.csv``; frames count from 0, the offset is inclusive. A video without expressions has one row
that is empty from ``onset`` to ``intensity_px``."""
PRESET = "veryfast"
"""How hard x264 searches: videos are made by the hour, and a larger file does no harm."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class VideoJob:
    """One video of a corpus, complete in itself so that any process can make it.

    Parameters
    ----------
    out : Path
        Folder of the corpus.
    name : str
        Name of the video without suffix.
    source : Path
        Still or clip that it is made from.
    seed : int
        Seed of the corpus.
    split : str
        Which combinations of actions occur.
    per_minute : float
        Expressions per minute, on average.
    me_share : float
        Share of ME among the expressions.
    free_share : float
        Share of the expressions whose actions are put together by chance.
    vary : float
        How far the person's muscles pull otherwise than the table's at most.
    """

    out: Path
    name: str
    source: Path
    seed: int
    split: str
    per_minute: float
    me_share: float
    free_share: float
    vary: float

    @property
    def video(self) -> Path:
        """The video file."""
        return self.out / "videos" / f"{self.name}.mp4"

    @property
    def sidecar(self) -> Path:
        """JSON beside the video; written last, so it says that the video is finished."""
        return self.video.with_suffix(".json")

    def outputs(self) -> list[Path]:
        """All files that the job makes but the sidecar."""
        return [self.video]

    def key(self) -> str:
        """Digest of all that decides the video."""
        facts = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("out", "source")}
        for later in ("free_share", "vary"):
            if not facts[later]:
                del facts[later]  # videos that were made before there was one stay finished
        identity = (VERSION, source_digest(self.source), self.source.stem, sorted(facts.items()))
        return hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    def finished(self) -> bool:
        """Whether the same video lies there already."""
        if not (self.sidecar.is_file() and all(path.is_file() for path in self.outputs())):
            return False
        try:
            facts = json.loads(self.sidecar.read_text(encoding="utf-8"))
        except ValueError:
            return False
        return isinstance(facts, dict) and facts.get("key") == self.key()

    def record(self, events: Sequence[Event], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Facts about a video: the sidecar, and its entry in the manifest."""
        return {
            "video": self.video.relative_to(self.out).as_posix(),
            "key": self.key(),
            "identity": self.source.stem,
            "source": source_digest(self.source),
            "split": self.split,
            **({"vary": self.vary} if self.vary else {}),
            "combinations": sorted({event.combination.name for event in events}),
            **facts,
            "expressions": [
                {
                    "onset": event.onset,
                    "apex": event.apex,
                    "offset": event.offset,
                    "kind": str(event.kind),
                    "actions": event.combination.name,
                    "side": event.side.value,
                    "intensity_px": round(event.intensity_px, 3),
                }
                for event in events
            ],
        }


AnyJob = TypeVar("AnyJob", bound=VideoJob)
OneJob = TypeVar("OneJob")


def source_digest(path: Path) -> str:
    """Digest of a source file: the same face under another name is known by it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def write_corpus(
    out: Path,
    jobs: Sequence[AnyJob],
    make: Callable[[AnyJob], None],
    *,
    workers: int,
    on_progress: Progress | None,
) -> Path:
    """Make the videos that are not there yet, then manifest and table; return the table.

    Parameters
    ----------
    out : Path
        Folder; made where missing.
    jobs : sequence of VideoJob
        At least one, all of one seed and split.
    make : callable
        Writes the files of a job, its sidecar last; a function that another process can import.
    workers : int
        Processes.
    on_progress : callable, optional
        Called with the number of finished and of all videos.

    Notes
    -----
    Where videos are to be made, table, manifest and their old sidecars go first: what an interruption leaves never
    describes other videos.
    """
    (out / "videos").mkdir(parents=True, exist_ok=True)
    waiting = [job for job in jobs if not job.finished()]
    if waiting:
        for stale in (out / "annotations.csv", out / "manifest.json", *(job.sidecar for job in waiting)):
            stale.unlink(missing_ok=True)
    done = len(jobs) - len(waiting)
    for _ in run_jobs(waiting, make, workers):
        done += 1
        if on_progress is not None:
            on_progress(done, len(jobs))
    records = [json.loads(job.sidecar.read_text(encoding="utf-8")) for job in jobs]
    facts = {"version": VERSION, "seed": jobs[0].seed, "split": jobs[0].split, "videos": records}
    write_json(out / "manifest.json", facts)
    return _write_annotations(out / "annotations.csv", records)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write facts as JSON, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def check_disjoint(manifests: Sequence[Path]) -> None:
    """Make sure that corpora of different splits that were made before are apart; `check_apart` is for a new one.

    Raises
    ------
    ConfigError
        Two manifests of different splits share an identity, a carrier clip or a combination of `HELD_OUT`; or a
        file is no manifest.
    """
    for one, other in combinations([_Contents.read(path) for path in manifests], 2):
        if one.split != other.split:
            one.refuse_shared(other)


def check_apart(sources: Sequence[Path], split: str, manifests: Sequence[Path]) -> None:
    """Make sure that a corpus that is yet to be made will be apart from those of ``manifests``.

    Raises
    ------
    ConfigError
        A face or clip of ``sources`` is in one of them already, or, where it is of another split, a combination of
        `HELD_OUT` that ``split`` may show; or a file is no manifest.
    """
    shown = frozenset(one.name for one in combinations_of(split)) & set(HELD_OUT)
    planned = _Contents(
        "the new corpus", split, {source_digest(path): path.stem for path in sources if manifests}, shown
    )
    for path in manifests:
        planned.refuse_shared(_Contents.read(path))


@dataclass(frozen=True, slots=True)
class _Contents:
    """What corpora may not share: sources (digest: identity), and combinations that are held out."""

    name: str
    split: str
    sources: Mapping[str, str]
    held_out: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            videos = manifest["videos"]
            sources = {str(video["source"]): str(video["identity"]) for video in videos}
            shown = frozenset(str(name) for video in videos for name in video["combinations"])
            return cls(str(path), str(manifest["split"]), sources, shown & set(HELD_OUT))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}: is no manifest that says what a corpus shows; name a manifest.json that this version of "
                "mespot simulate wrote."
            ) from error

    def refuse_shared(self, other: _Contents) -> None:
        both = set(self.sources.values()) & set(other.sources.values())
        both |= {self.sources[digest] for digest in set(self.sources) & set(other.sources)}
        if both:
            raise ConfigError(
                f"{other.name}: the face or clip {min(both)} is in {self.name} too; give each of them its own faces."
            )
        shown = self.held_out & other.held_out
        if self.split != other.split and shown:
            raise ConfigError(
                f"{other.name}: shows the held-out combination {min(shown)}, as does {self.name}; make one as the "
                "split train and the other as test."
            )


def run_jobs(jobs: Sequence[OneJob], make: Callable[[OneJob], None], workers: int) -> Iterator[None]:
    """Make all jobs, in as many processes as there are ``workers``, and yield after each."""
    for _ in each_done(make, jobs, workers):
        yield


def _write_annotations(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    none: list[dict[str, Any]] = [{}]
    rows = [
        {"video": record["video"], "subject": record["identity"], "split": record["split"], **expression}
        for record in records
        for expression in record["expressions"] or none
    ]
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return path
