"""Workers end with the run that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mespot.core.workers import end_with_parent

RUN = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from mespot.core.workers import end_with_parent

def work(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        list(pool.map(work, [sys.argv[1]] * 2))
"""


def wait_until(folder: Path, count: int) -> list[int]:
    for _ in range(600):
        if len(found := [int(path.name) for path in folder.iterdir()]) == count:
            return found
        time.sleep(0.05)
    raise AssertionError("the workers did not start")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_workers_of_a_killed_run_end(tmp_path: Path) -> None:
    script, marks = tmp_path / "run.py", tmp_path / "marks"
    script.write_text(RUN)
    marks.mkdir()
    run = subprocess.Popen([sys.executable, str(script), str(marks)])
    try:
        workers = wait_until(marks, 2)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    for _ in range(200):
        if not any(alive(pid) for pid in workers):
            break
        time.sleep(0.05)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def test_a_process_that_is_no_worker_watches_nothing() -> None:
    before = threading.active_count()
    end_with_parent()
    assert threading.active_count() == before
