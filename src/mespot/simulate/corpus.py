"""A corpus of simulated videos on disk: files, annotation table and manifest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mespot.core.errors import ConfigError, FaceError
from mespot.simulate.exact import MotionProbe
from mespot.simulate.identity import build_neutral, load_still
from mespot.simulate.manifest import (
    COLUMNS,
    PRESET,
    VERSION,
    Progress,
    VideoJob,
    check_apart,
    check_disjoint,
    write_corpus,
    write_json,
)
from mespot.simulate.person import STREAM, check_vary, personal_actions
from mespot.simulate.render import Renderer
from mespot.simulate.scene import ME_SHARE, PER_MINUTE, Scene, draw_scene
from mespot.vision.encode import VideoWriter

__all__ = ["COLUMNS", "RATES", "SIZES", "VERSION", "Job", "check_disjoint", "simulate_corpus", "simulate_video"]

SIZES: tuple[tuple[int, int], ...] = (
    *((640, 480),) * 11, *((400, 400),) * 3, *((480, 360),) * 2, (320, 240), (320, 240), (1280, 720), (1920, 1080),
)  # fmt: skip
"""Picture sizes to choose from, about as recordings have them; repeated entries are more likely."""
RATES: tuple[float, ...] = (*(25.0, 30.0, 30.0, 30.0, 50.0, 60.0) * 3, 100.0, 200.0)
"""Frame rates to choose from; the datasets have 30 (CAS(ME)^2) and 200 (SAMM-LV)."""


@dataclass(frozen=True, slots=True)
class Job(VideoJob):
    """One video of a face that is moved from a still.

    Parameters
    ----------
    index : int
        Number of the video in the corpus.
    sizes : tuple of (int, int)
        Picture sizes to choose from.
    rates : tuple of float
        Frame rates to choose from.
    clip_s : float
        Duration, s.
    exact : bool
        Whether the exact motion is written too.
    """

    index: int
    sizes: tuple[tuple[int, int], ...]
    rates: tuple[float, ...]
    clip_s: float
    exact: bool

    @property
    def motion(self) -> Path:
        """The file of the exact motion."""
        return self.video.with_suffix(".safetensors")

    def outputs(self) -> list[Path]:
        """All files that the job makes but the sidecar."""
        return [self.video, self.motion] if self.exact else [self.video]


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
    me_share: float = ME_SHARE,
    free_share: float = 0.0,
    vary: float = 0.0,
    exact: bool = False,
    apart_from: Sequence[Path] = (),
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
        Expressions per minute, on average; 0 shows all but expressions. A minute has about 20 at most, and one video
        in 25 has none.
    me_share : float
        Share of ME among the expressions, 0 to 1.
    free_share : float
        Share of the expressions whose actions are put together by chance, not taken from the table; not for ``test``.
    vary : float
        How far the muscles of each video's person pull otherwise than the table's at most, 0 to 1, see
        `personal_actions`; not for ``test``.
    exact : bool
        Whether to write the exact motion beside each video, see `mespot.simulate.exact.MotionProbe.save`.
    apart_from : sequence of Path
        Manifests of corpora that may share no face with this one, see `check_apart`.
    on_progress : callable, optional
        Called with the number of finished and of all videos.

    Returns
    -------
    Path
        ``annotations.csv`` in ``out``; ``manifest.json`` and ``videos/`` lie beside it.

    Raises
    ------
    ConfigError
        No face, or a duration, number of workers, size or rate that is out of range; or a corpus of ``apart_from``
        shows the same.
    FaceError
        A file of ``faces`` that cannot be read or shows no face.
    """
    _check(faces, minutes, workers, size, fps, clip_s)
    check_choice(split, per_minute, me_share, free_share, vary)
    check_apart([Path(face) for face in faces], split, apart_from)
    count = max(1, math.ceil(minutes * 60 / clip_s - 1e-9))
    sizes = tuple((int(w), int(h)) for w, h in size)
    rates = tuple(float(rate) for rate in fps)
    jobs = [
        Job(
            out,
            f"sim_{index:05d}",
            Path(faces[index % len(faces)]),
            seed,
            split,
            per_minute,
            me_share,
            free_share,
            float(vary),
            index,
            sizes,
            rates,
            clip_s,
            exact,
        )
        for index in range(count)
    ]
    return write_corpus(out, jobs, simulate_video, workers=workers, on_progress=on_progress)


def check_choice(split: str, per_minute: float, me_share: float, free_share: float = 0.0, vary: float = 0.0) -> None:
    """Make sure that expressions can be drawn as asked for.

    Raises
    ------
    ConfigError
        No split, a negative number of expressions, a share or variation outside 0 to 1, or free combinations or
        people who vary in the test split.
    """
    if split not in ("all", "train", "test"):
        raise ConfigError(f"a split is all, train or test, not {split}; choose one of them.")
    if not 0 <= per_minute <= 60:
        raise ConfigError(f"a minute has 0 to 60 expressions, not {per_minute:g}; correct the number.")
    if not 0 <= me_share <= 1:
        raise ConfigError(f"the share of ME lies in 0 to 1, not at {me_share:g}; correct it.")
    if not 0 <= free_share <= 1:
        raise ConfigError(f"the share of free combinations lies in 0 to 1, not at {free_share:g}; correct it.")
    check_vary(vary)
    if vary and split == "test":
        raise ConfigError("test videos move as the simulator's table says; leave out --vary, or choose another split.")
    if free_share and split == "test":
        raise ConfigError(
            "test videos show the held-out combinations alone; leave out --free-share, or choose another split."
        )


def draw_job(job: Job) -> tuple[Scene, np.random.Generator]:
    """Return the scene of a video, and the generator that draws its noise."""
    rng = np.random.default_rng([job.seed, job.index])
    scene = draw_scene(
        rng,
        sizes=job.sizes,
        rates=job.rates,
        clip_s=job.clip_s,
        split=job.split,
        per_minute=job.per_minute,
        me_share=job.me_share,
        free_share=job.free_share,
    )
    return scene, rng


def simulate_video(job: Job) -> None:
    """Make one video with its sidecar."""
    scene, rng = draw_job(job)
    still = load_still(job.source)
    try:
        actions = personal_actions(np.random.default_rng([job.seed, job.index, STREAM]), job.vary)
        neutral, landmarks = build_neutral(still, scene.variation, scene.size, actions)
    except FaceError as error:
        raise FaceError(f"{job.source}: {error}") from error
    renderer = Renderer(neutral, scene.sensor)
    probe = MotionProbe(neutral, landmarks) if job.exact else None
    width, height = scene.size
    with VideoWriter(job.video, width_px=width, height_px=height, fps=scene.fps, crf=scene.crf, preset=PRESET) as video:
        for instant in scene.instants(neutral.fields):
            video.write(renderer.draw(instant, rng))
            if probe is not None:
                probe.take(instant)
    if probe is None:
        job.motion.unlink(missing_ok=True)  # of a video that was here before
    else:
        probe.save(job.motion)
    face_px = float(np.hypot(*(landmarks[454] - landmarks[234])))
    write_json(job.sidecar, job.record(scene.events, _facts(job, scene, face_px)))


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


def _facts(job: Job, scene: Scene, face_px: float) -> dict[str, Any]:
    """Return what a video was made of, for its record."""
    variation = asdict(scene.variation)
    variation["shape"] = scene.variation.shape.round(5).tolist()
    return {
        "index": job.index,
        "size": list(scene.size),
        "fps": scene.fps,
        "frames": scene.frames,
        "face_px": round(face_px, 2),
        "crf": scene.crf,
        "noise": {"read": round(scene.sensor.read, 3), "shot": round(scene.sensor.shot, 3)},
        "variation": variation,
        "distractions": [
            {"kind": one.kind, "start_s": round(one.start_s, 3), "stop_s": round(one.stop_s, 3)}
            for one in scene.nuisance.distractions
        ],
    }
