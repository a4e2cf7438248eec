"""The tables of a study: the paper's Tables I to III, the protocols side by side, ablations, folds and losses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mespot.core.errors import StudyError
from mespot.evaluation.protocols import ABOUT
from mespot.evaluation.tally import ProtocolScores, Tally
from mespot.study.published import PAPER_T_EVAL, PAPER_TOP, PUBLISHED
from mespot.study.results import SIMULATED, StudyResult
from mespot.study.sweeps import Sweeps
from mespot.study.writing import Cell, Column, Table

KINDS = {"MaE": "MaE", "ME": "ME", "all": "overall"}
"""Of a score, with what its columns are called."""
RATES = {"precision": "precision", "recall": "recall", "f1": "F1"}
WHAT = (Column("run", "run"), Column("data", "data"))
F1 = tuple(Column(f"{kind.lower()}_f1", "F1", name) for kind, name in KINDS.items())
ALL_RATES = tuple(
    Column(f"{kind.lower()}_{rate}", heading, name) for kind, name in KINDS.items() for rate, heading in RATES.items()
)
PAPER = "the paper"
STRICT = (
    "Strict score of mespot: one-to-one, same kind, frames inclusive, pooled over all videos, those without "
    "expressions included."
)
TRAINING_SIDE = "Thresholds and epoch of each fold were chosen on training subjects only."
OPTIONS = ("neck", "streams", "attention", "loss", "initialise", "mode")


def marked(title: str, results: Sequence[StudyResult]) -> str:
    """Return a heading that says what is simulated in what stands below it, and what is not finished."""
    simulated = [result.simulated for result in results]
    marks = []
    if any(simulated):
        marks.append(f"{SIMULATED} DATA" if all(simulated) else f"partly {SIMULATED} DATA")
    incomplete = [f"{result.progress} in {result.name}" for result in results if result.missing]
    if incomplete:
        marks.append(f"INCOMPLETE: {', '.join(incomplete)}")
    return f"{title} [{'; '.join(marks)}]" if marks else title


def all_tables(runs: Sequence[Sweeps]) -> list[Table]:
    """Return every table that there is anything for, in order."""
    tables = (t_eval, top_threshold, comparison, protocols, ablation, folds, losses)
    return [table for make in tables if (table := make(runs)).rows]


def t_eval(runs: Sequence[Sweeps]) -> Table:
    """Return Table I: precision, recall and F1 by the least overlap of a true positive."""
    rows: list[tuple[Cell, ...]] = [
        (*_what(run), f"{iou:.2f}", *_rates(scores)) for run in runs for iou, scores in run.t_eval.items()
    ]
    for iou, kinds in PAPER_T_EVAL.items():
        rows.append((PAPER, "CAS(ME)^2, published", f"{iou:.2f}", *(value for kind in kinds for value in kind)))
    return Table(
        "table1_t_eval",
        marked("Table I: scores by T_eval, the least IoU of a true positive", _results(runs)),
        (*WHAT, Column("t_eval", "T_eval"), *ALL_RATES),
        tuple(rows),
        (
            f"{STRICT} {TRAINING_SIDE}",
            "Precision is the share of detections that are right, recall the share of expressions that were found. "
            "The paper's equations (4) and (5) exchange the two names; its columns stand here as printed, its F1 is "
            "the same either way.",
        ),
    )


def top_threshold(runs: Sequence[Sweeps]) -> Table:
    """Return Table II: F1 by how much of the candidates is kept."""
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        for rule, sweep in (("top_fraction", run.top_fraction), ("score threshold", run.score)):
            for value, scores in sweep.items():
                kept = int(scores.all.tp + scores.all.fp)
                rows.append((*_what(run), rule, f"{value:.2f}", *_f1(scores), kept))
    for dataset, values in PAPER_TOP.items():
        rows += [
            (PAPER, f"{dataset}, published", "top threshold", f"{value:.2f}", *f1, None) for value, f1 in values.items()
        ]
    return Table(
        "table2_top_threshold",
        marked("Table II: F1 by top threshold, a sweep on the test subjects, for comparison only", _results(runs)),
        (*WHAT, Column("rule", "rule"), Column("value", "value"), *F1, Column("kept", "detections kept")),
        tuple(rows),
        (
            "These are sweeps on the test subjects, as in the papers: to pick the best row flatters a score, so they "
            "are for comparison only. The headline score (Table I, T_eval 0.50) uses thresholds from training "
            "subjects.",
            "top_fraction: the share of the candidates of each video and kind, best first, that is kept; the larger, "
            "the more. Score threshold: the least score that is kept; the larger, the less. Both at IoU 0.5, "
            "after NMS.",
        ),
    )


def comparison(runs: Sequence[Sweeps]) -> Table:
    """Return Table III: published F1 with source and protocol, and the runs beside them."""
    own = any(run.result.dataset["name"] not in ("casme2", "samm_lv") for run in runs)
    groups = {"casme2": "CAS(ME)^2", "samm_lv": "SAMM-LV"} | ({"other": "other data"} if own else {})
    rows: list[tuple[Cell, ...]] = []
    for row in PUBLISHED:
        figures = (*row.casme2, *row.samm_lv, *((None, None, None) if own else ()))
        rows.append((row.method, *figures, "real recordings", row.protocol, row.source))
    for run in runs:
        name = run.result.dataset["name"]
        mine = name if name in groups else "other"
        cells = [value if group == mine else None for group in groups for value in _f1(run.headline)]
        mark = f"{SIMULATED} DATA, " if run.result.simulated else ""
        rows.append(
            (f"mespot ({mark}{run.result.name})", *cells, run.result.data, "strict; thresholds from training subjects",
             "this run")
        )  # fmt: skip
    return Table(
        "table3_comparison",
        marked("Table III: F1 of published methods and of these runs", _results(runs)),
        (
            Column("method", "method"),
            *(Column(f"{key}_{kind.lower()}_f1", kind, name) for key, name in groups.items() for kind in KINDS),
            *(Column(key, key) for key in ("data", "protocol", "source")),
        ),
        tuple(rows),
        (
            "Published figures are not comparable with each other: most were tuned on the test subjects and each was "
            "counted in its own way. The protocol is the name that 'mespot evaluate --protocol' knows it by; the same "
            "detections score differently under each, as the table of protocols shows.",
            *_counted(re.split("[;, ]", row.protocol)[0] for row in PUBLISHED),
            "The paper's own Table III quotes other figures for Zhang, Yap, He and LSSNet than the sources named here.",
            *(
                (f"Rows of mespot that are marked {SIMULATED} say nothing about recordings of people.",)
                if any(run.result.simulated for run in runs)
                else ()
            ),
        ),
    )


def protocols(runs: Sequence[Sweeps]) -> Table:
    """Return the scores of the same detections under each protocol, of finished runs."""
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        for protocol, scores in run.result.scores.items():
            if isinstance(scores, dict) and all(kind in scores for kind in KINDS):
                rows.append((*_what(run), protocol, *_read_rates(run.result, protocol, scores)))
    return Table(
        "protocols",
        marked("The same detections under every protocol", [run.result for run in runs if run.result.scores]),
        (*WHAT, Column("protocol", "protocol"), *ALL_RATES),
        tuple(rows),
        (
            "Only strict is mespot's own score; the others count as published scorers do, with their faults.",
            *_counted(str(row[len(WHAT)]) for row in rows),
        ),
    )


def ablation(runs: Sequence[Sweeps]) -> Table:
    """Return one row a run: what was varied, and F1."""
    rows = [
        (*_what(run), *(_option(run.result.options.get(name)) for name in OPTIONS), *_f1(run.headline)) for run in runs
    ]
    return Table(
        "ablation",
        marked("Ablation: F1 at IoU 0.5 by what was varied", _results(runs)),
        (*WHAT, *(Column(name, name) for name in OPTIONS), *F1),
        tuple(rows),
        (f"{STRICT} {TRAINING_SIDE}",),
    )


def folds(runs: Sequence[Sweeps]) -> Table:
    """Return what every fold chose."""
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        for fold in run.result.folds:
            facts = fold.facts
            chosen = facts.get("thresholds")
            chosen = chosen if isinstance(chosen, dict) else {}
            rows.append(
                (*_what(run), fold.subject, _option(facts.get("epoch")), _number(chosen.get("MaE")),
                 _number(chosen.get("ME")), str(facts.get("note") or ""))
            )  # fmt: skip
    return Table(
        "folds",
        marked("Epoch and thresholds of every fold", _results(runs)),
        (
            *WHAT,
            *(Column(key, key) for key in ("subject", "epoch")),
            Column("threshold_mae", "MaE", "threshold"),
            Column("threshold_me", "ME", "threshold"),
            Column("note", "note"),
        ),
        tuple(rows),
        (TRAINING_SIDE,),
    )


def losses(runs: Sequence[Sweeps]) -> Table:
    """Return the training loss by epoch over folds (Fig. 5)."""
    rows = [(*_what(run), *point) for run in runs for point in loss_curve(run.result)]
    shown = [run.result for run in runs if any(fold.losses for fold in run.result.folds)]
    return Table(
        "loss",
        marked("Fig. 5: training loss by epoch", shown),
        (*WHAT, *(Column(key, key) for key in ("epoch", "folds", "mean", "deviation", "lowest", "highest"))),
        tuple(rows),
        ("Mean over the folds that reached the epoch, and their standard deviation.",),
    )


def loss_curve(result: StudyResult) -> Iterator[tuple[int, int, float, float, float, float]]:
    """Yield epoch, number of folds, and mean, standard deviation, least and greatest loss over folds."""
    for epoch in sorted({epoch for fold in result.folds for epoch in fold.losses}):
        values = np.array([fold.losses[epoch] for fold in result.folds if epoch in fold.losses])
        yield epoch, len(values), float(values.mean()), float(values.std()), float(values.min()), float(values.max())


def _results(runs: Sequence[Sweeps]) -> list[StudyResult]:
    return [run.result for run in runs]


def _what(run: Sweeps) -> tuple[str, str]:
    return run.result.name, run.result.data


def _f1(scores: ProtocolScores) -> tuple[float, float, float]:
    return scores.mae.f1, scores.me.f1, scores.all.f1


def _rates(scores: ProtocolScores) -> tuple[float, ...]:
    def rates(tally: Tally) -> tuple[float, float, float]:
        return tally.precision, tally.recall, tally.f1

    return rates(scores.mae) + rates(scores.me) + rates(scores.all)


def _read_rates(result: StudyResult, protocol: str, scores: Mapping[str, Any]) -> tuple[float, ...]:
    try:
        return tuple(float(scores[kind][rate]) for kind in KINDS for rate in RATES)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(
            f"{result.name}/scores.json: lacks a figure of '{protocol}' ({error}); run the study again."
        ) from error


def _counted(names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence that says how each protocol counts, where there are any."""
    known = [f"{name}: {ABOUT[name]}" for name in dict.fromkeys(names) if name in ABOUT]
    if known:
        yield f"Protocols: {'; '.join(known)}."


def _option(value: object) -> Cell:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if value is None or isinstance(value, str | int) else str(value)


def _number(value: object) -> Cell:
    return float(value) if isinstance(value, int | float) else None
