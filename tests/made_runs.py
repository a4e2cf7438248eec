"""Made-up run folders of ``mespot loso``: a few subjects whose scores can be counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

REFERENCE = """\
video,subject,kind,onset,apex,offset,emotion,fps
s1/a,s1,MaE,10,20,49,happy,30
s1/a,s1,ME,100,105,109,,30
s1/b,s1,,,,,,30
s2/c,s2,MaE,10,20,0,,30
s2/c,s2,MaE,200,210,219,,30
s2/c,s2,ME,300,305,309,,30
"""
"""3 MaE, one without offset (mirrored about the apex: 30), 2 ME, a video without any."""

DETECTIONS: dict[str, tuple[tuple[object, ...], ...]] = {
    "s1": (
        ("s1/a", "MaE", 10, 49, 0.9),  # IoU 1
        ("s1/a", "ME", 104, 111, 0.6),  # 6 of 12 frames: IoU 0.5
        ("s1/b", "ME", 5, 12, 0.5),  # nothing is there
    ),
    "s2": (
        ("s2/c", "MaE", 14, 43, 0.8),  # 17 of 34 frames: IoU 0.5
        ("s2/c", "MaE", 208, 226, 0.7),  # 12 of 27 frames: IoU 0.44
        ("s2/c", "ME", 304, 315, 0.4),  # 6 of 16 frames: IoU 0.375
    ),
}
CANDIDATES: dict[str, tuple[tuple[object, ...], ...]] = {
    "s1": (*DETECTIONS["s1"], ("s1/a", "MaE", 400, 430, 0.32), ("s1/a", "ME", 500, 508, 0.1)),
    "s2": (*DETECTIONS["s2"], ("s2/c", "MaE", 200, 219, 0.45)),  # IoU 1, below the threshold
}
LOSSES = {"s1": (2.0, 1.0, 0.5), "s2": (4.0, 2.0)}
OPTIONS = {
    "mode": "frozen_backbone",
    "initialise": "default",
    "initial_weights": "0123456789abcdef",
    "streams": "flow",
    "neck": "bifpn",
    "attention": True,
    "loss": "focal",
    "seed": 0,
}
SCORE = {"tp": 1, "fp": 1, "fn": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5}


def made_run(
    folder: Path,
    *,
    simulated: bool = True,
    dataset: str = "casme2",
    title: str = "CAS(ME)^2",
    finished: tuple[str, ...] = ("s1", "s2"),
    **options: object,
) -> Path:
    """Write a run of two subjects, of whom some are finished, and return its folder."""
    facts: dict[str, Any] = {
        "format": "mespot-run",
        "format_version": 1,
        "dataset": {
            "name": dataset,
            "title": title,
            "simulated": simulated,
            "missing_offset": "mirror",
            "subjects": ["s1", "s2"],
            "videos": 3,
            "ME": 2,
            "MaE": 3,
            "frames": 3000,
            "fps": 30.0,
        },
        "options": OPTIONS | options,
        "config": {},
        "config_digest": "0" * 16,
        "versions": {"mespot": "0.1.0", "python": "3.11.9", "torch": "2.0.0", "numpy": "2.0.0"},
        "synthetic": simulated,
    }
    write_json(folder / "run.json", facts)
    (folder / "reference.csv").write_text(REFERENCE, encoding="utf-8")
    for subject in finished:
        _write_fold(folder / "folds" / subject, subject)
    if len(finished) == 2:
        scores: dict[str, Any] = {name: {"MaE": SCORE, "ME": SCORE, "all": SCORE} for name in ("strict", "lssnet")}
        write_json(folder / "scores.json", scores | {"about": {"iou": 0.5}})
        write_json(folder / "timings.json", {"train_s": 12.5, "detect_s": 1.5, "frames": 3000, "minutes": 1.67})
    return folder


def write_json(path: Path, value: object) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def _write_fold(folder: Path, subject: str) -> None:
    facts = {"subject": subject, "epoch": 1, "thresholds": {"MaE": 0.5, "ME": 0.4}, "note": ""}
    write_json(folder / "fold.json", facts)
    for name, events in (("detections", DETECTIONS), ("candidates", CANDIDATES)):
        lines = ["video,kind,onset,offset,score", *(",".join(map(str, event)) for event in events[subject])]
        (folder / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    epochs = [json.dumps({"epoch": epoch, "loss": loss}) for epoch, loss in enumerate(LOSSES[subject])]
    (folder / "epochs.jsonl").write_text("\n".join([*epochs, ""]), encoding="utf-8")
