"""The backbone in OpenVINO: the same layers as `mespot.model.i3d`, with batch norm folded, for CPUs.

The graph is built from the layers themselves, not traced, so it has what a trace cannot hold: the rows that each
temporal layer keeps between the chunks of a video are inputs and outputs of it (see `mespot.model.i3d.Past`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mespot.core.signals import Float32
from mespot.model.i3d import (
    I3D,
    LATE,
    TAPS,
    InceptionBlock,
    SameMaxPool3d,
    Triple,
    Unit3D,
    same_padding,
    temporal_padding,
)

TELEMETRY = "openvino_telemetry"
"""A package that OpenVINO loads where it is installed; it has a stand-in of its own where it is not."""
_END = np.iinfo(np.int64).max


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    before = modules.get(name)
    modules[name] = None  # an import of it fails now, and the stand-in is taken
    try:
        yield
    finally:
        if before is None:
            modules.pop(name, None)
        else:
            modules[name] = before


def load_openvino() -> Any:
    """Import OpenVINO without its telemetry.

    Raises
    ------
    ImportError
        It is not installed, or not for this platform.
    """
    if "openvino" not in sys.modules:
        with _hidden(TELEMETRY):
            import openvino
    else:
        import openvino
    return openvino


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that one temporal layer keeps: (1, channels, rows, side, side), ``front`` of them before the video."""

    channels: int
    side: int
    front: int


@dataclass(slots=True)
class _Value:
    """A map in the graph: its node, its channels and the side of its pictures."""

    node: Any
    channels: int
    side: int


@dataclass(slots=True)
class Graph:
    """The layers of one stream as an OpenVINO model.

    Parameters
    ----------
    network : I3D
        The stream; its weights are copied.
    side_px : int
        Side of the pictures.

    Attributes
    ----------
    held : list of Held
        One a temporal layer, in the order of the model's inputs (after the first two) and outputs (after P3 to P5).
    """

    network: I3D
    side_px: int
    held: list[Held] = field(default_factory=list)
    _inputs: list[Any] = field(default_factory=list)
    _kept: list[Any] = field(default_factory=list)
    _ops: Any = None
    _last: Any = None

    def build(self) -> Any:
        """Return the ``openvino.Model``.

        Its inputs are the pictures (1, C, T, S, S), whether they are the last of the video ((1,) int64, 0 or 1), and
        the held rows; its outputs P3, P4, P5, and the held rows for the next chunk.
        """
        openvino = load_openvino()
        self._ops = openvino.opset13
        channels = self.network.in_channels
        pictures = self._ops.parameter([1, channels, -1, self.side_px, self.side_px], np.float32)
        self._last = self._ops.parameter([1], np.int64)
        self._inputs += [pictures, self._last]
        value, taps = _Value(pictures, channels, self.side_px), []
        for name, module in self.network.named_children():
            if isinstance(module, Unit3D):
                value = self._unit(value, module)
            elif isinstance(module, InceptionBlock):
                value = self._inception(value, module)
            else:
                assert isinstance(module, SameMaxPool3d)
                value = self._pool(value, module)
            if name in TAPS:
                taps.append(value.node)
        results = [self._ops.result(node) for node in (*taps, *self._kept)]
        return openvino.Model(results, self._inputs, "I3D")

    def _meet(self, value: _Value, kernel: int, stride: int) -> Any:
        """Put the held rows in front of a layer's input, zeros behind it at the end, and keep what it needs again."""
        front, behind = temporal_padding(kernel, stride)
        rows = self._ops.parameter([1, value.channels, -1, value.side, value.side], np.float32)
        self._inputs.append(rows)
        self.held.append(Held(value.channels, value.side, front))
        parts = [rows, value.node]
        if behind:
            zeros = np.zeros((1, value.channels, behind, value.side, value.side), np.float32)
            rows_behind = self._ops.multiply(self._last, self._ops.constant(np.array([behind], np.int64)))
            parts.append(self._ops.slice(self._ops.constant(zeros), [0], rows_behind, [1], [2]))
        met = self._ops.concat(parts, 2)
        self._kept.append(self._rest(met, kernel, stride))
        return met

    def _rest(self, met: Any, kernel: int, stride: int) -> Any:
        """Rows of ``met`` that later outputs need: all from ``stride * outputs`` on, of n rows."""
        ops, two = self._ops, self._ops.constant(np.array([2], np.int64))
        rows = ops.gather(ops.shape_of(met, "i64"), two, ops.constant(np.int64(0)))
        outputs = ops.divide(
            ops.subtract(rows, ops.constant(np.array([kernel - stride], np.int64))),
            ops.constant(np.array([stride], np.int64)),
        )
        begin = ops.multiply(outputs, ops.constant(np.array([stride], np.int64)))
        return ops.slice(met, begin, [_END], [1], [2])

    def _unit(self, value: _Value, unit: Unit3D) -> _Value:
        conv = unit.conv3d
        weight, bias = folded(unit)
        node, front, behind = self._padded(value, conv.kernel, conv.step)
        node = self._ops.convolution(node, self._ops.constant(weight), list(conv.step), front, behind, [1, 1, 1])
        node = self._ops.relu(self._ops.add(node, self._ops.constant(bias.reshape(1, -1, 1, 1, 1))))
        return _Value(node, conv.out_channels, -(-value.side // conv.step[1]))

    def _pool(self, value: _Value, pool: SameMaxPool3d) -> _Value:
        node, front, behind = self._padded(value, pool.kernel, pool.step)
        node = self._ops.max_pool(node, list(pool.step), [1, 1, 1], front, behind, list(pool.kernel)).output(0)
        return _Value(node, value.channels, -(-value.side // pool.step[1]))

    def _padded(self, value: _Value, kernel: Triple, stride: Triple) -> tuple[Any, list[int], list[int]]:
        front, behind = same_padding((1, value.side, value.side), kernel, stride)
        node = self._meet(value, kernel[0], stride[0]) if kernel[0] > 1 else value.node
        return node, [0, *front[1:]], [0, *behind[1:]]

    def _inception(self, value: _Value, block: InceptionBlock) -> _Value:
        ahead = self._unit(value, block.b0)
        pointwise = self._ops.slice(self._meet(ahead, *LATE), [0], [-1], [1], [2])
        branches = [
            pointwise,
            self._unit(self._unit(value, block.b1a), block.b1b).node,
            self._unit(self._unit(value, block.b2a), block.b2b).node,
            self._unit(self._pool(value, block.b3a), block.b3b).node,
        ]
        return _Value(self._ops.concat(branches, 1), block.channels, value.side)


def compile_model(model: Any, settings: dict[str, Any]) -> Any:
    """Return a model compiled for the CPU; ``model`` may be the path of an .xml file.

    Notes
    -----
    OpenVINO 2026 leaves the thread that compiles with an alternate signal stack that is freed later: on such a thread
    the next Ctrl-C is a segmentation fault. So it is done on a thread that ends.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="compile") as pool:
        return pool.submit(load_openvino().Core().compile_model, model, "CPU", settings).result()


def folded(unit: Unit3D) -> tuple[Float32, Float32]:
    """Return weight and bias of the convolution that equals convolution and batch norm of ``unit``."""
    norm = unit.bn
    assert norm.running_var is not None
    assert norm.running_mean is not None
    with torch.no_grad():
        gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = unit.conv3d.weight.double() * gain[:, None, None, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * gain
    return np.asarray(weight.float().cpu().numpy()), np.asarray(bias.float().cpu().numpy())


class Stream:
    """One I3D stream, compiled for the CPU.

    Parameters
    ----------
    network : I3D
        The stream.
    side_px : int
        Side of the pictures.
    bfloat16 : bool
        Whether the products are of bfloat16, where the processor has them; sums are float32.
    threads : int, optional
        Most threads; by default one a core.
    """

    def __init__(self, network: I3D, side_px: int, *, bfloat16: bool = False, threads: int | None = None) -> None:
        self._network, self._side_px = network, side_px
        self._settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # other stages run on the same cores
        }
        if threads is not None:
            self._settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled: tuple[Any, list[Held]] | None = None
        self._lock = threading.Lock()

    def begin(self) -> StreamPass:
        """Return a new pass over one video."""
        return StreamPass(self)

    def compiled(self) -> tuple[Any, list[Held]]:
        """Return the compiled graph, made at the first call, and what it holds between chunks.

        Raises
        ------
        RuntimeError
            OpenVINO cannot compile it for this processor.
        """
        with self._lock:
            if self._compiled is None:
                graph = Graph(self._network, self._side_px)
                self._compiled = compile_model(graph.build(), self._settings), graph.held
            return self._compiled


class StreamPass:
    """One video through one stream, chunk by chunk."""

    def __init__(self, stream: Stream) -> None:
        compiled, held = stream.compiled()
        self._request = compiled.create_infer_request()  # one a video: several may be under way
        self._rows = [np.zeros((1, one.channels, one.front, one.side, one.side), np.float32) for one in held]

    def __call__(self, pictures: npt.NDArray[np.float32], last: bool) -> list[Float32]:
        """Return the next rows of P3, P4 and P5, (1, C, L, H, W), for the next (1, C, T, S, S) pictures."""
        inputs = [np.ascontiguousarray(pictures), np.array([last], np.int64), *self._rows]
        results = self._request.infer(inputs, share_inputs=True)
        values = [np.asarray(results[index]) for index in range(3 + len(self._rows))]
        self._rows = values[3:]
        return values[:3]
