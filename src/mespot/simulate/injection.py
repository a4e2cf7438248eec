"""A corpus of real clips with simulated expressions in them, beside the same clips untouched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mespot.core.errors import ConfigError
from mespot.simulate.carrier import Carrier, draw_events, inject, load_carrier
from mespot.simulate.corpus import check_choice
from mespot.simulate.manifest import PRESET, Progress, VideoJob, check_apart, source_digest, write_corpus, write_json
from mespot.simulate.person import STREAM, personal_actions
from mespot.simulate.scene import ME_SHARE, PER_MINUTE, Cast
from mespot.vision.encode import VideoWriter

_CRF = 17
"""Quality of the encoding: a second one, so little more may be lost than by the first."""


@dataclass(frozen=True, slots=True)
class InjectionJob(VideoJob):
    """One video that is a clip with expressions in it.

    Parameters
    ----------
    copy : int
        Number of the copy from 1; 0 is the untouched clip.
    repeat : int
        Passes through the clip, forwards and backwards in turn.
    """

    copy: int
    repeat: int


def inject_corpus(
    out: Path,
    *,
    clips: Sequence[Path],
    seed: int,
    copies: int = 1,
    split: str = "all",
    per_minute: float = PER_MINUTE,
    me_share: float = ME_SHARE,
    free_share: float = 0.0,
    vary: float = 0.0,
    repeat: int = 1,
    workers: int = 1,
    apart_from: Sequence[Path] = (),
    on_progress: Progress | None = None,
) -> Path:
    """Write labelled videos of real faces that move by themselves, with simulated expressions in them.

    Parameters
    ----------
    out : Path
        Folder; made where missing. A finished video in it is kept, so an interrupted run goes on.
    clips : sequence of Path
        Videos of a face, talking or not; those of one corpus have different names, which are the subjects.
    seed : int
        A video depends on the seed, its clip and the number of the copy alone.
    copies : int
        Videos of each clip, beside the untouched one.
    split : str
        ``train`` and ``test`` show disjoint combinations of actions, ``all`` shows every one.
    per_minute : float
        Expressions per minute, on average.
    me_share : float
        Share of ME among the expressions, 0 to 1.
    free_share, vary : float
        As for `mespot.simulate.corpus.simulate_corpus`; every copy of a clip moves as another person.
    repeat : int
        Passes through a clip, forwards and backwards in turn: 10 make 30 s of 3 s.
    workers : int
        Processes.
    apart_from : sequence of Path
        Manifests of corpora that may share no clip with this one, see `check_apart`.
    on_progress : callable, optional
        Called with the number of finished and of all videos.

    Returns
    -------
    Path
        ``annotations.csv`` in ``out``; ``manifest.json`` and ``videos/`` lie beside it. Each clip is there once
        more with no expression added, as NAME_untouched.mp4, encoded alike: what is found in both is the clip's own.

    Raises
    ------
    ConfigError
        No clip, two of one name, or a number that is out of range; or a corpus of ``apart_from`` shows the same.
    FaceError, VideoError
        A clip that cannot be read or does not show one face throughout.
    """
    _check(clips, copies, repeat, workers)
    check_choice(split, per_minute, me_share, free_share, vary)
    check_apart([Path(clip) for clip in clips], split, apart_from)
    jobs = [
        InjectionJob(
            out,
            f"{clip.stem}_{f'{copy:02d}' if copy else 'untouched'}",
            clip,
            seed,
            split,
            per_minute,
            me_share,
            free_share,
            float(vary),
            copy,
            repeat,
        )
        for clip in map(Path, clips)
        for copy in range(copies + 1)
    ]
    return write_corpus(out, jobs, inject_video, workers=workers, on_progress=on_progress)


def inject_video(job: InjectionJob) -> None:
    """Make one video with its sidecar."""
    digest = source_digest(job.source)
    carrier = _carrier(job.source, digest, job.repeat)
    seeds = [job.seed, job.copy, int(digest, 16)]
    rng = np.random.default_rng(seeds)
    actions = personal_actions(np.random.default_rng([*seeds, STREAM]), job.vary)
    cast = Cast(job.split, job.me_share, carrier.fps, len(carrier), job.free_share)
    events = draw_events(rng, carrier, cast, job.per_minute if job.copy else 0.0)
    width, height = carrier.size
    with VideoWriter(job.video, width_px=width, height_px=height, fps=carrier.fps, crf=_CRF, preset=PRESET) as video:
        for picture in inject(carrier, events, actions):
            video.write(picture)
    facts = {
        "carrier": job.source.name,
        "copy": job.copy,
        "repeat": job.repeat,
        "size": list(carrier.size),
        "fps": carrier.fps,
        "frames": len(carrier),
        "face_px": round(carrier.face_px, 2),
        "crf": _CRF,
    }
    write_json(job.sidecar, job.record(events, facts))


@lru_cache(maxsize=2)
def _carrier(path: Path, digest: str, repeat: int) -> Carrier:  # noqa: ARG001
    """Follow a face once for all copies; ``digest`` tells a file from another of its name."""
    return load_carrier(path, repeat=repeat)


def _check(clips: Sequence[Path], copies: int, repeat: int, workers: int) -> None:
    if not clips:
        raise ConfigError("a corpus of carriers needs at least one clip; name a video of a face.")
    names: dict[str, Path] = {}
    for path in map(Path, clips):
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file; name clips that exist.")
        if path.stem in names:
            raise ConfigError(
                f"{path}: has the name of {names[path.stem]}, and the name is the subject; rename one of them."
            )
        names[path.stem] = path
    if copies < 1 or repeat < 1 or workers < 1:
        raise ConfigError("copies, repeat and the number of workers are at least 1; correct the value.")
