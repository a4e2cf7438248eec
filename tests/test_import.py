"""What a fresh interpreter loads."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "cv2", "av", "numba", "pandas", "matplotlib")


def loaded_after(statement: str, names: tuple[str, ...] = HEAVY) -> set[str]:
    code = f"{statement}; import sys; print(*(name for name in {names!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_mespot_loads_nothing_heavy() -> None:
    assert loaded_after("import mespot, mespot.core.spotting, mespot.config") == set()


def test_the_command_line_loads_nothing_heavy_before_it_works() -> None:
    assert loaded_after("import mespot.cli.app", (*HEAVY, "numpy", "pydantic")) == set()


def test_types_and_tables_need_no_network_and_no_pictures() -> None:
    statement = "import mespot; mespot.Spotting; import mespot.export.csv, mespot.export.timeline, mespot.export.folder"
    assert loaded_after(statement) == set()


def test_python_m_mespot_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "mespot", "--help"], capture_output=True, text=True, check=True)
    for command in ("spot", "demo", "simulate", "train", "evaluate", "models"):
        assert command in done.stdout
    assert done.stderr == ""
