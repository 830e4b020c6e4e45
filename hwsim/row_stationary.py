"""One set of Eyeriss' processing elements (PEs) at work: a 2-D convolution as many 1-D ones.

PE (i, j) slides row i of the filter over input row i + j * stride. Each filter row is sent along its row of PEs, each input
row along its diagonal; the rows of partial sums go up the columns and are added on their way (Chen, Emer, Sze, Eyeriss,
ISCA 2016).
"""

import numpy as np
from numpy.typing import ArrayLike


def slide(row: np.ndarray, weights: np.ndarray, stride: int, gating: bool) -> tuple[np.ndarray, int, int]:
    """One PE: a 1-D convolution, its MACs, and how often its register of the partial sum is read or written."""
    windows = np.lib.stride_tricks.sliding_window_view(row, len(weights))[::stride]
    works = (windows != 0) | (not gating)
    # A sum is read from its register and written back with each MAC but the first.
    return windows @ weights, int(works.sum()), 2 * int(works[:, 1:].sum())


def checked_convolution(image: ArrayLike, kernel: ArrayLike, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and kernel as int64, or float32 or wider; ValueError when they do not fit each other or hold no finite numbers."""
    image, kernel = np.asarray(image), np.asarray(kernel)
    if not isinstance(stride, int | np.integer) or stride < 1:
        raise ValueError(f"stride={stride} must be a whole number of 1 or more")
    if (
        image.ndim != 2
        or kernel.ndim != 2
        or kernel.size == 0
        or (np.array(image.shape) < kernel.shape).any()
    ):
        raise ValueError(f"a kernel {kernel.shape}, not an empty one, must fit into an image {image.shape}")
    for numbers in (image, kernel):
        if numbers.dtype.kind not in "iufb" or not np.isfinite(numbers).all():
            raise ValueError("image and kernel must hold finite real numbers")
    if "f" in image.dtype.kind + kernel.dtype.kind:
        kind = np.result_type(image, kernel, np.float32)
        return image.astype(kind), kernel.astype(kind)
    largest = [max(-int(numbers.min()), int(numbers.max())) for numbers in (image, kernel)]
    if kernel.size * largest[0] * largest[1] >= 2**63:
        raise ValueError("sums of these integers may pass 2**63: scale them down or give floats")
    return image.astype(np.int64), kernel.astype(np.int64)


def row_stationary(
    image: ArrayLike, kernel: ArrayLike, stride: int = 1, gating: bool = True
) -> tuple[np.ndarray, dict[str, int]]:
    """Convolve an image with a kernel on a set of PEs, one for each row of the kernel and row of the output.

    Parameters
    ----------
    image : array (H, W) of real numbers
    kernel : array (R, S) of real numbers, at most as large
    stride : int of at least 1
    gating : bool, whether a PE skips its multiplier, its weight and its sum when the input is zero

    Returns
    -------
    output : array (E, F), int64 if image and kernel hold integers, else float32 or wider
    counts : dict, in words: "buffer" (inputs and weights read once, each sent to many PEs), "array" (received by PEs, and
        sums handed up), "register" accesses of all PEs; and "MACs" that were done

    Raises
    ------
    ValueError
        When the kernel is empty or does not fit into the image, the stride is no integer of at least 1, a number is not
        real or not finite, or integers are so large that a sum may reach 2**63.

    Examples
    --------
    >>> output, counts = row_stationary([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, 1]])
    >>> output.tolist(), counts
    ([[6, 8], [12, 14]], {'buffer': 13, 'array': 24, 'register': 48, 'MACs': 16})

    Held against: NumPy's product, and the traffic of `hwsim.Eyeriss` for one image, channel and filter.
    """
    image, kernel = checked_convolution(image, kernel, stride)
    (H, W), (R, S) = image.shape, kernel.shape
    E = (H - R) // stride + 1
    rows = [[slide(image[i + j * stride], kernel[i], stride, gating) for j in range(E)] for i in range(R)]
    output = np.array([sum(rows[i][j][0] for i in reversed(range(R))) for j in range(E)])
    macs, sums = (sum(pe[what] for row in rows for pe in row) for what in (1, 2))
    inputs = R * E * output.shape[1] * S  # read for every MAC, done or gated
    return output, {
        "buffer": H * W + R * S,
        "array": R * E * (W + S) + (R - 1) * output.size,
        "register": inputs + macs + sums,
        "MACs": macs,
    }
