"""Time of a product of signs by XNOR and popcount beside the same product in float32: `python -m bench.xnor`.

One thread each. Packing is timed apart: weights are packed once, activations for each product.
"""

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from effdl.compress.binary import pack_signs, xnor_matmul


def seconds(function, repeats=5):
    """Median time of a call, the first one left out."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def compare(size, rows, rng):
    """Seconds of the float32 product, of XNOR and popcount, and of packing, (rows x size) by (size x size)."""
    a, b = (np.where(rng.random((m, size)) < 0.5, -1, 1).astype(np.float32) for m in (rows, size))
    packed = pack_signs(a), pack_signs(b)
    if not np.array_equal(xnor_matmul(*packed, size), a @ b.T):
        raise AssertionError(f"the products of size {size} differ")
    return (
        seconds(lambda: a @ b.T),
        seconds(lambda: xnor_matmul(*packed, size)),
        seconds(lambda: pack_signs(a)),
    )


def main():
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--rows", type=int, default=64, help="rows of the left matrix")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{options.rows} x n by n x n, milliseconds (NumPy {np.__version__}, one thread); products equal")
    print(f"{'n':>6}{'float32':>10}{'XNOR':>10}{'packing':>10}{'float32 / XNOR':>17}{'bytes of b':>22}")
    with threadpool_limits(1):
        for size in options.sizes:
            product, xnor, packing = compare(size, options.rows, rng)
            print(
                f"{size:>6}{product * 1e3:>10.2f}{xnor * 1e3:>10.2f}{packing * 1e3:>10.2f}{product / xnor:>17.2f}"
                f"{4 * size * size:>12,} ->{size * -(-size // 64) * 8:>8,}"
            )


if __name__ == "__main__":
    main()
