"""One file for a compressed network: prune, share, code, write, and read back bit by bit (chapter 05).

The layout is described in `hwsim.compressed_file`, which reads it: EIE loads the same file. Nothing is lost: each tensor
is stored in the smallest of the ways that give it back exactly, as it is.

raw      its numbers
sparse   the nonzero weights as float32, with Huffman-coded relative indices: after pruning
shared   a codebook, Huffman-coded relative indices and codes: after weight sharing; up to 256 different weights

Source: S. Han, H. Mao, W. J. Dally, Deep Compression, ICLR 2016, sections 2 to 4.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from effdl.compress.huffman import code_lengths, coded_bits, encode
from effdl.compress.relative_index import relative_index
from hwsim import compressed_file as layout

MOST_INDEX_BITS = 8
STORABLE = {torch.from_numpy(np.zeros(0, kind)).dtype for kind in layout.TYPES}


def compress(model, index_bits=None):
    """Write all tensors of a network as the bytes of one file.

    Parameters
    ----------
    model : module, or a dict from names to tensors such as its `state_dict()`. Prune it and share its weights first:
        a tensor of few different weights, most of them zero, takes the least.
    index_bits : int from 1 to 8, bits of a relative index; None: for each tensor what `best_index_bits` finds.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        When a number is not finite, a type, a name or so many numbers cannot be stored, or `index_bits` is out of range.

    A number -0.0, as pruning leaves it, becomes 0.0; all others keep every bit.
    """
    if index_bits is not None and not 1 <= index_bits <= MOST_INDEX_BITS:
        raise ValueError(f"index_bits={index_bits} must be from 1 to {MOST_INDEX_BITS}, or None for the best")
    tensors = model.state_dict() if isinstance(model, torch.nn.Module) else model
    if len(tensors) > 65535:
        raise ValueError(f"{len(tensors)} tensors: one file holds at most 65535")
    entries, contents = [], []
    for name, tensor in tensors.items():
        array = storable(name, tensor)
        kind, content = smallest(array, index_bits)
        entries.append(directory_line(name, kind, array, content))
        contents.append(content)
    directory = b"".join(entries)
    head = layout.MAGIC + struct.pack("<HHI", layout.VERSION, len(entries), len(directory)) + directory
    return b"".join([head, struct.pack("<I", zlib.crc32(head)), *contents])


def smallest(array, index_bits=None):
    """The smallest way to store an array: (kind, bytes)."""
    ways = [(layout.RAW, np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())]
    if array.dtype == np.float32 and array.size:
        bits = best_index_bits(array) if index_bits is None else index_bits
        gaps, values = relative_index(array, bits)
        codebook = np.unique(values)
        ways.append((layout.SPARSE, sparse(gaps, values, bits)))
        if 0 < len(codebook) <= 256:
            ways.append((layout.SHARED, shared(gaps, values, codebook, bits)))
    return min(ways, key=lambda way: len(way[1]))


def shared(gaps, values, codebook, index_bits):
    """The data of a tensor with few different weights: codebook, code lengths, relative indices, codes."""
    codes = np.searchsorted(codebook, values).astype(np.uint8)
    gap_lengths, gap_stream = coded(gaps, 2**index_bits)
    lengths, stream = coded(codes, len(codebook))
    head = struct.pack("<BIB", index_bits, len(codes), len(codebook) - 1)
    return b"".join([head, codebook.astype("<f4").tobytes(), gap_lengths, lengths, gap_stream, stream])


def sparse(gaps, values, index_bits):
    """The data of a pruned tensor: code lengths and relative indices, then the weights that are left."""
    lengths, stream = coded(gaps, 2**index_bits)
    return struct.pack("<BI", index_bits, len(gaps)) + lengths + stream + values.astype("<f4").tobytes()


def coded(symbols, alphabet):
    """Huffman-code an array: the code lengths, two in a byte, and the blocks' bits with the stream behind."""
    lengths = code_lengths(np.bincount(symbols, minlength=alphabet))
    stream, block_bits = encode(symbols, lengths)
    even = np.append(lengths, [0] * (alphabet % 2)).astype(np.uint8)
    return (even[::2] << 4 | even[1::2]).tobytes(), block_bits.astype("<u2").tobytes() + stream.tobytes()


def best_index_bits(array):
    """The bits of a relative index that make an array smallest, but for a few bytes: found by counting, not by writing."""
    flat = array.ravel()
    kept = flat[flat != 0]
    times = np.unique(kept, return_counts=True)[1]
    skipped, runs = np.unique(np.diff(np.flatnonzero(flat), prepend=-1) - 1, return_counts=True)

    def size(bits):
        fillers, rest = np.divmod(skipped, 2**bits)
        added = int(fillers @ runs)
        gaps = np.bincount(rest, runs, 2**bits).astype(np.int64)
        gaps[-1] += added
        counts = np.append(times, added) if added else times
        ways = [32 * counts.sum()]
        if len(counts) <= 256:
            ways.append(coded_bits(counts) + 36 * len(counts))  # 32 in the codebook, 4 for the length
        return 4 * 2**bits + coded_bits(gaps) + min(ways)

    return min(range(1, MOST_INDEX_BITS + 1), key=size)


def save(path, model, index_bits=None):
    """Write a network to a file and return its size in bytes; see `compress`. A file there is replaced as a whole."""
    path, data = Path(path), compress(model, index_bits)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(data)
    unfinished.replace(path)
    return len(data)


def load(path):
    """Read a file: the dict from names to tensors that `load_state_dict` takes.

    Raises `hwsim.compressed_file.CompressedFileError`, a ValueError, that names the place when the file is foreign,
    cut off or damaged; then nothing is loaded.
    """
    return decompress(Path(path).read_bytes())


def decompress(data):
    """Decode the bytes that `compress` made; see `load`."""
    return {stored.name: torch.from_numpy(stored.array) for stored in layout.parse(data)}


def storable(name, tensor):
    """A tensor as an array, if its numbers can be stored; else ValueError."""
    if tensor.dtype not in STORABLE:
        raise ValueError(f"{name!r} holds {tensor.dtype}, which the file has no place for: convert it first")
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise ValueError(f"{name!r} holds numbers that are not finite: nothing can be made smaller here")
    array = np.ascontiguousarray(tensor.detach().cpu().numpy()).reshape(tensor.shape)
    return np.where(array == 0, 0, array) if tensor.is_floating_point() else array  # no -0.0


def directory_line(name, kind, array, content):
    """One line of the directory."""
    text, kind_of_number = name.encode(), layout.TYPES.index(array.dtype.str.lstrip("<>=|"))
    if len(text) > 255 or max(array.size, len(content)) > layout.MOST_WEIGHTS:
        raise ValueError(f"{name!r}: a name has at most 255 bytes, a tensor at most {layout.MOST_WEIGHTS}")
    head = struct.pack("<B", len(text)) + text + struct.pack("<BBB", kind, kind_of_number, array.ndim)
    return head + struct.pack(f"<{array.ndim}III", *array.shape, len(content), zlib.crc32(content))
