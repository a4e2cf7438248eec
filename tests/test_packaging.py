"""What is shipped: that every file is accounted for, and that all places agree on the version."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import mespot
from mespot.core.version import VERSION

ROOT = Path(__file__).parent.parent
ASSETS = ROOT / "src" / "mespot" / "assets"
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
SHIPPED = sorted(
    path.relative_to(ASSETS).as_posix()
    for path in ASSETS.rglob("*")
    if path.is_file() and path.name != "README.md" and path.suffix not in (".py", ".pyc")
)
CHECKSUMS = re.findall(r"^src/mespot/assets/(\S+)\n(?:  .*\n)*?  sha256 ([0-9a-f]{64})$", NOTICE, re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.-])(?:/(?:home|root|Users|work)/|[A-Z]:\\Users\\)\w")
"""The beginning of a path in somebody's home or work folder."""


def sources() -> Iterator[Path]:
    """Yield the text files of the project, found without git so that an unpacked source distribution is checked too."""
    for name in (".ci", "benchmarks", "configs", "docs", "src", "tests"):
        yield from (path for path in (ROOT / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    yield from (path for path in ROOT.iterdir() if path.is_file())


def text_of(path: Path) -> str | None:
    """Return the text of a file, None of a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_there_are_assets() -> None:
    assert {Path(name).suffix for name in SHIPPED} >= {".onnx", ".tflite", ".mp4", ".jpg"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_file_is_listed_with_its_source(name: str) -> None:
    readme = (ASSETS / name).with_name("README.md").read_text(encoding="utf-8")
    assert f"| {Path(name).name} |" in readme
    folder = name.partition("/")[0]
    assert folder in NOTICE or folder in (ASSETS / "README.md").read_text(encoding="utf-8")


def test_the_notice_has_the_checksum_of_every_file_of_others() -> None:
    assert [name for name, _ in CHECKSUMS] == [
        "face_detection_yunet_2023mar.onnx", "face_landmark_468.tflite", "neutral_to_smile.mp4",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "checksum"), CHECKSUMS)
def test_a_file_of_others_is_unchanged(name: str, checksum: str) -> None:
    assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == checksum


def test_all_places_agree_on_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert project["version"] == mespot.__version__ == newest[1] == VERSION


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    texts = {path: text for path in sources() if (text := text_of(path)) is not None}
    assert ROOT / "pyproject.toml" in texts
    assert Path(mespot.__file__).resolve() in {path.resolve() for path in texts}
    assert {
        str(path.relative_to(ROOT)): found[0] for path, text in texts.items() if (found := MACHINE_PATH.search(text))
    } == {}


@pytest.mark.parametrize("path", ["/{}/me", " '/{}/me", "C:\\{}\\me", "(/{}/me"])
def test_such_a_folder_would_be_found(path: str) -> None:
    assert MACHINE_PATH.search(path.format("Users"))
    assert not MACHINE_PATH.search(path.format("pictures"))
