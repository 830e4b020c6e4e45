"""VGG-16's convolutions by Winograd, beside PyTorch's conv2d, im2col and FFT in the same run: `make bench`.

    python -m bench.winograd [--threads 1] [--repeats 5]

One image a layer, weights transformed beforehand where a method has such a step. Errors are against float64.
"""

import argparse
import time

import numpy as np
import torch
from torch.nn import functional as F

import hwsim
from effdl.compress import winograd


def by_im2col(images, weight):
    """One large product of kernels and patches."""
    patches = F.unfold(images, weight.shape[2:], padding=1)
    return (weight.flatten(1) @ patches).view(len(images), len(weight), *images.shape[2:])


def by_fft(images, spectrum, size):
    """Product of spectra, at the size of the padded image; `spectrum` is (frequencies, in, out)."""
    frequencies = torch.fft.rfft2(F.pad(images, (1, 1, 1, 1)), s=(size, size)).permute(2, 3, 0, 1)
    product = (frequencies @ spectrum).permute(2, 3, 0, 1)
    return torch.fft.irfft2(product, s=(size, size))[..., : images.shape[2], : images.shape[3]]


def methods(images, weight):
    """Functions of no argument by name, each giving the layer's output."""
    size = images.shape[2] + 2
    spectrum = torch.fft.rfft2(weight, s=(size, size)).conj().permute(2, 3, 1, 0).contiguous()
    found = {
        "conv2d": lambda: F.conv2d(images, weight, padding=1),
        "im2col": lambda: by_im2col(images, weight),
        "FFT": lambda: by_fft(images, spectrum, size),
    }
    for m in (2, 4, 6):
        transform = winograd.transforms(m, 3)
        ready = winograd.transform_weight(weight, transform)
        found[f"F({m})"] = lambda t=transform, w=ready: winograd.convolve_tiles(images, w, t, padding=1)
    return found


def seconds(function, repeats):
    """Median time after one call that warms the caches."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main():
    """Print a line for each layer, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(0)
    layers = [layer for layer in hwsim.networks.vgg16() if isinstance(layer, hwsim.Conv2d)]
    total = {}
    print(
        f"VGG-16, one image, {arguments.threads} thread(s): ms (largest error); outputs have a spread near 1"
    )
    for layer in layers:
        images = torch.randn(1, layer.in_channels, layer.height, layer.width, generator=generator)
        weight = torch.randn(layer.out_channels, layer.in_channels, 3, 3, generator=generator)
        weight /= (9 * layer.in_channels) ** 0.5
        exact = F.conv2d(images.double(), weight.double(), padding=1)
        line = f"{layer.name:<8}"
        for name, function in methods(images, weight).items():
            error = (function() - exact).abs().max().item()
            elapsed = seconds(function, arguments.repeats)
            total[name] = total.get(name, 0.0) + elapsed
            line += f"{name:>8}{1e3 * elapsed:>8.2f} ({error:.0e})"
        print(line, flush=True)
    print(
        f"{'all':<8}" + "".join(f"{name:>8}{1e3 * elapsed:>8.1f}        " for name, elapsed in total.items())
    )


if __name__ == "__main__":
    main()
