"""Files that are either whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path`` and move it there when the block ends well.

    Raises
    ------
    OSError
        The folder cannot be written; nothing is left behind.

    Notes
    -----
    A rename within one folder is atomic on POSIX and on Windows, so that a reader never sees half a file and
    a crash leaves the former file as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
