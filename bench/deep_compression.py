"""Deep Compression of LeNet-300-100 and LeNet-5, on Fashion-MNIST, beside the paper's tables for MNIST: `make bench`.

A network is trained, pruned in steps with retraining, shared, its centroids trained, and written to a file after each
step. Chosen is the smallest file whose validation accuracy is not below that of a dense network trained for as many
epochs, at the same learning rates, or else the file with the best one. Only then is the test set used; the other files'
test accuracy is printed to show how far compression goes, and chooses nothing. Each network is taken as its last epoch
leaves it. Sizes are those of files.

python -m bench.deep_compression [--seeds 5] [--network LeNet-5]
"""

import argparse
import copy
import csv
import statistics
import tempfile
from pathlib import Path

import numpy as np

from effdl import data, models
from effdl.compress.container import load, save
from effdl.compress.huffman import coded_bits
from effdl.compress.pruning import global_masks, prunable, sparsity_of
from effdl.compress.sharing import share, train_codebooks
from effdl.training import evaluate, fit
from hwsim import compressed_file

PUBLISHED = Path(__file__).parent.parent / "tests" / "reference" / "deep_compression.csv"
NETWORKS = {  # the network, and the names of its layers in the paper
    "LeNet-300-100": (models.lenet_300_100, {"fc1": "ip1", "fc2": "ip2", "fc3": "ip3"}),
    "LeNet-5": (models.lenet5, {"conv1": "conv1", "conv2": "conv2", "fc1": "ip1", "fc2": "ip2"}),
}
RATES = {"LeNet-300-100": 40, "LeNet-5": 39}  # Table 1, MNIST
SPARSITIES = (0.8, 0.87, 0.91, 0.94, 0.96)
DENSE, CENTROIDS = 8, 2  # epochs
CYCLE = ((4, 1e-3), (3, 2e-4), (2, 5e-5))  # epochs and learning rates
BITS, BATCH, L2 = 5, 256, 1e-4


def cycle(model, train, seed, masks=None):
    """The epochs after each pruning step; a dense network gets as many."""
    for epochs, lr in CYCLE:
        fit(model, train, epochs=epochs, lr=lr, batch_size=BATCH, seed=seed, masks=masks, l2=L2)


def compressed_steps(model, train, validation, seed, folder):
    """Prune further and further; after each step share a copy and write it: (validation accuracy, file)."""
    for sparsity in SPARSITIES:
        cycle(model, train, seed, global_masks(model, sparsity))
        small = copy.deepcopy(model)
        shared = share(small, BITS)
        train_codebooks(small, shared, train, epochs=CENTROIDS, lr=1e-4, batch_size=BATCH, seed=seed)
        file = folder / f"{sparsity}.w2s"
        size = save(file, small)
        accuracy = evaluate(small, validation)
        print(f"    {sparsity_of(small):6.1%} zeros: {size:8,} bytes, validation {accuracy:.4f}", flush=True)
        yield accuracy, file


def run(name, seed, splits):
    """One network, one seed: (times smaller, test accuracy, test accuracy of the dense network), and the layers' table."""
    train, validation, test = splits
    make, layers = NETWORKS[name]
    model = make(seed)
    size = 4 * sum(p.numel() for p in model.parameters())
    fit(model, train, epochs=DENSE, batch_size=BATCH, seed=seed, l2=L2)
    for start in range(2):
        cycle(model, train, seed + start)
    dense = copy.deepcopy(model)
    for _ in SPARSITIES:
        cycle(dense, train, seed)
    floor = evaluate(dense, validation)
    print(f"{name}, seed {seed}: {size:,} bytes, dense: validation {floor:.4f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        steps = list(compressed_steps(model, train, validation, seed, Path(folder)))
        good = [step for step in steps if step[0] >= floor] or [max(steps)]
        _, chosen = min(good, key=lambda step: step[1].stat().st_size)
        tested, small = {}, make()
        for _, file in steps:
            small.load_state_dict(load(file))
            tested[file] = evaluate(small, test)
        print("    test:", ", ".join(f"{size / f.stat().st_size:.1f}x {a:.4f}" for f, a in tested.items()))
        small.load_state_dict(load(chosen))
        result = size / chosen.stat().st_size, tested[chosen], evaluate(dense, test)
        print(f"    chosen: {result[0]:.1f} times smaller, test {result[1]:.4f}, dense {result[2]:.4f}")
        return result, per_layer(name, layers, compressed_file.read(chosen), prunable(small))


def per_layer(name, layers, stored, weights):
    """Rows of Deep Compression's table, ours and the published ones."""
    with PUBLISHED.open(newline="") as file:
        paper = {row["layer"]: row for row in csv.DictReader(file) if row["network"] == name}
    tensors, rows = {tensor.name: tensor for tensor in stored}, []
    for layer, published in layers.items():
        tensor, n = tensors[f"{layer}.weight"], weights[f"{layer}.weight"].numel()
        entries = max(1, len(tensor.gaps))
        bits = [coded_bits(np.bincount(symbols)) / entries for symbols in (tensor.codes, tensor.gaps)]
        row = paper[published]
        rows.append(
            f"{layer:<8}{n:>8,}"
            f"{np.count_nonzero(tensor.array) / n:9.1%} ({row['kept_pct']:>3}%)"
            f"{bits[0]:9.1f} ({row['weight_bits_huffman']:>3})"
            f"{bits[1]:9.1f} ({row['index_bits_huffman']:>3})"
            f"{sum(tensor.parts.values()) / (4 * n):9.2%} ({row['rate_coded_pct']:>5}%)"
        )
    return rows


def main():
    """Print both networks' results, and the per-layer table of the first seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--network", choices=NETWORKS, action="append", help="both if not given")
    options = parser.parse_args()
    seeds = options.seeds
    splits = data.load("fashion-mnist")
    for name in options.network or NETWORKS:
        results, tables = zip(*(run(name, seed, splits) for seed in range(seeds)), strict=True)
        print(
            f"\n{name} on Fashion-MNIST, in brackets the paper on MNIST (Tables 2 and 3), all with Huffman coding"
        )
        print("layer    weights     kept       weight bits      index bits      size, of float32")
        print("\n".join(tables[0]))
        ratios, ours, dense = zip(*results, strict=True)
        print(
            f"times smaller: {statistics.mean(ratios):.1f} (from {min(ratios):.1f} to {max(ratios):.1f}, {seeds} seeds); "
            f"the paper's {RATES[name]}\ntest accuracy: {statistics.mean(ours):.4f}, dense network {statistics.mean(dense):.4f}\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
