"""What must be computed: layers as shapes, with their operations, parameters and bytes counted exactly.

A MAC is one multiplication and the addition that takes its result; it counts as two operations (`ops`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, prod
from numbers import Integral, Real
from typing import Protocol

#: A kernel's size, stride or padding: (vertical, horizontal), or one number for both.
Size = int | tuple[int, int]


class _Counts(Protocol):
    """What a layer must say of itself for `Layer` to count."""

    @property
    def macs(self) -> int: ...
    @property
    def weights(self) -> int: ...
    @property
    def biases(self) -> int: ...
    @property
    def params(self) -> int: ...
    @property
    def input_elements(self) -> int: ...
    @property
    def output_elements(self) -> int: ...
    @property
    def ops(self) -> int: ...
    def bytes(self, bits: float = 32) -> float: ...


class Layer:
    """What `MatMul`, `Conv2d` and `Network` share: the counts that follow from their own.

    Their own are `macs`, `weights`, `biases`, `input_elements` and `output_elements`.
    """

    @property
    def ops(self: _Counts) -> int:
        """Operations: two for each MAC."""
        return 2 * self.macs

    @property
    def params(self: _Counts) -> int:
        """Trained numbers: weights and biases."""
        return self.weights + self.biases

    def weight_bytes(self: _Counts, bits: float = 32) -> float:
        """Bytes of all parameters at `bits` each."""
        return self.params * bits / 8

    def bytes(self: _Counts, bits: float = 32) -> float:
        """Bytes that must cross the memory interface at least: parameters and inputs read once, outputs written once."""
        return (self.params + self.input_elements + self.output_elements) * bits / 8

    def intensity(self: _Counts, bits: float = 32) -> float:
        """Arithmetic intensity: operations for each byte of `bytes(bits)`."""
        return self.ops / self.bytes(bits)


@dataclass(frozen=True)
class MatMul(Layer):
    """A matrix product (m x k)(k x n): m rows of input times a k x n matrix of weights.

    A fully connected layer on a batch is `MatMul(name, m=batch, k=inputs, n=outputs)`.

    Parameters
    ----------
    name : str
    m, k, n : int, at least 1
    groups : int, independent products of this shape, each with weights of its own.
    steps : int, products of this shape one after the other with the same weights (time steps of a recurrent layer).
    bias : bool, whether each of the n outputs has a bias.
    trained : bool, whether the k x n matrix is trained. In attention it is computed from the input too: then it counts
        as input, of each group and step, and there are no weights.

    Raises
    ------
    ValueError
        When a size is not a positive integer, or a product of two activations has a bias.

    Examples
    --------
    >>> layer = MatMul("fc1", m=1, k=784, n=300, bias=True)
    >>> layer.macs, layer.ops, layer.params, layer.bytes(bits=8)
    (235200, 470400, 235500, 236584.0)
    """

    name: str
    m: int
    k: int
    n: int
    groups: int = 1
    steps: int = 1
    bias: bool = False
    trained: bool = True

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_sizes(self.name, m=self.m, k=self.k, n=self.n, groups=self.groups, steps=self.steps)
        if self.bias and not self.trained:
            raise ValueError(
                f"{self.name}: a product of two activations has no bias; set bias=False or trained=True"
            )

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.groups * self.steps * self.m * self.k * self.n

    @property
    def weights(self) -> int:
        """Elements of the weight matrices."""
        return self.groups * self.k * self.n if self.trained else 0

    @property
    def biases(self) -> int:
        """Elements of the bias."""
        return self.groups * self.n if self.bias else 0

    @property
    def input_elements(self) -> int:
        """Elements read as input: the m x k matrices, and the k x n ones where they are not trained."""
        return self.groups * self.steps * self.k * (self.m + (0 if self.trained else self.n))

    @property
    def output_elements(self) -> int:
        """Elements written as output."""
        return self.groups * self.steps * self.m * self.n

    def as_matmul(self) -> "MatMul":
        """The layer itself, so that every layer can be asked."""
        return self


@dataclass(frozen=True)
class Conv2d(Layer):
    """A two-dimensional convolution.

    Parameters
    ----------
    name : str
    in_channels, out_channels : int
    height, width : int, size of the input in pixels.
    kernel, stride, padding : int, or (vertical, horizontal)
    groups : int, divides both channel counts; out_channels = groups = in_channels is depthwise.
    batch : int, images.
    bias : bool, whether each output channel has a bias.

    Raises
    ------
    ValueError
        When a size is not a positive integer, `groups` does not divide the channels, or the kernel is larger
        than the padded input.

    Examples
    --------
    >>> layer = Conv2d("conv1", 3, 96, 227, 227, kernel=11, stride=4, bias=True)
    >>> layer.output_size, layer.macs, layer.params, round(layer.intensity(bits=16))
    ((55, 55), 105415200, 34944, 220)
    """

    name: str
    in_channels: int
    out_channels: int
    height: int
    width: int
    kernel: Size
    stride: Size = 1
    padding: Size = 0
    groups: int = 1
    batch: int = 1
    bias: bool = False

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_sizes(
            self.name,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            height=self.height,
            width=self.width,
            groups=self.groups,
            batch=self.batch,
        )
        check_pairs(self.name, kernel=self.kernel, stride=self.stride)
        check_pairs(self.name, least=0, padding=self.padding)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"{self.name}: groups={self.groups} must divide in_channels={self.in_channels} and "
                f"out_channels={self.out_channels}"
            )
        if min(self.output_size) < 1:
            raise ValueError(
                f"{self.name}: a kernel of {self.kernel} does not fit into {self.height} x {self.width} pixels "
                f"with padding {self.padding}; make the input or the padding larger"
            )

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the output in pixels."""
        kernel, stride, padding = pair(self.kernel), pair(self.stride), pair(self.padding)
        return (
            (self.height + 2 * padding[0] - kernel[0]) // stride[0] + 1,
            (self.width + 2 * padding[1] - kernel[1]) // stride[1] + 1,
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates; the products with padded zeros are counted, as is usual."""
        return self.output_elements * self.in_channels // self.groups * prod(pair(self.kernel))

    @property
    def weights(self) -> int:
        """Elements of the filters."""
        return self.out_channels * self.in_channels // self.groups * prod(pair(self.kernel))

    @property
    def biases(self) -> int:
        """Elements of the bias."""
        return self.out_channels if self.bias else 0

    @property
    def input_elements(self) -> int:
        """Elements of the input, without padding."""
        return self.batch * self.in_channels * self.height * self.width

    @property
    def output_elements(self) -> int:
        """Elements of the output."""
        return self.batch * self.out_channels * prod(self.output_size)

    def as_matmul(self) -> "MatMul":
        """The same work as a matrix product: one row for each output pixel, holding the patch under the kernel (im2col).

        MACs, parameters and outputs stay equal; the inputs grow, since neighboring patches overlap.
        """
        return MatMul(
            self.name,
            m=self.batch * prod(self.output_size),
            k=self.in_channels // self.groups * prod(pair(self.kernel)),
            n=self.out_channels // self.groups,
            groups=self.groups,
            bias=self.bias,
        )


@dataclass(frozen=True)
class Network(Layer):
    """Layers in order. Every count is the sum over the layers; `network["conv1"]` is the layer of that name.

    Parameters
    ----------
    name : str
    layers : sequence of MatMul and Conv2d, kept as a tuple

    Raises
    ------
    ValueError
        When there is no layer, or two layers have the same name.

    Examples
    --------
    >>> layers = [MatMul("fc1", 1, 784, 300, bias=True), MatMul("fc2", 1, 300, 10, bias=True)]
    >>> network = Network("small", layers)
    >>> network.params, network["fc2"].params
    (238510, 3010)
    >>> print(network.table())
    small                  params         KiB            MACs     outputs  op/byte
    fc1                   235,500       919.9         235,200         300     0.50
    fc2                     3,010        11.8           3,000          10     0.45
    total                 238,510       931.7         238,200         310     0.50
    """

    name: str
    layers: Sequence[MatMul | Conv2d]

    def __post_init__(self) -> None:
        """Keep the layers as a tuple and check their names."""
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError(f"{self.name}: a network needs at least one layer")
        repeated = [name for name, count in Counter(layer.name for layer in self.layers).items() if count > 1]
        if repeated:
            raise ValueError(f"{self.name}: two layers have the name {repeated[0]!r}; give each its own")

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights(self) -> int:
        """Elements of all weight matrices and filters."""
        return sum(layer.weights for layer in self.layers)

    @property
    def biases(self) -> int:
        """Elements of all biases."""
        return sum(layer.biases for layer in self.layers)

    @property
    def input_elements(self) -> int:
        """Elements that the layers read as input."""
        return sum(layer.input_elements for layer in self.layers)

    @property
    def output_elements(self) -> int:
        """Elements that the layers write: the activations that training keeps for the backward pass."""
        return sum(layer.output_elements for layer in self.layers)

    def __iter__(self) -> "Iterator[MatMul | Conv2d]":
        """Iterate over the layers."""
        return iter(self.layers)

    def __len__(self) -> int:
        """Count the layers."""
        return len(self.layers)

    def __getitem__(self, name: str) -> "MatMul | Conv2d":
        """Find the layer of that name; KeyError lists the names there are."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(
            f"{self.name} has no layer {name!r}, only {', '.join(layer.name for layer in self.layers)}"
        )

    def table(self, bits: float = 32) -> str:
        """Text with a line for each layer and a total: parameters, bytes, MACs, outputs and operations a byte."""
        lines = [f"{self.name:<16}{'params':>13}{'KiB':>12}{'MACs':>16}{'outputs':>12}{'op/byte':>9}"]
        for layer in (*self.layers, self):
            lines.append(
                f"{'total' if layer is self else layer.name:<16}{layer.params:>13,}"
                f"{layer.weight_bytes(bits) / 1024:>12,.1f}{layer.macs:>16,}{layer.output_elements:>12,}"
                f"{layer.intensity(bits):>9.2f}"
            )
        return "\n".join(lines)


def pair(size: Size) -> tuple[int, int]:
    """A size as (vertical, horizontal)."""
    return size if isinstance(size, tuple) else (size, size)


def layers_of(workload: MatMul | Conv2d | Network) -> tuple[MatMul | Conv2d, ...]:
    """The layers of a workload, in order; ValueError when it is something else."""
    layers = tuple(workload.layers) if isinstance(workload, Network) else (workload,)
    for layer in layers:
        if not isinstance(layer, MatMul | Conv2d):
            raise ValueError(f"a machine runs a MatMul, Conv2d or Network, not a {type(layer).__name__}")
    return layers


def check_sizes(name: str, least: int = 1, **sizes: int) -> None:
    """ValueError unless each size is an integer of at least `least`."""
    for field, size in sizes.items():
        if not isinstance(size, Integral) or isinstance(size, bool) or size < least:
            raise ValueError(f"{name}: {field} must be an integer of at least {least}, got {size!r}")


def check_pairs(name: str, least: int = 1, **sizes: Size) -> None:
    """ValueError unless each size is an integer of at least `least`, or a pair of them."""
    for field, size in sizes.items():
        if isinstance(size, tuple) and len(size) != 2:
            raise ValueError(f"{name}: {field} must be one number or a pair, got {size!r}")
        for value in pair(size):
            check_sizes(name, least, **{field: value})


def check_positive(name: str, **values: float) -> None:
    """ValueError unless each value is a positive, finite number."""
    for field, value in values.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < inf:
            raise ValueError(f"{name}: {field} must be positive, a finite number, got {value!r}")
