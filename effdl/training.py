"""Train and evaluate a network: seeded, with a progress bar, with masks held at zero.

history = fit(model, train, epochs=20, validation=validation)
accuracy = evaluate(model, test)
"""

import copy
import functools
from typing import NamedTuple

import torch
from torch.nn import functional as F
from tqdm import tqdm


class History(NamedTuple):
    """What happened in each epoch."""

    loss: list  # mean training loss, penalties included
    validation: list  # validation accuracy from 0 to 1; empty without a validation split


def fit(
    model,
    train,
    *,
    epochs,
    lr=1e-3,
    batch_size=64,
    seed=0,
    loss=None,
    also=(),
    masks=None,
    validation=None,
    l1=0.0,
    l2=0.0,
    after_epoch=None,
    progress=True,
):
    """Train `model` in place with Adam, on the cross-entropy or another loss.

    Parameters
    ----------
    model : module from inputs (n, ...) to logits (n, classes), or (n, time, classes) for a sequence.
    train : Split of inputs and integer labels, (n,) or (n, time).
    epochs, lr, batch_size : int, float, int.
    seed : int, the order of the examples. The same seed and model give the same weights.
    loss : function of (logits of a batch, numbers of its examples) that returns a tensor with one element; the mean
        cross-entropy with the labels when None.
    also : parameters that are trained along with the model's.
    masks : mapping from parameter names to boolean tensors of the same shape; where a mask is False the weight
        is zero before the first step and after every step.
    validation : Split. When given, the weights of the epoch with the best validation accuracy are kept
        (the earliest one on a tie), otherwise those of the last epoch.
    l1, l2 : float, weight of the sum of |w| and of w^2 over all weight matrices and kernels, added to the loss.
    after_epoch : function of the model, called after each epoch, to watch it.
    progress : bool, show a progress bar.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        When the labels do not match the inputs, or `epochs` or `batch_size` is not positive, or a mask fits
        no parameter, or the loss is no longer finite.
    """
    if len(train.inputs) != len(train.labels) or len(train.inputs) == 0:
        raise ValueError(
            f"{len(train.inputs)} inputs with {len(train.labels)} labels: give one label an input"
        )
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs={epochs} and batch_size={batch_size} must be 1 or more")
    masked = _masked_parameters(model, masks or {})
    if loss is None:
        loss = functools.partial(_cross_entropy, train.labels)
    optimizer = torch.optim.Adam([*model.parameters(), *also], lr=lr, fused=True)
    order = torch.Generator().manual_seed(seed)
    history, best, best_accuracy = History([], []), None, -1.0
    model.train()
    apply_masks(masked)
    for _ in tqdm(range(epochs), desc="training", unit="epoch", leave=False, disable=not progress):
        history.loss.append(_epoch(model, train, loss, optimizer, batch_size, order, masked, l1, l2))
        if after_epoch is not None:
            after_epoch(model)
        if validation is not None:
            history.validation.append(evaluate(model, validation))
            model.train()
            if history.validation[-1] > best_accuracy:
                best, best_accuracy = copy.deepcopy(model.state_dict()), history.validation[-1]
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return history


def _cross_entropy(labels, logits, batch):
    return F.cross_entropy(logits.flatten(0, -2), labels[batch].flatten())


def _epoch(model, train, loss, optimizer, batch_size, order, masked, l1, l2):
    """One pass over the training split; returns the mean loss."""
    total = 0.0
    for batch in torch.randperm(len(train.inputs), generator=order).split(batch_size):
        value = loss(model(train.inputs[batch]), batch) + penalty(model, l1, l2)
        if not torch.isfinite(value):
            raise ValueError(f"the loss became {value.item()}: lower the learning rate")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        apply_masks(masked)
        total += value.item() * len(batch)
    return total / len(train.inputs)


def penalty(model, l1=0.0, l2=0.0):
    """`l1` times the sum of |w| plus `l2` times the sum of w^2, over weight matrices and kernels, not biases."""
    if not l1 and not l2:
        return 0.0
    weights = [p for p in model.parameters() if p.ndim > 1]
    return sum(l1 * w.abs().sum() + l2 * w.square().sum() for w in weights)


def _masked_parameters(model, masks):
    """Pairs of a parameter and its mask; ValueError when one does not fit."""
    parameters = dict(model.named_parameters())
    for name, mask in masks.items():
        if name not in parameters:
            raise ValueError(f"no parameter {name!r} to mask; the model has {', '.join(parameters)}")
        if mask.shape != parameters[name].shape:
            raise ValueError(
                f"the mask of {name} has shape {tuple(mask.shape)}, its weight {tuple(parameters[name].shape)}"
            )
    return [(parameters[name], mask) for name, mask in masks.items()]


@torch.no_grad()
def apply_masks(masked):
    """Set each parameter to zero where its mask is False; `masked` is a list of (parameter, mask)."""
    for parameter, mask in masked:
        parameter.mul_(mask)


@torch.no_grad()
def evaluate(model, split, batch_size=4096):
    """Share of the labels that the model predicts, from 0 to 1 (characters count one by one in a sequence)."""
    was_training = model.training
    model.eval()
    right = sum(
        (model(x).argmax(-1) == y).sum().item()
        for x, y in zip(split.inputs.split(batch_size), split.labels.split(batch_size), strict=True)
    )
    model.train(was_training)
    return right / split.labels.numel()
