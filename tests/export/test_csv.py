from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mespot.core.expression import Attention
from mespot.export.csv import write_csv
from results import SMILE, make_spotting


def test_one_row_an_expression_under_the_stated_columns(tmp_path: Path) -> None:
    path = write_csv(make_spotting(), tmp_path / "clip.csv")
    lines = path.read_bytes().decode("utf-8").split("\n")
    assert lines == [
        "video,face,kind,onset_frame,apex_frame,offset_frame,onset_s,apex_s,offset_s,duration_s,score,region",
        "person one.mp4,1,ME,2,6,11,0.076667,0.21,0.376667,0.333333,0.61,left brow",
        "person one.mp4,1,MaE,16,22,71,0.543333,0.743333,2.376667,1.866667,0.87,mouth",
        "",
    ]


def test_pandas_reads_the_table_that_to_dataframe_gives(tmp_path: Path) -> None:
    spotting = make_spotting()
    table = pd.read_csv(write_csv(spotting, tmp_path / "clip.csv"))
    pd.testing.assert_frame_equal(table, spotting.to_dataframe(), rtol=0, atol=1e-6)


def test_no_expression_is_a_header_alone(tmp_path: Path) -> None:
    assert len(write_csv(make_spotting(()), tmp_path / "clip.csv").read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize("name", ["=1+1.mp4", "+x.mp4", "-x.mp4", "@SUM(A1).mp4"])
def test_no_text_is_run_as_a_formula(name: str, tmp_path: Path) -> None:
    path = write_csv(make_spotting(path=Path("clips") / name), tmp_path / "clip.csv")
    with path.open(encoding="utf-8", newline="") as file:
        _, first, _ = csv.reader(file)
    assert first[0] == "'" + name


@pytest.mark.parametrize("name", ["\t=1.mp4", "\r=1.mp4", "a\nb.mp4", "\udcff.mp4"])
def test_control_characters_and_undecodable_bytes_break_nothing(name: str, tmp_path: Path) -> None:
    path = write_csv(make_spotting(path=Path("clips") / name), tmp_path / "clip.csv")
    with path.open(encoding="utf-8", newline="") as file:
        _, first, _ = csv.reader(file)
    assert "\N{REPLACEMENT CHARACTER}" in first[0]
    assert first[0].isprintable()


def test_text_with_commas_quotes_and_other_scripts_comes_back(tmp_path: Path) -> None:
    region = 'mouth, "left" côté 左'
    spotting = make_spotting([replace(SMILE, attention=Attention(region))], path=Path("a,b.mp4"))
    table = pd.read_csv(write_csv(spotting, tmp_path / "clip.csv"))
    assert [table["video"][0], table["region"][0]] == ["a,b.mp4", region]


def test_a_folder_that_is_not_there_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_csv(make_spotting(), tmp_path / "none" / "clip.csv")
    assert list(tmp_path.iterdir()) == []
