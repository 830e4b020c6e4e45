"""AlexNet's matrix products on one systolic array, beside SCALE-Sim in the same run: `make bench`.

    python -m bench.systolic [--array 32] [--dataflows ws os is] [--all]

fc6 and fc7 would keep SCALE-Sim busy for minutes more, so it gets them only with --all. Groups of a layer are products of
their own, all alike; one of them is timed.
"""

import argparse
import time

import numpy as np

import hwsim
from bench import peers

LONG = ("fc6", "fc7")


def main():
    """Print a table for each dataflow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--array", type=int, default=32, help="side of the array")
    parser.add_argument("--dataflows", nargs="+", default=["ws", "os", "is"], choices=["ws", "os", "is"])
    parser.add_argument("--all", action="store_true", help="SCALE-Sim on fc6 and fc7 too")
    arguments = parser.parse_args()
    network = hwsim.networks.alexnet()
    layers = [layer for layer in network if arguments.all or layer.name not in LONG]
    left_out = "" if arguments.all else f", without {' and '.join(LONG)} (--all has them)"
    print(
        f"AlexNet's products on a {arguments.array} x {arguments.array} array{left_out}; cycles as all three count them"
    )
    for dataflow in arguments.dataflows:
        array = hwsim.SystolicArray(arguments.array, arguments.array, dataflow, drain=False)
        _table(array, network, layers)


def _table(array, network, layers):
    print(
        f"\n{array}: all {len(network)} layers in closed form in {_closed_form(array, network) * 1e6:.0f} us"
    )
    print(
        f"{'':<8}{'m x k x n':>18}{'closed form':>13}{'simulate':>10}{'SCALE-Sim':>11}{'/ closed':>12}{'/ simulate':>11}  cycles"
    )
    shapes = [layer.as_matmul() for layer in layers]
    products = [hwsim.MatMul(shape.name, shape.m, shape.k, shape.n) for shape in shapes]
    ours = [
        (_closed_form(array, [one]), *_simulated(array, one)) for one in products
    ]  # before SCALE-Sim is busy
    job = {"rows": array.rows, "cols": array.cols, "dataflow": array.dataflow}
    answers = peers.run("scalesim", {**job, "products": [[one.m, one.k, one.n] for one in products]})
    ratios, totals = [], np.zeros(3)
    for one, (closed, simulated, cycles) in zip(products, ours, strict=True):
        line = f"{one.name:<8}{f'{one.m} x {one.k} x {one.n}':>18}{closed:>13.2e}{simulated:>10.3f}"
        try:
            answer = next(answers)
        except peers.PeerError as error:
            print(f"{line}\nSCALE-Sim is left out: {error}")
            return
        theirs, printed = answer["seconds"], answer["cycles"]
        same = array.cycles(one) == cycles == printed + 1  # it prints the index of the last cycle
        ratios.append((theirs / closed, theirs / simulated))
        totals += (closed, simulated, theirs)
        verdict = "" if same else f", but {array.cycles(one):,} in closed form and {cycles:,} simulated"
        times = f"{theirs:>11.2f}{ratios[-1][0]:>12,.0f}{ratios[-1][1]:>11,.0f}"
        print(f"{line}{times}  {printed + 1:,}{verdict}", flush=True)
    closed, simulated, theirs = totals
    print(
        f"{'sum':<8}{'':>18}{closed:>13.2e}{simulated:>10.3f}{theirs:>11.2f}{theirs / closed:>12,.0f}{theirs / simulated:>11,.0f}"
    )
    least = [min(column) for column in zip(*ratios, strict=True)]
    print(
        f"SCALE-Sim takes at least {least[0]:,.0f} times as long as the closed form, {least[1]:,.0f} times as long as simulate"
    )


def _closed_form(array, layers, repeats=200):
    start = time.perf_counter()
    for _ in range(repeats):
        sum(array.cycles(layer) for layer in layers)
    return (time.perf_counter() - start) / repeats


def _simulated(array, product):
    rng = np.random.default_rng(0)
    a, b = rng.integers(-50, 50, (product.m, product.k)), rng.integers(-50, 50, (product.k, product.n))
    start = time.perf_counter()
    trace = array.simulate(a, b)[1]
    return time.perf_counter() - start, trace.cycles


if __name__ == "__main__":
    main()
