"""The memory of a training step: what autograd keeps, and two ways to keep less (chapter 21).

Sources: T. Chen, B. Xu, C. Zhang, C. Guestrin, Training Deep Nets with Sublinear Memory Cost, 2016 (checkpointing).
"""

import weakref
from collections import Counter
from itertools import pairwise

import torch
from torch.nn import functional as F


class Kept:
    """A tensor that autograd keeps for the backward pass."""

    def __init__(self, tensor):
        self.tensor = tensor.detach()


class SavedMemory(torch.autograd.graph.saved_tensors_hooks):
    """Count the bytes that autograd keeps for the backward pass, while the block runs: `now`, and at most (`peak`).

        with SavedMemory(model) as memory:
            loss(model(x)).backward()
        memory.peak

    Memory that several tensors share counts once; that of the model's parameters not at all, as it is there anyway.
    """

    def __init__(self, model):
        super().__init__(self._pack, lambda kept: kept.tensor)
        self._parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self._uses = Counter()
        self.now = self.peak = 0

    def __enter__(self):
        """Begin to count."""
        super().__enter__()
        return self

    def _pack(self, tensor):
        kept, storage = Kept(tensor), tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self._parameters:
            self._uses[place] += 1
            self.now += size if self._uses[place] == 1 else 0
            self.peak = max(self.peak, self.now)
            weakref.finalize(kept, self._release, place, size)
        return kept

    def _release(self, place, size):
        self._uses[place] -= 1
        self.now -= size if self._uses[place] == 0 else 0


class Recompute(torch.autograd.Function):
    """Run a function without keeping anything but its input; the backward pass runs it again."""

    @staticmethod
    def forward(context, function, x):
        """Return function(x)."""
        context.function = function
        context.cast = {"dtype": torch.get_autocast_dtype("cpu"), "enabled": torch.is_autocast_enabled("cpu")}
        context.save_for_backward(x)
        with torch.no_grad():
            return function(x)

    @staticmethod
    def backward(context, gradient):
        """Run the function once more, with autograd, and go back through it; parameters get their gradients here."""
        x = context.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad(), torch.autocast("cpu", **context.cast):
            y = context.function(x)
        torch.autograd.backward(y, gradient)
        return None, x.grad


def checkpointed(layers, x, segments):
    """The output of layers that follow each other, keeping only the inputs of `segments` nearly equal parts of them.

    Parameters
    ----------
    layers : nn.Sequential without dropout or batch statistics: what runs twice must do the same twice.
    x : tensor, the input; where it needs a gradient it gets one.
    segments : int from 1 to the number of layers; ValueError otherwise.

    Source: Chen et al., 2016, Section 4.
    """
    if not 1 <= segments <= len(layers):
        raise ValueError(f"segments={segments} must be from 1 to the {len(layers)} layers")
    edges = [len(layers) * i // segments for i in range(segments + 1)]
    if not x.requires_grad:  # without this autograd would not come back to the first segment
        x = x.detach().requires_grad_()
    for start, stop in pairwise(edges):
        x = Recompute.apply(layers[start:stop], x)
    return x


def accumulate_gradients(model, inputs, labels, parts):
    """Gradients of the mean cross-entropy of a batch, from `parts` smaller ones, one after the other; in `.grad`.

    Only one part's activations are in memory at a time.

    Parameters
    ----------
    model : module without batch statistics; with them the parts give other gradients.
    inputs, labels : the batch, of at least one example.
    parts : int of at least 1.

    Returns
    -------
    float, the loss.
    """
    if parts < 1 or len(inputs) == 0:
        raise ValueError(f"parts={parts} must be 1 or more, and the batch of {len(inputs)} not empty")
    model.zero_grad()
    total = 0.0
    for x, y in zip(inputs.chunk(parts), labels.chunk(parts), strict=True):
        loss = F.cross_entropy(model(x), y, reduction="sum") / len(labels)
        loss.backward()  # adds to the gradients that are there
        total += loss.item()
    return total
