"""Offsets that an annotation table does not have: one rule for the whole package, recorded in every score."""

from __future__ import annotations

from typing import Literal, get_args

MissingOffset = Literal["mirror", "apex", "apex_plus_20", "drop"]
"""What becomes of an offset of 0, or of one before the apex."""
MISSING_OFFSETS: tuple[MissingOffset, ...] = get_args(MissingOffset)


def offset_is_missing(apex: float | None, offset: float) -> bool:
    """Whether a row has no offset that can be meant: 0 or less, or before a stated apex."""
    return offset <= 0 or (apex is not None and apex > 0 and offset < apex)


def complete_offset(onset: float, apex: float | None, offset: float, rule: MissingOffset) -> float | None:
    """Return the offset of a row, completed by the rule where it is missing; None where the row is dropped.

    Parameters
    ----------
    onset, apex, offset : float
        As the table states them; an apex of 0 or less is none.
    rule : MissingOffset
        ``mirror``: as long after the apex as the onset lies before it, 2 apex - onset. ``apex``: the apex itself.
        ``apex_plus_20``: 20 frames after the apex. ``drop``: none. Without an apex there is nothing to complete from.

    Notes
    -----
    44 MaE of CAS(ME)^2 have the offset 0 and 3 rows an offset before the apex: 13 % of its annotations. Published work
    counts them in these four ways and more, so that F1 of one method differs by the rule alone.

    Examples
    --------
    >>> complete_offset(10, 14, 0, "mirror"), complete_offset(10, 14, 30, "mirror"), complete_offset(10, 14, 0, "drop")
    (18, 30, None)
    """
    if not offset_is_missing(apex, offset):
        return offset
    if rule == "drop" or apex is None or apex <= 0 or apex < onset:
        return None
    return {"mirror": 2 * apex - onset, "apex": apex, "apex_plus_20": apex + 20}[rule]
