"""Parallel training: every way of sharing the work out gives what one process gives."""

import functools

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

import hwsim
from effdl import models
from effdl.data import Split
from effdl.train import model_parallel, parallel
from effdl.train.workers import Workers
from tests import worker_jobs as jobs

SETTINGS = {"epochs": 2, "batch_size": 30, "lr": 0.1}


@pytest.fixture(scope="module")
def four():
    with Workers(4) as workers:
        yield workers


@pytest.fixture(scope="module")
def train():
    """70 images: the last batch of 10 cannot be shared out evenly over 4 workers, the last but one can."""
    random = torch.Generator().manual_seed(1)
    return Split(torch.rand(70, 1, 8, 8, generator=random), torch.randint(10, (70,), generator=random))


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (4,), (7, 3), (1001,)])
def test_the_ring_is_the_simulators_bit_by_bit(four, shape):
    arrays = draw(4, *shape)
    expected = hwsim.interconnect.Ring(4).simulate(arrays.numpy(), hwsim.interconnect.Link(0, 1)).output
    for ours, simulated in zip(
        four.run(parallel.reduce_own, parallel.ring_all_reduce, arrays), expected, strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), simulated)
        torch.testing.assert_close(ours, arrays.sum(0))


def test_the_ring_needs_a_contiguous_tensor(four):
    assert all("contiguous" in text for text in four.run(jobs.ring_not_contiguous))


def test_parts_by_hand():
    assert [part.tolist() for part in parallel.parts_of(torch.arange(5), 3)] == [[0], [1, 2], [3, 4]]
    assert [len(part) for part in parallel.parts_of(torch.arange(2), 4)] == [0, 1, 0, 1]


def test_batches_cover_each_epoch_once_and_repeat():
    steps = list(parallel.batches(7, 3, epochs=2, seed=4))
    assert [len(step) for step in steps] == [3, 3, 1] * 2
    assert torch.cat(steps[:3]).sort().values.tolist() == list(range(7))
    assert not torch.equal(torch.cat(steps[:3]), torch.cat(steps[3:]))
    assert all(map(torch.equal, steps, parallel.batches(7, 3, epochs=2, seed=4)))


def test_shares_of_the_loss_add_up(train):
    model, batch = models.mlp(), torch.tensor([3, 1, 60, 5, 9])
    whole = F.cross_entropy(model(train.inputs[batch]), train.labels[batch])
    for size in (1, 2, 4, 7):  # seven workers for five examples: two have none
        shares = [parallel.share_of_loss(model, train, batch, rank, size) for rank in range(size)]
        torch.testing.assert_close(sum(shares), whole)


@pytest.mark.parametrize("reduce", [parallel.ring_all_reduce, dist.all_reduce])
def test_synchronous_training_is_that_of_one_process(four, train, reduce):
    alone = parallel.train_synchronously(models.mlp(), train, None, warmup=4, **SETTINGS)
    together = four.run(parallel.train_synchronously, models.mlp(), train, reduce, warmup=4, **SETTINGS)
    assert all(torch.equal(weights, together[0]) for weights in together)
    torch.testing.assert_close(together[0], alone, rtol=0, atol=1e-6)


def test_one_process_is_torch_sgd(train):
    model, reference = models.mlp(), models.mlp()
    parallel.train_synchronously(model, train, None, momentum=0.5, **SETTINGS)
    optimizer = torch.optim.SGD(reference.parameters(), lr=0.1, momentum=0.5)
    for batch in parallel.batches(70, 30, 2):
        optimizer.zero_grad()
        F.cross_entropy(reference(train.inputs[batch]), train.labels[batch]).backward()
        optimizer.step()
    torch.testing.assert_close(
        parameters_to_vector(model.parameters()),
        parameters_to_vector(reference.parameters()),
        rtol=0,
        atol=1e-6,
    )


def test_ddp_is_ours(four, train):
    ours = four.run(parallel.train_synchronously, models.mlp(), train, dist.all_reduce, **SETTINGS)
    for theirs in four.run(parallel.train_with_ddp, models.mlp(), train, **SETTINGS):
        torch.testing.assert_close(theirs, ours[0], rtol=0, atol=1e-6)


def test_a_synchronous_server_is_sgd_without_momentum(four, train):
    alone = parallel.train_synchronously(models.mlp(), train, None, momentum=0.0, **SETTINGS)
    (weights, staleness), *others = four.run(
        parallel.train_with_server, models.mlp(), train, together=True, **SETTINGS
    )
    torch.testing.assert_close(weights, alone, rtol=0, atol=1e-6)
    assert staleness == [0] * 18  # 2 epochs of 3 batches, 3 workers
    assert others == [(None, None)] * 3


def test_an_asynchronous_server_uses_as_many_gradients_some_of_them_stale(four, train):
    weights, staleness = four.run(
        parallel.train_with_server, models.mlp(), train, together=False, pause=0.05, **SETTINGS
    )[0]
    assert len(staleness) == 18
    assert staleness[0] == 0
    assert all(0 <= stale <= at for at, stale in enumerate(staleness))
    assert max(staleness) > 0
    assert torch.isfinite(weights).all()


def test_stale_gradients_by_hand():
    """The loss of one example x = 1 without bias: gradients are taken at the weights of two steps before."""
    data = Split(torch.ones(1, 1), torch.tensor([0]))
    model = nn.Linear(1, 2, bias=False)
    nn.init.zeros_(model.weight)
    parallel.train_stale(model, data, 2, epochs=4, batch_size=1, lr=1.0)
    weights = [torch.zeros(2)] * 3
    for _ in range(4):
        weights.append(weights[-1] - (weights[-3].softmax(0) - torch.tensor([1.0, 0.0])))
    torch.testing.assert_close(model.weight.detach()[:, 0], weights[-1])


def test_no_staleness_is_plain_sgd(train):
    fresh, plain = models.mlp(), models.mlp()
    parallel.train_stale(fresh, train, 0, momentum=0.9, **SETTINGS)
    expected = parallel.train_synchronously(plain, train, None, momentum=0.9, **SETTINGS)
    torch.testing.assert_close(parameters_to_vector(fresh.parameters()), expected, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="staleness=-1"):
        parallel.train_stale(fresh, train, -1, **SETTINGS)


def test_a_point_of_a_search(train):
    trainer = functools.partial(parallel.train_synchronously, reduce=None)
    points = [{"seed": seed, "lr": lr, "epochs": 1, "batch_size": 10} for seed in (0, 1) for lr in (0.0, 0.2)]
    function = functools.partial(parallel.train_and_score, models.mlp, trainer, train, train)
    untrained, trained, *_ = (row["result"] for row in hwsim.sweep(function, points, progress=False))
    assert 0 <= untrained < trained <= 1


def test_split_matrices_are_the_whole_ones(four):
    with models.seeded(3):
        first, second = nn.Linear(6, 9), nn.Linear(9, 5)  # nine neurons over four workers
    inputs, labels = draw(11, 6), torch.arange(11) % 5
    loss = F.cross_entropy(second(F.relu(first(inputs))), labels)
    loss.backward()
    losses, weights, biases, columns = zip(
        *four.run(model_parallel.tensor_parallel_step, first, second, inputs, labels), strict=True
    )
    assert losses == pytest.approx([loss.item()] * 4, abs=1e-6)
    torch.testing.assert_close(torch.cat(weights), first.weight.grad)
    torch.testing.assert_close(torch.cat(biases), first.bias.grad)
    torch.testing.assert_close(torch.cat(columns, 1), second.weight.grad)


def test_layers_that_cannot_be_split(four):
    for first, second in ((nn.Linear(6, 9), nn.Linear(8, 5)), (nn.Linear(6, 3), nn.Linear(3, 5))):
        texts = four.run(jobs.call, model_parallel.split_layers, first, second)
        assert all("cannot be split over 4 workers" in text for text in texts)


@pytest.mark.parametrize(("rows", "cols"), [(2, 2), (1, 4), (4, 1)])
@pytest.mark.parametrize("width", [1, 2])
def test_halos_are_the_pixels_around_the_tile(four, rows, cols, width):
    image = torch.arange(1.0, 3 * 8 * 8 + 1).view(1, 3, 8, 8)
    padded = F.pad(image, [width] * 4)
    height, length = 8 // rows, 8 // cols
    for rank, tile in enumerate(four.run(jobs.halo, image, rows, cols, width)):
        row, col = rank // cols * height, rank % cols * length
        expected = padded[..., row : row + height + 2 * width, col : col + length + 2 * width]
        torch.testing.assert_close(tile, expected, rtol=0, atol=0)


def test_halos_that_do_not_fit(four):
    for rows, cols, width in ((2, 3, 1), (2, 2, 5), (2, 2, 0)):
        texts = four.run(jobs.halo, torch.zeros(1, 1, 8, 8), rows, cols, width)
        assert all("take one worker for each tile" in text for text in texts)


def test_a_network_in_tiles_is_the_whole_one(four):
    model, images = models.convnet(), draw(5, 1, 8, 8)
    (logits, received), *others = four.run(jobs.call, model_parallel.run_in_tiles, model, images, 2, 2)
    torch.testing.assert_close(logits, model(images).detach())
    # Each tile of 4 x 4 gets 6 x 6 - 4 x 4 pixels, then 16 channels of 4 x 4 - 2 x 2, of 4 bytes, zeros included.
    assert received == 5 * 4 * (9 + 16 * 5)  # two sides and a corner of 4 x 4, and of 2 x 2 with 16 channels
    assert others == [(None, received)] * 3


@pytest.mark.parametrize("micro_batches", [1, 3, 6])
def test_a_pipeline_gives_the_gradients_of_the_whole_batch(four, train, micro_batches):
    model = models.mlp()
    stages = [model[:3], model[3:5], nn.Sequential(), model[5:]]  # one stage may be empty
    inputs, labels = train.inputs[:14], train.labels[:14]
    model.zero_grad()
    F.cross_entropy(model(inputs), labels).backward()
    parts = four.run(model_parallel.pipeline_step, stages, inputs, labels, micro_batches)
    for ours, parameter in zip([g for part in parts for g in part], model.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad)


def test_pipeline_times():
    assert model_parallel.pipeline_starts([1, 1, 1], 2) == [[0, 1], [1, 2], [2, 3]]
    assert model_parallel.pipeline_starts([1, 3], 3) == [[0, 1, 2], [1, 4, 7]]
    assert model_parallel.pipeline_starts([2], 3) == [[0, 2, 4]]
    for seconds, parts in (([1, 0], 2), ([1], 0)):
        with pytest.raises(ValueError, match="must be positive"):
            model_parallel.pipeline_starts(seconds, parts)


def test_the_time_of_a_reduction(four):
    assert all(seconds > 0 for seconds in four.run(parallel.time_reduce, dist.all_reduce, 10, repeats=3))
