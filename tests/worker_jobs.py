"""What the workers of test_workers.py and test_parallel.py run; a module that other processes can import."""

import os
import time

import torch
import torch.distributed as dist

from effdl.train import parallel
from effdl.train.model_parallel import exchange_halo
from effdl.train.workers import report


def identity(value, add=0):
    return dist.get_rank(), value + add, torch.get_num_threads()


def fail_on(rank):
    if dist.get_rank() == rank:
        raise KeyError("the page of this worker")
    dist.barrier()


def leave_on(rank, code):
    if dist.get_rank() == rank:
        os._exit(code)
    dist.barrier()


def sleep(seconds, on=0):
    if dist.get_rank() == on:
        time.sleep(seconds)


def steps(count, pause):
    for _ in range(count):
        time.sleep(pause)
        report()
    return count


def ring_not_contiguous():
    try:
        parallel.ring_all_reduce(torch.zeros(4, 3).T)
    except ValueError as error:
        return str(error)


def halo(image, rows, cols, width):
    row, col = divmod(dist.get_rank(), cols)
    tile = image.tensor_split(rows, -2)[row].tensor_split(cols, -1)[col]
    try:
        return exchange_halo(tile, rows, cols, width)
    except ValueError as error:
        return str(error)


def call(function, *args, **settings):
    """Call a function without gradients; an error of value as its text."""
    try:
        with torch.no_grad():
            return function(*args, **settings)
    except ValueError as error:
        return str(error)
