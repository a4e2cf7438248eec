"""How the cost grows: with the length of a video, with the number of videos, with the folds of a training.

1. Seconds of ``mespot spot`` (a fresh process each) against minutes of video, 640 x 480 at 30 frames a second: a line
   fitted to them, the milliseconds a frame of every length against those of the shortest, and a plot. Beside it, as
   peer, OpenCV decoding the same file, whose cost is linear by its nature.
2. Seconds of one ``mespot spot`` of 1, 2 and 4 videos.
3. Seconds to the network's input of a video: made, and found in the cache, as every fold of a training finds it.

The lengths run in an order that is mixed anew for each repetition, so that a busy machine bends no line.
Run it as ``python benchmarks/bench_growth.py [--minutes 1 2 5 10] [--videos 1 2 4] [--repetitions N]``; 120 minutes
are two hours.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from harness import RESULTS, Use, machine, measure, measure_process, mespot, save, summarise
from mespot.config import Config
from mespot.pipeline import extract_streams
from recordings import record, repeat

FPS = 30
MANY_S, FOLD_S = 10, 20
Line = dict[str, Any]
Size = TypeVar("Size", int, float)


def decode(path: Path) -> None:
    capture = cv2.VideoCapture(str(path))
    while capture.read()[0]:
        pass
    capture.release()


def fit(sizes: list[float], seconds: list[float]) -> Line:
    """Fit a line: seconds at size 0, seconds per unit, and the share of the variance that it explains."""
    slope, start = np.polyfit(sizes, seconds, 1)
    rest = np.asarray(seconds) - (start + slope * np.asarray(sizes))
    variance = float(np.var(seconds))
    return {
        "start_s": float(start),
        "per_unit_s": float(slope),
        "r2": 1 - float(np.var(rest)) / variance if variance else 1.0,
    }


def rounds(sizes: list[Size], repetitions: int) -> list[Size]:
    """Return every size as often as there are repetitions, each round in another order."""
    order = random.Random(0)
    return [size for _ in range(repetitions) for size in order.sample(sizes, len(sizes))]


def by_length(folder: Path, minutes: list[float], repetitions: int, plot: Path) -> dict[str, Any]:
    unit = min(1.0, *minutes)
    source = record(folder / "unit.mp4", seconds=60 * unit, width_px=640, height_px=480, fps=FPS)
    videos = {count: repeat(source, folder / f"{count:g}min.mp4", round(count / unit)) for count in sorted(minutes)}
    ours: dict[float, list[Use]] = {count: [] for count in videos}
    peer: dict[float, list[Use]] = {count: [] for count in videos}
    for count in rounds(list(videos), repetitions):
        path = videos[count]
        ours[count].append(measure_process(mespot("spot", str(path), "--out", str(folder / "out"))))
        peer[count].append(measure(lambda path=path: decode(path)))  # type: ignore[misc]
    timings = {count: summarise([use.wall_s for use in uses]) for count, uses in ours.items()}
    shortest = min(videos)
    line = fit([float(count) for count in videos], [timings[count].median_s for count in videos])
    least = timings[shortest].median_s / shortest
    rows = []
    for count, timing in timings.items():
        frames = 60 * FPS * count
        decoding = summarise([use.wall_s for use in peer[count]])
        row = {
            "minutes": count,
            "wall": timing,
            "cpu": summarise([use.cpu_s for use in ours[count]]),
            "frame_ms": 1e3 * timing.median_s / frames,
            "to_shortest": timing.median_s / count / least,
            "to_opencv_decoding": timing.median_s / decoding.median_s,
            "peak_gb": max(use.peak_bytes or 0 for use in ours[count]) / 1e9,
        }
        rows.append(row)
        print(
            f"  {count:4g} min {timing.median_s:8.1f} s (spread {timing.spread:.0%}),"
            f" {row['frame_ms']:6.2f} ms a frame, {row['to_shortest']:.2f} of the shortest's,"
            f" {row['to_opencv_decoding']:.1f} x decoding by OpenCV, peak {row['peak_gb']:.2f} GB"
        )
    print(f"  line: {line['start_s']:.1f} s + {line['per_unit_s']:.1f} s a minute, R2 {line['r2']:.4f}")
    draw(plot, rows, line)
    return {"rows": rows, "line": line, "plot": plot.name}


def draw(path: Path, rows: list[dict[str, Any]], line: Line) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    whole, each = figure.subplots(1, 2)
    minutes = np.array([row["minutes"] for row in rows], float)
    ends = np.array([0, minutes.max()])
    whole.plot(ends, line["start_s"] + line["per_unit_s"] * ends, color="0.6", label=f"line, R² {line['r2']:.4f}")
    whole.plot(minutes, [row["wall"].median_s for row in rows], "o", color="C0", label="mespot spot")
    whole.set(xlabel="minutes of video", ylabel="seconds", xlim=(0, None), ylim=(0, None))
    whole.legend(frameon=False)
    each.plot(minutes, [row["frame_ms"] for row in rows], "o-", color="C0")
    each.set(xlabel="minutes of video", ylabel="milliseconds a frame", xscale="log", ylim=(0, None))
    each.set_xticks(minutes, [f"{minute:g}" for minute in minutes])
    each.minorticks_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"  plot {path}")


def by_videos(folder: Path, counts: list[int], repetitions: int) -> dict[str, Any]:
    first = record(folder / "video-1.mp4", seconds=MANY_S, width_px=640, height_px=480, fps=FPS)
    videos = [first] + [Path(shutil.copy(first, folder / f"video-{n}.mp4")) for n in range(2, max(counts) + 1)]
    uses: dict[int, list[float]] = {count: [] for count in sorted(counts)}
    for count in rounds(counts, repetitions):
        paths = [str(path) for path in videos[:count]]
        uses[count].append(measure_process(mespot("spot", *paths, "--out", str(folder / "out"))).wall_s)
    timings = {count: summarise(seconds) for count, seconds in uses.items()}
    for count, timing in timings.items():
        print(f"  {count} videos of {MANY_S} s: {timing}")
    line = fit([float(count) for count in timings], [timing.median_s for timing in timings.values()])
    print(f"  line: {line['start_s']:.1f} s to start + {line['per_unit_s']:.2f} s a video, R2 {line['r2']:.4f}")
    return {"seconds_each": MANY_S, "rows": timings, "line": line}


def by_folds(folder: Path, repetitions: int) -> dict[str, Any]:
    """Measure what the first fold pays for a video and what every other one does."""
    video = record(folder / "fold.mp4", seconds=FOLD_S, width_px=640, height_px=480, fps=FPS)
    made, found = [], []
    for turn in range(repetitions):
        cache = folder / f"cache-{turn}"
        made.append(measure(lambda cache=cache: extract_streams(video, Config(), cache)).wall_s)  # type: ignore[misc]
        found.append(measure(lambda cache=cache: extract_streams(video, Config(), cache)).wall_s)  # type: ignore[misc]
    first, other = summarise(made), summarise(found)
    ratio = first.median_s / other.median_s
    print(f"  made   {first}\n  cached {other}; {ratio:.0f} times as fast")
    for folds in (2, 5, 10, 22):
        cost = (first.median_s + (folds - 1) * other.median_s) / first.median_s
        print(f"    {folds:2} folds cost the input of {cost:.2f} videos a video, {folds} without the cache")
    return {"seconds": FOLD_S, "made": first, "cached": other, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 2, 5, 10], help="multiples of the least")
    parser.add_argument("--videos", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--plot", type=Path, default=RESULTS.parent.parent / "docs" / "images" / "growth.png")
    options = parser.parse_args()
    facts = machine()
    print(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_before']}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures = {
            "folds": by_folds(folder, options.repetitions),
            "videos": by_videos(folder, options.videos, options.repetitions),
            "length": by_length(folder, options.minutes, options.repetitions, options.plot),
        }
    print(f"saved {save('growth', figures, facts)}")


if __name__ == "__main__":
    main()
