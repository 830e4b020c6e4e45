"""Memory of training."""

import pytest

from hwsim import MatMul, Network, networks, training_memory


def test_parts_by_hand():
    network = Network("n", [MatMul("a", 5, 3, 2, bias=True), MatMul("b", 5, 2, 1)])
    assert training_memory(network) == {
        "weights": 10 * 4,
        "gradients": 10 * 4,
        "optimizer": 2 * 10 * 4,
        "activations": 5 * (3 + 2 + 1) * 4,
    }
    assert training_memory(network, states=0, bits=16)["optimizer"] == 0
    assert training_memory(network, states=0, bits=16)["weights"] == 20


def test_only_activations_grow_with_the_batch():
    one, many = training_memory(networks.vgg16()), training_memory(networks.vgg16(batch=32))
    assert many.pop("activations") == pytest.approx(32 * one.pop("activations"))
    assert many == one
