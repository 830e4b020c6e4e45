"""Huffman coding: frequent symbols get short codes (chapter 05). Reading is in `hwsim.huffman`, as machines read files.

Sources: D. A. Huffman, A Method for the Construction of Minimum-Redundancy Codes, Proc. IRE 40(9), 1952; L. L. Larmore,
D. S. Hirschberg, A Fast Algorithm for Optimal Length-Limited Huffman Codes, Journal of the ACM 37(3), 1990.
"""

import numpy as np

from hwsim.huffman import BLOCK, LONGEST, canonical_codes

CHUNK = 1024 * BLOCK  # symbols that `encode` works on at a time: its arrays stay in the cache


def entropy(counts):
    """Bits a symbol that no code of single symbols can do without: `-sum p log2 p` of the shares p of the counts.

    >>> entropy([4, 2, 1, 1])
    1.75
    """
    share = np.asarray(counts, np.float64)
    share = share[share > 0] / share.sum()
    return float(share @ np.log2(1 / share))


def code_lengths(counts, longest=LONGEST):
    """Bits of each symbol's code in the best prefix code whose longest code has at most `longest` bits.

    Package-merge: each round pairs off the cheapest packages, and puts the symbols beside the pairs. A symbol's
    length is the number of chosen packages that hold it. Without the limit this is Huffman's code.

    Parameters
    ----------
    counts : array (symbols,) of int, how often each symbol occurs.
    longest : int.

    Returns
    -------
    int64 array (symbols,), 0 where a count is 0; a symbol that is alone gets 1.

    Raises
    ------
    ValueError
        When there are more than `2**longest` symbols to tell apart, or a count is negative or no integer.

    >>> code_lengths([5, 9, 1, 1]).tolist()
    [2, 1, 3, 3]
    """
    counts = np.asarray(counts)
    if counts.size and (counts.dtype.kind not in "iu" or counts.min() < 0):
        raise ValueError(f"counts must be whole numbers from 0 on, not {counts.dtype} from {counts.min()}")
    lengths = np.zeros(len(counts), np.int64)
    leaves = sorted((int(counts[s]), (s,)) for s in np.flatnonzero(counts).tolist())
    if len(leaves) > 2**longest:
        raise ValueError(f"{len(leaves)} symbols need codes of more than {longest} bits")
    packages = []
    for _ in range(longest):
        merged = sorted(leaves + packages)
        packages = [(a + b, s + t) for (a, s), (b, t) in zip(merged[::2], merged[1::2], strict=False)]
    for _, symbols in packages[: len(leaves) - 1]:
        np.add.at(lengths, list(symbols), 1)
    return lengths if len(leaves) > 1 else np.sign(counts.astype(np.int64))


def coded_bits(counts):
    """Bits that symbols take with the best code, by their counts; a symbol that is alone takes none.

    >>> coded_bits([5, 9, 1, 1]), coded_bits([0, 7])
    (25, 0)
    """
    return int(code_lengths(counts) @ counts) if np.count_nonzero(counts) > 1 else 0


def encode(symbols, lengths):
    """Write symbols as one stream of bits.

    Parameters
    ----------
    symbols : integer array (count,).
    lengths : array (all symbols,) of int, from `code_lengths`.

    Returns
    -------
    stream : uint8 array, highest bit of a byte first.
    block_bits : uint16 array, bits of each block of `BLOCK` symbols.

    Raises
    ------
    ValueError
        When a symbol has no code, or there are more than 256 symbols.
    """
    lengths = np.asarray(lengths, np.int64)
    counts = np.bincount(symbols, minlength=len(lengths))
    if counts[len(lengths) :].any() or counts[: len(lengths)][lengths == 0].any():
        raise ValueError("a symbol occurs that has no code")
    if len(lengths) > 256:
        raise ValueError(f"{len(lengths)} symbols: one byte, which the decoder returns, tells 256 apart")
    block_bits = np.zeros(-(-len(symbols) // BLOCK), np.uint16)
    words = np.zeros(int(counts @ lengths) // 32 + 2, np.uint64)
    if np.count_nonzero(lengths) <= 1:
        return np.zeros(0, np.uint8), block_bits
    codes, bits = canonical_codes(lengths).astype(np.uint64), 0
    for i in range(0, len(symbols), CHUNK):
        chunk = symbols[i : i + CHUNK]
        size = lengths[chunk]
        in_blocks = np.add.reduceat(size, np.arange(0, len(chunk), BLOCK))
        block_bits[i // BLOCK :][: len(in_blocks)] = in_blocks
        word, shift = np.divmod(bits + np.cumsum(size) - size, 32)
        add_codes(words, word, codes[chunk] << (64 - shift - size).astype(np.uint64))
        bits += int(in_blocks.sum())
    return words.astype(">u4").view(np.uint8)[: -(-bits // 8)], block_bits


def add_codes(words, word, values):
    """Put 64-bit values, one for each code, into the 32-bit words that they begin in and the words after."""
    first = np.flatnonzero(np.diff(word, prepend=-1))
    total = np.add.reduceat(values, first)  # codes that begin in the same word do not overlap
    words[word[first]] |= total >> np.uint64(32)
    words[word[first] + 1] |= total & np.uint64(2**32 - 1)
