"""Errors in one sentence each: no traceback reaches a user who did not ask for it."""

from __future__ import annotations

import os
import traceback

from mespot.cli.output import complain
from mespot.core.errors import ConfigError, MespotError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit status: something failed; wrong usage; Ctrl-C (128 + SIGINT)."""
DEBUG = "MESPOT_DEBUG"
"""Environment variable that, like ``mespot --debug``, asks for the traceback of an unexpected error."""


def sentence(error: Exception) -> str:
    """Say in one sentence what happened and what to do about it."""
    if isinstance(error, MespotError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or error}; check the path, its permissions and the free space."
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"unexpected error ({what}); please report it, with the traceback that mespot --debug shows."


def report(error: Exception) -> int:
    """Print the sentence, and the traceback where it is asked for; return the exit status that the error means."""
    complain(f"error: {sentence(error)}")
    if os.environ.get(DEBUG) and not isinstance(error, MespotError):
        traceback.print_exception(error)
    return MISUSED if isinstance(error, ConfigError) else FAILED
