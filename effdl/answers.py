"""What the checks of labs need: short typed answers, and test inputs drawn at random."""

import math
import os
from numbers import Real

import numpy as np


def answer(question, value, unit="", *, low=None, high=None, choices=None):
    """Check the form of a short answer, print it, and return it as a plain number or text.

    Whether it is right is for the lab's checks to say.

    Parameters
    ----------
    question : str, printed before the answer
    value : what the student gave: a number in the given unit, or one of the choices
    unit : str, the unit in which the number counts, as "bytes" or "%"
    low, high : the least and the greatest number that can be meant
    choices : the allowed answers, for a question that is no number

    Raises
    ------
    TypeError : the answer is not of the asked kind
    ValueError : the answer is not finite, out of range, or none of the choices
    """
    if choices is not None:
        if value not in list(choices):
            raise ValueError(f"answer with one of {', '.join(map(repr, choices))}, not {value!r}")
    else:
        value = _number(value, unit)
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = (
                f"from {low} "
                if high is None
                else f"up to {high} "
                if low is None
                else f"from {low} to {high} "
            )
            raise ValueError(f"answer with a number {bounds}{unit}".rstrip() + f", not {value}")
    print(f"{question}: {value} {unit}".rstrip())
    return value


def fresh_rng():
    """Random generator for test inputs that nobody can know before.

    The grader sets and records its seed in the variable GRADING_SEED; elsewhere each call draws a new one.

    Returns
    -------
    numpy.random.Generator
    """
    seed = os.environ.get("GRADING_SEED")
    return np.random.default_rng(int(seed) if seed else None)


def _number(value, unit):
    """Take a Python or NumPy number, or an array with one element, as int or float."""
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        in_unit = f"; its unit is {unit}, leave it out" if unit else ""
        raise TypeError(f"answer with a number, not {value!r}{in_unit}")
    if not math.isfinite(value):
        raise ValueError(f"answer with a finite number, not {value}")
    return value
