"""`SoftTargets`: what a teacher says of an image at a temperature."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, module, pack, significant

MOST = 200  # the slider counts tenths: temperatures from 0.1 to 20


class Soft(NamedTuple):
    """Softened probabilities of one example."""

    temperature: float
    probabilities: list  # (classes,) that sum to 1
    entropy: float  # bits; log2 of the classes when all are alike
    others: float  # probability of all classes but the most probable one


def at_temperature(logits, tenths: int) -> Soft:
    """Softmax of some logits divided by `tenths` / 10.

    >>> [round(p, 2) for p in at_temperature([1.0, 2.0, 3.0], 20).probabilities]
    [0.19, 0.31, 0.51]
    """
    temperature = tenths / 10
    logits = array(logits, np.float64)
    powers = np.exp((logits - logits.max()) / temperature)
    probabilities = powers / powers.sum()
    present = probabilities[probabilities > 0]
    return Soft(
        temperature,
        probabilities.tolist(),
        float(max(0.0, -(present * np.log2(present)).sum())),
        float(1 - probabilities.max()),
    )


class SoftTargets(Widget):
    """Show the probabilities that a network gives to the classes of an example, with a slider for the temperature.

    Parameters
    ----------
    examples : `{name: logits}`, each an array (classes,); all of the same length.
    images : `{name: image}`, arrays (height, width) from 0 to 1, for those examples that have one.
    classes : Names of the classes; their numbers from 0 when None.
    example, tenths : What is shown first; the temperature is `tenths` / 10, from 0.1 to 20.

    Raises
    ------
    ValueError
        When there is no example, logits are not finite or differ in number, or an image belongs to no example.
    """

    _esm = module("common.js", "plot.js", "soft_targets.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    example = traitlets.Unicode().tag(sync=True)
    tenths = traitlets.Int(10, min=1, max=MOST).tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    logits = traitlets.Bytes().tag(sync=True)  # (examples, classes) float64
    images = traitlets.Dict().tag(sync=True)  # {name: rows of grey levels from 0 to 1}

    def __init__(self, examples, *, images=None, classes=None, example=None, tenths=10):
        """See the class."""
        if not examples:
            raise ValueError("give one example at least")
        rows = [array(row, np.float64) for row in examples.values()]
        if any(row.shape != rows[0].shape or row.ndim != 1 or len(row) < 2 for row in rows):
            raise ValueError(f"logits must be arrays of one length, got {[row.shape for row in rows]}")
        if not np.isfinite(rows).all():
            raise ValueError("logits must be finite")
        if strange := [name for name in images or {} if name not in examples]:
            raise ValueError(f"images of no example: {strange}; there are {list(examples)}")
        if example is not None and example not in examples:
            raise ValueError(f"unknown example {example!r}; there are {list(examples)}")
        super().__init__(
            names=list(examples),
            example=example or next(iter(examples)),
            tenths=tenths,
            classes=list(classes) if classes is not None else [str(i) for i in range(len(rows[0]))],
            logits=pack(rows, "f8"),
            images={name: array(image, np.float64).tolist() for name, image in (images or {}).items()},
        )
        self._rows = dict(zip(examples, rows, strict=True))

    @property
    def readout(self) -> Soft:
        """What the widget shows now."""
        return at_temperature(self._rows[self.example], self.tenths)

    def summary(self) -> str:
        """Return the example, the temperature and the most probable classes."""
        now = self.readout
        order = np.argsort(now.probabilities, kind="stable")[::-1][:2]
        top = ", ".join(f"{self.classes[i]} {now.probabilities[i]:.1%}" for i in order)
        return f"{self.example} at temperature {significant(now.temperature)}: {top}; {significant(now.entropy)} bits"
