"""What autograd keeps, counted; and the same gradients from less of it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint_sequential

from effdl import models
from effdl.train.checkpointing import SavedMemory, accumulate_gradients, checkpointed


def network(layers=8, width=16):
    with models.seeded(0):
        return nn.Sequential(*(nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(layers)))


def gradients(model):
    return [p.grad.clone() for p in model.parameters()]


def test_the_bytes_of_a_chain_by_hand():
    model, x = network(8, 16), torch.randn(10, 16)
    with SavedMemory(model) as memory:
        out = model(x)
        # The input, and the output of each tanh, which the next layer keeps as well; weights do not count.
        assert memory.now == 9 * 10 * 16 * 4
        out.sum().backward()
    assert memory.now == 0
    assert memory.peak == 9 * 10 * 16 * 4


def test_nothing_is_kept_without_gradients():
    with SavedMemory(network()) as memory, torch.no_grad():
        network()(torch.ones(2, 16))
    assert memory.peak == 0


@pytest.mark.parametrize("segments", [1, 2, 3, 8])
def test_checkpoints_give_the_same_gradients_from_less_memory(segments):
    model, x = network(), torch.randn(10, 16)
    model(x).square().sum().backward()
    whole = gradients(model)
    model.zero_grad()
    with SavedMemory(model) as memory:
        checkpointed(model, x, segments).square().sum().backward()
    for ours, expected in zip(gradients(model), whole, strict=True):
        assert torch.equal(ours, expected)
    one = 10 * 16 * 4
    longest = -(-8 // segments)
    # The inputs of all segments and what the loss keeps, and the inside of one of them.
    assert memory.peak <= (segments + 1 + longest + 1) * one


def test_checkpoints_are_torchs():
    model, x = network(6), torch.randn(5, 16)
    checkpointed(model, x, 3).sum().backward()
    ours = gradients(model)
    model.zero_grad()
    checkpoint_sequential(model, 3, x, use_reentrant=False).sum().backward()
    assert all(map(torch.equal, ours, gradients(model)))


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_accumulated_gradients_are_those_of_the_batch(parts):
    model = models.mlp()
    inputs, labels = torch.rand(7, 1, 8, 8), torch.arange(7)  # parts of different sizes
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    whole = gradients(model)
    model.fc1.weight.grad.fill_(9)  # is cleared first
    assert accumulate_gradients(model, inputs, labels, parts) == pytest.approx(loss.item())
    for ours, expected in zip(gradients(model), whole, strict=True):
        torch.testing.assert_close(ours, expected)


def test_what_they_refuse():
    for segments in (0, 9):
        with pytest.raises(ValueError, match="from 1 to the 8 layers"):
            checkpointed(network(), torch.ones(1, 16), segments)
    for parts, n in ((0, 3), (1, 0)):
        with pytest.raises(ValueError, match="must be 1 or more"):
            accumulate_gradients(models.mlp(), torch.rand(n, 1, 8, 8), torch.arange(n), parts)
