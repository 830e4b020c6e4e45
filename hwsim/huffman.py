"""Huffman codes as a machine reads them: canonical codes, and a decoder that takes all blocks of a stream in step.

A code is given by its code lengths alone: codes of one length follow each other in the order of the symbols, and
start where the shorter ones end. A symbol that is alone needs no bits; its length is given as 1. A stream is cut into
blocks of `BLOCK` symbols whose lengths in bits are known, so that all blocks can be decoded at the same time, one
symbol of each in a step.

D. A. Huffman, "A Method for the Construction of Minimum-Redundancy Codes", Proc. IRE 40(9), 1952; canonical codes as
in RFC 1951, Section 3.2.2.
"""

import numpy as np

BLOCK = 1024  # symbols of a block
LONGEST = 15  # bits of the longest code: a window of three bytes holds one, from any bit on


def canonical_codes(lengths: np.ndarray) -> np.ndarray:
    """Give each symbol its code.

    Parameters
    ----------
    lengths : array (symbols,) of int, bits of each code, 0 for a symbol that does not occur

    Returns
    -------
    int64 array (symbols,), the codes, to be written from their highest bit on.

    Raises
    ------
    ValueError
        When no prefix code has these lengths, or bits would be left over.

    Examples
    --------
    >>> lengths = np.array([2, 1, 3, 3])
    >>> [f"{code:0{length}b}" for code, length in zip(canonical_codes(lengths), lengths)]
    ['10', '0', '110', '111']
    """
    lengths = np.asarray(lengths, np.int64)
    order = np.lexsort((np.arange(lengths.size), lengths))
    order = order[lengths[order] > 0]
    if lengths.max(initial=0) > LONGEST:
        raise ValueError(f"a code has {lengths.max()} bits: the longest may have {LONGEST}")
    share = 2 ** (
        LONGEST - lengths[order]
    )  # of the 2**LONGEST words of the longest length, those that begin so
    if order.size > 1 and share.sum() != 2**LONGEST:
        raise ValueError("code lengths of a complete prefix code are needed: the sum of 2**-length must be 1")
    codes = np.zeros(lengths.size, np.int64)
    codes[order] = (np.cumsum(share) - share) >> (LONGEST - lengths[order])
    return codes


def decode(stream: np.ndarray, block_bits: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Read `count` symbols, one of every block in each step.

    Parameters
    ----------
    stream : uint8 array, the codes one after the other, highest bit of a byte first
    block_bits : array (blocks,) of int, bits of each block; all blocks but the last hold `BLOCK` symbols
    lengths : array (symbols,) of int, bits of each code; at most 256 symbols
    count : int

    Returns
    -------
    uint8 array (count,), the symbols.

    Raises
    ------
    ValueError
        When the stream, the blocks, the code and the count do not fit each other.
    """
    lengths, ends = np.asarray(lengths, np.int64), np.cumsum(block_bits, dtype=np.int64)
    bits = int(ends[-1]) if ends.size else 0
    if lengths.size > 256:
        raise ValueError(f"{lengths.size} symbols: one byte tells 256 apart")
    if ends.size != -(-count // BLOCK) or stream.size != -(-bits // 8):
        raise ValueError(
            f"{count} symbols do not fit {ends.size} blocks of {bits} bits in {stream.size} bytes"
        )
    used = np.flatnonzero(lengths)
    if count and not used.size:
        raise ValueError(f"no symbol has a code, but {count} are to be read")
    if used.size <= 1:
        if bits:
            raise ValueError(f"a symbol that is alone takes no bits, but there are {bits}")
        return np.full(count, used[0] if count else 0, np.uint8)
    position = ends - block_bits
    read = read_in_step(stream, position, lengths, count)
    if (position != ends).any():
        raise ValueError(f"block {(position != ends).argmax()} does not end where the next one starts")
    return read.T.reshape(-1)[:count]


def read_in_step(stream: np.ndarray, position: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Read one symbol of every block, then the next of each, and so on; `position` is moved along, in place.

    Returns a uint8 array (BLOCK, blocks) of symbols, of the last block only as many as there are.
    """
    symbols, sizes, width = decoding_table(lengths)
    padded = np.concatenate([stream, np.zeros(BLOCK * LONGEST // 8 + 3, np.uint8)]).astype(np.uint32)
    window = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]  # the 24 bits from each byte on
    read = np.empty((BLOCK, position.size), np.uint8)
    last = count - (position.size - 1) * BLOCK  # symbols of the last block
    for step in range(BLOCK if position.size > 1 else last):
        at = position[: position.size - (step >= last)]
        word = (window[at >> 3] >> (24 - width - (at & 7)).astype(np.uint32)) & np.uint32(2**width - 1)
        read[step, : at.size] = symbols[word]
        at += sizes[word]
    return read


def decoding_table(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """For every word of as many bits as the longest code: the symbol that it begins with, and the bits of its code.

    Returns uint8 and int64 arrays (2**width,), and the width.
    """
    lengths = np.asarray(lengths, np.int64)
    width = int(lengths.max())
    order = np.argsort(canonical_codes(lengths) << (width - lengths), kind="stable")
    order = order[lengths[order] > 0]
    times = 2 ** (width - lengths[order])
    return np.repeat(order, times).astype(np.uint8), np.repeat(lengths[order], times), width
