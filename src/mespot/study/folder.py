"""The folder of a study: what it was run on and how, and what every fold reached. Each file is whole or absent."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mespot.core.atomic import whole_file
from mespot.core.errors import StudyError
from mespot.core.expression import Kind
from mespot.data.recordings import Recordings
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent

FORMAT, FORMAT_VERSION = "mespot-run", 1
REFERENCE_COLUMNS = ("video", "subject", "kind", "onset", "apex", "offset", "emotion", "fps")
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""Names that Windows gives to no file, whatever their ending."""
DETECTED_COLUMNS = ("video", "kind", "onset", "offset", "score")


class RunFolder:
    """A folder that a study is written to, and read from.

    Parameters
    ----------
    path : Path
        Made by the first file that is written.

    Notes
    -----
    ``run.json``: the dataset, options, resolved configuration, versions. ``reference.csv``: the annotations as the
    dataset states them. ``folds/SUBJECT/``: checkpoint, ``fold.json``, ``epochs.jsonl``, ``candidates.csv`` (all after
    NMS), ``detections.csv`` (those above the fold's thresholds). Pooled over folds: ``candidates.csv``,
    ``detections.csv``, ``scores.json``, ``timings.json``. Frames are the dataset's, onset and offset inside.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def fold(self, subject: str) -> Path:
        """Return the folder of a fold; what a file name cannot hold is written as its number, on every system alike."""
        safe = "".join(c if c.isalnum() or c in "-_." else f"%{ord(c):x}" for c in subject)
        if safe.endswith("."):
            safe = f"{safe[:-1]}%2e"
        refused = not safe or safe.startswith(".") or safe.partition(".")[0].lower() in DEVICES
        return self.path / "folds" / (f"%{safe}" if refused else safe)

    def read_json(self, path: Path) -> Any:
        """Return the value of a JSON file; None where there is none.

        Raises
        ------
        StudyError
            It cannot be read.
        """
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise StudyError(f"{path}: cannot be read ({error}); delete it and run the study again.") from error

    def write_json(self, path: Path, value: Any) -> None:
        """Write a JSON file."""
        with _written(path) as part:
            part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")

    def write_table(self, path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a CSV file."""
        with _written(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)

    def write_detected(self, path: Path, events: Iterable[DetectedEvent]) -> None:
        """Write detections or candidates."""
        rows = ((e.video, e.kind, _frame(e.onset), _frame(e.offset), f"{e.score:.6f}") for e in events)
        self.write_table(path, DETECTED_COLUMNS, rows)

    def read_detected(self, path: Path) -> tuple[DetectedEvent, ...]:
        """Read what `write_detected` wrote.

        Raises
        ------
        StudyError
            The file is missing or no such table.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return tuple(
                    DetectedEvent(r["video"], Kind(r["kind"]), float(r["onset"]), float(r["offset"]), float(r["score"]))
                    for r in csv.DictReader(file)
                )
        except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
            raise StudyError(
                f"{path}: is no table of detections ({error}); delete it and run the study again."
            ) from error

    def clear_fold(self, subject: str) -> None:
        """Remove the folder of a fold, which was made from something else."""
        if self.fold(subject).exists():
            shutil.rmtree(self.fold(subject))

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files, where they are there."""
        for path in paths:
            path.unlink(missing_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """Yield where to write ``path``; it takes its place whole.

    Raises
    ------
    StudyError
        It cannot be written, as on a full disk; what stood there before stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            yield part
    except OSError as error:
        raise StudyError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder and the free space, and run the "
            "same command again: what is finished is kept."
        ) from error


def _frame(number: float) -> str:
    """Return a frame as written: of a million and more it takes all digits too."""
    return f"{number:.12g}"


def reference_of(recordings: Recordings) -> Reference:
    """Return the annotations as the dataset states them, missing offsets as 0, with every video."""
    events = [
        ReferenceEvent(one.name, one.subject, row.kind, *row.stated, row.emotion or None)
        for one in recordings.recordings
        for row in one.annotations
    ]
    videos = tuple((one.name, one.subject) for one in recordings.recordings)
    fps = next((one.fps for one in recordings.recordings), 30.0)
    return Reference(tuple(events), videos, fps)


def reference_rows(reference: Reference) -> Iterator[tuple[str, ...]]:
    """Yield the rows of ``reference.csv``; a video without any expression has one with an empty kind."""
    annotated = {event.video for event in reference.events}
    for event in reference.events:
        apex = "" if event.apex is None else _frame(event.apex)
        frames = _frame(event.onset), apex, _frame(event.offset)
        yield event.video, event.subject, str(event.kind), *frames, event.emotion or "", f"{reference.fps:g}"
    for video, subject in reference.videos:
        if video not in annotated:
            yield video, subject, "", "", "", "", "", f"{reference.fps:g}"
