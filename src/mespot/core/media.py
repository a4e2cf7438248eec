"""Which files are images and videos, and which number an image has: one rule for all who look into folders."""

from __future__ import annotations

import re

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".mpg", ".mpeg", ".mts", ".ts", ".ogv"}
)
LARGEST_NUMBER = 2**63 - 1
"""Largest number of an image: time stamps have 64 bits."""


def is_image(name: str) -> bool:
    """Whether a file so named is an image of a recording; hidden files are none."""
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and not name.startswith(".") and (dot + suffix).lower() in IMAGE_SUFFIXES


def image_number(name: str) -> int | None:
    """Return the number of an image: the last digits of its name before the suffix; None where it has none.

    Examples
    --------
    >>> image_number("img_7.jpg"), image_number("006_1_0012.jpg"), image_number("face.png")
    (7, 12, None)
    """
    digits = re.findall(r"\d+", name.rpartition(".")[0])
    return int(digits[-1]) if digits else None
