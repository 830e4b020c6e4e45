"""What a GPU is good at: warps, transactions, tiles and the products of a training step, against hand counts and autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hwsim
from effdl import models
from effdl.train.gpu import naive_gemm, tiled_gemm, training_gemms, transactions, warp_steps

THREADS = np.arange(32)


def test_a_warp_pays_for_every_branch_that_a_thread_takes():
    assert warp_steps([(THREADS < 32, 10)]) == (10, 1.0)
    assert warp_steps([(THREADS < 32, 10), (THREADS < 0, 50)]) == (10, 1.0)
    assert warp_steps([(THREADS == 5, 30), (THREADS != 5, 10)]) == (40, (30 + 310) / (40 * 32))
    assert warp_steps([(THREADS < 0, 5)]) == (0, 0.0)
    assert warp_steps([(np.ones(16, bool), 4)]) == (4, 0.5)  # half a warp
    with pytest.raises(ValueError, match="same 1 to 32 threads"):
        warp_steps([(np.ones(33, bool), 1)])
    with pytest.raises(ValueError, match="same 1 to 32 threads"):
        warp_steps([(np.ones(32, bool), 1), (np.ones(31, bool), 1)])
    with pytest.raises(ValueError, match="same 1 to 32 threads"):
        warp_steps([])


def test_transactions_by_hand():
    assert transactions(4 * THREADS) == 4  # 128 bytes in a row
    assert transactions(4 * THREADS + 16) == 5  # not at the start of a sector
    assert transactions(8 * THREADS) == 8  # every second number
    assert transactions(np.zeros(32, int)) == 1  # all want the same
    assert transactions(4 * 1024 * THREADS) == 32  # a column of a matrix
    assert transactions(2 * THREADS, sector=64) == 1


sizes = st.integers(1, 9)


@given(sizes, sizes, sizes, st.tuples(sizes, sizes, sizes), st.integers(0, 2**31))
def test_both_products_are_numpys_and_the_reads_are_the_formula(m, k, n, tile, seed):
    a, b = (np.random.default_rng(seed).integers(-9, 10, shape) for shape in ((m, k), (k, n)))
    product, reads = naive_gemm(a, b)
    np.testing.assert_array_equal(product, a @ b)
    assert reads == 2 * m * n * k
    tiled, fewer = tiled_gemm(a, b, tile)
    np.testing.assert_array_equal(tiled, a @ b)
    down, across = -(-m // tile[0]), -(-n // tile[1])
    assert fewer == m * k * across + k * n * down
    assert tiled_gemm(a, b, (1, 1, k))[1] == reads
    assert tiled_gemm(a, b, (m, n, 1))[1] == m * k + k * n


def test_the_reads_of_whole_tiles_are_what_the_simulator_brings_to_shared_memory():
    a, b = np.ones((256, 64), np.float32), np.ones((64, 384), np.float32)
    gpu = hwsim.TensorCoreGPU()
    tiles = gpu.run(hwsim.MatMul("gemm", 256, 64, 384)).counts["tiles"]
    assert tiled_gemm(a, b, gpu.tile)[1] == tiles * 64 * (128 + 128)


def test_the_products_of_a_training_step_are_autograds():
    model, batch = models.mlp(), 7
    network = hwsim.trace(model, torch.zeros(batch, 1, 8, 8), name="mlp")
    step = training_gemms(network)
    names = [layer.name for layer in step]
    assert names == [
        *("fc1 forward", "fc2 forward", "fc3 forward"),
        *("fc3 weights", "fc3 inputs", "fc2 weights", "fc2 inputs", "fc1 weights"),
    ]
    assert step.macs == 3 * network.macs - batch * 64 * 300
    x = torch.randn(batch, 300, requires_grad=True)
    y = model.fc2(x)
    gradient = torch.randn_like(y)
    y.backward(gradient)
    shapes = {layer.name: (layer.m, layer.k, layer.n) for layer in step}
    weights = x.T @ gradient
    assert shapes["fc2 weights"] == (x.shape[1], x.shape[0], gradient.shape[1])
    torch.testing.assert_close(weights.T, model.fc2.weight.grad)
    inputs = gradient @ model.fc2.weight
    assert shapes["fc2 inputs"] == (*gradient.shape, x.shape[1])
    torch.testing.assert_close(inputs, x.grad)


def test_what_they_refuse():
    with pytest.raises(ValueError, match=r"not \(2, 3\) and \(2, 3\)"):
        naive_gemm(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"not \(3,\)"):
        tiled_gemm(np.ones(3), np.ones((3, 2)), (1, 1, 1))
    with pytest.raises(ValueError, match=r"whole numbers from 1, not \(2, 0, 1\)"):
        tiled_gemm(np.ones((2, 2)), np.ones((2, 2)), (2, 0, 1))
    for tile in ((2, 2), (2, 2, 1.5)):
        with pytest.raises(ValueError, match="three sizes"):
            tiled_gemm(np.ones((2, 2)), np.ones((2, 2)), tile)
    for addresses, sector in ((np.arange(33), 32), ([0.5], 32), ([1, 2], 0)):
        with pytest.raises(ValueError, match="at most 32 addresses"):
            transactions(addresses, sector)
    for branch in ((np.array([5, 0]), 3), (np.array([True, False]), -3)):
        with pytest.raises(ValueError, match="a boolean array, and a length"):
            warp_steps([branch])
    for layer in (
        hwsim.MatMul("scores", 4, 8, 4, trained=False),
        hwsim.MatMul("steps", 4, 8, 4, steps=2),
        hwsim.Conv2d("conv", 3, 8, 6, 6, 3),
    ):
        with pytest.raises(ValueError, match=f"{layer.name} is no product of a batch"):
            training_gemms(hwsim.Network("n", [layer]))
