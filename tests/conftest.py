"""What all tests share: the real clips, and one thread for the small networks of tests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tests assert no times: a busy machine is no failure.
settings.register_profile("mespot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mespot")


def pytest_configure() -> None:
    """Give torch one thread: small arrays gain nothing from more, and lose much on a busy machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def smile_clip() -> Iterator[Path]:
    """Yield the bundled clip: neutral, then a smile that is held to the end."""
    with as_file(files("mespot.assets") / "neutral_to_smile.mp4") as path:
        yield path


@pytest.fixture(scope="session")
def smile_then_talk_clip() -> Path:
    """Return the clip of a complete smile followed by talking."""
    return Path(__file__).parent / "media" / "smile_then_talk.mp4"
