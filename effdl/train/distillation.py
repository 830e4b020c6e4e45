"""Distillation: a small network, the student, learns from the outputs of a large one, the teacher (chapter 22).

Sources: G. Hinton, O. Vinyals, J. Dean, Distilling the Knowledge in a Neural Network, NIPS 2014 Deep Learning Workshop;
A. Romero et al., FitNets: Hints for Thin Deep Nets, ICLR 2015; S. Zagoruyko, N. Komodakis, Paying More Attention to
Attention, ICLR 2017.
"""

from math import inf

import torch
from torch.nn import functional as F

UNLABELLED = -1  # stands in place of a label that nobody knows


def soften(logits, temperature):
    """Probabilities at a temperature: softmax(z / T), over the last axis.

    Raises
    ------
    ValueError
        When the temperature is not above 0 and finite.

    Source: Hinton et al., 2014, equation 1.

    >>> [round(p, 3) for p in soften(torch.tensor([1.0, 2.0, 3.0]), 1).tolist()]
    [0.09, 0.245, 0.665]
    """
    if not 0 < temperature < inf:
        raise ValueError(f"temperature={temperature} must be finite and above 0")
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
    tensor with one element, never negative but for rounding; computed in float64.

    Raises
    ------
    ValueError
        When the shapes differ, there are no logits, or the temperature is not above 0 and finite.

    Source: Hinton et al., 2014, section 2.
    """
    if student.shape != teacher.shape or not student.numel():
        raise ValueError(
            f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} must have the same logits"
        )
    p = soften(teacher.detach().double(), temperature)  # at a high temperature the sum cancels in float32
    log_q = F.log_softmax(student.double() / temperature, -1)
    return (temperature**2 * (torch.xlogy(p, p) - p * log_q).sum(-1).mean()).to(student.dtype)


def hard_loss(student, labels):
    """Cross-entropy of the examples that have a label (`UNLABELLED` ones count nothing); 0 when none has."""
    if (labels < UNLABELLED).any():
        raise ValueError(f"labels must be classes from 0, or {UNLABELLED} where there is none")
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
    if len(weights) != 3 or not all(w >= 0 for w in weights):
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

    Raises
    ------
    ValueError
        When the features have other than four axes.

    Source: Zagoruyko and Komodakis, 2017, section 3.1: F_sum with p = 2.
    """
    if features.ndim != 4:
        raise ValueError(f"features must be (n, channels, height, width), not {tuple(features.shape)}")
    largest = features.abs().amax((1, 2, 3), keepdim=True)  # so that no square is too small or too large
    return F.normalize((features / largest.clamp_min(1e-30)).square().sum(1).flatten(1), dim=1)


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

    Raises
    ------
    ValueError
        When the regressor makes another shape.

    Source: Romero et al., 2015, equation 3 (there the sum, here the mean, so that it does not grow with the layer).
    """
    made = regressor(student)
    if made.shape != teacher.shape:
        raise ValueError(f"the regressor makes {tuple(made.shape)}, the teacher has {tuple(teacher.shape)}")
    return F.mse_loss(made, teacher.detach()) / 2


def tap(model, names):
    """Keep what layers put out: a dict from their names to the tensors of the latest forward pass.

    Parameters
    ----------
    model : module; a forward hook is registered on each of the named layers.
    names : list of names of submodules.

    Returns
    -------
    dict, empty until the model runs. The hooks stay: a copy of the model writes into the same dict.
    """
    outputs = {}
    for name in names:

        def keep(module, inputs, output, name=name):
            outputs[name] = output.clone()  # a layer that works in place may follow

        model.get_submodule(name).register_forward_hook(keep)
    return outputs


@torch.no_grad()
def teach(models, inputs):
    """Logits of a teacher, or of several together: the mean of theirs, which averages probabilities geometrically.

    Parameters
    ----------
    models : a module, or a list of modules with the same classes. They are left in evaluation mode.
    inputs : tensor (n, ...).

    Returns
    -------
    tensor (n, classes).
    """
    models = models if isinstance(models, (list, tuple)) else [models]
    if not models:
        raise ValueError("give one teacher at least")
    return torch.stack([model.eval()(inputs) for model in models]).mean(0)
