"""What truly happens in a simulated dataset, in the plain format of references, so that it can be scored against."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from mespot.core.atomic import whole_file
from mespot.simulate.media import MediaJob
from mespot.simulate.planned import PlannedRow

COLUMNS = (
    *("video", "subject", "kind", "onset", "apex", "offset", "emotion", "fps", "frames"),
    *("actions", "side", "intensity_px", "number", "stated_onset", "stated_apex", "stated_offset", "quirk"),
)
"""Frames count from 1, the offset is inclusive; a video without expressions has one row whose kind is empty."""


def write_truth(path: Path, jobs: Sequence[MediaJob], rows: Sequence[PlannedRow]) -> None:
    """Write every expression with its true frames, what the workbook states instead, and why.

    Parameters
    ----------
    path : Path
        CSV file to write.
    jobs : sequence of MediaJob
        All videos.
    rows : sequence of PlannedRow
        Their expressions.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for job in jobs:
            video = {
                "video": job.name, "subject": job.subject, "fps": f"{job.scene.fps:g}", "frames": job.scene.frames,
            }  # fmt: skip
            shown = [row for row in rows if row.video == job.name]
            table.writerows([{**video, **_truth(row)} for row in shown] or [video])


def _truth(row: PlannedRow) -> dict[str, str | int]:
    onset, apex, offset = row.truth
    return {
        "kind": str(row.event.kind),
        "onset": onset,
        "apex": apex,
        "offset": offset,
        "emotion": row.emotion,
        "actions": row.event.combination.name,
        "side": row.event.side.value,
        "intensity_px": f"{row.event.intensity_px:.3f}",
        "number": row.number,
        "stated_onset": row.onset,
        "stated_apex": row.apex,
        "stated_offset": row.offset,
        "quirk": row.quirk,
    }
