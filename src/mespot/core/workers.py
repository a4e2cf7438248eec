"""Worker processes that do not outlive the run that started them."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process


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
