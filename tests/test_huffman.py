"""Huffman coding: the shortest codes by brute force and by another library, streams that come back, bad input."""

import itertools

import numpy as np
import pytest
from dahuffman import HuffmanCodec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from effdl.compress.huffman import CHUNK, code_lengths, encode, entropy
from hwsim.huffman import BLOCK, LONGEST, canonical_codes, decode

counts_of_some = st.lists(st.integers(0, 1000), min_size=1, max_size=40)


def test_by_hand():
    """Merged by hand: 1 + 1 = 2, 2 + 2 = 4, 4 + 4 = 8, 5 + 8 = 13; the sums of all pairs are the bits."""
    counts = [5, 4, 1, 1, 2]
    assert code_lengths(counts) @ counts == 2 + 4 + 8 + 13


@pytest.mark.parametrize("longest", [2, 3, 4])
@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [10, 5, 2, 1], [100, 1, 1], [50, 20, 20, 1]])
def test_no_code_within_the_limit_is_shorter(counts, longest):
    """All code lengths that Kraft's inequality allows, one by one."""
    possible = [
        np.dot(lengths, counts)
        for lengths in itertools.product(range(1, longest + 1), repeat=len(counts))
        if sum(2.0**-length for length in lengths) <= 1
    ]
    found = code_lengths(counts, longest)
    assert found @ counts == min(possible)
    assert found.max() <= longest


@given(counts_of_some)
def test_as_long_as_another_librarys(counts):
    """dahuffman codes the end of a text as well, as a symbol that occurs once."""
    end = len(counts)
    counts = [*counts, 1]
    table = {i: count for i, count in enumerate(counts) if count}
    if len(table) > 1:
        theirs = HuffmanCodec.from_frequencies(table, eof=end).get_code_table()
        assert code_lengths(counts) @ counts == sum(counts[i] * size for i, (size, _) in theirs.items())


@given(counts_of_some)
def test_within_a_bit_of_the_entropy(counts):
    if np.count_nonzero(counts) > 1:
        mean = code_lengths(counts) @ counts / sum(counts)
        assert entropy(counts) - 1e-9 <= mean < entropy(counts) + 1


@given(counts_of_some)
def test_no_code_begins_with_another(counts):
    lengths = code_lengths(counts)
    words = [f"{c:0{n}b}" for c, n in zip(canonical_codes(lengths), lengths, strict=True) if n]
    assert not any(a != b and b.startswith(a) for a in words for b in words)
    assert len(set(words)) == np.count_nonzero(counts)


def test_very_unequal_counts_keep_the_limit():
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = code_lengths(fibonacci)
    assert lengths.max() == LONGEST
    assert (0.5**lengths).sum() == 1


@given(hnp.arrays(np.uint8, st.integers(0, 3 * BLOCK + 5), elements=st.integers(0, 20)))
def test_symbols_come_back(symbols):
    lengths = code_lengths(np.bincount(symbols, minlength=21))
    stream, block_bits = encode(symbols, lengths)
    assert block_bits.sum() <= 8 * len(stream) < block_bits.sum() + 8
    assert np.array_equal(decode(stream, block_bits, lengths, len(symbols)), symbols)


@pytest.mark.parametrize("count", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + BLOCK + 1])
def test_across_chunks(count):
    symbols = np.random.default_rng(count).binomial(200, 0.1, count).astype(np.uint8)
    lengths = code_lengths(np.bincount(symbols, minlength=256))
    assert np.array_equal(decode(*encode(symbols, lengths), lengths, count), symbols)


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_symbol_that_is_alone_takes_no_bits(count):
    lengths = code_lengths([0, 0, count])
    stream, block_bits = encode(np.full(count, 2, np.uint8), lengths)
    assert stream.size == block_bits.sum() == 0
    assert (decode(stream, block_bits, lengths, count) == 2).all()


def test_entropy_of_nothing_to_tell_apart_is_zero():
    assert entropy([7]) == 0
    assert entropy([8, 8]) == 1


def test_too_many_symbols_for_the_limit():
    with pytest.raises(ValueError, match="5 symbols need codes of more than 2 bits"):
        code_lengths([1] * 5, longest=2)


@pytest.mark.parametrize("symbols", [[0, 1], [0, 7]])
def test_a_symbol_without_a_code(symbols):
    with pytest.raises(ValueError, match="a symbol occurs that has no code"):
        encode(np.array(symbols), [1, 0, 1])


@pytest.mark.parametrize("counts", [[0.5, 0.5], [3, -1]])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="counts must be whole numbers from 0 on"):
        code_lengths(counts)


def test_more_symbols_than_a_byte_tells_apart():
    lengths = np.full(512, 9)
    with pytest.raises(ValueError, match="512 symbols"):
        encode(np.arange(512), lengths)
    with pytest.raises(ValueError, match="512 symbols"):
        decode(np.zeros(9, np.uint8), np.array([72]), lengths, 8)


def test_a_symbol_that_is_alone_has_no_stream():
    with pytest.raises(ValueError, match="a symbol that is alone takes no bits, but there are 8"):
        decode(np.zeros(1, np.uint8), np.array([8]), [0, 1], 3)


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 2, 2], [1, 3]])
def test_lengths_of_no_complete_code(lengths):
    with pytest.raises(ValueError, match=r"the sum of 2\*\*-length must be 1"):
        canonical_codes(lengths)


def test_a_code_too_long():
    with pytest.raises(ValueError, match="a code has 16 bits"):
        canonical_codes([1, 16])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, b, n: (s[:-1], b, n), "do not fit"),
        (lambda s, b, n: (s, b[:-1], n), "do not fit"),
        (lambda s, b, n: (s, b, n + BLOCK), "do not fit"),
        (lambda s, b, n: (s, b + np.array([1, -1]), n), "block 0 does not end"),
        (lambda s, b, n: (s, b, n - 1), "block 1 does not end"),
    ],
    ids=["shorter", "a block less", "more symbols", "a shifted block", "fewer symbols"],
)
def test_a_stream_that_does_not_fit(change, message):
    symbols = np.arange(BLOCK + 7) % 3
    lengths = code_lengths(np.bincount(symbols))
    stream, block_bits = encode(symbols, lengths)
    stream, block_bits, count = change(stream, block_bits.astype(np.int64), len(symbols))
    with pytest.raises(ValueError, match=message):
        decode(stream, block_bits, lengths, count)


def test_no_symbol_has_a_code():
    with pytest.raises(ValueError, match="no symbol has a code, but 3 are to be read"):
        decode(np.zeros(0, np.uint8), np.zeros(1, int), [0, 0], 3)
