"""`Spectrum`: the singular values of each layer, a rank to cut them at, and what is left of its filters."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, known, module, pack, significant

SHOWN = 12  # filters in the picture


class Decomposed(NamedTuple):
    """What is handed over of one layer."""

    rows: int  # outputs
    columns: int  # inputs; of a kernel, inputs times pixels
    positions: int  # how often the matrix is multiplied for one example
    values: np.ndarray  # (k,) float64, singular values from large to small
    left: np.ndarray  # (shown, k) float32, left vectors of the first filters, times the singular values
    right: np.ndarray  # (k, columns) float32, right vectors


class Readout(NamedTuple):
    """What a rank does to a layer."""

    rank: int
    energy: float  # sum of the squares of the kept singular values, as a share of one
    error: float  # Frobenius norm of what is left out, as a share of the whole
    weights: int  # of both factors
    dense_weights: int
    macs: int
    dense_macs: int
    break_even: float
    picture: np.ndarray  # (shown, columns) float64, the first filters at this rank


def decompose(weight, positions=1) -> Decomposed:
    """Singular values and vectors of a weight of two or more axes, unfolded to one row an output."""
    matrix = np.asarray(weight, dtype=np.float64)
    if matrix.ndim < 2 or matrix.size == 0 or not np.isfinite(matrix).all() or not matrix.any():
        raise ValueError(
            f"a layer needs a weight of two axes or more, finite and not all zero; got {matrix.shape}"
        )
    matrix = matrix.reshape(len(matrix), -1)
    u, values, v = np.linalg.svd(matrix, full_matrices=False)
    left = (u[:SHOWN] * values).astype(np.float32)
    return Decomposed(*matrix.shape, positions, values, left, v.astype(np.float32))


def at_rank(layer: Decomposed, rank: int) -> Readout:
    """Return what the first `rank` terms keep; the browser module computes the same, in the same order."""
    kept = total = 0.0
    for i, value in enumerate(layer.values.tolist()):
        total += value * value
        kept += value * value if i < rank else 0.0
    picture = np.zeros((len(layer.left), layer.columns))
    left, right = layer.left.astype(np.float64), layer.right.astype(np.float64)
    for i in range(rank):
        picture = picture + left[:, i, None] * right[None, i, :]
    weights, dense = rank * (layer.rows + layer.columns), layer.rows * layer.columns
    return Readout(
        rank=rank,
        energy=kept / total,
        error=max(0.0, 1 - kept / total) ** 0.5,
        weights=weights,
        dense_weights=dense,
        macs=weights * layer.positions,
        dense_macs=dense * layer.positions,
        break_even=dense / (layer.rows + layer.columns),
        picture=picture,
    )


class Spectrum(Widget):
    """Show the singular values of each layer, and what a rank keeps of it.

    Parameters
    ----------
    weights : `{layer: array (out, in) or (out, in, height, width)}`. Tensors are taken too. A kernel is unfolded to one
        row an output.
    positions : `{layer: int}`, how often the matrix is multiplied for one example: the output pixels of a convolution;
        1 where none is given
    tiles : `{layer: (height, width)}`, the shape in which a filter of height x width weights is drawn; one row otherwise
    layer, rank : What is shown first. They follow the controls; a rank above a layer's own is cut to it.

    Raises
    ------
    ValueError
        If there is no layer, a weight is not fit, a name is unknown, or a tile has not as many weights as a filter.
    """

    _esm = module("common.js", "plot.js", "spectrum.js")

    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    rank = traitlets.Int(1).tag(sync=True)
    # for each layer: rows, columns, positions, tile height, tile width
    shapes = traitlets.List().tag(sync=True)
    values = traitlets.Bytes().tag(sync=True)  # singular values of all layers in turn, float64
    vectors = traitlets.Bytes().tag(sync=True)  # for each layer left, then right, float32

    def __init__(self, weights, positions=None, tiles=None, *, layer=None, rank=1, **traits):
        """See the class."""
        positions, tiles = positions or {}, tiles or {}
        names = list(weights)
        layer = known(layer, names, "layer")
        for name in (*positions, *tiles):
            known(name, names, "layer")
        self._layers = {name: decompose(array(w), positions.get(name, 1)) for name, w in weights.items()}
        shapes = []
        for name, one in self._layers.items():
            tile = tiles.get(name, (1, one.columns))
            if tile[0] * tile[1] != one.columns:
                raise ValueError(f"{name}: a filter has {one.columns} weights, which do not fill {tile}")
            shapes.append([one.rows, one.columns, one.positions, *tile])
        all_of = self._layers.values()
        super().__init__(
            layers=names,
            layer=layer,
            shapes=shapes,
            values=b"".join(pack(one.values, "f8") for one in all_of),
            vectors=b"".join(pack(one.left, "f4") + pack(one.right, "f4") for one in all_of),
            **traits,
        )
        self.rank = rank

    @traitlets.validate("rank")
    def _positive(self, proposal):
        if proposal["value"] < 1:
            raise traitlets.TraitError(f"rank must be 1 or more; got {proposal['value']}")
        return proposal["value"]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        one = self._layers[self.layer]
        return at_rank(one, min(self.rank, len(one.values)))

    def summary(self) -> str:
        """Return the layer, the rank and what it keeps."""
        now, one = self.readout, self._layers[self.layer]
        return (
            f"{self.layer}, {one.rows} x {one.columns}; rank {now.rank}: energy kept {now.energy:.1%}, "
            f"{now.weights:,} of {now.dense_weights:,} weights, break-even at rank {significant(now.break_even)}"
        )
