from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mespot.config import Config
from mespot.core.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    config = Config.load(write(tmp_path, "[training]\nepochs = 40\n[flow]\nlambda = 0.2\n"))
    assert (config.training.epochs, config.flow.lambda_) == (40, 0.2)
    assert config.backbone == Config().backbone


def test_a_file_over_another_configuration_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    base = Config().override(["backbone.width=0.5", "spotting.threshold_me=0.7"])
    config = base.overlay(write(tmp_path, "[spotting]\nthreshold_mae = 0.3\n"))
    assert (config.backbone.width, config.spotting.threshold_me, config.spotting.threshold_mae) == (0.5, 0.7, 0.3)
    assert base.overlay(write(tmp_path, "")) == base


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("[spoting]\nthreshold_me = 0.3\n", "unknown key 'spoting'; did you mean 'spotting'?"),
        (
            "[flow]\nremove_nose_mean = true\n",
            "unknown key 'flow.remove_nose_mean'; write flow.head_motion = \"nose\" for",
        ),
        ("[spotting]\nthreshold_em = 0.3\n", "unknown key 'spotting.threshold_em'; did you mean 'threshold_me'?"),
        ("[spotting]\nthreshold_me = 3\n", "spotting.threshold_me = 3 is not valid"),
        ("[flow]\nlamda = 1\n", "did you mean 'lambda'?"),
        ("spotting = 3\n", "spotting = 3 is not valid"),
        ("[spotting\n", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(text: str, fact: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    for read in (Config.load, Config().overlay):
        with pytest.raises(ConfigError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert fact in str(caught.value)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        Config.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        Config.load(tmp_path / "binary.toml")


def test_assignments_take_toml_values_and_plain_text() -> None:
    config = Config().override(
        ["decode.sampling_fps=25", "network.neck=panet", 'network.classes="per_kind"', "network.attention = false"]
    )
    assert config.decode.sampling_fps == 25.0
    assert (config.network.neck, config.network.classes, config.network.attention) == ("panet", "per_kind", False)


@pytest.mark.parametrize(
    ("assignment", "fact"),
    [
        ("epochs=3", "write it as section.key=value"),
        ("training.epochs", "write it as section.key=value"),
        ("trainin.epochs=3", "unknown section 'trainin'; did you mean 'training'?"),
        ("training.epoch=3", "did you mean 'epochs'?"),
        ("training.epochs=many", "training.epochs = 'many' is not valid"),
        ("training.zzz=1", "known are "),
        ("spotting.longest_s=inf", "spotting.longest_s = inf is not valid"),
        ("spotting.longest_s=nan", "spotting.longest_s = nan is not valid"),
        ("flow.lambda=inf", "flow.lambda = inf is not valid"),
    ],
)
def test_a_wrong_assignment_is_refused_in_one_sentence(assignment: str, fact: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config().override([assignment])
    assert fact in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_configuration_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().decode.sampling_fps = 25.0  # type: ignore[misc]


@given(st.floats(1, 100), st.integers(1, 500))
def test_a_dumped_configuration_is_the_same_configuration(fps: float, epochs: int) -> None:
    config = Config().override([f"decode.sampling_fps={fps!r}", f"training.epochs={epochs}"])
    again = Config.parse(config.model_dump(by_alias=True), source="dump")
    assert again == config
    assert again.digest() == config.digest()


@pytest.mark.parametrize(
    ("assignment", "seen_by_the_network"),
    [
        ("decode.sampling_fps=25", True),
        ("align.crop_px=112", True),
        ("flow.lambda=0.05", True),
        ("backbone.width=0.5", True),
        ("decode.chunk_frames=16", False),
        ("backbone.chunk_frames=256", False),
        ("spotting.threshold_me=0.2", False),
        ("training.epochs=3", False),
    ],
)
def test_the_feature_digest_follows_exactly_what_the_network_sees(assignment: str, seen_by_the_network: bool) -> None:
    changed = Config().override([assignment])
    assert (changed.feature_digest() != Config().feature_digest()) is seen_by_the_network
    assert changed.digest() != Config().digest()


def test_every_number_says_what_it_is() -> None:
    training = {
        "learning_rate",
        "weight_decay",
        "epochs",
        "focal_gamma",
        "regression_weight",
        "flip",
        "precision",
        "seed",
    }
    for name, section in Config.model_fields.items():
        for key, field in type(section.default).model_fields.items():
            assert field.description or (name == "training" and key in training), f"{name}.{key}"
