from __future__ import annotations

from pathlib import Path

import pytest

from mespot.core.atomic import whole_file


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    with whole_file(path) as temporary:
        temporary.write_text("new", encoding="ascii")
        assert not path.exists()
    assert path.read_text(encoding="ascii") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_former_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old", encoding="ascii")

    def write_half() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("ne", encoding="ascii")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert path.read_text(encoding="ascii") == "old"
    assert list(tmp_path.iterdir()) == [path]
