"""The tables and figures of runs as files, and one report that ties them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mespot.core.atomic import whole_file
from mespot.core.errors import StudyError
from mespot.study.figures import Drawing, all_drawings, figure_bytes
from mespot.study.results import SIMULATED, StudyResult, read_result
from mespot.study.sweeps import Sweeps, sweep
from mespot.study.tables import all_tables, marked
from mespot.study.writing import Table, csv_text, latex, markdown, markdown_text

REPORT = "report.md"


def write_tables(runs: Sequence[Path], out: Path | None = None) -> list[Path]:
    """Write the tables and figures of one or more runs.

    Parameters
    ----------
    runs : sequence of Path
        Folders of ``mespot loso``, finished or not.
    out : Path, optional
        Where to; else ``tables`` in the first run.

    Returns
    -------
    list of Path
        Every file, the report first: each table as ``.md``, ``.tex`` and ``.csv``, each figure as ``.png`` and
        ``.svg``. The same runs give the same bytes.

    Raises
    ------
    StudyError
        A folder is no run or cannot be read, or the files cannot be written.
    """
    if not runs:
        raise StudyError("tables need at least one run; name the folder of a run of 'mespot loso'.")
    scored = [sweep(result) for result in told_apart([read_result(run) for run in runs])]
    tables, drawings = all_tables(scored), all_drawings(scored)
    files: dict[str, bytes] = {REPORT: report(scored, tables, drawings).encode()}
    for table in tables:
        for ending, text in (("md", markdown(table)), ("tex", latex(table)), ("csv", csv_text(table))):
            files[f"{table.name}.{ending}"] = text.encode()
    for drawing in drawings:
        for ending in ("png", "svg"):
            files[f"{drawing.name}.{ending}"] = figure_bytes(drawing, ending)
    folder = runs[0] / "tables" if out is None else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with whole_file(folder / name) as part:
                part.write_bytes(content)
    except OSError as error:
        raise StudyError(
            f"{folder}: cannot be written ({error.strerror or error}); check the folder and the free space, or name "
            "another with --out."
        ) from error
    return [folder / name for name in files]


def told_apart(results: Sequence[StudyResult]) -> list[StudyResult]:
    """Return the runs with a number behind each name that another run has already."""
    seen: dict[str, int] = {}
    named = []
    for result in results:
        seen[result.name] = seen.get(result.name, 0) + 1
        number = seen[result.name]
        named.append(result if number == 1 else replace(result, name=f"{result.name} ({number})"))
    return named


def report(runs: Sequence[Sweeps], tables: Sequence[Table], drawings: Sequence[Drawing]) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(runs, tables, drawings)) + "\n"


def _lines(runs: Sequence[Sweeps], tables: Sequence[Table], drawings: Sequence[Drawing]) -> Iterator[str]:
    results = [run.result for run in runs]
    yield f"# {markdown_text(marked('Leave-one-subject-out', results))}"
    yield ""
    if any(result.simulated for result in results):
        yield (
            f"**{SIMULATED} DATA.** What is marked so was run on simulated recordings: it shows that the study runs "
            "from raw files to tables, and says nothing about how well expressions of people are found."
        )
        yield ""
    for run in runs:
        yield f"- {markdown_text(_headline(run))}"
    for run in runs:
        yield ""
        yield f"## {markdown_text(marked(f'Run {run.result.name}', [run.result]))}"
        yield ""
        yield from (f"- {markdown_text(line)}" for line in _facts(run.result))
    for table in tables:
        yield ""
        yield markdown(table, level=2).rstrip("\n")
        for drawing in drawings:
            if drawing.table == table.name:
                title = markdown_text(drawing.title)
                yield ""
                yield f"![{title}]({drawing.name}.png)"
                yield ""
                yield f"*{title}*"


def _headline(run: Sweeps) -> str:
    scores = run.headline
    parts = [
        f"{name} F1 {tally.f1:.3f} (precision {tally.precision:.3f}, recall {tally.recall:.3f})"
        for name, tally in (("MaE", scores.mae), ("ME", scores.me), ("overall", scores.all))
    ]
    return f"{run.result.name} ({run.result.data}): strict score at IoU 0.5, {'; '.join(parts)}."


def _facts(result: StudyResult) -> Iterator[str]:
    dataset = result.dataset
    yield f"Data: {result.data}"
    yield (
        f"Subjects: {len(dataset['subjects'])}, videos: {dataset['videos']}, annotated MaE: {dataset['MaE']}, ME: "
        f"{dataset['ME']}; missing offsets are completed by the rule '{result.missing_offset}'"
    )
    if result.missing:
        yield (
            f"INCOMPLETE, {result.progress}: all tables count the finished subjects alone; not finished: "
            f"{', '.join(result.missing)}"
        )
    yield f"Options: {_pairs(result.options)}"
    yield f"Versions: {_pairs(result.versions)}"
    timings = {key: value for key, value in result.timings.items() if not isinstance(value, dict | list)}
    if timings:
        yield f"Timings: {_pairs(timings)}"


def _pairs(values: object) -> str:
    assert isinstance(values, dict)
    return ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)
