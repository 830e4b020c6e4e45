"""What the widgets share that hand the weights of several layers over to the browser."""

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, known, pack

MOST = 16_384  # weights of a layer that are handed over; of more, evenly many in their order


def sample(weights) -> np.ndarray:
    """Return the weights of a layer in order, as float32; of more than `MOST`, evenly many.

    Raises
    ------
    ValueError
        If there is no weight, or a weight is not finite.
    """
    weights = np.sort(array(weights, np.float32), axis=None)
    if weights.size == 0 or not np.isfinite(weights).all():
        raise ValueError(f"a layer needs weights, all of them finite; got {weights.size} weights")
    if weights.size <= MOST:
        return weights
    return weights[np.arange(MOST) * (weights.size - 1) // (MOST - 1)]


def total(values: np.ndarray) -> float:
    """Return the sum from the first to the last, as a loop in the browser makes it: NumPy's own groups the numbers."""
    return float(np.cumsum(values)[-1])


class LayerWidget(Widget):
    """Base of a widget that hands over the weights of layers, one of which is shown; `layers.js` reads them.

    Parameters
    ----------
    weights : `{layer: array}`; tensors are taken too.
    layer : Which one is shown first.

    Raises
    ------
    ValueError
        If there is no layer, a layer has no weights, or `layer` is unknown.
    """

    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    sizes = traitlets.List(traitlets.Int()).tag(sync=True)  # weights of each layer before sampling
    lengths = traitlets.List(traitlets.Int()).tag(sync=True)  # and after
    values = traitlets.Bytes().tag(sync=True)  # float32, layer after layer

    def __init__(self, weights, *, layer=None, **traits):
        """See the class."""
        layer = known(layer, list(weights), "layer")
        arrays = {name: array(values) for name, values in weights.items()}
        self._samples = {name: sample(values) for name, values in arrays.items()}
        super().__init__(
            layers=list(arrays),
            layer=layer,
            sizes=[values.size for values in arrays.values()],
            lengths=[len(values) for values in self._samples.values()],
            values=pack(np.concatenate(list(self._samples.values())), "f4"),
            **traits,
        )
