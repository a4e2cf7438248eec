"""The backbone as files for other programs: OpenVINO models of its streams, with a manifest on how to run them."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mespot.core.errors import CheckpointError
from mespot.core.version import VERSION
from mespot.model.checkpoint import Checkpoint
from mespot.model.i3d import I3D, LEAST_CHUNK_FRAMES, TAPS, map_strides
from mespot.model.openvino_engine import Graph, load_openvino

MANIFEST = "manifest.json"


def export_backbone(checkpoint: Checkpoint, out: Path) -> Path:
    """Write the streams of a network as OpenVINO models.

    Parameters
    ----------
    checkpoint : Checkpoint
        The network.
    out : Path
        Folder of exports; a folder in it is made that is named by the digest of the weights and the versions of
        mespot and OpenVINO, and is left as it is where it is there already.

    Returns
    -------
    Path
        The folder, with STREAM.xml and STREAM.bin for every stream, and `MANIFEST`.

    Raises
    ------
    CheckpointError
        OpenVINO is not installed, or the folder cannot be written.
    """
    try:
        openvino = load_openvino()
    except ImportError as error:
        raise CheckpointError(
            "models export: OpenVINO is not installed; install it with: pip install 'mespot[fast]'"
        ) from error
    version = openvino.__version__.split("-")[0]
    folder = out / f"{checkpoint.digest}-mespot-{VERSION}-openvino-{version}"
    if (folder / MANIFEST).exists():
        return folder
    try:
        out.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=out))
        try:
            manifest = _write(checkpoint, part) | {"openvino": version}
            (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
            part.chmod(0o755)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{folder}: cannot be written ({error}); check the folder and the free space.") from error
    return folder


def _write(checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    """Write the models of every stream and return the manifest."""
    config, network = checkpoint.config.backbone, checkpoint.network
    streams = {name: stream for name in ("rgb", "flow") if isinstance(stream := getattr(network, name), I3D)}
    models = []
    for name, stream in streams.items():
        graph = Graph(stream, config.input_px)
        # as trained: the shipped weights are stored in 16 bits, but batch norm is folded into them here
        load_openvino().save_model(graph.build(), str(folder / f"{name}.xml"), compress_to_fp16=False)
        held = [{"channels": one.channels, "side": one.side, "rows_of_zeros_first": one.front} for one in graph.held]
        models.append({"file": f"{name}.xml", "stream": name, "held": held})
    return {
        "weights": checkpoint.digest,
        "mespot": VERSION,
        "input": f"(1, C, T, {config.input_px}, {config.input_px}) float32 in [-1, 1]; C is 3 for rgb and 2 for flow; "
        f"T a multiple of {map_strides(config.stem_stride)[-1]}, at least {LEAST_CHUNK_FRAMES} but in the last chunk",
        "flow_clip_px": config.flow_clip_px,
        "outputs": list(TAPS),
        "strides": list(map_strides(config.stem_stride)),
        "last": "the second input, (1,) int64: 1 for the last chunk of a video, else 0",
        "held": "the further inputs: rows of every temporal layer, (1, channels, rows, side, side); the outputs after"
        " the first three are those for the next chunk",
        "models": models,
    }
