"""What a training run writes down: every step and every epoch, as JSON lines and for TensorBoard."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mespot.core.atomic import whole_file

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

STEPS_FILE, EPOCHS_FILE, EVENTS_FOLDER = "steps.jsonl", "epochs.jsonl", "tensorboard"


@dataclass(frozen=True, slots=True)
class Step:
    """One update, as it stands in ``steps.jsonl``.

    Parameters
    ----------
    epoch, step : int
        Counted from 0 and from 1.
    loss, classification, regression : float
        Means over the accumulated batches.
    positives : int
        Positive rows in them.
    learning_rate, gradient_norm : float
        Of this update; the norm is that before clipping. An update whose norm is not finite is skipped.
    windows_per_s : float
        Speed of this step.
    waiting_s : float
        Time of this step in which the next windows were not ready, s.
    """

    epoch: int
    step: int
    loss: float
    classification: float
    regression: float
    positives: int
    learning_rate: float
    gradient_norm: float
    windows_per_s: float
    waiting_s: float


class RunLog:
    """The logs of a run in its folder: ``steps.jsonl``, ``epochs.jsonl`` and TensorBoard's ``tensorboard/``.

    Parameters
    ----------
    folder : Path
        Of the run.
    step, epoch : int
        Steps and epochs done; what an earlier part of the run logged beyond them is dropped, it comes again.
    on_line : callable
        Is told once where no TensorBoard log is written.
    """

    def __init__(self, folder: Path, step: int, epoch: int, on_line: Callable[[str], None]) -> None:
        _truncate(folder / STEPS_FILE, lambda line: line["step"] <= step)
        _truncate(folder / EPOCHS_FILE, lambda line: line["epoch"] < epoch)
        self._steps = (folder / STEPS_FILE).open("a", encoding="utf-8")
        self._epochs = folder / EPOCHS_FILE
        self._events: SummaryWriter | None = None
        if importlib.util.find_spec("tensorboard") is None:
            on_line("no TensorBoard log is written: install it with pip install 'mespot[train]'")
        else:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / EVENTS_FOLDER), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steps.close()
        if self._events is not None:
            self._events.close()

    def step(self, step: Step) -> None:
        """Write one update."""
        values = asdict(step)
        self._steps.write(json.dumps(values) + "\n")
        self._steps.flush()
        self._scalars("step", values, step.step)

    def epoch(self, report: Mapping[str, Any], step: int) -> None:
        """Write what an epoch reached, after ``step`` updates."""
        with self._epochs.open("a", encoding="utf-8") as file:
            file.write(json.dumps(report) + "\n")
        self._scalars("epoch", report, step)

    def _scalars(self, group: str, values: Mapping[str, Any], step: int) -> None:
        if self._events is None:
            return
        for name, value in values.items():
            if value is not None and name not in ("epoch", "step"):
                self._events.add_scalar(f"{group}/{name}", value, step)


def _truncate(path: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    # A break in the middle of a line leaves it without its end.
    kept = [line for line in lines if line.endswith("}") and keep(json.loads(line))]
    with whole_file(path) as part:
        part.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
