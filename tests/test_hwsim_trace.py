"""Torch modules counted by running them once."""

import subprocess
import sys

import pytest
import torch
from torch import nn

import hwsim
from effdl import models
from hwsim import networks


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet5"])
def test_trace_equals_the_layer_table(name):
    module = getattr(models, name)()
    network = hwsim.trace(module, torch.zeros(2, 1, 28, 28), name="traced")
    assert network.layers == getattr(networks, name)(batch=2).layers
    assert network.params == parameters(module)


def test_convolution_options_are_seen():
    module = nn.Sequential(
        nn.Conv2d(4, 8, (3, 1), stride=(2, 1), padding=(1, 0), groups=2, bias=False), nn.ReLU()
    )
    network = hwsim.trace(module, torch.zeros(5, 4, 9, 6))
    assert network.name == "Sequential"
    layer = network.layers[0]
    assert layer == hwsim.Conv2d("0", 4, 8, 9, 6, (3, 1), stride=(2, 1), padding=(1, 0), groups=2, batch=5)
    assert layer.output_elements == module(torch.zeros(5, 4, 9, 6)).numel()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
def test_recurrent_layers_are_products_at_each_time_step(kind, options):
    module = kind(5, 7, batch_first=True, **options)
    network = hwsim.trace(module, torch.zeros(3, 11, 5))
    assert network.params == parameters(module)
    weights = sum(p.numel() for name, p in module.named_parameters() if "weight" in name)
    assert network.macs == 3 * 11 * weights
    assert {layer.steps for layer in network} == {11}
    assert {layer.m for layer in network} == {3}


def test_time_first_is_understood():
    network = hwsim.trace(nn.LSTM(5, 7), torch.zeros(11, 3, 5))
    assert (network.layers[0].steps, network.layers[0].m) == (11, 3)


def test_a_layer_that_runs_twice_has_its_weights_once():
    linear, conv = nn.Linear(4, 4), nn.Conv2d(1, 1, 3, padding=1)
    assert hwsim.trace(nn.Sequential(linear, linear), torch.zeros(2, 4)).layers == (
        hwsim.MatMul("0", 2, 4, 4, steps=2, bias=True),
    )
    assert hwsim.trace(nn.Sequential(conv, conv), torch.zeros(2, 1, 5, 5)).layers[0].batch == 4


def test_unsupported_layers_are_named():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    with pytest.raises(ValueError, match=r"layer '1' \(BatchNorm2d\) has parameters"):
        hwsim.trace(module, torch.zeros(1, 1, 4, 4))
    assert len(hwsim.trace(module, torch.zeros(1, 1, 4, 4), ignore=["1"])) == 1
    with pytest.raises(ValueError, match="layer 'embedding' \\(Embedding\\)"):
        hwsim.trace(models.char_lstm(20), torch.zeros(1, 4, dtype=torch.long))


@pytest.mark.parametrize("options", [{"dilation": 2}, {"padding": "same"}])
def test_convolutions_that_cannot_be_counted_are_refused(options):
    with pytest.raises(ValueError, match="no dilation, padding in numbers"):
        hwsim.trace(nn.Conv2d(1, 1, 3, **options), torch.zeros(1, 1, 8, 8))


def test_layers_that_do_not_run_are_named():
    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ValueError, match="layer 'unused' did not run"):
        hwsim.trace(Skips(), torch.zeros(1, 2))
    assert len(hwsim.trace(Skips(), torch.zeros(1, 2), ignore=["unused"])) == 1
    with pytest.raises(ValueError, match="ignore names \\['nothing'\\]"):
        hwsim.trace(Skips(), torch.zeros(1, 2), ignore=["nothing"])


def test_shapes_that_differ_between_calls_are_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(self.conv(x))

    with pytest.raises(ValueError, match="'conv' runs on inputs of different shapes"):
        hwsim.trace(Twice(), torch.zeros(1, 1, 8, 8))


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2)).train()
    module[1].eval()
    with pytest.raises(ValueError, match="BatchNorm1d"):
        hwsim.trace(module, torch.zeros(3, 2))
    assert [m.training for m in module.modules()] == [True, True, False, True]
    assert not any(m._forward_hooks for m in module.modules())


def test_hwsim_alone_needs_neither_torch_nor_matplotlib():
    code = "import sys, hwsim; print({'torch', 'matplotlib', 'effdl'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
