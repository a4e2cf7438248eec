"""Worker processes that do not outlive the run that started them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from typing import TypeVar

Job = TypeVar("Job")
Made = TypeVar("Made")


def each_done(make: Callable[[Job], Made], jobs: Sequence[Job], workers: int) -> Iterator[tuple[int, Made]]:
    """Make all jobs in worker processes, and yield the place of each with its result as they are done.

    Parameters
    ----------
    make : callable
        Takes a job; it and the jobs can be pickled. What it raises is raised here, and jobs not yet begun are dropped.
    jobs : sequence
        In the order in which they begin.
    workers : int
        Processes; with one, or a single job, all is made in this process.
    """
    if workers == 1 or len(jobs) < 2:
        yield from enumerate(map(make, jobs))
        return
    workers = min(workers, len(jobs))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        places = {pool.submit(make, job): place for place, job in enumerate(jobs)}
        try:
            for future in as_completed(places):
                yield places[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def end_with_parent() -> None:
    """End this worker as soon as the process that started it is gone, as initializer of a pool.

    Notes
    -----
    The workers of a pool hold each other's pipes open, so that after a kill of the run alone they would wait for ever,
    and would meanwhile finish their last job beside a run that goes on from there. What a worker was writing is left
    as a temporary file or folder.

    Examples
    --------
    >>> from concurrent.futures import ProcessPoolExecutor
    >>> pool = ProcessPoolExecutor(2, initializer=end_with_parent)
    >>> pool.shutdown()
    """
    parent = parent_process()
    if parent is None:
        return  # no worker: a process that works for itself

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
