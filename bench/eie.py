"""EIE at full size, beside SciPy's sparse matrix in the same run: `make bench`.

VGG-16's first fully connected layer (4096 x 25088) at the density that EIE's authors pruned it to: time and memory to
encode it, and to run one input vector through the cycle model.
"""

import resource
import time

import numpy as np
import scipy.sparse

import hwsim

ROWS, COLUMNS, WEIGHTS, ACTIVATIONS = 4096, 25088, 0.04, 0.183


def timed(what, function):
    """Call a function, print what it took, return its result."""
    start = time.perf_counter()
    result = function()
    print(f"{what:<44}{time.perf_counter() - start:7.3f} s", flush=True)
    return result


def main():
    """Print the table."""
    rng = np.random.default_rng(0)
    mask = rng.random((ROWS, COLUMNS), dtype=np.float32) < WEIGHTS
    weights = np.where(mask, rng.standard_normal((ROWS, COLUMNS), dtype=np.float32), np.float32(0))
    activations = np.where(rng.random(COLUMNS) < ACTIVATIONS, rng.random(COLUMNS), 0).astype(np.float32)
    print(f"{ROWS} x {COLUMNS}, {WEIGHTS:.0%} of the weights, {ACTIVATIONS:.1%} of the activations")
    eie = hwsim.EIE()
    matrix = timed("hwsim: encode for 64 PEs", lambda: eie.encode(weights))
    report = timed("hwsim: product and cycles of one vector", lambda: eie.run(matrix, activations))
    peer = timed("SciPy: convert to CSC", lambda: scipy.sparse.csc_array(weights))
    product = timed("SciPy: product with one vector", lambda: peer @ activations)
    timed("hwsim: decode", matrix.decode)
    print(f"largest difference of the products: {abs(report.output - product).max():.2e}")
    print(f"on the chip: {report.cycles:,} cycles, {report.seconds * 1e6:.1f} us")
    print(f"size: EIE {matrix.bytes / 2**20:.1f} MiB, CSC {_size(peer) / 2**20:.1f} MiB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the process, the dense matrix included: {peak:.2f} GiB")


def _size(matrix):
    return matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes


if __name__ == "__main__":
    main()
