"""Number formats: what a number becomes when it is stored in few bits.

A format is a finite set of values; `quantize` takes each number to one of them, either to the nearest or, at random,
to one of its two neighbors so that the mean is right (stochastic rounding). The results stay NumPy floating-point
arrays, so that any computation can go on with them. Only `Float` can hold NaN and infinities: the other formats
refuse NaN, and infinities saturate.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Rounding = Literal["nearest", "stochastic"]


class Format(ABC):
    """What every format can do. `bits` is the size of one stored number."""

    has_nan = False  # whether the format can hold "not a number"

    @abstractmethod
    def values(self) -> np.ndarray:
        """All finite values in ascending order, zero once: float64 array, for formats of up to 16 bits."""

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and largest finite value."""
        values = self.values()
        return float(values[0]), float(values[-1])

    @property
    def largest(self) -> float:
        """Largest finite value."""
        return self.range[1]

    @property
    def smallest(self) -> float:
        """Smallest value above zero."""
        values = self.values()
        return float(values[values > 0][0])

    @abstractmethod
    def _round(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Round the float64 array `x`, which holds NaN only where the format can."""

    def quantize(
        self, x: ArrayLike, rounding: Rounding = "nearest", rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Take each number to a value of the format.

        Parameters
        ----------
        x : array of any shape, real numbers
        rounding : "nearest", or "stochastic": up with a probability equal to the distance from below, as a share of
            the gap, so that the mean is `x` wherever `x` lies within the range (Gupta, Agrawal, Gopalakrishnan,
            Narayanan, "Deep Learning with Limited Numerical Precision", ICML 2015, arXiv 1502.02551, Section 3).
        rng : numpy.random.Generator, needed by "stochastic"

        Returns
        -------
        array of the same shape: float64 for float64 and integers of 32 and 64 bits, otherwise float32 where that
        holds every value of the format exactly. ValueError when `x` is not real, holds NaN that the format has no code
        for, or `rounding` and `rng` do not fit.
        """
        x = np.asarray(x)
        if x.dtype.kind not in "iufb":
            raise ValueError(f"{self} quantizes real numbers, got {x.dtype}: convert them first")
        if rounding not in ("nearest", "stochastic"):
            raise ValueError(f'rounding must be "nearest" or "stochastic", got {rounding!r}')
        if rounding == "stochastic" and rng is None:
            raise ValueError("stochastic rounding draws numbers: give it rng=numpy.random.default_rng(seed)")
        with np.errstate(invalid="ignore"):  # float32 has NaNs that warn when they are converted
            exact = x.astype(np.float64)
        if not self.has_nan and np.isnan(exact).any():
            raise ValueError(f"{self} has no code for NaN: replace the NaN before quantizing")
        result = self._round(exact, rng if rounding == "stochastic" else None)
        return result.astype(np.result_type(x.dtype, np.float32 if self._fits_float32 else np.float64))[()]

    @property
    def _fits_float32(self) -> bool:
        """Whether float32 holds every value exactly."""
        return True


@dataclass(frozen=True)
class FixedPoint(Format):
    """Integers times a power of two: k * 2**-fraction, with k of `bits` bits. Numbers out of range saturate.

    Parameters
    ----------
    bits : int, 1 to 32, of the stored integer, with its sign
    fraction : int, -64 to 64, bits after the binary point; negative or above `bits` moves the point out of the number.
    signed : bool, two's complement (one more value below zero than above), or zero and above only.

    Nearest rounding breaks ties to the even k. ValueError when a parameter is out of range.

    Examples
    --------
    >>> number = FixedPoint(bits=4, fraction=2)
    >>> number.step, number.range
    (0.25, (-2.0, 1.75))
    >>> number.quantize([0.3, 1.2, 5.0]).tolist()
    [0.25, 1.25, 1.75]
    """

    bits: int
    fraction: int = 0
    signed: bool = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check_integer("FixedPoint", "bits", self.bits, 1, 32)
        _check_integer("FixedPoint", "fraction", self.fraction, -64, 64)

    @property
    def step(self) -> float:
        """Distance between neighbors."""
        return 2.0**-self.fraction

    @property
    def smallest(self) -> float:
        """Smallest value above zero; equal to `step`. A signed format of one bit has none: 0.0."""
        return min(self.step, self.largest)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and largest value."""
        lowest = -(2 ** (self.bits - 1)) if self.signed else 0
        return lowest * self.step, (lowest + 2**self.bits - 1) * self.step

    @property
    def _fits_float32(self) -> bool:
        return self.bits - self.signed <= 24

    def values(self) -> np.ndarray:
        """All values in ascending order."""
        _check_small(self, self.bits)
        return self.range[0] + np.arange(2**self.bits) * self.step

    def _round(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        # Clipped first, so that a step that overflows float64 is never computed.
        return _to_integer(np.clip(x, *self.range) / self.step, rng) * self.step


@dataclass(frozen=True)
class Float(Format):
    """Binary floating point in the manner of IEEE 754: sign, `exponent` bits, `mantissa` bits.

    A normal number is (1 + m / 2**mantissa) * 2**(e - bias). The exponent field 0 is for zero and the subnormal
    numbers, m / 2**mantissa * 2**(1 - bias), which fill the gap around zero evenly. The highest exponent field is for
    infinities and NaN; with `infinities=False` it holds numbers too, and only all ones is NaN.

    Parameters
    ----------
    exponent : int, 2 to 8, bits of the exponent; the bias is 2**(exponent - 1) - 1.
    mantissa : int, 1 to 23, stored bits of the fraction
    infinities : bool
    saturate : bool, where a number that rounds to more than `largest` goes, infinities included: True: to `largest`;
        False: to infinity, or to NaN in a format that has none. These are the two conversion modes of the OCP
        specification of 8-bit floating point (OFP8, revision 1.0, 2023).

    Nearest rounding breaks ties to the even mantissa. The sign of zero is kept, NaN stays NaN. ValueError when a
    parameter is out of range.

    Examples
    --------
    >>> [(number.bits, number.largest) for number in (FP16, BF16, FP8_E4M3)]
    [(16, 65504.0), (16, 3.3895313892515355e+38), (8, 448.0)]
    >>> [float(number.quantize(1 / 3)) for number in (FP16, BF16, FP8_E4M3)]
    [0.333251953125, 0.333984375, 0.34375]

    Held against: on a million random numbers of all magnitudes and the special values `FP16` is equal to NumPy's
    float16, and `BF16`, `FP8_E4M3` and `FP8_E5M2` to torch 2.13's bfloat16, float8_e4m3fn and float8_e5m2. That torch
    saturates in E4M3, infinities too, and goes to infinity in E5M2; the constants here do the same.
    """

    exponent: int
    mantissa: int
    infinities: bool = True
    saturate: bool = False

    has_nan = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check_integer("Float", "exponent", self.exponent, 2, 8)
        _check_integer("Float", "mantissa", self.mantissa, 1, 23)

    @property
    def bits(self) -> int:
        """Bits of one number."""
        return 1 + self.exponent + self.mantissa

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent field."""
        return 2 ** (self.exponent - 1) - 1

    @property
    def epsilon(self) -> float:
        """Distance from 1 to the next larger number."""
        return 2.0**-self.mantissa

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and largest finite value."""
        field = 2**self.exponent - (2 if self.infinities else 1)
        taken = 1 if self.infinities else 2  # without infinities, the highest mantissa there is NaN
        largest = (2 - taken * self.epsilon) * 2.0 ** (field - self.bias)
        return -largest, largest

    @property
    def smallest(self) -> float:
        """Smallest value above zero: a subnormal number."""
        return self.epsilon * self.smallest_normal

    @property
    def smallest_normal(self) -> float:
        """Smallest value above zero that has all `mantissa` bits of precision."""
        return 2.0 ** (1 - self.bias)

    @property
    def _fits_float32(self) -> bool:
        return self.largest <= float(np.finfo(np.float32).max)

    def values(self) -> np.ndarray:
        """All finite values in ascending order, zero once."""
        _check_small(self, self.bits)
        field, m = np.divmod(np.arange(2 ** (self.bits - 1)), 2**self.mantissa)
        fraction = m * self.epsilon + (field > 0)
        positive = np.ldexp(fraction, np.maximum(field, 1) - self.bias)
        positive = positive[positive <= self.largest]
        return np.concatenate([-positive[:0:-1], positive])

    def _round(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        number = np.where(np.isfinite(x), x, 0)
        # frexp gives a fraction from 1/2 to 1, so the leading bit of x stands for 2**(power - 1).
        power = np.maximum(np.frexp(number)[1] - 1, 1 - self.bias)
        last = power - self.mantissa  # the last bit that is kept stands for 2**last
        with np.errstate(over="ignore"):  # the last float64s round up to infinity, which is beyond any format
            rounded = np.ldexp(_to_integer(np.ldexp(number, -last), rng), last)
        beyond = self.largest if self.saturate else np.inf if self.infinities else np.nan
        over = np.isinf(x) | (np.abs(rounded) > self.largest)
        rounded = np.where(over, beyond, np.abs(rounded))
        return np.where(np.isnan(x), np.nan, np.copysign(rounded, x))


@dataclass(frozen=True)
class Log2(Format):
    """Zero and powers of two: a product becomes a shift. Numbers above the largest power saturate.

    One code is zero; the others are the powers from 2**top downward, with both signs if `signed`. Nearest rounding is
    nearest in value: a number goes to 2**e from 0.75 * 2**e to just below 1.5 * 2**e, and to zero below half the
    smallest power (Zhou et al., "Incremental Network Quantization", ICLR 2017, arXiv 1702.03044, Equation 4; rounding
    the logarithm instead would put the border at 1.41).

    Parameters
    ----------
    bits : int, 2 to 8, of one number, with its sign
    top : int, -64 to 64, the largest exponent
    signed : bool, whether there are numbers below zero.

    ValueError when a parameter is out of range, or the smallest power would be below 2**-126, where float32 ends.

    Examples
    --------
    >>> Log2(bits=3).values().tolist()
    [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]
    >>> Log2(bits=3).quantize([0.3, 0.8, -2]).tolist()
    [0.25, 1.0, -1.0]
    """

    bits: int
    top: int = 0
    signed: bool = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check_integer("Log2", "bits", self.bits, 2, 8)
        _check_integer("Log2", "top", self.top, -64, 64)
        if self._bottom < -126:
            raise ValueError(
                f"Log2: {self.bits} bits reach from 2**{self.top} down to 2**{self._bottom}, below 2**-126: "
                "take fewer bits or a larger top"
            )

    @property
    def _bottom(self) -> int:
        """The smallest exponent."""
        return self.top - (2 ** (self.bits - self.signed) - 2)

    def values(self) -> np.ndarray:
        """All values in ascending order."""
        positive = np.ldexp(1.0, np.arange(self._bottom, self.top + 1))
        negative = -positive[::-1] if self.signed else positive[:0]
        return np.concatenate([negative, [0.0], positive])

    def _round(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        x = np.clip(x, *self.range)
        size = np.abs(x)
        below = np.where(size < self.smallest, 0, np.ldexp(1.0, np.frexp(size)[1] - 1))
        gap = np.maximum(below, self.smallest)  # the next power is twice as large; after 0 comes the smallest
        return np.copysign(below + gap * _goes_up((size - below) / gap, rng), x)


@dataclass(frozen=True)
class _Scaled(Format):
    """What the formats with one magnitude above zero share: `scale`, a positive number, rounded to float32."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the scale."""
        if not FP32.smallest_normal <= self.scale <= FP32.largest:
            raise ValueError(
                f"{type(self).__name__}: scale must be a positive number that float32 can hold, got {self.scale!r}"
            )
        object.__setattr__(self, "scale", float(np.float32(self.scale)))


@dataclass(frozen=True)
class Binary(_Scaled):
    """Two values, -scale and scale: one bit.

    Nearest rounding is the sign, with +scale for both zeros; stochastic rounding gives +scale with probability
    clip((x / scale + 1) / 2, 0, 1) (Courbariaux, Bengio, David, "BinaryConnect", NeurIPS 2015, arXiv 1511.00363,
    Equations 1 to 3). ValueError when the scale is not a positive number that float32 can hold.

    Examples
    --------
    >>> Binary(scale=0.5).quantize([-3, -0.1, 0]).tolist()
    [-0.5, -0.5, 0.5]
    """

    bits = 1

    def values(self) -> np.ndarray:
        """Both values in ascending order."""
        return np.array([-self.scale, self.scale], float)

    def _round(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        up = _goes_up((np.clip(x / self.scale, -1, 1) + 1) / 2, rng)
        return np.where(up, self.largest, -self.largest)


@dataclass(frozen=True)
class Ternary(_Scaled):
    """Three values, -scale, 0 and scale: two bits (their information is log2(3) = 1.58 bits).

    Nearest rounding keeps numbers of a magnitude above scale/2 and takes the others to zero. (Li, Zhang, Liu, "Ternary
    Weight Networks", 2016, arXiv 1605.04711, choose the scale from the weights.) ValueError as for `Binary`.

    Examples
    --------
    >>> Ternary(scale=0.5).quantize([-3, 0.1, 0.3]).tolist()
    [-0.5, 0.0, 0.5]
    """

    bits = 2

    def values(self) -> np.ndarray:
        """The three values in ascending order."""
        return np.array([-self.scale, 0, self.scale], float)

    def _round(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return _to_integer(np.clip(x / self.scale, -1, 1), rng) * self.scale


def _to_integer(x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Round to integers: to the nearest, ties to even, or with a generator at random with the right mean."""
    below = np.floor(x)
    return np.rint(x) if rng is None else below + _goes_up(x - below, rng)


def _goes_up(share: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Whether a number that lies `share` of the gap above its lower neighbor is rounded to the upper one."""
    return share >= 0.5 if rng is None else rng.random(share.shape) < share


def _check_integer(name: str, field: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}: {field} must be an integer from {low} to {high}, got {value!r}")


def _check_small(number: Format, bits: int) -> None:
    if bits > 16:
        raise ValueError(f"{number} has 2**{bits} codes: values() lists formats of up to 16 bits")


#: IEEE 754 binary32: 8 bits of exponent, 23 of mantissa.
FP32 = Float(8, 23)
#: NVIDIA A100 whitepaper, 2020: FP32's exponent, FP16's mantissa, 19 bits.
TF32 = Float(8, 10)
#: FP32's exponent, 7 bits of mantissa. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training", 2019, arXiv
#: 1905.12322.
BF16 = Float(8, 7)
#: IEEE 754 binary16: 5 bits of exponent, 10 of mantissa.
FP16 = Float(5, 10)
#: 4 bits of exponent, 3 of mantissa, no infinities. Micikevicius et al., "FP8 Formats for Deep Learning", 2022, arXiv
#: 2209.05433, Table 1; OCP OFP8 revision 1.0.
FP8_E4M3 = Float(4, 3, infinities=False, saturate=True)
#: 5 bits of exponent, 2 of mantissa; from the same sources.
FP8_E5M2 = Float(5, 2)
