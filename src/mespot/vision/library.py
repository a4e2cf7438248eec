"""Expressions as flow alone: a field of displacement times a course, without pictures, codec or optical flow."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from mespot.core.errors import ConfigError
from mespot.core.signals import Float32


@dataclass(frozen=True, slots=True)
class FlowLibrary:
    """Expressions in the steady crop, each the product of where the skin goes and when.

    Parameters
    ----------
    fields : (N, 2, S, S) float16
        Displacement at the apex as the network would see it: averaged to its input, head motion removed, px of the
        crop.
    steps : (M,) float32
        Change of every expression's strength per sampled frame, one expression after the other; the strength at the
        apex is 1.
    bounds : (N + 1,) int64
        Where the steps of each expression begin, and where the last ones end.
    intervals : (N, 2) int64
        Rows of the expression among its own steps, half-open.
    kinds : (N,) int64
        1 MaE, 2 ME.
    """

    fields: npt.NDArray[np.float16]
    steps: Float32
    bounds: npt.NDArray[np.int64]
    intervals: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]

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

    def __len__(self) -> int:
        return len(self.fields)

    def flow(self, index: int) -> Float32:
        """Return the (T, 2, S, S) flow of an expression, px per sampled frame."""
        steps = self.steps[self.bounds[index] : self.bounds[index + 1]]
        return np.asarray(steps[:, None, None, None] * self.fields[index].astype(np.float32))

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
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in self.__slots__}
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        save_file(arrays, temporary)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> FlowLibrary:
        """Read what `save` wrote.

        Raises
        ------
        ConfigError
            The file cannot be read, or is no library.
        """
        try:
            arrays: dict[str, Any] = load_file(path)
            return cls(**arrays)
        except (OSError, SafetensorError, TypeError, ValueError, IndexError) as error:
            raise ConfigError(f"{path}: is no library of flows ({error}); make one with 'mespot flows'.") from error
