from __future__ import annotations

import importlib.metadata
import inspect

import pytest

import mespot

NAMES = [
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
    "spot",
]


def test_the_public_names_are_these() -> None:
    assert mespot.__all__ == dir(mespot) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__version__"])
def test_a_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(mespot, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    assert getattr(mespot, name) is value


def test_a_public_object_documents_all_that_it_offers() -> None:
    for value in (mespot.Spotting, mespot.VideoInfo, mespot.Interval, mespot.Config, mespot.Spotter):
        for name, member in vars(value).items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{value.__name__}.{name}"


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sopt'"):
        mespot.sopt  # noqa: B018


def test_the_version_is_that_of_the_package() -> None:
    assert mespot.__version__ == importlib.metadata.version("mespot")
