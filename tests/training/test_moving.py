import pytest
import torch

from mespot.config import Config
from mespot.model.network import Network
from mespot.training.moving import MovingMean


@pytest.fixture
def network(config: Config) -> Network:
    torch.manual_seed(0)
    return Network(config)


def test_the_mean_follows_the_weights_with_its_decay(network: Network) -> None:
    mean = MovingMean(network, 0.9)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(1)
    mean.update(network, 1000)
    for name, value in mean.network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, before[name] + 0.1, msg=name)
    assert not mean.network.training


def test_the_first_updates_forget_the_beginning(network: Network) -> None:
    mean = MovingMean(network, 0.999)
    with torch.no_grad():
        network.head.scales.fill_(12.0)
    mean.update(network, 1)
    torch.testing.assert_close(mean.network.head.scales, torch.full((5,), 1 * 2 / 11 + 12 * 9 / 11))


def test_equal_weights_stay_to_the_bit(network: Network) -> None:
    mean = MovingMean(network, 0.7)
    for step in range(5):
        mean.update(network, step)
    for value, same in zip(mean.network.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(value, same)
