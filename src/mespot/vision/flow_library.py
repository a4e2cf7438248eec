"""Expressions as flow alone: a field of displacement times a course, without pictures, codec or optical flow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mespot.config import Config
from mespot.core.atomic import whole_file
from mespot.core.errors import ConfigError
from mespot.core.signals import Float32

_BEFORE = {"flow_step": "1", "vary": "0"}
"""Facts of libraries that were made before these were stated."""
_ARRAYS = ("fields", "steps", "bounds", "intervals", "kinds")


@dataclass(frozen=True, slots=True, eq=False)
class FlowLibrary:
    """Expressions in the steady crop, each the product of where the skin goes and when.

    Parameters
    ----------
    fields : (N, 2, S, S) float16
        Displacement at the apex as the network would see it: averaged to its input, head motion removed, px of the
        crop.
    steps : (M,) float32
        Change of every expression's strength per sampled frame, mean of the last ``flow.step`` of them, one expression
        after the other; the strength at the apex is at most 1, for frames may lie beside the peak.
    bounds : (N + 1,) int64
        Where the steps of each expression begin, and where the last ones end.
    intervals : (N, 2) int64
        Rows of the expression among its own steps, half-open.
    kinds : (N,) int64
        1 MaE, 2 ME.
    facts : mapping of str to str
        How it was made: those of `view_facts`, ``split``, ``seed``, ``shapes``, ``vary`` and the digests of the
        ``faces``; none where unknown.
    """

    fields: npt.NDArray[np.float16]
    steps: Float32
    bounds: npt.NDArray[np.int64]
    intervals: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count, side = len(self.fields), self.fields.shape[-1]
        if self.fields.shape != (count, 2, side, side) or self.bounds.shape != (count + 1,):
            raise ValueError(f"a library of {count} fields has shapes {self.fields.shape}, {self.bounds.shape}")
        if self.intervals.shape != (count, 2) or self.kinds.shape != (count,):
            raise ValueError(f"a library of {count} fields has {self.intervals.shape}, {self.kinds.shape}")
        lengths = np.diff(self.bounds)
        if self.bounds[0] != 0 or self.bounds[-1] != len(self.steps) or (lengths <= 0).any():
            raise ValueError("the steps of a library's expressions do not follow each other")
        if ((self.intervals < 0) | (self.intervals > lengths[:, None])).any():
            raise ValueError("an expression of a library reaches beyond its own steps")
        if (self.intervals[:, 0] >= self.intervals[:, 1]).any():
            raise ValueError("an expression of a library lasts no frame")
        if not np.isin(self.kinds, (1, 2)).all():
            raise ValueError("an expression of a library is neither MaE (1) nor ME (2)")

    def __len__(self) -> int:
        return len(self.fields)

    def flow(self, index: int) -> Float32:
        """Return the (T, 2, S, S) flow of an expression, px per sampled frame."""
        steps = self.steps[self.bounds[index] : self.bounds[index + 1]]
        return np.asarray(steps[:, None, None, None] * self.fields[index].astype(np.float32))

    def fact(self, name: str) -> str:
        """Return a fact by the name that `view_facts` gives it; ``unknown`` where the library does not state it."""
        return self.facts.get(name, _BEFORE.get(name, "unknown"))

    def digest(self) -> str:
        """Digest of all that is pasted from it."""
        digest = hashlib.sha256()
        for array in (self.fields, self.steps, self.bounds, self.intervals, self.kinds):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        with whole_file(path) as part:
            save_file(arrays, part, metadata={"facts": json.dumps(dict(self.facts), sort_keys=True)})

    @classmethod
    def load(cls, path: Path) -> FlowLibrary:
        """Read what `save` wrote.

        Raises
        ------
        ConfigError
            The file cannot be read, or is no library.
        """
        try:
            reader: Any = safe_open  # has no types
            with reader(str(path), framework="numpy") as file:
                facts = json.loads((file.metadata() or {}).get("facts", "{}"))
                arrays = {name: file.get_tensor(name) for name in _ARRAYS}
            return cls(**arrays, facts={**facts})
        except (OSError, SafetensorError, TypeError, ValueError, IndexError) as error:
            raise ConfigError(f"{path}: is no library of flows ({error}); make one with 'mespot flows'.") from error


def view_facts(config: Config) -> dict[str, str]:
    """Return what a library and a training on it must have in common, as text."""
    return {
        "sampling_fps": str(config.decode.sampling_fps),
        "crop_px": str(config.align.crop_px),
        "mask_face": str(config.flow.mask_face),
        "head_motion": config.flow.head_motion,
        "flow_step": str(config.flow.step),
    }
