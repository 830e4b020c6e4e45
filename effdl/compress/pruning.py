"""Pruning: remove the weights that matter least, then retrain the rest (chapter 02).

A mask is a boolean tensor of its weight's shape, True where the weight is kept. Masks of a network are a dict
from parameter names to masks, which `effdl.training.fit(masks=...)` holds at zero.

Sources: S. Han, J. Pool, J. Tran, W. J. Dally, Learning both Weights and Connections for Efficient Neural Networks,
NeurIPS 2015; Y. Le Cun, J. S. Denker, S. A. Solla, Optimal Brain Damage, NIPS 2, 1990.
"""

import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from effdl.training import evaluate, fit


def prunable(model):
    """Weight matrices and kernels of a module by name: parameters of two or more axes, embeddings left out.

    Returns a dict from names to the parameters themselves (not copies), in the order of the module.
    """
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    return {name: p for name, p in model.named_parameters() if p.ndim > 1 and id(p) not in tables}


def smallest_mask(score, sparsity):
    """Mask that removes the entries with the smallest scores.

    Parameters
    ----------
    score : tensor of any shape.
    sparsity : float from 0 to 1, the share to remove; `round(sparsity * n)` entries go, the first ones on a tie.

    Returns
    -------
    Boolean tensor of the score's shape, True where the entry is kept.

    Raises
    ------
    ValueError
        When `sparsity` is outside [0, 1] or a score is not a number.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity={sparsity} must be between 0 (keep all) and 1 (remove all)")
    if torch.isnan(score).any():
        raise ValueError("a score is not a number (NaN), so the entries cannot be ordered")
    order = score.flatten().argsort(stable=True)
    mask = torch.ones(score.numel(), dtype=torch.bool)
    mask[order[: round(sparsity * score.numel())]] = False
    return mask.view(score.shape)


def magnitude_mask(weight, sparsity):
    """Mask that keeps the weights of the largest magnitude; see `smallest_mask` for the parameters.

    Source: Han et al., 2015, section 3 (there a threshold on |w|, here the share that it removes).
    """
    return smallest_mask(weight.detach().abs(), sparsity)


def local_masks(model, sparsity):
    """Magnitude masks layer by layer: every layer gets its own share.

    Parameters
    ----------
    model : module.
    sparsity : float for all layers, or a dict from the names in `prunable(model)` to floats; layers that are not
        named keep all their weights.

    Returns
    -------
    dict from parameter names to boolean masks.

    Raises
    ------
    ValueError
        For a name that is not in `prunable(model)`, or a sparsity outside [0, 1].
    """
    weights = prunable(model)
    if not isinstance(sparsity, dict):
        sparsity = dict.fromkeys(weights, sparsity)
    for name in sparsity:
        if name not in weights:
            raise ValueError(f"no weight {name!r} to prune; there are {', '.join(weights)}")
    return {name: magnitude_mask(weights[name], share) for name, share in sparsity.items()}


def global_masks(model, sparsity, scores=None):
    """Masks from one ranking over all layers: the layers share one budget.

    Parameters
    ----------
    model : module.
    sparsity : float from 0 to 1, the share of all prunable weights to remove.
    scores : dict from the names in `prunable(model)` to tensors of the weights' shapes, the importance of each
        weight; the magnitude when None.

    Returns
    -------
    dict from parameter names to boolean masks.
    """
    if scores is None:
        scores = {name: w.detach().abs() for name, w in prunable(model).items()}
    everything = smallest_mask(torch.cat([s.flatten() for s in scores.values()]), sparsity)
    parts = everything.split([s.numel() for s in scores.values()])
    return {name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)}


@torch.no_grad()
def prune(model, masks):
    """Set the weights to zero where their mask is False, in place; returns the model."""
    for name, mask in masks.items():
        model.get_parameter(name).mul_(mask)
    return model


def sparsity_of(model):
    """Share of zeros among all prunable weights, from 0 to 1."""
    weights = prunable(model).values()
    return sum((w == 0).sum().item() for w in weights) / sum(w.numel() for w in weights)


def geometric_schedule(sparsity, rounds):
    """Sparsities after each of `rounds` rounds that all remove the same share of what is left.

    >>> [round(s, 3) for s in geometric_schedule(0.875, 3)]
    [0.5, 0.75, 0.875]
    """
    if not 0 <= sparsity < 1 or rounds < 1:
        raise ValueError(f"sparsity={sparsity} must be in [0, 1) and rounds={rounds} at least 1")
    return [1 - (1 - sparsity) ** (i / rounds) for i in range(1, rounds + 1)]


def prune_and_retrain(model, train, schedule, choose=global_masks, **training):
    """Prune to each sparsity of `schedule` in turn, retraining after each; in place.

    Parameters
    ----------
    model : trained module.
    train : Split to retrain on.
    schedule : sparsities from low to high. One entry is one-shot pruning, several are iterative pruning.
        A weight that is zero has the smallest magnitude, so what one round removed stays removed in the next.
    choose : function of (model, sparsity) that returns masks.
    training : what `effdl.training.fit` takes, for each round; `epochs` at least.

    Returns
    -------
    dict of the last masks.

    Raises
    ------
    ValueError
        When the schedule is empty or goes down.

    Source: Han et al., 2015, Figure 2.
    """
    if not schedule or list(schedule) != sorted(schedule):
        raise ValueError(f"schedule={list(schedule)} must hold sparsities from low to high, at least one")
    for sparsity in schedule:
        masks = choose(model, sparsity)
        fit(model, train, masks=masks, **training)
    return masks


def sensitivity(model, split, sparsities):
    """Accuracy when one layer at a time is pruned by magnitude, without retraining; the model is left as it was.

    Returns a dict from names in `prunable(model)` to lists of accuracies, one for each of `sparsities`.

    Source: Han et al., 2015, Figure 6.
    """
    curves = {}
    for name, weight in prunable(model).items():
        before = weight.detach().clone()
        curves[name] = []
        for share in sparsities:
            prune(model, {name: magnitude_mask(before, share)})
            curves[name].append(evaluate(model, split))
            weight.data.copy_(before)
    return curves


def hessian_diagonal(model, split, name, rows=256):
    """Exact second derivatives of the mean cross-entropy by each entry of one parameter.

    Takes one backward pass through the gradient for each weight, `rows` of them at a time, so it is for small
    networks. Returns a tensor of the parameter's shape; entries may be negative.
    """
    weight = model.get_parameter(name)
    loss = F.cross_entropy(model(split.inputs), split.labels)
    (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
    diagonal = torch.empty_like(weight).flatten()
    for start in range(0, weight.numel(), rows):
        pick = torch.arange(start, min(start + rows, weight.numel()))
        unit = F.one_hot(pick, weight.numel()).to(weight.dtype).view(-1, *weight.shape)
        (columns,) = torch.autograd.grad(gradient, weight, unit, retain_graph=True, is_grads_batched=True)
        diagonal[pick] = columns.flatten(1)[torch.arange(len(pick)), pick]
    return diagonal.view(weight.shape)


def gauss_newton_diagonal(model, split, batch_size=16):
    """Gauss-Newton approximation of the second derivatives of the mean cross-entropy, for all prunable weights.

    It drops the curvature of the network and keeps that of the loss. For the cross-entropy this is, at each
    weight, the mean over the examples of sum_c p_c (d log p_c / dw)^2 with the model's own probabilities p:
    never negative. Cost: one backward pass for each example and class.

    Returns a dict from names to tensors of the weights' shapes.

    Source: Le Cun et al., 1990, section 2.1 (the Levenberg-Marquardt approximation of h_kk).
    """
    fixed = {name: p.detach() for name, p in model.named_parameters()}
    weights = {name: fixed[name] for name in prunable(model)}

    def log_probability(weights, x, chosen):
        return functional_call(model, fixed | weights, (x[None],))[0].log_softmax(-1) @ chosen

    def squares(x, p):
        gradients = vmap(grad(log_probability), (None, None, 0))(weights, x, torch.eye(len(p), dtype=p.dtype))
        return {name: torch.einsum("c,c...->...", p, g.square()) for name, g in gradients.items()}

    total = {name: torch.zeros_like(w) for name, w in weights.items()}
    for x in split.inputs.split(batch_size):
        with torch.no_grad():
            p = model(x).softmax(-1)
        for name, square in vmap(squares)(x, p).items():
            total[name] += square.sum(0)
    return {name: t / len(split.inputs) for name, t in total.items()}


def obd_saliency(weight, curvature):
    """Optimal Brain Damage: the rise of the loss when a weight is set to zero, `curvature * weight^2 / 2`.

    Parameters
    ----------
    weight, curvature : tensors of one shape; the curvature is the diagonal of the Hessian.

    Source: Le Cun et al., 1990, section 2.2: s_k = h_kk u_k^2 / 2.
    """
    if weight.shape != curvature.shape:
        raise ValueError(
            f"weight {tuple(weight.shape)} and curvature {tuple(curvature.shape)} differ in shape"
        )
    return curvature * weight.detach().square() / 2
