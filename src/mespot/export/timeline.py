"""A picture of what was found: stills of each expression over the motion and score curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mespot.core.atomic import whole_file
from mespot.core.expression import Detection, Kind
from mespot.core.spotting import Spotting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Stills = Mapping[int, npt.NDArray[np.uint8]]
"""Source frame to its crop, (H, W, 3) uint8 RGB."""

COLOURS = {Kind.MAE: "#D55E00", Kind.ME: "#0072B2"}
"""Vermilion and blue of Okabe and Ito (2008): told apart with any colour vision."""
NAMES = {Kind.MAE: "macro-expression", Kind.ME: "micro-expression"}
INK, FAINT, RULE = "#22272E", "#6B7280", "#D9DDE3"
MOST_SHOWN = 4
"""Expressions with stills; more would be too small to see."""
SIZE_IN, DPI = (16.0, 9.0), 100
ASPECT = SIZE_IN[0] / SIZE_IN[1]
EDGE, LEFT, RIGHT = 0.02, 0.055, 0.985
"""Shares of the width: the margin of text and pictures, the left and right end of the curves."""
CARD_GAP, PICTURE_GAP, STRIP = 0.016, 0.004, 0.32
"""Shares of the width between cards and pictures, and of the height for the highest picture."""
LONGEST_NAME = 36
"""Characters of a file name that fit into the title."""

Box = tuple[float, float, float, float]
"""Left, bottom, width and height as shares of the figure."""


def shown_detections(spotting: Spotting) -> list[Detection]:
    """Return the detections that get stills: the best by score, at most `MOST_SHOWN`, in order of onset."""
    best = sorted(spotting.detections, key=lambda detection: -detection.score)[:MOST_SHOWN]
    return sorted(best, key=lambda detection: detection.interval)


def still_frames(spotting: Spotting) -> list[int]:
    """Return the source frames, in order, whose crops `draw_timeline` can use."""
    shown = shown_detections(spotting)
    return sorted({frame for detection in shown for frame in _moments(detection).values()})


def draw_timeline(spotting: Spotting, stills: Stills, path: Path | str) -> Path:
    """Write the picture as PNG, 1600 x 900 px, whole or not at all, and return the path.

    Parameters
    ----------
    spotting : Spotting
        The result to draw.
    stills : mapping of int to (H, W, 3) uint8
        Crops by source frame (`still_frames` says which); frames that are missing leave a grey field.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path = Path(path)
    figure = timeline_figure(spotting, stills)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": f"mespot {spotting.provenance.mespot}"})
    return path


def timeline_figure(spotting: Spotting, stills: Stills) -> Figure:
    """Return the picture as a matplotlib figure, made without pyplot: no window, no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    shown = shown_detections(spotting) if stills else []
    _draw_title(figure, spotting, len(shown))
    top = _draw_stills(figure, spotting, shown, stills) if shown else 0.85
    height = (top - 0.075 - 0.045) / 2
    motion = figure.add_axes((LEFT, top - height, RIGHT - LEFT, height))
    score = figure.add_axes((LEFT, 0.075, RIGHT - LEFT, height), sharex=motion)
    _draw_motion(motion, spotting)
    _draw_scores(score, spotting)
    return figure


def _moments(detection: Detection) -> dict[str, int]:
    return {"onset": detection.interval.onset, "apex": detection.apex, "offset": detection.interval.offset}


def _draw_title(figure: Figure, spotting: Spotting, shown: int) -> None:
    video = spotting.video
    counts = [
        f"{count} {NAMES[kind]}{'' if count == 1 else 's'}" for kind in COLOURS if (count := spotting.count(kind))
    ]
    found = " and ".join(counts) or "no expression found"
    facts = [f"{video.duration_s:.1f} s", f"{len(video)} frames", f"{video.width_px} x {video.height_px} px"]
    if 0 < shown < len(spotting.detections):
        facts.append(f"pictures of the {shown} with the highest score")
    name = video.path.name if len(video.path.name) <= LONGEST_NAME else video.path.name[: LONGEST_NAME - 1] + "…"
    _text(figure, EDGE, 0.962, f"{drawable(name)}: {found}", size=21, weight="bold")
    _text(figure, EDGE, 0.922, " · ".join((*facts, *spotting.provenance.quality)), size=13, colour=FAINT)


def _draw_stills(figure: Figure, spotting: Spotting, shown: Sequence[Detection], stills: Stills) -> float:
    """Draw a card for each expression: a heading over its pictures; return where the curves may begin."""
    numbers = {id(detection): number for number, detection in enumerate(spotting.detections, 1)}
    columns = 4 if len(shown) <= 2 and any(detection.attention.heat for detection in shown) else 3
    room = (RIGHT - EDGE - CARD_GAP * (len(shown) - 1)) / len(shown)
    # Pictures are square: as wide as the card allows, and no higher than the strip.
    width = min((room - PICTURE_GAP * (columns - 1)) / columns, STRIP / ASPECT)
    card = columns * width + PICTURE_GAP * (columns - 1)
    top = 0.815
    for place, detection in enumerate(shown):
        left = EDGE + place * (card + CARD_GAP)
        heading = f"{numbers[id(detection)]}  {detection.kind}, {spotting.duration_s(detection):.2f} s"
        _text(figure, left, top + 0.054, heading, size=15, weight="bold", colour=COLOURS[detection.kind])
        detail = f"score {detection.score:.2f} · {drawable(detection.attention.region)}"
        _text(figure, left, top + 0.024, detail, size=13, colour=FAINT)
        boxes = [
            (left + column * (width + PICTURE_GAP), top - width * ASPECT, width, width * ASPECT)
            for column in range(columns)
        ]
        _draw_card(figure, spotting, detection, boxes, stills)
    return top - width * ASPECT - 0.085


def _draw_card(figure: Figure, spotting: Spotting, detection: Detection, boxes: Sequence[Box], stills: Stills) -> None:
    for box, (moment, frame) in zip(boxes, _moments(detection).items(), strict=False):
        _draw_still(figure, box, stills.get(frame), COLOURS[detection.kind])
        caption = f"{moment} {spotting.video.seconds(frame):.2f} s"
        _text(figure, box[0] + box[2] / 2, box[1] - 0.021, caption, size=12, side="center")
    if len(boxes) > 3 and detection.attention.heat:
        axes = _draw_still(figure, boxes[3], stills.get(detection.apex), COLOURS[detection.kind])
        heat = np.asarray(detection.attention.heat)
        # Transparent where nothing moved, so that the face stays visible.
        axes.imshow(
            heat, cmap="inferno", vmin=0, vmax=1, alpha=0.75 * heat.clip(0, 1), interpolation="bilinear",
            extent=(0, 1, 0, 1), aspect="auto",
        )  # fmt: skip
        _text(figure, boxes[3][0] + boxes[3][2] / 2, boxes[3][1] - 0.021, "where", size=12, side="center")


def _draw_still(figure: Figure, box: Box, picture: npt.NDArray[np.uint8] | None, colour: str) -> Axes:
    axes = figure.add_axes(box)
    axes.set(xticks=[], yticks=[], facecolor="#EDEFF2")
    if picture is None:
        axes.text(0.5, 0.5, "no picture", ha="center", va="center", color=FAINT, fontsize=11)
    else:
        axes.imshow(picture, interpolation="lanczos", aspect="auto", extent=(0, 1, 0, 1))
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2)
    return axes


def _draw_motion(axes: Axes, spotting: Spotting) -> None:
    curves = spotting.curves
    times = spotting.video.times_s[curves.frames]
    axes.plot(times, curves.motion, color=INK, linewidth=1.6)
    axes.set_ylabel("motion, px/step", color=INK, fontsize=13)
    highest = float(np.nanmax(curves.motion)) if np.isfinite(curves.motion).any() else 0.0
    axes.set_ylim(0, 1.1 * highest if highest > 0 else 1.0)
    begin = spotting.video.seconds(0)
    axes.set_xlim(begin, max(spotting.video.end_seconds(len(spotting.video) - 1), begin + 1e-3))
    style_axes(axes)
    axes.tick_params(labelbottom=False)
    _draw_spans(axes, spotting)
    _draw_numbers(axes, spotting)
    if not spotting.detections:
        where = axes.transAxes
        text = "no expression found above the thresholds"
        axes.text(0.5, 1.02, text, transform=where, ha="center", va="bottom", color=FAINT, fontsize=15)


def _draw_spans(axes: Axes, spotting: Spotting) -> None:
    for detection in spotting.detections:
        begin = spotting.video.seconds(detection.interval.onset)
        end = spotting.video.end_seconds(detection.interval.offset)
        axes.axvspan(begin, end, facecolor=COLOURS[detection.kind], alpha=0.16, linewidth=0, zorder=0.5)
        for edge in (begin, end):
            axes.axvline(edge, color=COLOURS[detection.kind], linewidth=1.2, zorder=0.6)


def _draw_numbers(axes: Axes, spotting: Spotting) -> None:
    """Mark each apex, and put number and kind above it: the best first where there is no room for all."""
    taken: list[float] = []
    width_px = axes.bbox.width
    low, high = axes.get_xlim()
    place = axes.get_xaxis_transform()
    for number, detection in sorted(enumerate(spotting.detections, 1), key=lambda pair: -pair[1].score):
        colour = COLOURS[detection.kind]
        apex = spotting.video.seconds(detection.apex)
        axes.plot([apex], [0.975], marker="v", markersize=8, color=colour, transform=place, clip_on=False)
        text = f"{number}  {detection.kind}"
        room_px = 30.0 + 9.5 * len(text)  # padding and letters
        apex_px = (apex - low) / (high - low) * width_px
        middle_px = min(max(apex_px, room_px / 2), width_px - room_px / 2)
        if all(abs(middle_px - other) > room_px for other in taken):
            taken.append(middle_px)
            middle = low + (high - low) * middle_px / width_px
            frame = {"boxstyle": "round,pad=0.3", "facecolor": colour, "linewidth": 0}
            axes.annotate(
                text, (middle, 1), xycoords=place, xytext=(0, 12), textcoords="offset points", ha="center",
                va="center", color="white", fontsize=12, fontweight="bold", bbox=frame, annotation_clip=False,
            )  # fmt: skip


def _draw_scores(axes: Axes, spotting: Spotting) -> None:
    curves = spotting.curves
    times = spotting.video.times_s[curves.frames]
    settings: Mapping[str, Any] = spotting.provenance.config.get("spotting", {})
    for phase, (kind, colour) in zip((0, 5), COLOURS.items(), strict=True):
        if kind in curves.score:
            axes.plot(times, curves.score[kind], color=colour, linewidth=1.8, label=f"{kind} score")
        threshold = settings.get(f"threshold_{kind.name.lower()}")
        if threshold is not None:
            axes.axhline(threshold, color=colour, linewidth=1.2, linestyle=(phase, (5, 5)), label=f"{kind} threshold")
    axes.set_ylim(0, 1)
    axes.set_ylabel("score", color=INK, fontsize=13)
    axes.set_xlabel("time, s", color=INK, fontsize=13)
    style_axes(axes)
    _draw_spans(axes, spotting)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.97), ncols=4, fontsize=12, frameon=False)


def style_axes(axes: Axes) -> None:
    """Give a panel the look of every figure of mespot."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=12, length=4, color=RULE)


def _text(
    figure: Figure,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    weight: str = "normal",
    colour: str = INK,
    side: str = "left",
) -> None:
    figure.text(
        x, y, text, fontsize=size, fontweight=weight, color=colour, ha=side, va="center", parse_math=False
    )  # fmt: skip


def drawable(text: str) -> str:
    """Return the text with what the font cannot draw (other scripts, control characters) replaced by a box."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    return "".join(character if ord(character) in known else "□" for character in text)
