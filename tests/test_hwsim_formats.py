"""Number formats: equal to NumPy's and torch's types; nearest is nearest; stochastic rounding has the right mean."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwsim import formats
from hwsim.formats import BF16, FP8_E4M3, FP8_E5M2, FP16, FP32, TF32, Binary, FixedPoint, Float, Log2, Ternary

FORMATS = [
    FP16,
    BF16,
    FP8_E4M3,
    FP8_E5M2,
    Float(2, 1),
    Float(3, 2, infinities=False),
    FixedPoint(8, 4),
    FixedPoint(8, 9, signed=False),
    FixedPoint(3, -2),
    FixedPoint(1),
    Log2(4),
    Log2(3, 5, signed=False),
    Log2(2),
    Binary(0.7),
    Ternary(),
    Ternary(2.5),
]


def bits_of(x):
    """float32 as integers, so that equality sees the sign of zero; every NaN as one."""
    x = np.asarray(x, np.float32)
    return np.where(np.isnan(x), np.uint32(0x7FC00000), x.view(np.uint32))


@pytest.fixture(scope="module")
def numbers():
    """A million float32 of all magnitudes, ties of every format, and the special values."""
    rng = np.random.default_rng(0)
    anything = rng.integers(0, 2**32, 400_000, dtype=np.uint32).view(np.float32)
    usual = rng.normal(size=600_000) * 2.0 ** rng.integers(-30, 20, 600_000)
    special = [0.0, np.inf, np.nan, 1e-45, 2.0**-126, np.finfo(np.float32).max]
    for number in (FP16, BF16, FP8_E4M3, FP8_E5M2):
        values = number.values()
        border = number.largest + np.array([0.49, 0.5, 0.51, 1, 2]) * (values[-1] - values[-2])
        special += [*values, *((values[1:] + values[:-1]) / 2), *border]
    with np.errstate(over="ignore"):
        special = np.array(special, np.float32)
    special = np.concatenate([special, np.nextafter(special, np.float32(0))])
    return np.concatenate([anything, usual.astype(np.float32), special, -special])


def cast(x, kind):
    return torch.from_numpy(x).to(kind).to(torch.float32).numpy()


def test_fp16_is_numpys(numbers):
    assert numbers.size > 1_000_000
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(bits_of(FP16.quantize(numbers)), bits_of(numbers.astype(np.float16)))


def test_fp16_rounds_float64_once():
    # 1 + 2**-11 + 2**-40 lies above the tie; through float32 it would fall on the tie and go to the even 1.
    number = 1 + 2.0**-11 + 2.0**-40
    assert FP16.quantize(number) == np.float64(np.float16(number)) == 1 + 2.0**-10
    x = np.random.default_rng(1).normal(size=100_000) * 2.0 ** np.random.default_rng(2).integers(
        -26, 17, 100_000
    )
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(FP16.quantize(x), x.astype(np.float16).astype(float))
        np.testing.assert_array_equal(FP32.quantize(x * 1e-38), (x * 1e-38).astype(np.float32).astype(float))


@pytest.mark.parametrize(
    ("number", "kind"),
    [(BF16, torch.bfloat16), (FP8_E4M3, torch.float8_e4m3fn), (FP8_E5M2, torch.float8_e5m2)],
    ids=["bf16", "e4m3", "e5m2"],
)
def test_equals_torch(numbers, number, kind):
    np.testing.assert_array_equal(bits_of(number.quantize(numbers)), bits_of(cast(numbers, kind)))


@pytest.mark.parametrize(("number", "kind"), [(FP8_E4M3, torch.float8_e4m3fn), (FP8_E5M2, torch.float8_e5m2)])
def test_the_two_modes_of_overflow(numbers, number, kind):
    """The modes differ only above the largest value: 464 is the last tie that E4M3 rounds down."""
    over = np.abs(numbers) > 464 if number is FP8_E4M3 else np.abs(numbers) >= 61440
    beyond = np.nan if number is FP8_E4M3 else np.inf
    for saturate, there in [(True, number.largest), (False, beyond)]:
        result = replace(number, saturate=saturate).quantize(numbers)
        np.testing.assert_array_equal(np.abs(result[over]), np.float32(there))
        np.testing.assert_array_equal(bits_of(result[~over]), bits_of(cast(numbers, kind)[~over]))


def test_fp32_and_tf32(numbers):
    np.testing.assert_array_equal(bits_of(FP32.quantize(numbers)), bits_of(numbers))
    # TF32 by its definition on the bits: round away the last 13 of the 23, ties to even.
    bits = numbers.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0xFFF + ((bits >> 13) & 1)) >> 13 << 13
    expected = np.where(np.isfinite(numbers), rounded, bits).astype(np.uint32).view(np.float32)
    np.testing.assert_array_equal(bits_of(TF32.quantize(numbers)), bits_of(expected))


def test_published_sizes_and_limits():
    assert [f.bits for f in (FP32, TF32, BF16, FP16, FP8_E4M3, FP8_E5M2)] == [32, 19, 16, 16, 8, 8]
    assert (FP8_E4M3.bias, FP8_E4M3.largest, FP8_E4M3.smallest) == (7, 448, 2.0**-9)
    assert (FP8_E5M2.bias, FP8_E5M2.largest, FP8_E5M2.smallest) == (15, 57344, 2.0**-16)
    assert FP8_E4M3.smallest_normal == 2.0**-6
    assert FP8_E5M2.smallest_normal == 2.0**-14
    for number, info in [(FP32, np.finfo(np.float32)), (FP16, np.finfo(np.float16))]:
        assert number.largest == info.max
        assert number.smallest == info.smallest_subnormal
        assert number.smallest_normal == info.tiny
        assert number.epsilon == info.eps
    assert BF16.largest == torch.finfo(torch.bfloat16).max
    assert FP8_E4M3.values().size == 2**8 - 2 - 1  # two NaN, and one zero of the two
    assert FP8_E5M2.values().size == 2**8 - 2 * 4 - 1  # and two infinities and six NaN
    assert FixedPoint(8, 4).range == (-8, 7.9375)
    assert FixedPoint(8, 4, signed=False).range == (0, 15.9375)
    assert FixedPoint(8, 4).smallest == FixedPoint(8, 4).step == 1 / 16
    assert FixedPoint(1).range == (-1, 0)
    assert FixedPoint(1).smallest == 0
    assert Log2(4).range == (-1, 1)
    assert Log2(4).smallest == 2.0**-6
    assert Log2(3, 2, signed=False).values().tolist() == [0] + [2.0**e for e in range(-4, 3)]
    assert [Binary(3).range, Ternary(3).range] == [(-3, 3), (-3, 3)]
    assert [Binary().bits, Ternary().bits, Binary(2).smallest, Ternary(2).smallest] == [1, 2, 2, 2]


@pytest.mark.parametrize("number", FORMATS, ids=str)
def test_values_are_fixed_points_and_nearest_is_nearest(number):
    values = number.values()
    assert (np.diff(values) > 0).all()
    assert values.size <= 2**number.bits
    assert (values[0], values[-1]) == number.range
    assert number.largest == values[-1]
    assert number.smallest == min(values[values > 0], default=0)
    for rounding in ("nearest", "stochastic"):
        np.testing.assert_array_equal(number.quantize(values, rounding, np.random.default_rng(0)), values)
    low, high = number.range
    x = np.random.default_rng(0).uniform(low, high, 2000)
    x = np.concatenate([x, np.random.default_rng(1).choice(values, 2000) * 1.1]).clip(low, high)
    place = np.searchsorted(values, x).clip(1, values.size - 1)
    distance = np.minimum(x - values[place - 1], values[place] - x)
    result = number.quantize(x)
    assert np.isin(result, values).all()
    np.testing.assert_allclose(np.abs(result - x), np.maximum(distance, 0), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("number", FORMATS, ids=str)
def test_stochastic_rounding_is_unbiased(number):
    values = number.values()
    rng = np.random.default_rng(7)
    place = rng.integers(0, values.size - 1, 40)
    gap = values[place + 1] - values[place]
    x = values[place] + gap * np.append(rng.uniform(0, 1, 38), [0.01, 0.99])
    draws = 20_000
    result = number.quantize(np.broadcast_to(x, (draws, x.size)), "stochastic", rng)
    assert ((result == values[place]) | (result == values[place + 1])).all()
    share = (x - values[place]) / gap
    error = (result.mean(axis=0) - x) / (gap * np.sqrt(share * (1 - share) / draws))
    assert np.abs(error).max() < 4.5  # standard deviations, of 40 numbers in each of 16 formats
    assert np.sqrt((error**2).mean()) < 1.6


def test_stochastic_rounding_is_repeatable():
    x = np.linspace(-2, 2, 1000)
    first, second, other = (FP8_E4M3.quantize(x, "stochastic", np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    tiny = BF16.quantize(np.array([-1e-300, 1e-300, -0.0]), "stochastic", np.random.default_rng(0))
    np.testing.assert_array_equal(np.signbit(tiny), [True, False, True])


def test_infinities_and_nan():
    ends = np.array([-np.inf, np.inf])
    for number in FORMATS:
        if not isinstance(number, Float):
            np.testing.assert_array_equal(number.quantize(ends), number.range)
            with pytest.raises(ValueError, match="has no code for NaN"):
                number.quantize([1.0, np.nan])
    np.testing.assert_array_equal(FP16.quantize(ends), ends)
    np.testing.assert_array_equal(replace(FP16, saturate=True).quantize(ends), [-65504, 65504])
    for number in (FP16, FP8_E4M3, FP8_E5M2):
        for rounding in ("nearest", "stochastic"):
            assert np.isnan(number.quantize(np.nan, rounding, np.random.default_rng(0)))


def test_ties():
    np.testing.assert_array_equal(FixedPoint(8).quantize([0.5, 1.5, 2.5, -0.5, -1.5]), [0, 2, 2, 0, -2])
    np.testing.assert_array_equal(Log2(4).quantize([0.75, 0.749, -0.375, 2.0**-7]), [1, 0.5, -0.5, 2.0**-6])
    np.testing.assert_array_equal(Binary(2).quantize([0.0, -0.0, -1e-9, 5]), [2, 2, -2, 2])
    np.testing.assert_array_equal(Ternary(2).quantize([1.0, 1.01, -1.01, 9]), [0, 2, -2, 2])


def test_types_and_shapes():
    for dtype, result in [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int8, np.float32),
        (np.int64, np.float64),
    ]:
        x = np.ones((2, 3), dtype)
        assert BF16.quantize(x).dtype == result
        assert BF16.quantize(x).shape == (2, 3)
    assert FixedPoint(32, 31).quantize(np.float32(0.1)).dtype == np.float64
    assert FixedPoint(32).quantize(2**31 - 2) == 2**31 - 2
    assert BF16.quantize(np.float16(65504)) == 65536
    assert isinstance(FP16.quantize(0.1), float)
    assert FP16.quantize(torch.tensor([0.1])).shape == (1,)
    assert FP16.quantize([]).shape == (0,)


@given(
    st.integers(1, 32),
    st.integers(-64, 64),
    st.booleans(),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=9),
)
def test_fixed_point_of_any_width(bits, fraction, signed, x):
    number = FixedPoint(bits, fraction, signed)
    result = number.quantize(x)
    low, high = number.range
    assert ((low <= result) & (result <= high)).all()
    assert (np.rint(result / number.step) == result / number.step).all()
    inside = np.clip(x, low, high)
    assert (np.abs(result - inside) <= number.step / 2).all()
    np.testing.assert_array_equal(number.quantize(result), result)


@given(st.integers(2, 8), st.integers(1, 23), st.booleans(), st.booleans(), st.floats(allow_nan=False))
def test_floats_of_any_size(exponent, mantissa, infinities, saturate, x):
    number = Float(exponent, mantissa, infinities, saturate)
    result = number.quantize(x)
    np.testing.assert_array_equal(number.quantize(result), result)
    np.testing.assert_array_equal(number.quantize(-x), -result)
    if abs(x) <= number.largest:
        assert abs(result - x) <= max(number.epsilon / 2 * abs(x), number.smallest / 2)
    with np.errstate(over="ignore"):  # x itself may be beyond float32
        single = np.float32(x)
    np.testing.assert_array_equal(number.quantize(single), number.quantize(np.float64(single)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FixedPoint(0), "FixedPoint: bits must be an integer from 1 to 32, got 0"),
        (lambda: FixedPoint(8, 0.5), "fraction must be an integer"),
        (lambda: Float(1, 3), "Float: exponent must be an integer from 2 to 8"),
        (lambda: Float(5, 0), "mantissa must be an integer from 1 to 23"),
        (lambda: Log2(1), "Log2: bits must be"),
        (lambda: Log2(8, -64), "take fewer bits or a larger top"),
        (lambda: Binary(0), "Binary: scale must be a positive number"),
        (lambda: Ternary(np.nan), "Ternary: scale must be"),
        (lambda: FP16.quantize([1j]), "real numbers, got complex128"),
        (lambda: FP16.quantize([1.0], "up"), 'must be "nearest" or "stochastic", got \'up\''),
        (lambda: FP16.quantize([1.0], "stochastic"), r"give it rng=numpy.random.default_rng\(seed\)"),
        (lambda: FP32.values(), r"has 2\*\*32 codes"),
        (lambda: FixedPoint(17).values(), r"up to 16 bits"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_formats_are_values():
    assert Float(5, 10) == formats.FP16
    assert len({Float(5, 10), FP16, FixedPoint(8), FixedPoint(8)}) == 2


@pytest.mark.filterwarnings("error")
def test_the_largest_float64_rounds_without_a_warning():
    most = np.finfo(np.float64).max
    assert formats.BF16.quantize([most, -most]).tolist() == [np.inf, -np.inf]
    assert formats.FP8_E4M3.quantize([most, -most]).tolist() == [448, -448]


@pytest.mark.parametrize("number", [Binary(0.7), Ternary(0.1), Float(8, 3, infinities=False), FixedPoint(25)])
def test_results_are_values_in_single_precision_too(number):
    for x in (3.4e38, -3.4e38, 0.3):
        assert float(number.quantize(np.float32(x))) == float(number.quantize(np.float64(np.float32(x))))
    assert np.isin(Binary(0.7).quantize(np.float32([1, -1])), Binary(0.7).values()).all()
