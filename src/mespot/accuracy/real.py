"""Real clips with expressions that a person marked: which of them were found, and what was found beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mespot.core.expression import Detection, Expression
from mespot.core.video import VideoInfo


def marked_records(
    reference: Sequence[Expression], detected: Sequence[Detection], info: VideoInfo
) -> Iterator[dict[str, Any]]:
    """Yield one record a marked expression with the detection of its kind that overlaps it most, and one for the rest.

    Marks take detections in order of onset, so that one may take what the next overlaps more.

    Parameters
    ----------
    reference : sequence of Expression
        Marked, in frames of the clip; a detection stands for one of them at most.
    detected : sequence of Detection
        Of the same clip.
    info : VideoInfo
        The clip.
    """
    left = list(detected)
    for mark in sorted(reference, key=lambda one: one.interval.onset):
        record: dict[str, Any] = {"clip": info.path.name, "marked": f"{mark.kind} {mark.interval.onset}"}
        own = [found for found in left if found.kind is mark.kind and found.interval.iou(mark.interval) > 0]
        if own:
            best = max(own, key=lambda found: found.interval.iou(mark.interval))
            left.remove(best)
            error_s = info.seconds(best.interval.onset) - info.seconds(mark.interval.onset)
            record |= {"found": describe(best), "onset_error_s": round(error_s, 3)}
            record["iou"] = round(best.interval.iou(mark.interval), 3)
        yield record
    yield {"clip": info.path.name, "besides": [describe(found) for found in left]}


def describe(found: Detection) -> str:
    """Return kind, onset, apex, offset, score and place in one line."""
    interval = found.interval
    return (
        f"{found.kind} frames {interval.onset}-{found.apex}-{interval.offset} score {found.score:.2f} "
        f"{found.attention.region}"
    )
