"""Distillation: a small network, the student, learns from the outputs of a large one, the teacher (chapter 22).

Sources: G. Hinton, O. Vinyals, J. Dean, Distilling the Knowledge in a Neural Network, NIPS 2014 Deep Learning Workshop;
A. Romero et al., FitNets: Hints for Thin Deep Nets, ICLR 2015; S. Zagoruyko, N. Komodakis, Paying More Attention to
Attention, ICLR 2017.
"""

import torch
from torch.nn import functional as F
from tqdm import tqdm

UNLABELLED = -1  # stands in place of a label that nobody knows


def soften(logits, temperature):
    """Probabilities at a temperature: softmax(z / T), over the last axis.

    Raises
    ------
    ValueError
        When the temperature is not above 0.

    Source: Hinton et al., 2014, equation 1.

    >>> [round(p, 3) for p in soften(torch.tensor([1.0, 2.0, 3.0]), 1).tolist()]
    [0.09, 0.245, 0.665]
    """
    if not temperature > 0:
        raise ValueError(f"temperature={temperature} must be above 0")
    return F.softmax(logits / temperature, -1)


def soft_loss(student, teacher, temperature):
    """How far the student's softened probabilities are from the teacher's: T^2 times their divergence.

    The Kullback-Leibler divergence, sum_i p_i log(p_i / q_i) with the teacher's p and the student's q, mean over the
    examples. Its gradient shrinks as 1/T^2, which the factor T^2 makes up for.

    Parameters
    ----------
    student, teacher : tensors (n, classes) of logits; no gradient flows to the teacher.
    temperature : float above 0.

    Returns
    -------
    tensor with one element, never negative but for rounding.

    Source: Hinton et al., 2014, section 2.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} differ in shape")
    p = soften(teacher.detach(), temperature)
    log_q = F.log_softmax(student / temperature, -1)
    return temperature**2 * (torch.xlogy(p, p) - p * log_q).sum(-1).mean()


def hard_loss(student, labels):
    """Cross-entropy of the examples that have a label (`UNLABELLED` ones count nothing); 0 when none has."""
    known = labels != UNLABELLED
    return F.cross_entropy(student[known], labels[known]) if known.any() else student.sum() * 0


def distillation_loss(student, teacher, labels, temperature, weight):
    """Hard and soft loss together: (1 - weight) times the one, `weight` times the other.

    Parameters
    ----------
    student, teacher : tensors (n, classes) of logits.
    labels : int tensor (n,), `UNLABELLED` where there is none.
    temperature : float above 0.
    weight : float from 0 (labels only) to 1 (teacher only).
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight={weight} must be between 0 (labels only) and 1 (teacher only)")
    hard = (1 - weight) * hard_loss(student, labels) if weight < 1 else 0
    soft = weight * soft_loss(student, teacher, temperature) if weight > 0 else 0
    return hard + soft


def three_term_loss(student, teacher, labels, features, temperature, weights):
    """Labels, soft targets and intermediate features together: a weighted sum of the three losses.

    Parameters
    ----------
    student, teacher : tensors (n, classes) of logits.
    labels : int tensor (n,), `UNLABELLED` where there is none.
    features : list of pairs (student's, teacher's) of feature tensors (n, channels, height, width).
    temperature : float above 0.
    weights : three floats of at least 0, for the hard loss, the soft loss, and the mean attention loss of the pairs.

    Source: the soft and the hard loss from Hinton et al., 2014, the third from Zagoruyko and Komodakis, 2017.
    """
    if len(weights) != 3 or min(weights) < 0:
        raise ValueError(f"weights={weights} must be three numbers of at least 0")
    if not features:
        raise ValueError("give one pair of features at least")
    hard, soft, attention = weights
    between = sum(attention_loss(ours, theirs) for ours, theirs in features) / len(features)
    return (
        hard * hard_loss(student, labels)
        + soft * soft_loss(student, teacher, temperature)
        + attention * between
    )


def attention_map(features):
    """Where a layer looks: the sum of squares over the channels, as a vector of length 1 for each example.

    Parameters
    ----------
    features : tensor (n, channels, height, width).

    Returns
    -------
    tensor (n, height * width); all zero where the features are.

    Source: Zagoruyko and Komodakis, 2017, section 3.1: F_sum with p = 2.
    """
    return F.normalize(features.square().sum(1).flatten(1), dim=1)


def attention_loss(student, teacher):
    """Distance of the attention maps, the mean over the examples; channels may differ, heights and widths may not.

    Parameters
    ----------
    student, teacher : tensors (n, channels, height, width) of features; no gradient flows to the teacher.
    """
    if student.shape[0] != teacher.shape[0] or student.shape[2:] != teacher.shape[2:]:
        raise ValueError(
            f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} must agree in examples, height and width"
        )
    difference = attention_map(student) - attention_map(teacher.detach())
    return (difference.square().sum(1) + 1e-12).sqrt().mean()  # the root of zero has no gradient


def hint_loss(student, teacher, regressor):
    """Squared distance of the teacher's features to what `regressor` makes of the student's, half the mean over all.

    Parameters
    ----------
    student, teacher : tensors of features; no gradient flows to the teacher.
    regressor : module from the student's features to the shape of the teacher's, trained along, as a 1 x 1 convolution.

    Source: Romero et al., 2015, equation 3 (there the sum, here the mean, so that it does not grow with the layer).
    """
    return F.mse_loss(regressor(student), teacher.detach()) / 2


def tap(model, names):
    """Keep what layers put out: a dict from their names to the tensors of the latest forward pass.

    Parameters
    ----------
    model : module; a forward hook is registered on each of the named layers.
    names : list of names of submodules.

    Returns
    -------
    dict, empty until the model runs.
    """
    outputs = {}
    for name in names:

        def keep(module, inputs, output, name=name):
            outputs[name] = output

        model.get_submodule(name).register_forward_hook(keep)
    return outputs


@torch.no_grad()
def teach(models, inputs):
    """Logits of a teacher, or of several together: the mean of theirs, which averages probabilities geometrically.

    Parameters
    ----------
    models : a module, or a list of modules.
    inputs : tensor (n, ...).

    Returns
    -------
    tensor (n, classes).
    """
    models = models if isinstance(models, (list, tuple)) else [models]
    if not models:
        raise ValueError("give one teacher at least")
    return torch.stack([model.eval()(inputs) for model in models]).mean(0)


def distill(student, train, loss, *, epochs, lr=1e-3, batch_size=64, seed=0, also=(), progress=True):
    """Train a student in place with Adam on a loss of its logits.

    Parameters
    ----------
    student : module from inputs (n, ...) to logits (n, classes).
    train : Split; the labels are for `loss` to use.
    loss : function of (student's logits of a batch, numbers of its examples) that returns a tensor with one element.
    epochs, lr, batch_size : int, float, int.
    seed : int, the order of the examples.
    also : parameters that are trained along, such as a regressor's.
    progress : bool, show a progress bar.

    Returns
    -------
    list of the mean loss of each epoch.

    Raises
    ------
    ValueError
        When there is no input, `epochs` or `batch_size` is not positive, or the loss is no longer finite.
    """
    n = len(train.inputs)
    if n == 0 or epochs < 1 or batch_size < 1:
        raise ValueError(f"{n} inputs, epochs={epochs} and batch_size={batch_size} must be 1 or more")
    optimizer = torch.optim.Adam([*student.parameters(), *also], lr=lr, fused=True)
    order, losses = torch.Generator().manual_seed(seed), []
    student.train()
    for _ in tqdm(range(epochs), desc="distilling", unit="epoch", leave=False, disable=not progress):
        total = 0.0
        for batch in torch.randperm(n, generator=order).split(batch_size):
            value = loss(student(train.inputs[batch]), batch)
            if not torch.isfinite(value):
                raise ValueError(f"the loss became {value.item()}: lower the learning rate")
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(batch)
        losses.append(total / n)
    student.eval()
    return losses
