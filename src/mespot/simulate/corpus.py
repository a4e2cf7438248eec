"""A corpus of simulated videos on disk: files, annotation table and manifest."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from mespot.core.errors import ConfigError
from mespot.simulate.identity import build_neutral, load_still
from mespot.simulate.render import Renderer
from mespot.simulate.scene import PER_MINUTE, Scene, draw_scene
from mespot.vision.encode import VideoWriter

VERSION = 1
"""Raised whenever the same seed gives other videos."""
COLUMNS = ("video", "subject", "onset", "apex", "offset", "kind", "actions", "side", "intensity_px")
"""Columns of ``annotations.csv``; frames count from 0, the offset is inclusive. A video without expressions has one row
that is empty from ``onset`` on."""
SIZES: tuple[tuple[int, int], ...] = ((640, 480),) * 8 + ((320, 240), (1280, 720))
"""Picture sizes to choose from; repeated entries are more likely."""
RATES: tuple[float, ...] = (25.0, 30.0, 30.0, 30.0, 50.0)
"""Frame rates to choose from."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One video of a corpus, complete in itself so that any process can make it."""

    out: Path
    index: int
    face: Path
    seed: int
    sizes: tuple[tuple[int, int], ...]
    rates: tuple[float, ...]
    clip_s: float
    split: str
    per_minute: float

    @property
    def video(self) -> Path:
        """The video file."""
        return self.out / "videos" / f"sim_{self.index:05d}.mp4"

    @property
    def sidecar(self) -> Path:
        """JSON beside the video; written last, so it says that the video is finished."""
        return self.video.with_suffix(".json")

    def key(self) -> str:
        """Digest of all that decides the video."""
        face = hashlib.sha256(self.face.read_bytes()).hexdigest()
        facts = (VERSION, self.index, face, self.seed, self.sizes, self.rates, self.clip_s, self.split, self.per_minute)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def finished(self) -> bool:
        """Whether the same video lies there already."""
        if not (self.video.is_file() and self.sidecar.is_file()):
            return False
        try:
            facts = json.loads(self.sidecar.read_text(encoding="utf-8"))
        except ValueError:
            return False
        return isinstance(facts, dict) and facts.get("key") == self.key()


def simulate_corpus(
    out: Path,
    *,
    faces: Sequence[Path],
    minutes: float,
    seed: int,
    workers: int = 1,
    size: Sequence[tuple[int, int]] = SIZES,
    fps: Sequence[float] = RATES,
    clip_s: float = 60.0,
    split: str = "all",
    per_minute: float = PER_MINUTE,
    on_progress: Progress | None = None,
) -> Path:
    """Write labelled videos of simulated expressions.

    Parameters
    ----------
    out : Path
        Folder; made where missing. A finished video in it is kept, so an interrupted run goes on.
    faces : sequence of Path
        Stills, or clips that begin with a face at rest; taken in turn.
    minutes : float
        Video time in total, rounded up to whole clips.
    seed : int
        Video i depends on the seed, i and its face alone: neither on ``workers`` nor on the other videos.
    workers : int
        Processes.
    size : sequence of (int, int)
        Picture sizes (width, height) to choose from, even numbers of px.
    fps : sequence of float
        Frame rates to choose from.
    clip_s : float
        Duration of a video.
    split : str
        ``train`` and ``test`` show disjoint combinations of actions, ``all`` shows every one.
    per_minute : float
        Expressions per minute, on average.
    on_progress : callable, optional
        Called with the number of finished and of all videos.

    Returns
    -------
    Path
        ``annotations.csv`` in ``out``; ``manifest.json`` and ``videos/`` lie beside it.

    Raises
    ------
    ConfigError
        No face, or a duration, number of workers, size or rate that is out of range.
    FaceError
        A file of ``faces`` that cannot be read or shows no face.
    """
    _check(faces, minutes, workers, size, fps, clip_s)
    (out / "videos").mkdir(parents=True, exist_ok=True)
    count = max(1, math.ceil(minutes * 60 / clip_s - 1e-9))
    sizes = tuple((int(w), int(h)) for w, h in size)
    rates = tuple(float(rate) for rate in fps)
    jobs = [
        Job(out, i, Path(faces[i % len(faces)]), seed, sizes, rates, clip_s, split, per_minute) for i in range(count)
    ]
    for done, _ in enumerate(_run(jobs, workers), start=1):
        if on_progress is not None:
            on_progress(done, count)
    records = [json.loads(job.sidecar.read_text(encoding="utf-8")) for job in jobs]
    _write_text(out / "manifest.json", _dump({"version": VERSION, "seed": seed, "videos": records}))
    return _write_annotations(out / "annotations.csv", records)


def draw_job(job: Job) -> tuple[Scene, np.random.Generator]:
    """Return the scene of a video, and the generator that draws its noise."""
    rng = np.random.default_rng([job.seed, job.index])
    scene = draw_scene(
        rng, sizes=job.sizes, rates=job.rates, clip_s=job.clip_s, split=job.split, per_minute=job.per_minute
    )
    return scene, rng


def simulate_video(job: Job) -> int:
    """Make one video with its sidecar, unless it is there; return its index."""
    if job.finished():
        return job.index
    scene, rng = draw_job(job)
    neutral, landmarks = build_neutral(load_still(job.face), scene.variation, scene.size)
    renderer = Renderer(neutral, scene.sensor)
    width, height = scene.size
    with VideoWriter(job.video, width_px=width, height_px=height, fps=scene.fps, crf=scene.crf) as video:
        for instant in scene.instants(neutral.fields):
            video.write(renderer.draw(instant, rng))
    face_px = float(np.hypot(*(landmarks[454] - landmarks[234])))
    _write_text(job.sidecar, _dump(_record(job, scene, face_px)))
    return job.index


def _run(jobs: Sequence[Job], workers: int) -> Iterator[int]:
    if workers == 1:
        yield from map(simulate_video, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(simulate_video, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check(
    faces: Sequence[Path],
    minutes: float,
    workers: int,
    size: Sequence[tuple[int, int]],
    fps: Sequence[float],
    clip_s: float,
) -> None:
    if not faces:
        raise ConfigError("a simulated corpus needs at least one face; name a still or a clip.")
    for path in faces:
        if not Path(path).is_file():
            raise ConfigError(f"{path}: there is no such file; name stills or clips that exist.")
    if not (0 < minutes < math.inf and 0 < clip_s < math.inf and workers >= 1):
        raise ConfigError(
            "minutes, the length of a clip and the number of workers must be positive and finite; correct the value."
        )
    if not size or any(w < 96 or h < 96 or w % 2 or h % 2 for w, h in size):
        raise ConfigError("a simulated picture needs an even width and height of at least 96 px; correct the size.")
    if not fps or not all(5 <= rate <= 1000 for rate in fps):
        raise ConfigError("a simulated video needs at least 5 frames per second and at most 1000; correct the rate.")


def _record(job: Job, scene: Scene, face_px: float) -> dict[str, Any]:
    """Facts about a video: the sidecar, and its entry in the manifest."""
    variation = asdict(scene.variation)
    variation["shape"] = scene.variation.shape.round(5).tolist()
    return {
        "video": job.video.relative_to(job.out).as_posix(),
        "key": job.key(),
        "index": job.index,
        "identity": job.face.stem,
        "size": list(scene.size),
        "fps": scene.fps,
        "frames": scene.frames,
        "face_px": round(face_px, 2),
        "crf": scene.crf,
        "noise": {"read": round(scene.sensor.read, 3), "shot": round(scene.sensor.shot, 3)},
        "variation": variation,
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
            for event in scene.events
        ],
        "distractions": [
            {"kind": one.kind, "start_s": round(one.start_s, 3), "stop_s": round(one.stop_s, 3)}
            for one in scene.nuisance.distractions
        ],
    }


def _write_annotations(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    none: list[dict[str, Any]] = [{}]
    rows = [
        {"video": record["video"], "subject": record["identity"], **expression}
        for record in records
        for expression in record["expressions"] or none
    ]
    partial = path.with_name(f".partial-{path.name}")
    with partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    partial.replace(path)
    return path


def _dump(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1) + "\n"


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".partial-{path.name}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
