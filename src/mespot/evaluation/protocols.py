"""The scorers behind published numbers, by name: each says what it counts differently from the strict score.

None of them is recommended. They are here so that a published F1 can be reproduced from its detections, and so that
the share of a number that is due to its scorer can be seen beside the strict one. Every one is written from a
description of the counting; no published code is used. What such a scorer does before it counts (thresholds, caps on
detections a video, epochs, all of them often chosen on the test subjects) is not repeated here: it is given the
detections that were kept. Denominators are the rows of the reference that it is given, where some published code has
fixed numbers.

In all docstrings M is the number of expressions, N that of detections, "direction" that of F1 against strict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mespot.core.expression import Kind
from mespot.evaluation.compatible import (
    HALF,
    Video,
    best_detections,
    by_video,
    greedy_pairs,
    kind_by_length,
    labels,
    tallies,
    whole_frames,
    zero_to,
)
from mespot.evaluation.events import DetectedEvent, Reference, ReferenceEvent
from mespot.evaluation.recognition import strs
from mespot.evaluation.strict import strict
from mespot.evaluation.tally import ProtocolScores

Protocol = Callable[[Reference, Sequence[DetectedEvent]], ProtocolScores]


def megc2020(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """Count the expressions that any detection hits, as the baseline of the challenge does.

    What differs from strict: A is the number of expressions of a kind that some detection of that kind overlaps with
    inclusive IoU >= 0.5, in each video no more than there are detections (a <= m and a <= n); one detection may so
    stand for two expressions that overlap each other. A second hit on a found expression is a false positive, as in
    strict. An offset of 0 is the apex.

    Direction: never lower than strict, given the same offsets; equal unless expressions of one kind overlap by half.

    Source: the rules of MEGC2020, and ``MDMD_results/result_helper.py`` of
    github.com/HeyingGithub/Baseline-project-for-MEGC2020_spotting, which counts so but does not hold a <= n. Its
    length limits of detections belong to the baseline method and are not applied.
    """
    events = list(map(zero_to(0), reference.events))
    tp: Counter[Kind] = Counter()
    for kind, video in _by_kind(events, detected):
        hit = (video.overlaps(inclusive=True) >= HALF).any(axis=1)
        tp[kind] += min(int(hit.sum()), len(video.detected))
    return tallies(tp, labels(detected), labels(events))


def lssnet(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """LSSNet and MULT: every expression takes the detection that overlaps it most, however often that is taken.

    What differs from strict: a detection may serve several expressions. The kind is compared with that of the one
    detection of largest IoU only, so that an expression is lost if a detection of the other kind fits a little better.
    Frames a to b are b - a long; IoU >= 0.5. Fractions of frames are cut off, of equal overlaps the earlier onset is
    taken. An offset of 0 is the apex; one before the apex is left.

    Direction: up by reuse (tp can exceed N), down a little by the wrong-kind rule and the shorter lengths.

    Source: ``tools/F1_score_new.py`` of github.com/williamlee91/mer_spot, which divides by 282 MaE and 84 ME instead
    of the rows of its own table.
    """
    events = [whole_frames(event) for event in map(zero_to(0), reference.events)]
    found = sorted(map(whole_frames, detected), key=lambda event: event.onset)
    tp: Counter[Kind] = Counter()
    for video in by_video(events, found):
        overlaps = video.overlaps(inclusive=False)
        for row, column in best_detections(overlaps).items():
            kind = video.reference[row].kind
            tp[kind] += int(overlaps[row, column] >= HALF and video.detected[column].kind is kind)
    return tallies(tp, labels(found), labels(events))


def lgsnet(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """LGSNet: as lssnet, with the kind left out of the matching and told by length afterwards.

    What differs from strict: every expression takes the detection of largest inclusive IoU, if that is >= 0.5, of
    whatever kind and however often. A true positive is an ME if the *expression* has offset - onset <= half a second
    (15 frames at 30 fps, 100 at 200), N counts a detection as ME by its *own* length, M is by label; an expression of
    length 0 is no true positive. Fractions of frames are cut off. An offset of 0, or one not after the apex, is the
    apex + 20.

    Direction: up, above all for ME: a long detection that hits an ME is a true positive of ME and in N of MaE, so that
    precision of ME can exceed 1.

    Source: ``LGSNet/tools/F1_score_last.py`` and ``get_anatation_casme2.py`` of github.com/williamlee91/LGSNet.
    """

    def completed(event: ReferenceEvent) -> ReferenceEvent:
        before_apex = event.apex is not None and event.apex > 0 and event.offset <= event.apex
        return zero_to(20)(replace(event, offset=0) if before_apex else event)

    events = [whole_frames(completed(event)) for event in reference.events]
    found = sorted(map(whole_frames, detected), key=lambda event: event.onset)
    tp: Counter[Kind] = Counter()
    for video in by_video(events, found):
        overlaps = video.overlaps(inclusive=True)
        for row, column in best_detections(overlaps).items():
            event = video.reference[row]
            counts = overlaps[row, column] >= HALF and event.offset > event.onset
            tp[kind_by_length(event, reference.fps)] += int(counts)
    return tallies(tp, (kind_by_length(event, reference.fps) for event in found), labels(events))


def offd(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """OF-FD and its successors (He, Sheng, qin): the first detection that overlaps enough, of whatever kind.

    What differs from strict: every expression takes the first detection, in the order of the file, with IoU >= 0.5,
    however often that one is taken. Frames a to b are b - a long. The kind is told by length, ME being offset - onset
    <= half a second (15 frames at 30 fps, 100 at 200): that of the expression for a true positive, that of the
    detection in N; M is by label. Fractions of frames in the reference (SAMM, first version) are cut off. An offset of
    0 is the apex and two thirds of a second (20 frames at 30 fps); one before the apex is left.

    Direction: up, above all for ME, as for lgsnet. Which detection is taken does not change these counts; the rule is
    stated because a list of hits by the kind of the detection would depend on it.

    Source: ``metrics`` in ``main_casme2.py`` and ``main_samm.py`` of github.com/shengjianda/micro-expression-spot.
    """
    complete = zero_to(int(round(reference.fps) * 2 / 3))
    events = [whole_frames(complete(event)) for event in reference.events]
    tp: Counter[Kind] = Counter()
    for video in by_video(events, detected):
        hit = (video.overlaps(inclusive=False) >= HALF).any(axis=1)
        tp.update(kind_by_length(video.reference[row], reference.fps) for row in np.flatnonzero(hit))
    return tallies(tp, (kind_by_length(event, reference.fps) for event in detected), labels(events))


def abpn(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """ABPN: one count of hits for precision and another for recall, both of detections.

    What differs from strict: "tp" counts detections that overlap any expression of their label with IoU > 0.5, so
    that double hits raise precision; "find" counts the detections that are the largest such overlap of at least one
    expression, each once. Precision = tp / N, recall = find / M, F1 = 2 find tp / (N find + M tp). (Find is often read
    as the expressions that are hit; the code marks detections, and two expressions that choose the same one are one
    find.) Frames a to b are b - a long. An offset of 0 stays 0: such an expression counts in M and cannot be matched.
    In the tally, fp = N - tp and fn = M - find.

    Direction: up by double hits; down by offsets of 0, which cap the recall of MaE at 256 / 300 on CAS(ME)^2.

    Source: ``post_process.py`` and ``abfcm.py`` of github.com/wenhaocold/USTC_ME_Spotting. The 0.01 that it adds to
    both counts is cut off again before its final figures.
    """
    hits, chosen = _label_hits(reference, detected)
    return tallies(hits, labels(detected), labels(reference.events), found=chosen)


def auwgcn(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """AUW-GCN since 25 February 2025: detections that are the best of at least one expression.

    What differs from strict: a true positive is a detection that is the largest overlap of at least one expression of
    its label, if that IoU is > 0.5 (exactly 0.5 is not enough). Frames a to b are b - a long. An offset of 0 stays 0:
    such an expression counts in M and cannot be matched.

    Direction: down, by these three; equal to strict where expressions are apart, offsets are known and overlaps are
    not close to 0.5.

    Source: ``utils/eval_utils.py`` of github.com/xjtupanda/AUW-GCN after commit a15701b ("fix bug in evaluation
    code").
    """
    _, chosen = _label_hits(reference, detected)
    return tallies(chosen, labels(detected), labels(reference.events))


def auwgcn_2023(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """AUW-GCN as published in 2023, before its fix: every detection that hits counts, for recall too.

    What differs from auwgcn: a true positive is a detection that overlaps any expression of its label with IoU > 0.5.
    Two detections of one expression are two true positives, and recall can exceed 1.

    Direction: up by double hits; down as auwgcn by offsets of 0.

    Source: as auwgcn, before that commit.
    """
    hits, _ = _label_hits(reference, detected)
    return tallies(hits, labels(detected), labels(reference.events))


def softnet(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """SOFTNet, MEAN, SFAMNet, ME-TST: one-to-one by score, in videos that have an expression of the kind.

    What differs from strict: for each kind, every video without an expression of that kind is dropped with all its
    detections, so that their false positives are not seen. One-to-one pairs are made greedily by descending score
    (the order of the file where equal), each detection with the free expression that it overlaps most. Inclusive
    frames, IoU >= 0.5, same kind, as in strict. Rows with onset 0 (ten of SAMM, up to 5175 frames long) are dropped.
    An offset of 0 is the apex.

    Direction: up, by the dropped videos: of CAS(ME)^2, 33 of 97 remain for ME. Greedy pairs are at most as many as
    optimal ones, and as many where expressions of a kind do not overlap by half.

    Source: ``load_label.py``, ``training.py`` and ``Utils/mean_average_precision`` of
    github.com/genbing99/SoftNet-SpotME, which also adds one false positive for each of its videos without detection,
    and compares a detection only with the one expression that it overlaps most, free or not.
    """
    return _one_to_one(reference, detected, above=False)


def slswin(reference: Reference, detected: Sequence[DetectedEvent]) -> ProtocolScores:
    """SL-Swin: as softnet, with IoU > 0.5 instead of >= 0.5.

    Direction: as softnet, lower by the overlaps of exactly a half.

    Source: the SL-Swin code, github.com/eddiehe99/pytorch-expression-spotting.
    """
    return _one_to_one(reference, detected, above=True)


PROTOCOLS: dict[str, Protocol] = {
    "strict": strict,
    "megc2020": megc2020,
    "lssnet": lssnet,
    "lgsnet": lgsnet,
    "offd": offd,
    "abpn": abpn,
    "auwgcn": auwgcn,
    "softnet": softnet,
    "strs": strs,
    "auwgcn_2023": auwgcn_2023,
    "slswin": slswin,
}
"""Scorers by name, with the parameters that their publications use."""

ABOUT: dict[str, str] = {
    "strict": "one-to-one, same kind, inclusive frames, IoU >= 0.5, all videos",
    "megc2020": "expressions that any detection hits, at most as many as detections",
    "lssnet": "best detection of each expression, reused, no +1, kind of the best only",
    "lgsnet": "best detection of each expression, reused, kind by length, not matched",
    "offd": "first detection of each expression, reused, no +1, kind by length, not matched",
    "abpn": "precision from all detections that hit, recall from the best ones, IoU > 0.5, no +1",
    "auwgcn": "detections that are the best of an expression, IoU > 0.5, no +1",
    "softnet": "one-to-one by score; videos without an expression of the kind are dropped",
    "strs": "F1 of spotting (all pairs, kind ignored) x F1 of naming the emotion",
    "auwgcn_2023": "all detections that hit, for recall too, IoU > 0.5, no +1",
    "slswin": "as softnet, IoU > 0.5",
}
"""What each counts, in one line."""


def _by_kind(events: Sequence[ReferenceEvent], detected: Sequence[DetectedEvent]) -> list[tuple[Kind, Video]]:
    return [(kind, video.of_kind(kind)) for video in by_video(events, detected) for kind in Kind]


def _label_hits(reference: Reference, detected: Sequence[DetectedEvent]) -> tuple[Counter[Kind], Counter[Kind]]:
    """Count the detections that hit any expression of their label, and those that are the best of one."""
    hits: Counter[Kind] = Counter()
    chosen: Counter[Kind] = Counter()
    for kind, video in _by_kind(reference.events, detected):
        overlaps = video.overlaps(inclusive=False)
        hits[kind] += int((overlaps > HALF).any(axis=0).sum())
        best = best_detections(overlaps)
        chosen[kind] += len({column for row, column in best.items() if overlaps[row, column] > HALF})
    return hits, chosen


def _one_to_one(reference: Reference, detected: Sequence[DetectedEvent], *, above: bool) -> ProtocolScores:
    events = [zero_to(0)(event) for event in reference.events if event.onset != 0]
    tp: Counter[Kind] = Counter()
    counted: list[Kind] = []
    for kind, video in _by_kind(events, detected):
        if video.reference:
            overlaps = video.overlaps(inclusive=True)
            tp[kind] += greedy_pairs(video, overlaps, overlaps > HALF if above else overlaps >= HALF)
            counted += labels(video.detected)
    return tallies(tp, counted, labels(events))
