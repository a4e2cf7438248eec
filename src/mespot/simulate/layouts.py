"""Simulated datasets that are laid out as CAS(ME)^2 or SAMM-LV: media, annotation workbook with its quirks, truth."""

from __future__ import annotations

import json
from pathlib import Path

from mespot.core.errors import ConfigError
from mespot.simulate.layout_plan import LayoutPlan, LayoutSettings, plan_layout
from mespot.simulate.manifest import Progress, run_jobs, write_json
from mespot.simulate.media import make_media
from mespot.simulate.truth import write_truth

MARK = "SIMULATED.json"
"""File in the root of a simulated dataset; loaders know by it that nothing here was recorded."""


def simulate_layout(
    out: Path, settings: LayoutSettings, *, workers: int = 1, on_progress: Progress | None = None
) -> Path:
    """Write a simulated dataset that is laid out as a real one.

    Parameters
    ----------
    out : Path
        Root of the dataset; made where missing. Videos that are finished are kept, so an interrupted run goes on.
    settings : LayoutSettings
        All that decides the dataset; the same ones give the same bytes, whatever ``workers``.
    workers : int
        Processes.
    on_progress : callable, optional
        Called with the number of finished and of all videos.

    Returns
    -------
    Path
        The annotation workbook. Beside it lie `MARK` and ``truth.csv``, the true frames of every expression.

    Raises
    ------
    ConfigError
        No process to work; no expression in any video; or ``out`` holds something else.
    FaceError
        A face that cannot be read, or a file that shows none.

    Notes
    -----
    `MARK` is written before anything else and the workbook after all media: nothing simulated ever lies there without
    its mark, and a dataset with a workbook is whole.

    Examples
    --------
    >>> settings = LayoutSettings("casme2", (Path("face.jpg"),), subjects=2, videos_per_subject=1)  # doctest: +SKIP
    >>> simulate_layout(Path("made"), settings, workers=2)  # doctest: +SKIP
    """
    if workers < 1:
        raise ConfigError("at least one process must work; correct the number.")
    plan = plan_layout(out, settings)
    if not plan.rows:
        raise ConfigError(
            f"no expression fell into {len(plan.jobs)} videos of {settings.seconds:g} s, and a workbook without rows "
            "cannot be read; make more, longer or denser videos, or take another seed."
        )
    _take(out, plan)
    waiting = [job for job in plan.jobs if not job.finished()]
    done = len(plan.jobs) - len(waiting)
    for _ in run_jobs(waiting, make_media, workers):
        done += 1
        if on_progress is not None:
            on_progress(done, len(plan.jobs))
    write_truth(out / "truth.csv", plan.jobs, plan.rows)
    workbook = out / settings.style.workbook
    settings.style.write(workbook, plan.rows)
    write_json(out / MARK, plan.facts(complete=True))
    return workbook


def _take(out: Path, plan: LayoutPlan) -> None:
    """Mark ``out`` as this dataset.

    Raises
    ------
    ConfigError
        It holds another dataset, or anything that was not simulated.
    """
    mark = out / MARK
    facts = plan.facts(complete=False)
    if mark.is_file():
        try:
            there = json.loads(mark.read_text(encoding="utf-8"))
        except ValueError:
            there = None
        if not isinstance(there, dict) or {**there, "complete": False} != facts:
            raise ConfigError(f"{out}: holds a simulated dataset of other settings; delete it or name a new folder.")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: holds something that was not simulated; name a new or an empty folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_json(mark, facts)
