"""EIE at full size, beside SciPy's sparse matrix in the same run: `make bench`.

AlexNet-6 (4096 x 9216) at densities that double: time against nonzeros. Then VGG-6 (4096 x 25088), the largest layer of the
paper, and the memory that it takes. Each process runs one of the two, so that its peak is its own.
"""

import resource
import subprocess
import sys
import time

import numpy as np
import scipy.sparse

import hwsim

LAYERS = {  # rows, columns, densities of the weights, density of the activations
    "AlexNet-6": (4096, 9216, (0.0225, 0.045, 0.09, 0.18, 0.36), 0.351),
    "VGG-6": (4096, 25088, (0.04,), 0.183),
}


def timed(function):
    """Call a function; its seconds and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def draw(rows, columns, density, rng):
    """A matrix of random weights, in parts, so that the peak of memory is not that of drawing it."""
    weights = np.zeros((rows, columns), np.float32)
    for row in weights:
        kept = rng.random(columns, np.float32) < density
        row[kept] = rng.standard_normal(np.count_nonzero(kept), np.float32)
    return weights


def main(layer):
    """Print the table of one layer."""
    rows, columns, densities, activation_density = LAYERS[layer]
    rng = np.random.default_rng(0)
    activations = np.where(rng.random(columns) < activation_density, rng.random(columns), 0).astype(
        np.float32
    )
    hwsim.EIE().run(hwsim.MatMul("warm up", 1, 1000, 1000))
    print(f"\n{layer}, {rows} x {columns}, {activation_density:.1%} of the activations; seconds")
    print(
        f"{'nonzeros':>12}{'encode':>9}{'run':>8}{'both, us/1000':>15}{'SciPy CSC':>11}{'product':>9}"
        f"{'on the chip':>13}{'EIE':>10}{'CSC':>10}"
    )
    for density in densities:
        weights = draw(rows, columns, density, rng)
        eie = hwsim.EIE()
        encode, matrix = timed(lambda: eie.encode(weights))  # noqa: B023
        run, report = timed(lambda: eie.run(matrix, activations))  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # before SciPy has its copy
        convert, peer = timed(lambda: scipy.sparse.csc_array(weights))  # noqa: B023
        multiply, product = timed(lambda: peer @ activations)  # noqa: B023
        difference = float(abs(report.output - product).max())
        if difference > 1e-3:
            raise AssertionError(f"the products differ by {difference}")
        print(
            f"{peer.nnz:>12,}{encode:>9.3f}{run:>8.3f}{(encode + run) / peer.nnz * 1e9:>15.0f}{convert:>11.3f}"
            f"{multiply:>9.3f}{report.seconds * 1e6:>10.1f} us{matrix.bytes / 2**20:>6.1f} MiB{_size(peer) / 2**20:>6.1f} MiB"
        )
    if len(densities) > 1:
        return  # the peak would be that of the largest, with what SciPy took before
    dense = rows * columns * 4 / 2**30
    print(f"peak memory before SciPy, the dense matrix ({dense:.2f} GiB) and Python included: {peak:.2f} GiB")


def _size(matrix):
    return matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        for name in LAYERS:
            subprocess.run([sys.executable, "-m", "bench.eie", name], check=True)
