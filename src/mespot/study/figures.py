"""The figures of a study: loss by epoch, F1 by overlap, F1 by how much is kept. Drawn without a window or a clock."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mespot.evaluation.tally import ProtocolScores
from mespot.export.timeline import FAINT, INK, drawable, style_axes
from mespot.study.results import StudyResult
from mespot.study.sweeps import Sweeps
from mespot.study.tables import loss_curve, marked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#22272E")
"""Of Okabe and Ito (2008): told apart with any colour vision; a line's dashes and marks tell it apart beyond seven."""
DASHES, MARKS = ("-", "--", "-.", ":"), ("o", "s", "^", "D", "v")
DPI = 120
LINE = 90
"""Characters of a title on one line."""
SETTINGS: Mapping[Any, Any] = {
    "svg.hashsalt": "mespot",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
}
"""Names inside an SVG then depend on its content alone, and its text is text."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A figure that is not drawn yet.

    Parameters
    ----------
    name : str
        Of its files, without the ending.
    table : str
        Name of the table that holds its figures.
    title : str
        Says so where anything in it is simulated.
    draw : callable
        Draws it.
    """

    name: str
    table: str
    title: str
    draw: Callable[[Figure], None]


def all_drawings(runs: Sequence[Sweeps]) -> list[Drawing]:
    """Return every figure that there is anything for."""
    results = [run.result for run in runs]
    trained = [result for result in results if any(fold.losses for fold in result.folds)]
    drawings = [
        Drawing(
            "f1_by_t_eval",
            "table1_t_eval",
            marked("F1 by T_eval, the least IoU of a true positive", results),
            lambda figure: _draw_sweeps(figure, runs, {"T_eval": [run.t_eval for run in runs]}),
        ),
        Drawing(
            "f1_by_top_threshold",
            "table2_top_threshold",
            marked("F1 by top threshold, a sweep on the test subjects", results),
            lambda figure: _draw_sweeps(
                figure,
                runs,
                {"top_fraction": [run.top_fraction for run in runs], "score threshold": [run.score for run in runs]},
            ),
        ),
    ]
    if trained:
        title = marked("Fig. 5: training loss by epoch, mean and standard deviation over folds", trained)
        drawings.append(Drawing("loss", "loss", title, lambda figure: _draw_losses(figure, trained)))
    return drawings


def figure_bytes(drawing: Drawing, ending: str) -> bytes:
    """Return a figure as the content of a file, ``png`` or ``svg``; the same drawing gives the same bytes."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metadata: dict[str, Any] = {"Title": drawing.title}
    metadata |= {"Date": None, "Creator": "mespot"} if ending == "svg" else {"Software": "mespot"}
    content = io.BytesIO()
    with matplotlib.rc_context(dict(SETTINGS)):
        figure = Figure(dpi=DPI, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        drawing.draw(figure)
        figure.suptitle(textwrap.fill(drawable(drawing.title), LINE), fontsize=12, color=INK)
        figure.savefig(content, format=ending, metadata=metadata)
    return content.getvalue()


def _draw_sweeps(
    figure: Figure, runs: Sequence[Sweeps], sweeps: Mapping[str, Sequence[Mapping[float, ProtocolScores]]]
) -> None:
    """Draw a panel for each sweep and kind, and a line for each run."""
    figure.set_size_inches(11, 1.6 + 3.0 * len(sweeps) + 0.25 * len(runs))
    panels = figure.subplots(len(sweeps), 3, squeeze=False, sharey=True)
    for row, (name, scores) in zip(panels, sweeps.items(), strict=True):
        for axes, kind in zip(row, ("mae", "me", "all"), strict=True):
            for number, of_run in enumerate(scores):
                values = [getattr(one, kind).f1 for one in of_run.values()]
                axes.plot(list(of_run), values, **_line(number))
            axes.set_title({"mae": "MaE", "me": "ME", "all": "overall"}[kind], fontsize=12, color=INK)
            axes.set_xlabel(name, color=INK)
            axes.set_ylim(0, 1)
            style_axes(axes)
        row[0].set_ylabel("F1", color=INK)
    _legend(figure, panels[0][0], [run.result for run in runs])


def _draw_losses(figure: Figure, results: Sequence[StudyResult]) -> None:
    from matplotlib.ticker import MaxNLocator

    figure.set_size_inches(8, 5 + 0.25 * len(results))
    axes = figure.subplots()
    for number, result in enumerate(results):
        epochs, _, means, deviations, *_ = zip(*loss_curve(result), strict=True)
        line = _line(number)
        axes.plot(epochs, means, **line)
        low = [mean - deviation for mean, deviation in zip(means, deviations, strict=True)]
        high = [mean + deviation for mean, deviation in zip(means, deviations, strict=True)]
        axes.fill_between(epochs, low, high, color=line["color"], alpha=0.18, linewidth=0)
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel("training loss", color=INK)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style_axes(axes)
    _legend(figure, axes, results)


def _line(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
        "marker": MARKS[number % len(MARKS)],
        "markersize": 4,
        "linewidth": 1.8,
    }


def _legend(figure: Figure, axes: Axes, results: Sequence[StudyResult]) -> None:
    """Name the lines below the panels, in the order in which they were drawn."""
    labels = [drawable(f"{result.name}: {result.data}") for result in results]
    figure.legend(axes.get_lines(), labels, loc="outside lower center", ncols=1, frameon=False, labelcolor=FAINT)
