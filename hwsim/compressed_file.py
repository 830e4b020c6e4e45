"""Read compressed networks: the file that `effdl.compress.container` writes, and that EIE loads.

All numbers are little-endian, and unsigned unless said otherwise; sizes are bytes::

    size  what
       8  magic: 89 57 32 53 0D 0A 1A 0A
       2  version, 1
       2  number of tensors
       4  size of the directory
          directory, for each tensor:
       1    size of the name, then the name in UTF-8
       1    kind: 0 raw, 1 sparse, 2 shared
       1    type of the numbers, a place in TYPES
       1    number of axes, then 4 for each axis
       4    size of its data
       4    CRC-32 of its data
       4  CRC-32 of all that stands before
          data of the tensors, one after the other; the file ends with the last one

    data of a raw tensor: its numbers in C order
    data of a sparse or shared tensor, float32:
       1    bits of a relative index, 1 to 8
       4    entries: nonzero weights and fillers, in C order
            shared only: 1, size of the codebook less one, then 4 for each float32 of it
            code lengths of the relative indices, 4 bits each, the first in the high half of a byte
            shared only: code lengths of the codes, in the same way
            relative indices: 2 for each block, its bits; then the Huffman codes (see `hwsim.huffman`)
            shared: codes, in the same way, which number the codebook; sparse: 4 for each entry, a float32

A relative index is the number of zeros before an entry; where more than its bits can hold lie between two nonzero
weights, there is a filler, an entry of value zero (S. Han, H. Mao, W. J. Dally, Deep Compression, ICLR 2016, Figure 2).
"""

import struct
import zlib
from dataclasses import dataclass, field
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np

from hwsim.huffman import BLOCK, decode

MAGIC = b"\x89W2S\r\n\x1a\n"  # as in PNG: a transfer that takes the file for text breaks it here
VERSION = 1
RAW, SPARSE, SHARED = range(3)
TYPES = ("f4", "f8", "f2", "i8", "i4", "i2", "i1", "u1", "b1")
MOST_WEIGHTS = 2**32 - 1  # of one tensor
MOST_AXES = 64  # NumPy's own limit
FLOAT = np.dtype("<f4")
EMPTY = np.zeros(0, np.uint8)


class CompressedFileError(ValueError):
    """The file is not a compressed network, or damaged; the message names the place."""


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file.

    Parameters
    ----------
    name : str
    array : the decoded tensor
    kind : "raw", "sparse" or "shared"
    parts : bytes in the file by what they hold
    index_bits : int, bits of a relative index, 0 if raw
    codebook : float32 array (codes,), empty unless shared
    gaps, codes : uint8 arrays (entries,), zeros before each entry, and its place in the codebook; empty if there are none
    """

    name: str
    array: np.ndarray = field(repr=False)
    kind: str
    parts: dict[str, int]
    index_bits: int = 0
    codebook: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)
    gaps: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)
    codes: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)


def read(path: str | PathLike) -> list[StoredTensor]:
    """Read all tensors of a file; see `parse`."""
    return parse(Path(path).read_bytes())


def parse(data: bytes) -> list[StoredTensor]:
    """Decode the bytes of a file. All of it is checked before anything is returned.

    Raises
    ------
    CompressedFileError
        When the file is foreign, cut off, too long, or damaged anywhere.
    """
    start = _Cursor(data, "header")
    if start.take(len(MAGIC), "magic") != MAGIC:
        raise CompressedFileError("byte 0, header: this is not a compressed network, or it was sent as text")
    version, tensors, size = struct.unpack("<HHI", start.take(8, "version and sizes"))
    if version != VERSION:
        raise CompressedFileError(f"byte 8, header: version {version}, but only {VERSION} can be read")
    directory = _Cursor(start.take(size, "directory"), "directory", start.at - size)
    end = start.at
    if struct.unpack("<I", start.take(4, "CRC-32"))[0] != zlib.crc32(data[:end]):
        raise CompressedFileError(
            f"byte {end}, directory: header or directory is damaged, its CRC-32 is wrong"
        )
    entries = [_entry(directory) for _ in range(tensors)]
    directory.close()
    if len({name for name, *_ in entries}) < tensors:
        raise directory.fail("two tensors have the same name")
    start.where = "data"
    found = []
    for name, kind, dtype, shape, size, crc in entries:
        where = f"tensor {name!r}"
        at, content = start.at, start.take(size, f"data of {where}")
        if zlib.crc32(content) != crc:
            raise CompressedFileError(f"byte {at}, {where}: its data are damaged, their CRC-32 is wrong")
        cursor = _Cursor(content, where, at)
        found.append(_raw(cursor, name, dtype, shape) if kind == RAW else _coded(cursor, name, shape, kind))
        cursor.close()
    start.close()
    return found


class _Cursor:
    """A place in some bytes of the file, and how to say where it is."""

    def __init__(self, data: bytes, where: str, start: int = 0) -> None:
        self.data, self.where, self.start, self.place = memoryview(data), where, start, 0

    @property
    def at(self) -> int:
        """The place in the whole file."""
        return self.start + self.place

    def fail(self, text: str) -> CompressedFileError:
        return CompressedFileError(f"byte {self.at}, {self.where}: {text}")

    def take(self, size: int, what: str) -> bytes:
        left = len(self.data) - self.place
        if size > left:
            raise self.fail(f"the {what} should have {size} bytes, but only {left} are left")
        self.place += size
        return self.data[self.place - size : self.place].tobytes()

    def close(self) -> None:
        if self.place != len(self.data):
            raise self.fail(f"{len(self.data) - self.place} bytes too many")


def _entry(directory: _Cursor) -> tuple[str, int, np.dtype, tuple[int, ...], int, int]:
    (size,) = directory.take(1, "size of a name")
    try:
        name = directory.take(size, "name").decode()
    except UnicodeDecodeError as error:
        raise directory.fail("a name is not UTF-8") from error
    kind, dtype, axes = directory.take(3, f"kind, type and axes of {name!r}")
    if kind > SHARED or dtype >= len(TYPES) or (kind != RAW and TYPES[dtype] != "f4"):
        raise directory.fail(f"{name!r} has kind {kind} and type {dtype}, which do not exist or do not fit")
    shape = struct.unpack(f"<{axes}I", directory.take(4 * axes, f"shape of {name!r}"))
    if axes > MOST_AXES or prod(shape) > MOST_WEIGHTS:
        raise directory.fail(f"{name!r} has {axes} axes: at most {MOST_AXES}, and {MOST_WEIGHTS} weights")
    size, crc = struct.unpack("<II", directory.take(8, f"size and CRC-32 of {name!r}"))
    return name, kind, np.dtype("<" + TYPES[dtype]), shape, size, crc


def _raw(cursor: _Cursor, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> StoredTensor:
    size = prod(shape) * dtype.itemsize
    array = _numbers(cursor, size, dtype, "numbers").reshape(shape)
    return StoredTensor(name, array, "raw", {"numbers": size})


def _numbers(cursor: _Cursor, size: int, dtype: np.dtype, what: str) -> np.ndarray:
    array = np.frombuffer(cursor.take(size, what), dtype).astype(dtype.newbyteorder("="))
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise cursor.fail(f"the {what} before this place are not all finite")
    return array


def _coded(cursor: _Cursor, name: str, shape: tuple[int, ...], kind: int) -> StoredTensor:
    parts = {}
    index_bits, entries = struct.unpack("<BI", cursor.take(5, "bits of an index and number of entries"))
    if not 1 <= index_bits <= 8 or entries > prod(shape):
        raise cursor.fail(f"{entries} entries with indices of {index_bits} bits do not fit the shape {shape}")
    parts["sizes"] = 5
    codebook, codes = EMPTY, EMPTY
    if kind == SHARED:
        parts["sizes"] = 6
        size = 1 + cursor.take(1, "size of the codebook")[0]
        codebook = _numbers(cursor, 4 * size, FLOAT, "values of the codebook")
        parts["codebook"] = 4 * size
    gap_lengths = _code_lengths(cursor, 2**index_bits)
    parts["code lengths"] = (len(gap_lengths) + 1) // 2
    if kind == SHARED:
        code_lengths = _code_lengths(cursor, len(codebook))
        parts["code lengths"] += (len(code_lengths) + 1) // 2
    gaps, parts["index blocks"], parts["indices"] = _stream(cursor, gap_lengths, entries, "relative indices")
    if kind == SHARED:
        codes, parts["code blocks"], parts["codes"] = _stream(cursor, code_lengths, entries, "codes")
        values = codebook[codes]  # a code of a symbol in use is below the size of the codebook
    else:
        values = _numbers(cursor, 4 * entries, FLOAT, "weights")
        parts["weights"] = 4 * entries
    try:
        array = from_relative_index(gaps, values, shape)
    except ValueError as error:
        raise cursor.fail(f"the relative indices lead too far: {error}") from error
    except MemoryError as error:
        raise cursor.fail(f"the shape {shape} needs more memory than there is") from error
    return StoredTensor(
        name, array, ("raw", "sparse", "shared")[kind], parts, index_bits, codebook, gaps, codes
    )


def _code_lengths(cursor: _Cursor, symbols: int) -> np.ndarray:
    packed = np.frombuffer(cursor.take((symbols + 1) // 2, "code lengths"), np.uint8)
    return np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[:symbols]


def _stream(cursor: _Cursor, lengths: np.ndarray, count: int, what: str) -> tuple[np.ndarray, int, int]:
    blocks = -(-count // BLOCK)
    block_bits = np.frombuffer(cursor.take(2 * blocks, f"blocks of the {what}"), "<u2").astype(np.int64)
    size = (int(block_bits.sum()) + 7) // 8
    stream = np.frombuffer(cursor.take(size, what), np.uint8)
    try:
        return decode(stream, block_bits, lengths, count), 2 * blocks, size
    except ValueError as error:
        raise cursor.fail(f"the {what} cannot be decoded: {error}") from error


def from_relative_index(gaps: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Put the entries to their places in an array of zeros, each as many zeros behind the one before as its gap says.

    Parameters
    ----------
    gaps : array (entries,) of int
    values : array (entries,)
    shape : of the result, which has the type of `values`

    Raises
    ------
    ValueError
        When the entries do not fit in.
    """
    flat = np.zeros(prod(shape), np.asarray(values).dtype)
    positions = np.cumsum(np.asarray(gaps, np.int64) + 1) - 1
    if len(gaps) != len(values) or (len(positions) and positions[-1] >= len(flat)):
        raise ValueError(f"{len(gaps)} gaps and {len(values)} values do not fit the shape {tuple(shape)}")
    flat[positions] = values
    return flat.reshape(shape)
