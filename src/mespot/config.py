"""Every number that can be tuned, with its unit and source; TOML in, unknown keys rejected."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mespot.core.errors import ConfigError

HeadMotion = Literal["none", "nose", "similarity"]
"""What is subtracted from the flow as head motion."""

RENAMED = {"flow.remove_nose_mean": 'write flow.head_motion = "nose" for true and "none" for false'}
"""What to write for keys of earlier versions."""


class Section(BaseModel):
    """A frozen part of the configuration; a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DecodeConfig(Section):
    """Frames in: how a video is read."""

    sampling_fps: float = Field(
        30.0, gt=0, le=1000, description="sampled frames per second, by time stamp; CAS(ME)^2 has 30 (method.md 10)"
    )
    average: Literal["never", "files", "always"] = Field(
        "files", description="frames of a fast camera between sampled ones are averaged into them; always: images too"
    )
    chunk_frames: int = Field(64, ge=1, description="sampled frames decoded at a time; changes memory, not results")


class FaceConfig(Section):
    """Which face, and how it is found and followed."""

    detector_px: int = Field(320, ge=96, description="longer side of the picture that the detector sees, px")
    detector_score: float = Field(0.7, gt=0, lt=1, description="least detector confidence of a new face")
    detect_every: int = Field(16, ge=1, description="sampled frames between detections; landmarks follow in between")
    landmarks_every: int = Field(
        3, ge=1, description="sampled frames between measured landmarks where a face moves little; lines in between"
    )
    presence: float = Field(
        0.5, gt=0, lt=1, description="least confidence of the landmark network that a face is there"
    )
    least_size_px: int = Field(40, ge=16, description="smallest face box side that is followed, px of the source")
    least_coverage: float = Field(0.5, ge=0, le=1, description="least share of sampled frames with the face")
    cut_threshold: float = Field(
        0.25, gt=0, le=1, description="mean change of a small grey picture, of the full range, that counts as a cut"
    )
    subject: int = Field(1, ge=1, description="1 is the largest steady face, 2 the second, ...")


class AlignConfig(Section):
    """Steady crops (design.md 5)."""

    crop_px: int = Field(224, ge=32, description="side of the crop, px; I3D was pretrained at 224")
    face_width: float = Field(
        0.40, gt=0.1, lt=0.9, description="distance of the outer eye corners as a share of the crop's side"
    )
    smoothing_s: float = Field(
        0.5,
        ge=0,
        description="standard deviation of the zero-phase Gaussian over the transforms, s; an ME lasts <= 0.5 s",
    )


class FlowConfig(Section):
    """TV-L1 optical flow (Zach, Pock, Bischof 2007; defaults of OpenCV's DualTVL1)."""

    tau: float = Field(0.25, gt=0, description="time step of the dual update")
    lambda_: float = Field(0.15, gt=0, alias="lambda", description="weight of the data term")
    theta: float = Field(0.3, gt=0, description="tightness between the flow and its auxiliary variable")
    scales: int = Field(5, ge=1, description="most levels of the image pyramid; none gets smaller than 16 px")
    scale_step: float = Field(0.8, gt=0.1, lt=1, description="size of a level relative to the next finer one")
    warps: int = Field(5, ge=1, description="warpings per level")
    epsilon: float = Field(0.01, ge=0, description="stop when the mean squared update falls below its square")
    inner_iterations: int = Field(30, ge=1, description="most inner iterations per outer one")
    outer_iterations: int = Field(10, ge=1, description="most outer iterations per warp, a median filter before each")
    median_px: Literal[1, 5] = Field(5, description="side of the median filter on the flow, px; 1 is none")
    step: Literal[1, 2, 4] = Field(1, description="sampled frames between the two of a pair (method.md 2, flow_step)")
    mask_face: bool = Field(True, description="set the flow outside the face to zero: the background is no expression")
    head_motion: HeadMotion = Field(
        "nose",
        description="what is subtracted as head motion: nothing, the nose region's mean flow, or that and then the "
        "similarity (shift, tilt, distance) by which the whole face moves",
    )

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class BackboneConfig(Section):
    """Two-stream Inception I3D (Carreira, Zisserman 2017)."""

    streams: Literal["both", "rgb", "flow"] = Field("both", description="which streams feed the pyramid")
    width: float = Field(1.0, gt=0, le=1, description="channel multiplier; 1 is the published network")
    input_px: int = Field(224, ge=32, description="side of the network's input; crops and flow are area-averaged to it")
    flow_clip_px: float = Field(
        20.0, gt=0, description="flow of this many px becomes 1; Kinetics weights saw 20, facial motion is 0.05 to 2"
    )
    stem_stride: Literal[1, 2] = Field(
        2, description="temporal stride of the first convolution: 2 gives P3 a stride of 4 frames, 1 a stride of 2"
    )
    chunk_frames: int = Field(
        64,
        ge=64,
        multiple_of=16,
        description="sampled frames that the backbone sees at a time; changes memory, not results",
    )
    engine: Literal["auto", "torch", "openvino"] = Field(
        "auto", description="what runs the backbone; auto is OpenVINO on a CPU where it is installed, else PyTorch"
    )
    bfloat16: Literal["none", "rgb", "flow", "both"] = Field(
        "none", description="streams whose products OpenVINO makes in bfloat16; with weights measured to bear it"
    )

    @property
    def sees_rgb(self) -> bool:
        """Whether the network sees pictures, and not their flow alone."""
        return self.streams != "flow"


class NetworkConfig(Section):
    """Attention, pyramid and head (paper, section III)."""

    neck: Literal["bifpn", "panet", "fpn", "none"] = Field("bifpn", description="how the levels are fused")
    channels: int = Field(256, ge=8, description="pyramid width")
    neck_layers: int = Field(1, ge=1, description="stacked necks; the paper draws one")
    attention: bool = Field(True, description="learned spatial attention; off is the plain mean")
    squeeze_excite: bool = Field(True, description="channel gate on each node of the neck")
    hidden: int = Field(256, ge=8, description="width of the head's convolutions and fully connected layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="paper, section III-D")
    classes: Literal["joint", "per_kind"] = Field(
        "joint", description="joint: {background, MaE, ME}; per_kind: two binary heads, as the paper's text"
    )


class SpottingConfig(Section):
    """From network outputs to detections (method.md 7)."""

    threshold_me: float = Field(0.5, ge=0, le=1, description="least score of a reported ME")
    threshold_mae: float = Field(0.5, ge=0, le=1, description="least score of a reported MaE")
    nms: Literal["hard", "soft"] = Field("hard", description="hard as in the paper, or Gaussian Soft-NMS")
    nms_iou: float = Field(0.2, gt=0, lt=1, description="overlap within a kind above which the weaker one goes")
    same_onset_frames: int = Field(
        6,
        ge=0,
        description="an ME that begins within so many sampled frames of a MaE is its rise, not reported; 0 is off",
    )
    soft_sigma: float = Field(0.5, gt=0, description="width of Soft-NMS")
    top_fraction: float | None = Field(
        None, gt=0, le=1, description="keep this share of the candidates by score before NMS (Table II); none keeps all"
    )
    candidates: int = Field(2000, ge=1, description="most candidates of a kind per hour of video that enter NMS")
    least_s: float = Field(0.1, ge=0, description="shortest expression that is reported, s")
    longest_s: float = Field(6.0, gt=0, description="longest expression that is reported, s")


class TrainingConfig(Section):
    """Fitting (paper, section IV-B: Adam 1e-4, batch 32, 30 epochs)."""

    mode: Literal["end_to_end", "frozen_backbone"] = Field(
        "end_to_end",
        description="frozen_backbone: the maps of given I3D weights are computed once, the rest is trained on them",
    )
    learning_rate: float = Field(1e-4, gt=0)
    warmup_steps: int = Field(0, ge=0, description="updates of linear warm-up; then constant")
    cosine: bool = Field(False, description="anneal the rate to 1 % over the run after the warm-up")
    weight_decay: float = Field(0.0, ge=0)
    batch: int = Field(32, ge=1, description="windows per step")
    accumulate: int = Field(1, ge=1, description="steps whose gradients are added before an update")
    epochs: int = Field(30, ge=1)
    window_frames: int = Field(256, ge=64, multiple_of=16, description="sampled frames per window (method.md 10)")
    windows_per_epoch: int = Field(512, ge=1, description="random windows drawn per epoch")
    focal_gamma: float = Field(2.0, ge=0)
    focal_alpha: float = Field(0.25, ge=0, le=1, description="weight of expressions against background")
    regression_weight: float = Field(1.0, ge=0)
    clip_norm: float = Field(5.0, gt=0, description="largest gradient norm")
    crop_jitter: float = Field(0.06, ge=0, lt=0.5, description="random crop: share of the side cut off at most")
    flip: bool = Field(True, description="random left-right flip; negates horizontal flow")
    flow_gain: float = Field(0.0, ge=0, lt=1, description="random factor on the flow in [1 - g, 1 + g]")
    flow_relief: float = Field(
        0.0, ge=0, lt=1, description="random factors on the flow in [1 - r, 1 + r], smooth over the face"
    )
    reverse: bool = Field(False, description="random reversal of time")
    short_share: float = Field(
        0.0, ge=0, le=1, description="share of the windows that end early, as short videos do, also in an expression"
    )
    batch_norm_momentum: float = Field(
        0.1, gt=0, le=1, description="weight of a batch in the running statistics; I3D's 0.01 needs thousands of steps"
    )
    pastes: float = Field(
        0.0, ge=0, description="expressions of other videos added to a window's flow, on average; flow stream alone"
    )
    library_share: float = Field(
        0.5, ge=0, le=1, description="share of the pastes that come from a library of flows, where one is given"
    )
    overlay_share: float = Field(
        0.0, ge=0, le=1, description="share of the windows with the flow of other video over theirs; flow stream alone"
    )
    patience: int = Field(
        0, ge=0, description="epochs without a better validation F1 after which training stops; 0 is off"
    )
    false_per_minute: float = Field(
        0.0,
        ge=0,
        description="false reports a minute of both kinds that the ME threshold is to keep on validation videos, those "
        "without expressions if they are long enough, there with a standard error to spare; 0 is off",
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="decay of the moving mean of the weights, which is what is validated; 0 is off"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16 where the device computes it, else float32"
    )
    seed: int = Field(0, ge=0)


class Config(Section):
    """The whole configuration, one section a stage."""

    decode: DecodeConfig = DecodeConfig()
    face: FaceConfig = FaceConfig()
    align: AlignConfig = AlignConfig()
    flow: FlowConfig = FlowConfig()
    backbone: BackboneConfig = BackboneConfig()
    network: NetworkConfig = NetworkConfig()
    spotting: SpottingConfig = SpottingConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file.

        Raises
        ------
        ConfigError
            The file cannot be read, or has an unknown key or a value out of range.
        """
        return cls.parse(_read_toml(path), source=str(path))

    def overlay(self, path: Path) -> Self:
        """Return this configuration with the values of a TOML file over it; what the file leaves out stays.

        Raises
        ------
        ConfigError
            The file cannot be read, or has an unknown key or a value out of range.
        """
        values = self.model_dump(by_alias=True)
        for section, keys in _read_toml(path).items():
            if isinstance(values.get(section), dict) and isinstance(keys, dict):
                values[section] |= keys
            else:
                values[section] = keys
        return self.parse(values, source=str(path))

    @classmethod
    def parse(cls, values: dict[str, Any], *, source: str) -> Self:
        """Validate nested values; ``source`` names them in the error."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_sentence(error, source)) from error

    def override(self, assignments: Iterable[str]) -> Self:
        """Apply ``section.key=value`` assignments, values in TOML syntax or plain text.

        Examples
        --------
        >>> Config().override(["training.epochs=40"]).training.epochs
        40
        """
        values = self.model_dump(by_alias=True)
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            section, dot, key = name.strip().partition(".")
            if not equals or not dot:
                raise ConfigError(
                    f"--set {assignment}: write it as section.key=value, for example decode.sampling_fps=30."
                )
            if section not in values:
                raise ConfigError(f"--set {assignment}: unknown section '{section}'{_suggest(section, list(values))}.")
            values[section][key] = _toml_value(text.strip())
        return self.parse(values, source="--set")

    def feature_sections(self) -> dict[str, Any]:
        """Return the keys that decide what the network sees, by section."""
        return self.model_dump(
            by_alias=True,
            include={
                "decode": {"sampling_fps"},
                "align": True,
                "flow": True,
                "backbone": {"streams", "width", "input_px", "flow_clip_px", "stem_stride"},
            },
        )

    def feature_digest(self) -> str:
        """Digest of the keys that decide what the network sees; weights belong to one such digest."""
        return _digest(self.feature_sections())

    def streams_digest(self) -> str:
        """Digest of the sections that decide crops and flow; cached streams belong to one such digest."""
        values = self.model_dump(
            by_alias=True,
            include={"decode": {"sampling_fps", "average"}, "face": True, "align": True, "flow": True},
        )
        return _digest(values | {"input_px": self.backbone.input_px, "rgb": self.backbone.sees_rgb})

    def digest(self) -> str:
        """Digest of the whole resolved configuration."""
        return _digest(self.model_dump(by_alias=True))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML ({error}); check the file.") from error


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(known))}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    if len(location) < 2:
        return list(Config.model_fields)
    section = Config.model_fields[str(location[0])].default
    return [field.alias or name for name, field in type(section).model_fields.items()]


def _sentence(error: ValidationError, source: str) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        advice = f"; {RENAMED[name]}" if name in RENAMED else _suggest(str(first["loc"][-1]), _known_keys(first["loc"]))
        return f"{source}: unknown key '{name}'{advice}."
    return f"{source}: {name} = {first['input']!r} is not valid ({first['msg']}); correct the value."
