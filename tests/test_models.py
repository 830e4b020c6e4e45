"""The shared networks: sizes that their docstrings promise, output shapes, seeds."""

import pytest
import torch

from effdl import models


@pytest.mark.parametrize(
    ("make", "parameters", "size"),
    [
        (models.mlp, 50_610, 8),
        (models.lenet_300_100, 266_610, 28),
        (models.lenet5, 431_080, 28),
        (models.convnet, 6_090, 8),
    ],
)
def test_parameters_and_output(make, parameters, size):
    model = make()
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.zeros(3, 1, size, size)).shape == (3, 10)


def test_char_lstm_predicts_every_next_character():
    assert models.char_lstm(40)(torch.zeros(2, 7, dtype=torch.long)).shape == (2, 7, 40)


def test_the_seed_decides_the_weights_and_nothing_else():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = models.mlp(1), models.mlp(1), models.mlp(2)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.fc1.weight, again.fc1.weight)
    assert not torch.equal(first.fc1.weight, other.fc1.weight)
