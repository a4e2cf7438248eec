"""Rows of a simulated dataset: what truly happens in its videos, and what its annotation table says instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mespot.core.expression import Kind
from mespot.simulate.scene import Event

OFFSET_ZERO, OFFSET_BEFORE_APEX, APEX_ZERO = "offset-zero", "offset-before-apex", "apex-zero"
APEX_MINUS_ONE, NAME_TWICE = "apex-minus-one", "name-twice"
"""What is wrong with a row on purpose, as ``truth.csv`` calls it."""

_POSITIVE, _SURPRISE, _NEGATIVE = frozenset({12}), frozenset({5, 26}), frozenset({4, 9, 10, 15, 20})


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """An expression of a simulated dataset.

    Parameters
    ----------
    video : str
        Name of the recording.
    subject : str
        As the dataset calls them.
    number : int
        Event number in the table.
    event : Event
        What is shown, in frames from 0.
    onset, apex, offset : int
        What the table states, in frames from 1, the offset inclusive.
    quirk : str
        What is wrong with it on purpose; "" for nothing.
    """

    video: str
    subject: str
    number: int
    event: Event
    onset: int
    apex: int
    offset: int
    quirk: str = ""

    @classmethod
    def of(cls, video: str, subject: str, number: int, event: Event) -> PlannedRow:
        """Return a row that states the truth."""
        return cls(video, subject, number, event, event.onset + 1, event.apex + 1, event.offset + 1)

    @property
    def truth(self) -> tuple[int, int, int]:
        """Onset, apex and offset as they are, in frames from 1."""
        return self.event.onset + 1, self.event.apex + 1, self.event.offset + 1

    @property
    def action_units(self) -> tuple[int, ...]:
        """The action units that move."""
        return tuple(number for number, _ in self.event.combination.strengths)

    @property
    def emotion(self) -> str:
        """One of CAS(ME)^2's four classes, by a rough rule from the action units."""
        units = set(self.action_units)
        if units & _POSITIVE:
            return "positive"
        if units & _SURPRISE or (1 in units and 4 not in units):
            return "surprise"
        return "negative" if units & _NEGATIVE else "others"


def plant_casme2(rows: Sequence[PlannedRow], rng: np.random.Generator) -> list[PlannedRow]:
    """Return the rows with the quirks of CAS(ME)^2's table, in about its proportions.

    Notes
    -----
    Of the 300 MaE of the real table 44 have the offset 0; of all 357 rows three have an offset between onset and apex,
    and one the apex 0. A few rows here have at least one of each.
    """
    planted = list(rows)
    free = list(rng.permutation(len(rows)))
    macro = sum(row.event.kind is Kind.MAE for row in rows)
    plans: tuple[tuple[str, int, Callable[[PlannedRow], bool]], ...] = (
        (OFFSET_ZERO, _share(macro, 44 / 300), lambda row: row.event.kind is Kind.MAE),
        (OFFSET_BEFORE_APEX, _share(len(rows), 3 / 357), lambda row: row.apex - row.onset >= 2),
        (APEX_ZERO, 1, lambda _: True),
    )
    for quirk, count, fits in plans:
        for index in [i for i in free if fits(rows[i])][:count]:
            free.remove(index)
            row = replace(rows[index], quirk=quirk)
            if quirk == OFFSET_ZERO:
                row = replace(row, offset=0)
            elif quirk == OFFSET_BEFORE_APEX:
                row = replace(row, offset=int(rng.integers(row.onset + 1, row.apex)))
            else:
                row = replace(row, apex=0)
            planted[index] = row
    return planted


def plant_samm(rows: Sequence[PlannedRow], rng: np.random.Generator) -> list[PlannedRow]:
    """Return the rows with the quirks of SAMM-LV's later tables.

    Notes
    -----
    Of the 502 rows of the real table six have the apex -1, and one file name stands twice. A few rows here have at
    least one of each, where a video has two expressions.
    """
    planted = list(rows)
    free = list(rng.permutation(len(rows)))
    seconds = [i for i in free if i > 0 and rows[i - 1].video == rows[i].video]
    for index in seconds[:1]:
        planted[index] = replace(rows[index], number=rows[index - 1].number, quirk=NAME_TWICE)
        free.remove(index)
    for index in free[: _share(len(rows), 6 / 502)]:
        planted[index] = replace(rows[index], apex=-1, quirk=APEX_MINUS_ONE)
    return planted


def _share(count: int, share: float) -> int:
    """Return a share of ``count`` in whole rows, at least one."""
    return max(1, round(count * share))
