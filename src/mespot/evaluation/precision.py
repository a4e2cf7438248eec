"""Average precision: how well scores order the detections, whatever the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mespot.core.expression import Kind
from mespot.evaluation.strict import MatchedVideo

AP_IOUS = (0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70)
"""Overlaps at which average precision is told."""


def average_precision(videos: Sequence[MatchedVideo], iou: float, kinds: Sequence[Kind]) -> float | None:
    """Return the area under precision over recall, of the detections of some kinds in order of score.

    Parameters
    ----------
    videos : sequence of MatchedVideo
        All of a dataset.
    iou : float
        Least intersection over union of a true positive.
    kinds : sequence of Kind
        Which expressions and detections count; a pair is of one kind.

    Returns
    -------
    float or None
        None without an expression of these kinds.

    Notes
    -----
    As for ActivityNet: the detections of all videos, best first (equal scores in the order of video and file), each
    take the free expression that they overlap most; precision is the highest at that recall or beyond. Detections that
    a system withheld below its threshold are missing here: give it all candidates to compare systems.
    """
    annotated = sum(event.kind in kinds for video in videos for event in video.reference)
    if not annotated:
        return None
    ranked = [
        (-event.score, number, column)
        for number, video in enumerate(videos)
        for column, event in enumerate(video.detected)
        if event.kind in kinds
    ]
    taken: list[set[int]] = [set() for _ in videos]
    hits = np.zeros(len(ranked))
    for rank, (_, number, column) in enumerate(sorted(ranked)):
        overlaps = videos[number].overlaps[:, column]
        for row in np.argsort(-overlaps, kind="stable"):
            if overlaps[row] < iou:
                break
            if int(row) not in taken[number]:
                taken[number].add(int(row))
                hits[rank] = 1
                break
    return _area(hits, annotated)


def _area(hits: npt.NDArray[np.float64], annotated: int) -> float:
    """Return the area under the highest precision at each recall or beyond."""
    if not len(hits):
        return 0.0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hits).sum() / annotated)
