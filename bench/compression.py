"""Weights of AlexNet's and VGG-16's sizes, shared, written and read back, beside other libraries: `make bench`.

The weights are random (normal), pruned to the densities that Deep Compression publishes (ICLR 2016, Tables 4 and 5),
shared to 2**8 values in convolutions and 2**5 in fully connected layers. A size and a speed can be had without training;
an accuracy cannot. Random weights have no structure that a code could use: the published networks come out smaller.
"""

import csv
import gzip
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import zstandard
from dahuffman import HuffmanCodec
from sklearn.cluster import KMeans

import hwsim
from effdl.compress.container import compress, decompress
from effdl.compress.huffman import code_lengths, encode
from effdl.compress.sharing import kmeans, look_up, share_tensor
from hwsim.huffman import decode

PUBLISHED = Path(__file__).parent.parent / "tests" / "reference" / "deep_compression.csv"
FC6 = (4096, 9216)  # the 37.7 million weights of AlexNet's first fully connected layer
SIZES = {"AlexNet": ("240 MB", "6.9 MB"), "VGG-16": ("552 MB", "11.3 MB")}  # Table 1


def timed(function, *arguments):
    """Call a function; its seconds and its result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def line(what, seconds, size, remark=""):
    """Print one row: megabytes of float32 weights a second."""
    print(f"{what:<46}{seconds:9.2f} s{size / 1e6 / seconds:10.1f} MB/s   {remark}", flush=True)


def pruned(shape, density, rng):
    """Normal weights of which a share is kept, the largest ones, as magnitude pruning leaves them."""
    weight = torch.from_numpy(rng.standard_normal(shape, np.float32))
    sample = weight.flatten()[:: max(1, weight.numel() // 10**6)].abs()
    return weight * (weight.abs() > sample.quantile(1 - density)) if density < 1 else weight


def one_layer():
    """K-means and Huffman coding of one layer, all of its weights and unpruned, beside scikit-learn and dahuffman."""
    rng = np.random.default_rng(0)
    weight = pruned(FC6, 1, rng)
    size = 4 * weight.numel()
    print(f"\nOne layer of {weight.numel():,} weights, none pruned, 16 shared weights")
    seconds, (codebook, codes) = timed(kmeans, weight, 16)
    line("k-means, sorted and in one dimension", seconds, size)
    symbols = codes.numpy().ravel()
    seconds, lengths = timed(lambda: code_lengths(np.bincount(symbols, minlength=16)))
    seconds_e, (stream, block_bits) = timed(encode, symbols, lengths)
    line("Huffman encode", seconds + seconds_e, size, f"{8 * len(stream) / len(symbols):.3f} bits a weight")
    seconds, read = timed(decode, stream, block_bits, lengths, len(symbols))
    line("Huffman decode", seconds, size, f"equal: {np.array_equal(read, symbols)}")

    few = weight.flatten()[:200_000]
    print(f"\nThe first {len(few):,} of them, beside other libraries")
    start = np.linspace(few.min().item(), few.max().item(), 16)[:, None]
    seconds, (codebook, codes) = timed(kmeans, few, 16)
    line("k-means", seconds, 4 * len(few), "until nothing moves")
    peer = KMeans(16, init=start, n_init=1, tol=0, max_iter=10_000, algorithm="lloyd")
    seconds, _ = timed(peer.fit, few.double().numpy()[:, None])
    apart = np.abs(np.sort(peer.cluster_centers_.ravel()) - codebook.double().numpy()).max()
    line("scikit-learn KMeans, Lloyd", seconds, 4 * len(few), f"centroids differ by {apart:.1e} at most")
    symbols = codes.numpy()
    lengths = code_lengths(np.bincount(symbols, minlength=16))
    seconds, (stream, block_bits) = timed(encode, symbols, lengths)
    line("Huffman encode", seconds, 4 * len(few), f"{8 * len(stream):,} bits")
    seconds, _ = timed(decode, stream, block_bits, lengths, len(symbols))
    line("Huffman decode", seconds, 4 * len(few))
    counted = dict(enumerate(np.bincount(symbols).tolist()))
    codec = HuffmanCodec.from_frequencies(counted, eof=16)
    seconds, text = timed(codec.encode, symbols.tolist())
    line("dahuffman encode", seconds, 4 * len(few), f"{8 * len(text):,} bits, with an end symbol")
    line("dahuffman decode", timed(codec.decode, text)[0], 4 * len(few))


def whole_network(name):
    """All weights of a network: shared, compressed, decoded; each in a process of its own, whose peak is its own."""
    rng = np.random.default_rng(0)
    with PUBLISHED.open(newline="") as file:
        kept = {
            row["layer"]: float(row["kept_pct"]) / 100
            for row in csv.DictReader(file)
            if row["network"] == name
        }
    network = hwsim.networks.alexnet() if name == "AlexNet" else hwsim.networks.vgg16()
    tensors, shares = {}, 0.0
    for layer in network.layers:
        bits = 8 if isinstance(layer, hwsim.Conv2d) else 5
        shape = (layer.out_channels, layer.weights // layer.out_channels) if bits == 8 else (layer.n, layer.k)
        weight = pruned(shape, kept[layer.name], rng)
        seconds, shared = timed(share_tensor, weight, 2**bits)
        shares += seconds
        tensors[layer.name] = look_up(*shared)
        del weight, shared
    size = sum(4 * tensor.numel() for tensor in tensors.values())
    print(
        f"\n{name}: {size / 1e6:.0f} MB of float32 weights in {len(tensors)} layers, random, pruned as published"
    )
    line("share (k-means of all layers)", shares, size)
    seconds, data = timed(compress, tensors)
    line("compress", seconds, size, f"{len(data) / 1e6:.2f} MB, {size / len(data):.1f} times less")
    seconds, read = timed(decompress, data)
    equal = all(torch.equal(read[key], tensors[key]) for key in tensors)
    line("decompress", seconds, size, f"bit-exact: {equal}")
    print(f"published for the trained network: {SIZES[name][0]} to {SIZES[name][1]} (Table 1)")
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    if name == "AlexNet":
        general_purpose(tensors["fc7"])


def general_purpose(weight):
    """The same bytes of one pruned and shared layer through gzip and zstandard."""
    raw = weight.numpy().tobytes()
    print(f"\nfc7, pruned and shared: {len(raw) / 1e6:.1f} MB as float32")
    for what, pack in [
        ("this course's file", lambda: compress({"fc7": weight})),
        ("gzip, level 6", lambda: gzip.compress(raw, 6)),
        ("zstandard, level 3", lambda: zstandard.compress(raw, 3)),
        ("zstandard, level 19", lambda: zstandard.compress(raw, 19)),
    ]:
        seconds, packed = timed(pack)
        line(what, seconds, len(raw), f"{len(packed) / 1e6:.3f} MB, {len(raw) / len(packed):.1f} times less")


def main():
    """Each part in a fresh process."""
    if len(sys.argv) > 1:
        one_layer() if sys.argv[1] == "layer" else whole_network(sys.argv[1])
        return
    for part in ("layer", *SIZES):
        subprocess.run([sys.executable, "-m", "bench.compression", part], check=True)


if __name__ == "__main__":
    main()
