from __future__ import annotations

import ast
import importlib.metadata
import inspect
from pathlib import Path

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
    "evaluate",
    "spot",
]


def test_the_public_names_are_these() -> None:
    assert mespot.__all__ == dir(mespot) == NAMES


def test_type_checkers_know_the_same_names_from_the_same_modules() -> None:
    stub = ast.parse(Path(mespot.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert sorted(name for name in NAMES if name != "__version__") == sorted(str(name) for name in homes)
    for name, home in homes.items():
        assert getattr(mespot, str(name)).__module__ == home


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
        getattr(mespot, "sopt")  # noqa: B009


def test_the_version_is_that_of_the_package() -> None:
    assert mespot.__version__ == importlib.metadata.version("mespot")
