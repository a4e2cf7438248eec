"""A table as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.study.writing import Column, Table, csv_text, latex, latex_text, markdown, markdown_text

TABLE = Table(
    "awkward",
    "100 % of A_1 | B & C [SIMULATED DATA]",
    (Column("run", "run"), Column("mae_f1", "F1", "MaE"), Column("me_f1", "F1", "ME"), Column("kept", "kept")),
    (("[a]_1, 2 & \\x^2", 0.3904, 1.0, 12), ('*b "q"\n$5 #1 {~}', 2 / 3, None, None)),
    ("--out <DIR>",),
)


def test_markdown() -> None:
    assert markdown(TABLE, level=2) == (
        "## 100 % of A\\_1 \\| B \\& C \\[SIMULATED DATA\\]\n"
        "\n"
        "| run | MaE F1 | ME F1 | kept |\n"
        "|---|---:|---:|---:|\n"
        "| \\[a\\]\\_1, 2 \\& \\\\x^2 | 0.390 | 1.000 | 12 |\n"
        '| \\*b "q" \\$5 \\#1 {\\~} | 0.667 | - | - |\n'
        "\n"
        "--out \\<DIR\\>\n"
    )


def test_latex() -> None:
    assert latex(TABLE) == (
        "\\begin{table}\n"
        "\\caption{100 \\% of A\\_1 \\textbar{} B \\& C {[}SIMULATED DATA{]}}\n"
        "\\begin{tabular}{lrrr}\n"
        "\\hline\n"
        "\\multicolumn{1}{c}{} & \\multicolumn{1}{c}{MaE} & \\multicolumn{1}{c}{ME} & \\multicolumn{1}{c}{} \\\\\n"
        "run & F1 & F1 & kept \\\\\n"
        "\\hline\n"
        "{[}a{]}\\_1, 2 \\& \\textbackslash{}x\\textasciicircum{}2 & 0.390 & 1.000 & 12 \\\\\n"
        '{*}b "q" \\$5 \\#1 \\{\\textasciitilde{}\\} & 0.667 & - & - \\\\\n'
        "\\hline\n"
        "\\end{tabular}\n"
        "\\par -{}-out \\textless{}DIR\\textgreater{}\n"
        "\\end{table}\n"
    )


def test_csv() -> None:
    assert csv_text(TABLE) == (
        'run,mae_f1,me_f1,kept\n"[a]_1, 2 & \\x^2",0.3904,1,12\n"*b ""q""\n$5 #1 {~}",0.666667,,\n'
    )
    assert list(csv.reader(io.StringIO(csv_text(TABLE))))[2][0] == TABLE.rows[1][0]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="odd: 1 columns, but a row of 2"):
        Table("odd", "odd", (Column("a", "a"),), ((1, 2),))


@given(st.text())
def test_no_text_ends_a_cell_or_begins_a_command(text: str) -> None:
    bare = re.sub(r"\\.", "", markdown_text(text))
    assert not set(bare) & set("|\n\\")
    bare = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|\{[\[\]*]\}|-\{\}", "", latex_text(text))
    assert not set(bare) & set("\\&%$#_{}~^\n")
