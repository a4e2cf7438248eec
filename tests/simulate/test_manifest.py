import json
from pathlib import Path

import pytest

from mespot.core.errors import ConfigError
from mespot.simulate.manifest import check_apart, check_disjoint, source_digest


def manifest(path: Path, split: str, *videos: tuple[str, str, list[str]]) -> Path:
    """Write a manifest; a video is its identity, the digest of its source and its combinations."""
    records = [{"identity": who, "source": digest, "combinations": shown} for who, digest, shown in videos]
    path.write_text(json.dumps({"split": split, "videos": records}), encoding="utf-8")
    return path


def test_corpora_that_share_nothing_that_matters_pass(tmp_path: Path) -> None:
    train = manifest(tmp_path / "train.json", "train", ("ann", "a", ["4", "12"]), ("bob", "b", ["4"]))
    test = manifest(tmp_path / "test.json", "test", ("cy", "c", ["14", "20"]))
    check_disjoint([train, test])


@pytest.mark.parametrize(
    ("video", "fact"),
    [
        (("ann", "z", ["14"]), "test.json: the face or clip ann is in .*train.json too"),
        (("other name", "a", ["14"]), "test.json: the face or clip ann is in .*train.json too"),
    ],
)
def test_a_face_in_two_splits_is_refused(tmp_path: Path, video: tuple[str, str, list[str]], fact: str) -> None:
    train = manifest(tmp_path / "train.json", "train", ("ann", "a", ["4"]))
    test = manifest(tmp_path / "test.json", "test", video)
    with pytest.raises(ConfigError, match=fact):
        check_disjoint([train, test])


def test_a_held_out_combination_in_two_splits_is_refused(tmp_path: Path) -> None:
    everything = manifest(tmp_path / "all.json", "all", ("ann", "a", ["4", "14"]))
    test = manifest(tmp_path / "test.json", "test", ("bob", "b", ["14"]))
    with pytest.raises(ConfigError, match="held-out combination 14"):
        check_disjoint([everything, test])


def test_corpora_of_one_split_may_share_everything(tmp_path: Path) -> None:
    both = [manifest(tmp_path / f"{name}.json", "train", ("ann", "a", ["4"])) for name in "xy"]
    check_disjoint(both)


@pytest.mark.parametrize("text", ["no json", "[]", '{"videos": []}', '{"split": "all", "videos": [{"identity": "a"}]}'])
def test_another_file_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"m\.json: is no manifest"):
        check_disjoint([tmp_path / "m.json"])


def test_a_planned_corpus_is_held_against_existing_ones(tmp_path: Path) -> None:
    face = tmp_path / "ann.png"
    face.write_bytes(b"a face")
    free = manifest(tmp_path / "free.json", "train", ("bob", "b", ["4"]))
    check_apart([face], "test", [])
    check_apart([face], "test", [free])
    check_apart([face], "train", [free])
    shows_held_out = manifest(tmp_path / "all.json", "all", ("bob", "b", ["4", "20"]))
    check_apart([face], "train", [shows_held_out])
    with pytest.raises(ConfigError, match="held-out combination 20"):
        check_apart([face], "test", [free, shows_held_out])
    same = manifest(tmp_path / "same.json", "test", ("renamed", source_digest(face), []))
    for split in ("train", "test"):
        with pytest.raises(ConfigError, match="the face or clip ann is in the new corpus too"):
            check_apart([face], split, [same])
