"""Expressions as JSON: results of ``mespot spot``, and the format of ActivityNet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mespot.core.errors import AnnotationError
from mespot.core.spotting import FORMAT, Spotting
from mespot.evaluation.stated import Numbering, Stated, StatedEvent, kind_of, number_of, rate_of, text_of


def read_json(path: Path, numbering: Numbering, *, member: str) -> Stated:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
        Our own (``format`` is "mespot.spotting"), or ActivityNet's.
    numbering : Numbering
        Our own counts frames from 0, ActivityNet seconds.
    member : {"database", "results"}
        Where a file of ActivityNet has what is asked for: references or detections.

    Notes
    -----
    A segment of ActivityNet ends with an instant: its offset is the frame before. ``fps`` is read where a video of
    the database has it, and ``subject`` and ``emotion`` beside ActivityNet's own keys.

    Raises
    ------
    AnnotationError, SpottingError
        The file is neither, or an entry is not as it should be; the sentence names it.
    """
    text = text_of(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: is no JSON ({error}); check the file.") from error
    if isinstance(content, dict) and content.get("format") == FORMAT:
        return _spotting(Spotting.from_json(text, source=str(path)), numbering.first_frame)
    entries = content.get(member) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise AnnotationError(
            f"{path}: is neither a result of mespot nor ActivityNet JSON with a member '{member}'; check the file."
        )
    stated = Stated(called_by_file=True)
    for video, entry in entries.items():
        _activitynet(stated, f"{path}, video '{video}'", str(video), entry, numbering)
    return stated


def _spotting(spotting: Spotting, first_frame: int) -> Stated:
    video = str(spotting.video.path)
    stated = Stated(called_by_file=True)
    stated.add_video(video, video, fps=1 / spotting.video.frame_duration_s)
    for found in spotting.detections:
        onset, offset = found.interval.onset + first_frame, found.interval.offset + first_frame
        stated.add(StatedEvent(video, "", found.kind, onset, found.apex + first_frame, offset, found.score))
    return stated


def _activitynet(stated: Stated, place: str, video: str, entry: Any, numbering: Numbering) -> None:
    facts: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    segments = facts.get("annotations") if isinstance(entry, dict) else entry
    if not isinstance(segments, list):
        raise AnnotationError(f"{place}: has no list of segments; write [] where there are none.")
    fps = rate_of(facts["fps"], place) if facts.get("fps") is not None else None
    subject = str(facts.get("subject") or "")
    stated.add_video(place, video, subject, fps)
    for number, segment in enumerate(segments, start=1):
        where = f"{place}, segment {number}"
        begin_s, end_s = _times(where, segment)
        onset, offset = numbering.span(where, begin_s, end_s, numbering.rate(where, fps))
        score = number_of(segment.get("score") or 0.0, where, "score")
        kind = kind_of(str(segment.get("label", "")), where)
        emotion = str(segment["emotion"]) if segment.get("emotion") else None
        stated.add(StatedEvent(video, subject, kind, onset, None, offset, score, emotion))


def _times(place: str, segment: Any) -> tuple[float, float]:
    times = segment.get("segment") if isinstance(segment, dict) else None
    if not isinstance(times, Iterable) or isinstance(times, str) or len(pair := list(times)) != 2:
        raise AnnotationError(f'{place}: has no begin and end; write "segment": [begin, end] in seconds.')
    begin_s, end_s = (number_of(time, place, "time") for time in pair)
    if begin_s < 0 or end_s < begin_s:
        raise AnnotationError(f"{place}: lasts from {begin_s:g} s to {end_s:g} s; correct its times.")
    return begin_s, end_s
