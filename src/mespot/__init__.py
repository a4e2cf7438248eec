"""mespot finds micro- and macro-expressions in long videos.

The names below are loaded when they are first used: ``import mespot`` is quick and imports no torch.

Examples
--------
>>> import mespot
>>> result = mespot.spot("interview.mp4")  # doctest: +SKIP
>>> result.to_dataframe()  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import Any

from mespot.core.version import VERSION

__version__ = VERSION

_HOMES = {
    "Attention": "mespot.core.expression",
    "Config": "mespot.config",
    "Detection": "mespot.core.expression",
    "Expression": "mespot.core.expression",
    "Interval": "mespot.core.interval",
    "Kind": "mespot.core.expression",
    "MespotError": "mespot.core.errors",
    "Progress": "mespot.pipeline",
    "Spotter": "mespot.pipeline",
    "Spotting": "mespot.core.spotting",
    "VideoInfo": "mespot.core.video",
    "evaluate": "mespot.evaluation.evaluate",
    "spot": "mespot.pipeline",
}

__all__ = [
    "Attention",
    "Config",
    "Detection",
    "Expression",
    "Interval",
    "Kind",
    "MespotError",
    "Progress",
    "Spotter",
    "Spotting",
    "VideoInfo",
    "__version__",
    "evaluate",
    "spot",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mespot' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
