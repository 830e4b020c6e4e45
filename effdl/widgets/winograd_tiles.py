"""`WinogradTiles`: one image, one kernel, tile by tile through the stages of F(m x m, r x r)."""

from math import ceil
from typing import NamedTuple

import numpy as np
import traitlets

from effdl.compress.winograd import transforms
from effdl.widgets.base import Widget, array, known, module, pack, significant

STAGES = ("data", "data at the points", "kernel at the points", "product", "output")


class Readout(NamedTuple):
    """What the widget shows for one tile size, tile and stage."""

    rows: int  # tiles from top to bottom
    columns: int
    row: int  # of the chosen tile
    column: int
    values: np.ndarray  # what stands at the stage, float64
    largest: float  # its largest magnitude
    visible: tuple[int, int]  # outputs of this tile that lie in the image, down and across
    products: int  # multiplications of all tiles
    direct: int  # multiplications of the direct convolution


def multiply(a, b):
    """Matrix product with its sums in order, so that the browser computes the very same numbers."""
    total = np.zeros((a.shape[0], b.shape[1]))
    for k in range(a.shape[1]):
        total = total + a[:, k, None] * b[None, k, :]
    return total


def stages(tile, kernel, a_t, g, b_t):
    """The five arrays of `STAGES` for one tile (n, n) and one kernel (r, r), all float64."""
    data = multiply(multiply(b_t, tile), b_t.T)
    points = multiply(multiply(g, kernel), g.T)
    product = points * data
    return tile, data, points, product, multiply(multiply(a_t, product), a_t.T)


def at_tile(image, kernel, matrices, padding, tile, stage):
    """Return the `Readout` of one tile, counted in reading order, at one stage.

    Parameters
    ----------
    image, kernel : float64 arrays (height, width) and (r, r)
    matrices : the three matrices a_t (m, n), g (n, r), b_t (n, n) as float64 arrays
    padding, tile, stage : int

    The browser module computes the same from the same numbers.
    """
    m, n = matrices[0].shape
    r = len(kernel)
    height, width = (size + 2 * padding - r + 1 for size in image.shape)
    rows, columns = ceil(height / m), ceil(width / m)
    row, column = divmod(tile, columns)
    padded = np.zeros((rows * m + r - 1, columns * m + r - 1))
    padded[padding : padding + image.shape[0], padding : padding + image.shape[1]] = image[
        : len(padded) - padding, : padded.shape[1] - padding
    ]
    cut = padded[row * m : row * m + n, column * m : column * m + n]
    values = stages(cut, kernel, *matrices)[stage]
    return Readout(
        rows=rows,
        columns=columns,
        row=row,
        column=column,
        values=values,
        largest=float(np.abs(values).max()),
        visible=(min(m, height - row * m), min(m, width - column * m)),
        products=rows * columns * n * n,
        direct=height * width * r * r,
    )


class WinogradTiles(Widget):
    """Step through the stages of Winograd convolution, tile by tile, with the error against the tile size below.

    Parameters
    ----------
    image : array (height, width). Tensors are taken too.
    kernel : array (r, r)
    sizes : tile sizes m to choose from
    padding : zeros on each side of the image
    errors : measured beforehand, `{format: {m: largest error}}`, all above 0
    size, tile, stage : what is shown first: m, the tile in reading order, and the place in `STAGES`. They follow the
        controls.

    Raises
    ------
    ValueError
        If the image or the kernel has not two axes, the kernel is not square or does not fit, `size` is not one of
        `sizes`, or an error is not above 0.
    """

    _esm = module("common.js", "plot.js", "winograd_tiles.js")

    sizes = traitlets.List(traitlets.Int()).tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    tile = traitlets.Int(0).tag(sync=True)
    stage = traitlets.Int(0).tag(sync=True)
    padding = traitlets.Int(1).tag(sync=True)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # height, width, r
    image = traitlets.Bytes().tag(sync=True)  # (height, width) float64
    kernel = traitlets.Bytes().tag(sync=True)  # (r, r) float64
    matrices = traitlets.Bytes().tag(sync=True)  # for each size a_t, g, b_t, float64
    errors = traitlets.List().tag(sync=True)  # [format, [[m, error], ...]]

    def __init__(
        self, image, kernel, sizes=(2, 4, 6), *, padding=1, errors=None, size=None, tile=0, **traits
    ):
        """See the class."""
        self._image, self._kernel = array(image, np.float64), array(kernel, np.float64)
        r = len(self._kernel)
        if self._image.ndim != 2 or self._kernel.shape != (r, r):
            raise ValueError(
                f"give an image (height, width) and a square kernel, not {self._image.shape} and {self._kernel.shape}"
            )
        if min(self._image.shape) + 2 * padding < r:
            raise ValueError(f"a kernel of {r} does not fit into {self._image.shape} with padding {padding}")
        size = known(size, list(sizes), "size")
        curves = [
            [name, [[int(m), float(e)] for m, e in sorted(curve.items())]]
            for name, curve in (errors or {}).items()
        ]
        if any(error <= 0 for _, curve in curves for _, error in curve):
            raise ValueError("errors stand on a logarithmic axis: all must be above 0")
        self._matrices = {m: [matrix.astype(float) for matrix in transforms(m, r)] for m in sizes}
        super().__init__(
            sizes=list(sizes),
            padding=padding,
            shape=[*self._image.shape, r],
            image=pack(self._image, "f8"),
            kernel=pack(self._kernel, "f8"),
            matrices=b"".join(pack(matrix, "f8") for three in self._matrices.values() for matrix in three),
            errors=curves,
            size=size,
            **traits,
        )
        self.tile = tile

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        return at_tile(
            self._image, self._kernel, self._matrices[self.size], self.padding, self.tile, self.stage
        )

    @traitlets.validate("stage")
    def _a_stage(self, proposal):
        if not 0 <= proposal["value"] < len(STAGES):
            raise traitlets.TraitError(f"stage must lie in [0, {len(STAGES) - 1}]; got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("tile")
    def _a_tile(self, proposal):
        now = at_tile(self._image, self._kernel, self._matrices[self.size], self.padding, 0, 0)
        if not 0 <= proposal["value"] < now.rows * now.columns:
            raise traitlets.TraitError(
                f"tile must lie in [0, {now.rows * now.columns - 1}]; got {proposal['value']}"
            )
        return proposal["value"]

    @traitlets.observe("size")
    def _from_the_first(self, change):
        self.tile = 0  # another size has other tiles

    def summary(self) -> str:
        """Return the tile size, the tile, the stage and the multiplications."""
        now = self.readout
        return (
            f"F({self.size} x {self.size}, {self.shape[2]} x {self.shape[2]}), tile {self.tile + 1} of "
            f"{now.rows * now.columns}, {STAGES[self.stage]}, largest {significant(now.largest)}; "
            f"{now.products:,} multiplications instead of {now.direct:,}"
        )
