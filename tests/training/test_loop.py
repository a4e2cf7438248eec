import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mespot.config import Config
from mespot.core.errors import CheckpointError, ConfigError
from mespot.model.checkpoint import load_checkpoint
from mespot.model.network import Network
from mespot.training import loop as module
from mespot.training.logs import Step
from mespot.training.loop import learning_rate, train
from mespot.training.maps import MapStore
from mespot.training.precision import computes_bfloat16
from mespot.training.sample import Sample
from mespot.training.state import STATE_FILE
from mespot.training.validate import score_samples
from mespot.vision.flow_library import FlowLibrary

MakeSample = Callable[..., Sample]
MakeLibrary = Callable[..., FlowLibrary]


@pytest.fixture
def videos(make_sample: MakeSample) -> list[Sample]:
    return [make_sample(seed, frames=160) for seed in range(3)]


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def without_speed(path: Path) -> list[dict[str, float]]:
    timed = ("windows_per_s", "waiting_s")
    return [{name: value for name, value in line.items() if name not in timed} for line in lines(path)]


def test_a_broken_run_goes_on_to_the_same_weights(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    train(videos[:2], [], config, tmp_path / "whole", device="cpu")

    def press(step: Step) -> None:
        if step.step == 2:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(videos[:2], [], config, tmp_path / "broken", device="cpu", on_step=press)
    assert signal.getsignal(signal.SIGINT) is handler
    assert [line["step"] for line in lines(tmp_path / "broken/steps.jsonl")] == [1, 2]
    train(videos[:2], [], config, tmp_path / "broken", device="cpu", resume=True)

    whole, broken = (load_file(tmp_path / name / STATE_FILE) for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    assert without_speed(tmp_path / "whole/steps.jsonl") == without_speed(tmp_path / "broken/steps.jsonl")
    assert [line["step"] for line in lines(tmp_path / "whole/steps.jsonl")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("last", [2, 3])
def test_a_killed_run_goes_on_from_within_its_epoch_to_the_same_weights(
    config: Config, videos: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    settings = config.override(["training.epochs=1", "training.average=0.9"])
    train(videos[:2], [], settings, tmp_path / "whole", device="cpu")

    def kill(step: Step) -> None:
        if step.step == last:
            raise MemoryError

    with pytest.raises(MemoryError):
        train(videos[:2], [], settings, tmp_path / "early", device="cpu", on_step=kill)
    assert not (tmp_path / "early" / STATE_FILE).exists()
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)
    with pytest.raises(MemoryError):
        train(videos[:2], [], settings, tmp_path / "killed", device="cpu", on_step=kill)
    again: list[Step] = []
    train(videos[:2], [], settings, tmp_path / "killed", device="cpu", resume=True, on_step=again.append)
    assert [step.step for step in again] == [3]
    whole, killed = (load_file(tmp_path / name / STATE_FILE) for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert without_speed(tmp_path / "whole/steps.jsonl") == without_speed(tmp_path / "killed/steps.jsonl")
    assert len(lines(tmp_path / "killed/epochs.jsonl")) == 1


def test_checkpoints_carry_facts_and_thresholds(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    short = config.override(["training.epochs=1"])
    best = train(videos[:2], videos[2:], short, tmp_path, device="cpu", facts={"held_out": "s3"})
    checkpoint = load_checkpoint(best)
    (epoch,) = lines(tmp_path / "epochs.jsonl")
    assert checkpoint.facts["held_out"] == "s3"
    assert checkpoint.facts["f1"] == epoch["f1"]
    assert checkpoint.config.spotting.threshold_me == epoch["threshold_me"]
    assert checkpoint.config.spotting.threshold_mae == epoch["threshold_mae"]
    state = load_file(tmp_path / STATE_FILE)
    for name, tensor in checkpoint.network.named_parameters():
        torch.testing.assert_close(tensor.data, state[f"network.{name}"], msg=name)
    files = sorted(path.suffix for path in tmp_path.iterdir() if path.is_file())
    assert files == [".jsonl", ".jsonl", *3 * [".safetensors"]]


def test_a_longer_run_goes_on_from_a_shorter_one(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    train(videos, [], config.override(["training.epochs=1"]), tmp_path, device="cpu")
    train(videos, [], config, tmp_path, device="cpu", resume=True)
    assert len(lines(tmp_path / "steps.jsonl")) == 6
    assert [line["epoch"] for line in lines(tmp_path / "epochs.jsonl")] == [0, 1]


def test_with_a_cosine_the_number_of_epochs_may_not_change(
    config: Config, videos: list[Sample], tmp_path: Path
) -> None:
    once = config.override(["training.epochs=1", "training.windows_per_epoch=4", "training.cosine=true"])
    train(videos, [], once, tmp_path, device="cpu")
    with pytest.raises(CheckpointError, match="another configuration"):
        train(videos, [], once.override(["training.epochs=2"]), tmp_path, device="cpu", resume=True)


def test_a_run_is_neither_overwritten_nor_mixed(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    once = config.override(["training.epochs=1", "training.windows_per_epoch=4"])
    train(videos, [], once, tmp_path, device="cpu")
    with pytest.raises(CheckpointError, match="already holds a training run"):
        train(videos, [], once, tmp_path, device="cpu")
    with pytest.raises(CheckpointError, match="another configuration"):
        train(videos, [], once.override(["training.learning_rate=0.5"]), tmp_path, device="cpu", resume=True)
    (tmp_path / STATE_FILE).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="no training state"):
        train(videos, [], once, tmp_path, device="cpu", resume=True)


def test_it_begins_with_the_weights_that_it_is_given(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    once = config.override(["training.epochs=1", "training.windows_per_epoch=4", "training.learning_rate=1e-12"])
    first = load_checkpoint(train(videos, [], once.override(["training.seed=5"]), tmp_path / "a", device="cpu"))
    second = train(videos, [], once, tmp_path / "b", device="cpu", start=first.network)
    for name, tensor in load_checkpoint(second).network.named_parameters():
        torch.testing.assert_close(tensor, dict(first.network.named_parameters())[name], msg=name)


def test_accumulated_batches_make_one_step(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    seen: list[Step] = []
    settings = config.override(["training.epochs=1", "training.batch=2", "training.accumulate=3"])
    train(videos, [], settings, tmp_path, device="cpu", on_step=seen.append)
    assert [step.step for step in seen] == [1, 2]
    assert all(step.loss == pytest.approx(step.classification + step.regression, rel=1e-5) for step in seen)


def test_half_precision_trains(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    seen: list[Step] = []
    settings = config.override(["training.epochs=1", "training.windows_per_epoch=8", "training.precision=bfloat16"])
    train(videos, [], settings, tmp_path, device="cpu", on_step=seen.append)
    assert all(0 < step.loss < 100 and 0 < step.gradient_norm < float("inf") for step in seen)


def test_the_rate_warms_up_and_anneals(config: Config) -> None:
    settings = config.override(["training.learning_rate=1.0", "training.warmup_steps=10", "training.cosine=true"])
    rates = [learning_rate(step, settings, 110) for step in range(111)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.505)
    assert rates[110] == pytest.approx(0.01)
    constant = config.override(["training.learning_rate=1.0"])
    assert {learning_rate(step, constant, 110) for step in range(110)} == {1.0}


def test_resuming_needs_the_same_videos_and_annotations(
    config: Config, videos: list[Sample], make_sample: MakeSample, tmp_path: Path
) -> None:
    once = config.override(["training.epochs=1", "training.windows_per_epoch=4"])
    train(videos[:2], [], once, tmp_path, device="cpu")
    fewer_marks = replace(videos[1], expressions=videos[1].expressions[1:])
    shorter = make_sample(1, frames=150)
    for others in (videos, [videos[0], fewer_marks], [videos[0], shorter], videos[1::-1]):
        with pytest.raises(CheckpointError, match="other videos, annotations or flows; give the same tables"):
            train(others, [], once, tmp_path, device="cpu", resume=True)
    train(videos[:2], [], once, tmp_path, device="cpu", resume=True)


def test_resuming_needs_the_same_library(
    config: Config, videos: list[Sample], make_library: MakeLibrary, tmp_path: Path
) -> None:
    once = config.override(["training.epochs=1", "training.windows_per_epoch=4", "training.pastes=2"])
    train(videos, [], once, tmp_path, device="cpu", library=make_library())
    for other in (None, make_library(px=2.0)):
        with pytest.raises(CheckpointError, match="annotations or flows; give the same tables and library"):
            train(videos, [], once, tmp_path, device="cpu", library=other, resume=True)
    train(videos, [], once, tmp_path, device="cpu", library=make_library(), resume=True)


def test_pastes_must_fit_the_streams_and_the_library(
    config: Config, videos: list[Sample], make_library: MakeLibrary, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"training\.pastes is 0: nothing of the library would be pasted"):
        train(videos, [], config, tmp_path / "a", device="cpu", library=make_library())
    for name, added in (("pastes", 2), ("overlay_share", 0.5)):
        pictures = config.override(["backbone.streams=both", f"training.{name}={added}"])
        said = rf"training\.{name} adds flow that pictures would not show; .*backbone\.streams=flow"
        with pytest.raises(ConfigError, match=said):
            train(videos, [], pictures, tmp_path / "b", device="cpu")


def test_a_step_that_is_not_finite_changes_nothing(config: Config, make_sample: MakeSample, tmp_path: Path) -> None:
    sample = make_sample(0, frames=160)
    sample.streams.flow[:] = np.nan
    once = config.override(["training.epochs=1", "training.average=0.5"])
    torch.manual_seed(5)
    start = Network(once)
    seen: list[Step] = []
    train([sample], [], once, tmp_path, device="cpu", start=start, on_step=seen.append)
    assert [math.isfinite(step.gradient_norm) for step in seen] == [False] * 3
    state = load_file(tmp_path / STATE_FILE)
    for name, value in start.state_dict().items():
        assert torch.equal(state[f"network.{name}"], value), name
        assert torch.equal(state[f"mean.{name}"], value), name


def test_training_stops_when_nothing_gets_better(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    settings = config.override(
        ["training.epochs=9", "training.patience=2", "training.windows_per_epoch=4", "training.learning_rate=1e-12"]
    )
    said: list[str] = []
    train(videos[:2], videos[2:], settings, tmp_path, device="cpu", on_line=said.append)
    found = [line["f1"] for line in lines(tmp_path / "epochs.jsonl")]
    best = found.index(max(found))
    assert len(found) == best + 3 < 9
    assert said[-1] == f"stopped after epoch {best + 2}: no better validation F1 for 2 epochs"
    train(videos[:2], videos[2:], settings, tmp_path, device="cpu", resume=True)
    assert len(lines(tmp_path / "epochs.jsonl")) == len(found)
    with pytest.raises(ConfigError, match="early stopping needs validation videos"):
        train(videos, [], settings, tmp_path / "none", device="cpu")


def test_a_moving_mean_is_what_is_written_and_resumes_to_the_bit(
    config: Config, videos: list[Sample], tmp_path: Path
) -> None:
    settings = config.override(["training.average=0.9"])
    train(videos, [], settings, tmp_path / "whole", device="cpu")
    train(videos, [], settings.override(["training.epochs=1"]), tmp_path / "parts", device="cpu")
    last = train(videos, [], settings, tmp_path / "parts", device="cpu", resume=True)
    whole, parts = (load_file(tmp_path / name / STATE_FILE) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    for name, value in load_checkpoint(last).network.named_parameters():
        assert torch.equal(value, whole[f"mean.{name}"]), name
    assert not torch.equal(whole["mean.head.classify.weight"], whole["network.head.classify.weight"])


def test_half_precision_is_used_where_it_is_computed(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    said: list[str] = []
    settings = config.override(["training.epochs=1", "training.windows_per_epoch=4"])
    train(videos, [], settings, tmp_path / "full", device="cpu")
    half = settings.override(["training.precision=bfloat16"])
    train(videos, [], half, tmp_path / "half", device="cpu", on_line=said.append)
    full, narrow = (load_file(tmp_path / name / STATE_FILE) for name in ("full", "half"))
    same = all(torch.equal(full[name], narrow[name]) for name in full)
    fell_back = [line for line in said if "float32 is used instead" in line]
    computed = computes_bfloat16(torch.device("cpu"))
    assert (same, len(fell_back)) == ((False, 0) if computed else (True, 1))


def test_the_time_of_waiting_is_a_part_of_the_time(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    said: list[str] = []
    once = config.override(["training.epochs=1"])
    train(videos, [], once, tmp_path, device="cpu", on_line=said.append)
    steps, (epoch,) = lines(tmp_path / "steps.jsonl"), lines(tmp_path / "epochs.jsonl")
    assert all(0 <= step["waiting_s"] <= 4 / step["windows_per_s"] + 1e-3 for step in steps)
    assert 0 <= epoch["waiting_share"] <= 1
    assert "of the time waiting for them" in said[-1]


def test_a_frozen_backbone_stays_and_the_rest_learns_and_resumes(
    config: Config, videos: list[Sample], tmp_path: Path
) -> None:
    settings = config.override(["training.mode=frozen_backbone"])
    torch.manual_seed(1)
    start = Network(settings)
    store = MapStore(tmp_path / "maps", start, settings)
    kept = [store.sample(one.name, one.name, lambda one=one: one.streams, one.expressions) for one in videos]  # type: ignore[misc]
    best = train(kept[:2], kept[2:], settings, tmp_path / "whole", device="cpu", start=start)
    once = settings.override(["training.epochs=1"])
    train(kept[:2], kept[2:], once, tmp_path / "parts", device="cpu", start=start)
    train(kept[:2], kept[2:], settings, tmp_path / "parts", device="cpu", start=start, resume=True)
    whole, parts = (load_file(tmp_path / name / STATE_FILE) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    for name, value in start.state_dict().items():
        unchanged = torch.equal(whole[f"network.{name}"], value)
        assert unchanged or not name.startswith("flow."), name
    assert not torch.equal(whole["network.head.classify.weight"], start.head.classify.weight)
    assert whole["network.attention.0.score.weight"].any()
    checkpoint = load_checkpoint(best)
    whole_network = score_samples(checkpoint.network, videos[2:], checkpoint.config)
    assert whole_network.all.f1 == pytest.approx(checkpoint.facts["f1_all"], abs=1e-6)


def test_samples_must_fit_the_mode(config: Config, videos: list[Sample], tmp_path: Path) -> None:
    frozen = config.override(["training.mode=frozen_backbone"])
    store = MapStore(tmp_path / "maps", Network(config), config)
    kept = store.sample("a", "a", lambda: videos[0].streams, ())
    with pytest.raises(ValueError, match="trained on samples with maps"):
        train(videos, [], frozen, tmp_path / "a", device="cpu")
    with pytest.raises(ValueError, match="needs samples with streams"):
        train([kept], [], config, tmp_path / "b", device="cpu")


@pytest.mark.slow
def test_it_learns_to_spot_what_it_never_saw(config: Config, make_sample: MakeSample, tmp_path: Path) -> None:
    settings = config.override(["training.epochs=4", "training.batch=8", "training.windows_per_epoch=160"])
    settings = settings.override(["network.dropout=0.0"])
    train(
        [make_sample(i) for i in range(6)], [make_sample(100 + i) for i in range(3)], settings, tmp_path, device="cpu"
    )
    assert max(line["f1"] for line in lines(tmp_path / "epochs.jsonl")) > 0.6
