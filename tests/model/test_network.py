"""The whole network, against the tables of docs/network.md and by its properties."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn

from mespot.config import Config
from mespot.core.signals import Grid
from mespot.model.i3d import I3D, map_channels, shapes_only
from mespot.model.network import Network, Outputs

DOCUMENT = Path(__file__).parents[2] / "docs" / "network.md"
SMALL = ("backbone.width=0.125", "backbone.input_px=32", "network.channels=16", "network.hidden=16")


def _table(first_column: str) -> list[dict[str, str]]:
    """Read the table of the document whose first column has this heading."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    heading = [cell.strip() for cell in lines[begin].strip("|").split("|")]
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        rows.append(dict(zip(heading, cells, strict=True)))
    return rows


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _without_memory(*assignments: str) -> Network:
    with shapes_only():
        return Network(Config().override(assignments))


def _small(*assignments: str) -> Network:
    torch.manual_seed(0)
    return Network(Config().override([*SMALL, *assignments])).eval()


def _pictures(network: Network, frames: int = 64, batch: int = 1) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    torch.manual_seed(1)
    rgb, flow = (torch.rand(batch, channels, frames, 32, 32) * 2 - 1 for channels in (3, 2))
    return (rgb if network.rgb is not None else None), (flow if network.flow is not None else None)


def _vectors(rows: int, batch: int = 1) -> list[torch.Tensor]:
    torch.manual_seed(2)
    channels = Config().override(SMALL).network.channels
    return [torch.rand(batch, channels, -(-rows // 2**level)) for level in range(3)]


# --- the document ---


def _recorded_shapes(backbone: I3D) -> dict[str, tuple[int, ...]]:
    """Return a table that a pass through ``backbone`` fills with the shape of every stage's output."""
    shapes: dict[str, tuple[int, ...]] = {}

    def recorder(name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        return lambda _module, _inputs, output: shapes.update({name: tuple(output.shape[1:])})

    for name, stage in backbone.named_children():
        stage.register_forward_hook(recorder(name))
    return shapes


def test_stages_are_as_documented() -> None:
    with shapes_only():
        backbone = I3D(3).eval()
    shapes = _recorded_shapes(backbone)
    with torch.no_grad():
        backbone(torch.empty(1, 3, 64, 224, 224, device="meta"))
    rows = _table("stage")
    assert [row["stage"] for row in rows] == [name for name, _ in backbone.named_children()]
    for row in rows:
        channels, frames, height, width = shapes[row["stage"]]
        assert row["channels"] == str(channels)
        assert row["T x H x W"] == f"{frames} x {height} x {width}"
        assert _number(row["stride, frames"]) * frames == 64
        assert -(-224 // _number(row["stride, px"])) == width
        assert _number(row["parameters"]) == _parameters(backbone.get_submodule(row["stage"]))


def test_parameter_counts_are_as_documented() -> None:
    network = _without_memory()
    rows = _table("part")
    for row in rows:
        assert _number(row["parameters"]) == _parameters(network.get_submodule(row["module"])), row["part"]
    assert {row["module"] for row in rows} == {name for name, _ in network.named_children()}


def test_necks_and_heads_are_as_documented() -> None:
    for row in _table("neck"):
        for column, gate in (("parameters", "true"), ("without gates", "false")):
            network = _without_memory(f"network.neck={row['neck']}", f"network.squeeze_excite={gate}")
            assert _number(row[column]) == _parameters(network.neck), row["neck"]
    for row in _table("`network.classes`"):
        head = _without_memory(f"network.classes={row['`network.classes`']}").head
        assert _number(row["parameters"]) == _parameters(head)
        assert _number(row["logits"]) == head.classify.out_channels


def test_levels_are_as_documented() -> None:
    network = _small()
    outputs = network(*_pictures(network, frames=256))
    rows = _table("level")
    assert [_number(row["stride, frames"]) for row in rows] == list(network.strides)
    assert [_number(row["rows"]) for row in rows] == [level.shape[-1] for level in outputs.logits]
    assert [row["seconds per row at 30 fps"] for row in rows] == [f"{s / 30:.2f}" for s in network.strides]


# --- every configuration ---


@pytest.mark.parametrize(
    ("neck", "classes", "streams"),
    [
        *product(("bifpn", "panet", "fpn", "none"), ("joint", "per_kind"), ("flow",)),
        ("bifpn", "joint", "both"),
        ("bifpn", "joint", "rgb"),
    ],
)
def test_every_option_runs_forward_and_backward(neck: str, classes: str, streams: str) -> None:
    network = _small(
        f"network.neck={neck}", f"network.classes={classes}", f"backbone.streams={streams}", "network.neck_layers=2"
    ).train()
    outputs = network(*_pictures(network, batch=2))
    rows = [16, 8, 4, 2, 1]
    assert [tuple(x.shape) for x in outputs.logits] == [(2, 3 if classes == "joint" else 4, count) for count in rows]
    assert [tuple(x.shape) for x in outputs.distances] == [(2, 2, count) for count in rows]
    total = sum((x.square().mean() for x in (*outputs.logits, *outputs.distances)), torch.zeros(()))
    total.backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []
    for logits in outputs.logits:
        both = network.probabilities(logits)
        assert both.shape == (2, 2, logits.shape[-1])
        assert ((both >= 0) & (both <= 1)).all()


def test_stem_stride_1_halves_the_strides() -> None:
    network = _small("backbone.stem_stride=1", "backbone.streams=flow")
    outputs = network(*_pictures(network))
    assert network.strides == (2, 4, 8, 16, 32)
    assert [x.shape[-1] for x in outputs.logits] == [64 // stride for stride in network.strides]


def test_grids_cover_the_frames_without_gap() -> None:
    grids = _small().grids()
    assert grids[0] == Grid(1.5, 4, 4)
    for grid in grids:
        assert grid.centre(0) - grid.window / 2 == -0.5  # the row begins at the edge of frame 0
        assert grid.stride == grid.window


# --- streams, precision, determinism ---


def test_a_missing_stream_is_refused() -> None:
    network = _small()
    rgb, _ = _pictures(network)
    with pytest.raises(ValueError, match="has a stream 'flow'"):
        network(rgb, None)


def test_a_stream_that_the_network_lacks_is_not_looked_at() -> None:
    network = _small("backbone.streams=flow")
    _, flow = _pictures(network)
    first, second = network(None, flow), network(torch.rand(1, 3, 64, 32, 32), flow)
    assert all(torch.equal(a, b) for a, b in zip(first.logits, second.logits, strict=True))


def test_streams_are_concatenated_by_channel_rgb_first() -> None:
    network = _small()
    rgb, flow = _pictures(network)
    with torch.no_grad():
        maps = network.encode(rgb, flow)
        changed = network.encode(rgb, -flow if flow is not None else None)
    for before, after, channels in zip(maps, changed, map_channels(0.125), strict=True):
        assert before.shape[1] == 2 * channels
        assert torch.equal(before[:, :channels], after[:, :channels])
        assert not torch.equal(before[:, channels:], after[:, channels:])


def test_forward_is_attend_and_locate() -> None:
    network = _small()
    pictures = _pictures(network)
    with torch.no_grad():
        whole = network(*pictures)
        attended = network.attend(*pictures)
        parts = network.locate([vectors for vectors, _ in attended])
    for vectors, heat in attended:
        assert heat.shape[:2] == (1, vectors.shape[-1])
        torch.testing.assert_close(heat.sum(dim=(2, 3)), torch.ones(heat.shape[:2]))
    _assert_equal(whole, parts)


def test_the_same_seed_and_input_give_the_same_bits() -> None:
    outputs = []
    for _ in range(2):
        network = _small()
        with torch.no_grad():
            outputs.append(network(*_pictures(network)))
    _assert_equal(*outputs)


def test_memory_format_of_the_input_does_not_matter() -> None:
    network = _small("backbone.streams=flow")
    _, flow = _pictures(network)
    assert flow is not None
    with torch.no_grad():
        _assert_equal(network(None, flow), network(None, flow.contiguous(memory_format=torch.channels_last_3d)))


def _assert_equal(first: Outputs, second: Outputs) -> None:
    for a, b in zip((*first.logits, *first.distances), (*second.logits, *second.distances), strict=True):
        assert torch.equal(a, b)


# --- time ---


def test_shifted_frames_shift_the_outputs() -> None:
    network = _small()
    shift, vectors = 64, _vectors(1024)
    moved = [level.roll(shift // stride, dims=-1) for level, stride in zip(vectors, network.strides[:3], strict=True)]
    with torch.no_grad():
        before, after = network.locate(vectors), network.locate(moved)
    for name in ("logits", "distances"):
        for a, b, stride in zip(getattr(before, name), getattr(after, name), network.strides, strict=True):
            inside = slice(a.shape[-1] // 4, 3 * a.shape[-1] // 4)
            torch.testing.assert_close(b.roll(-shift // stride, dims=-1)[..., inside], a[..., inside])


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_any_number_of_rows_can_be_located(rows: int) -> None:
    with torch.no_grad():
        outputs = _small().locate(_vectors(rows))
    assert [level.shape[-1] for level in outputs.logits] == [-(-rows // 2**level) for level in range(5)]


def test_distances_are_in_sampled_frames() -> None:
    network = _small()
    with torch.no_grad():
        nn.init.zeros_(network.head.regress.weight)
        network.head.scales.copy_(torch.tensor([1.0, 1.0, 0.5, 1.0, 2.0]))
        outputs = network.locate(_vectors(64))
    wanted = [4.0, 8.0, 8.0, 32.0, 128.0]  # one row to either side, by stride and scale
    for distances, frames in zip(outputs.distances, wanted, strict=True):
        torch.testing.assert_close(distances, torch.full_like(distances, frames))
