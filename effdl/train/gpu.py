"""What a GPU is good at, counted: warps that stay together, memory that is read once, products in tiles (chapter 27).

Matrices are NumPy arrays; the names are those of a matrix product, (m x k)(k x n).

Sources: NVIDIA, CUDA Warps and Occupancy, webinar, 2011 (warps of 32 threads, one instruction for all); V. Volkov,
J. Demmel, Benchmarking GPUs to Tune Dense Linear Algebra, SC 2008 (products in tiles).
"""

import numpy as np

import hwsim
from hwsim.occupancy import WARP


def warp_steps(branches):
    """Instructions that a warp issues for branches that its threads take or not, one branch after the other.

    Parameters
    ----------
    branches : list of (taken, instructions): a boolean array (threads,) of at most 32 threads, and the length of the
        branch. A branch that no thread takes is skipped; one that a single thread takes costs as much as for all.

    Returns
    -------
    (issued, useful) : int, instructions issued, and the share of the threads' slots in which a thread had something to do

    Raises
    ------
    ValueError
        When there are more threads than a warp has, branches of different numbers of threads, an array that is not
        boolean, or a length below 0.

    >>> odd = np.arange(32) % 2 == 1
    >>> warp_steps([(odd, 10), (~odd, 10)])
    (20, 0.5)
    """
    threads = {len(taken) for taken, _ in branches}
    if len(threads) != 1 or not 0 < max(threads) <= WARP:
        raise ValueError(f"a warp has the same 1 to {WARP} threads in all branches, not {sorted(threads)}")
    if any(np.asarray(taken).dtype != bool or length < 0 for taken, length in branches):
        raise ValueError("a branch is a boolean array, and a length of at least 0")
    issued = sum(length for taken, length in branches if np.any(taken))
    done = sum(length * int(np.sum(taken)) for taken, length in branches)
    return issued, done / (issued * WARP) if issued else 0.0


def transactions(addresses, sector=32):
    """Pieces of memory that a warp's access moves: a sector that several threads want comes once.

    Parameters
    ----------
    addresses : int array (threads,), the byte that each thread wants
    sector : int, bytes that memory moves at a time; 32 is recalled, not verified

    Raises
    ------
    ValueError
        When there are more addresses than threads in a warp, or one is no integer, or the sector is below 1.

    >>> transactions(4 * np.arange(32)), transactions(4 * 32 * np.arange(32))
    (4, 32)
    """
    addresses = np.asarray(addresses)
    if addresses.dtype.kind not in "iu" or addresses.size > WARP or sector < 1:
        raise ValueError(
            f"a warp has at most {WARP} addresses, all integers, and sector={sector} must be 1 or more"
        )
    return len(np.unique(addresses // sector))


def naive_gemm(a, b):
    """Product of a (m, k) and b (k, n) with a thread for each output, which reads a row and a column from memory.

    Returns
    -------
    (product, reads) : array (m, n), and the elements that were read

    Raises
    ------
    ValueError
        When the shapes do not fit.
    """
    check_product(a, b)
    product, reads = np.zeros((a.shape[0], b.shape[1]), np.result_type(a, b)), 0
    for i, j in np.ndindex(product.shape):
        row, column = a[i], b[:, j]
        reads += row.size + column.size
        product[i, j] = row @ column
    return product, reads


def tiled_gemm(a, b, tile):
    """The same product, a tile of outputs at a time: its rows and columns are read once for the whole tile.

    Parameters
    ----------
    a, b : arrays (m, k) and (k, n)
    tile : (rows, columns, depth), as in `hwsim.TensorCoreGPU`; the last tiles may be smaller

    Returns
    -------
    (product, reads) : array (m, n), and the elements that were read

    Raises
    ------
    ValueError
        When the shapes do not fit, or the tile has not three whole sizes from 1.
    """
    check_product(a, b)
    if len(tile) != 3 or any(size < 1 or size % 1 for size in tile):
        raise ValueError(f"a tile has three sizes, whole numbers from 1, not {tuple(tile)}")
    rows, columns, depth = tile
    product, reads = np.zeros((a.shape[0], b.shape[1]), np.result_type(a, b)), 0
    for i in range(0, a.shape[0], rows):
        for j in range(0, b.shape[1], columns):
            for k in range(0, a.shape[1], depth):
                left = a[i : i + rows, k : k + depth]  # what a block of threads copies
                right = b[k : k + depth, j : j + columns]  # to its shared memory
                reads += left.size + right.size
                product[i : i + rows, j : j + columns] += left @ right
    return product, reads


def check_product(a, b):
    """ValueError unless a and b are matrices that can be multiplied."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"(m, k) and (k, n) are needed for a product, not {a.shape} and {b.shape}")


def training_gemms(network):
    """The matrix products of a training step: for each layer forward, and backward for its weights and its inputs.

    Parameters
    ----------
    network : hwsim.Network of fully connected layers, `MatMul` with m = batch

    Returns
    -------
    hwsim.Network, forward in order, then backward from the last layer. The first layer needs no gradient of its inputs.

    Raises
    ------
    ValueError
        When a layer is no matrix product of a batch with trained weights.
    """
    for layer in network:
        if not isinstance(layer, hwsim.MatMul) or not layer.trained or layer.groups * layer.steps != 1:
            raise ValueError(f"{layer.name} is no product of a batch with one matrix of weights")
    products = [hwsim.MatMul(f"{layer.name} forward", layer.m, layer.k, layer.n) for layer in network]
    for place, layer in reversed(list(enumerate(network))):
        products.append(hwsim.MatMul(f"{layer.name} weights", layer.k, layer.m, layer.n))
        if place:
            products.append(hwsim.MatMul(f"{layer.name} inputs", layer.m, layer.n, layer.k))
    return hwsim.Network(f"a step of {network.name}", products)
