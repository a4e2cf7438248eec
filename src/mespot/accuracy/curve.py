"""Recall of ME against the displacement at their apex, for every frame rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mespot.accuracy.figures import Measured, pairs
from mespot.accuracy.measurement import Spotted
from mespot.accuracy.sets import LabelledVideo, Mark
from mespot.core.atomic import whole_file
from mespot.core.expression import Kind
from mespot.core.version import VERSION
from mespot.evaluation.bootstrap import Estimate, Tallies
from mespot.export.timeline import DPI, FAINT, INK, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGES_PX = (0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Limits of the bins, px at 224; a bin holds its lower one."""
RATE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Of Okabe and Ito (2008): told apart with any colour vision."""
SIZE_IN = (9.0, 5.5)


@dataclass(frozen=True, slots=True)
class Point:
    """Recall of the ME of one bin at one frame rate.

    Parameters
    ----------
    fps : float
        Frames a second.
    low_px, high_px : float
        Limits of the bin.
    shown, found : int
        ME, and how many were found.
    recall : Estimate
        Their ratio.
    """

    fps: float
    low_px: float
    high_px: float
    shown: int
    found: int
    recall: Estimate

    def to_record(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return {
            "fps": self.fps,
            "low_px": self.low_px,
            "high_px": self.high_px,
            "shown": self.shown,
            "found": self.found,
            "recall": self.recall.value,
            "low": self.recall.low,
            "high": self.recall.high,
        }


def recall_points(fps: float, measured: Measured, edges_px: Sequence[float] = EDGES_PX) -> list[Point]:
    """Return the recall of every bin of displacement, whether ME fell into it or not."""
    points = []
    for low, high in pairwise(edges_px):
        tallies = Tallies.of([_bin(video, found, low, high) for video, found in measured])
        recall = tallies.ratio({"found": 1}, {"shown": 1})
        points.append(Point(fps, low, high, int(tallies.total("shown")), int(tallies.total("found")), recall))
    return points


def _bin(video: LabelledVideo, found: Spotted, low: float, high: float) -> dict[str, float]:
    def inside(mark: Mark) -> bool:
        moved = mark.intensity_px
        return mark.expression.kind is Kind.ME and moved is not None and low <= moved < high

    return {"shown": sum(map(inside, video.marks)), "found": sum(inside(mark) for mark, _ in pairs(video, found))}


def draw_curve(points: Sequence[Point], path: Path) -> Path:
    """Write the curves as PNG, whole or not at all, and return the path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    by_rate: dict[float, list[Point]] = {}
    for point in points:
        by_rate.setdefault(point.fps, []).append(point)
    _draw_rates(axes, by_rate)
    limits = sorted({limit for point in points for limit in (point.low_px, point.high_px)})
    axes.set_xscale("log")
    axes.set_xticks(limits, [f"{limit:g}" for limit in limits])
    axes.minorticks_off()
    axes.set(ylim=(-0.02, 1.02), xlim=(limits[0], limits[-1]))
    axes.set_xlabel("displacement at the apex, px of a crop of 224 px", color=INK, fontsize=12)
    axes.set_ylabel("recall of ME", color=INK, fontsize=12)
    axes.set_title("SYNTHETIC: micro-expressions found, by size of movement and frame rate", color=INK, fontsize=13)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=11, color=RULE)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": f"mespot {VERSION}"})
    return path


def _draw_rates(axes: Axes, by_rate: Mapping[float, Sequence[Point]]) -> None:
    """Draw a line a frame rate through the middles of its bins that hold ME, with the intervals."""
    for number, (fps, points) in enumerate(sorted(by_rate.items())):
        colour = RATE_COLOURS[number % len(RATE_COLOURS)]
        shift = 1 + 0.02 * (number - (len(by_rate) - 1) / 2)  # beside each other, so that all intervals are seen
        shown = [(point, (point.low_px * point.high_px) ** 0.5 * shift) for point in points if point.shown]
        values = [(place, point.recall.value) for point, place in shown if point.recall.value is not None]
        if values:
            label = f"{fps:g} frames a second"
            axes.plot(*zip(*values, strict=True), color=colour, marker="o", linewidth=1.8, label=label)
        for point, place in shown:
            if point.recall.low is not None and point.recall.high is not None:
                axes.plot([place, place], [point.recall.low, point.recall.high], color=colour, linewidth=1, alpha=0.6)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=11, loc="lower right", labelcolor=INK)
    else:
        axes.text(0.5, 0.5, "no micro-expression was shown", transform=axes.transAxes, ha="center", color=FAINT)
