"""Plain values as bytes: what crosses between the checks and a student's process.

A frame is the length of a JSON text and of a block of array data (two big-endian 32-bit numbers), the text, the
block. Numbers, strings, None, lists, tuples, dicts, sets and arrays of numbers or strings cross, and nothing else: no
pickle, no object with behaviour of its own. The side that reads checks every size and data type, as the other side
may be hostile.
"""

import json
import math
import re
import socket
import struct
from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

HEAD = struct.Struct(">II")
MOST_TEXT = 8 << 20  # bytes of JSON in a frame
MOST_DATA = 32 << 20  # bytes of array data in a frame
MOST_DEPTH = 200  # of nested values; Python's own limit depends on who calls
DTYPE = re.compile(r"[<>|](?:b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|[US]\d{1,4})")


class WireError(Exception):
    """A value that cannot cross, or bytes that are no frame."""


def encode(message: dict[str, Any]) -> bytes:
    """Turn a dict with string keys into a frame.

    Torch tensors cross as arrays. Raises WireError for a value of another kind.
    """
    blocks: list[bytes] = []
    try:
        text = json.dumps({key: _pack(value, blocks) for key, value in message.items()}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"a value cannot be sent: {error}") from None
    data = b"".join(blocks)
    if len(text) > MOST_TEXT or len(data) > MOST_DATA:
        raise WireError(f"a value is too large: {(len(text) + len(data)) >> 20} MiB")
    return HEAD.pack(len(text), len(data)) + text + data


def decode(text: bytes, data: bytes) -> dict[str, Any]:
    """Read the two parts of a frame. Raises WireError for whatever is not in order."""
    try:
        message = json.loads(text)
        if not isinstance(message, dict):
            raise WireError("a message is not a dict")
        return {key: _unpack(value, memoryview(data)) for key, value in message.items()}
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, MemoryError) as error:
        raise WireError(f"a message is not in order: {type(error).__name__}") from None


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    """Write one frame. Raises WireError for a value that cannot cross, OSError when the other end is gone."""
    channel.sendall(encode(message))


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """Read one frame; None when the other end is closed. Raises WireError."""
    head = _exactly(channel, HEAD.size)
    if head is None:
        return None
    text_size, data_size = HEAD.unpack(head)
    if text_size > MOST_TEXT or data_size > MOST_DATA:
        raise WireError("a message is too large")
    text, data = _exactly(channel, text_size), _exactly(channel, data_size)
    return None if text is None or data is None else decode(text, data)


def crossed(value: Any) -> Any:
    """A value as it arrives on the other side. Raises WireError."""
    frame = encode({"value": value})
    text_size, _ = HEAD.unpack_from(frame)
    middle = HEAD.size + text_size
    return decode(frame[HEAD.size : middle], frame[middle:])["value"]


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    buffer = bytearray()
    while len(buffer) < size:
        part = channel.recv(min(size - len(buffer), 1 << 20))
        if not part:
            return None
        buffer += part
    return bytes(buffer)


def _pack(value: Any, blocks: list[bytes]) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_pack(item, blocks) for item in value]
    if type(value) is tuple:
        return {"tuple": [_pack(item, blocks) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_pack(k, blocks), _pack(v, blocks)] for k, v in value.items()]}
    if isinstance(value, set | frozenset):
        return {"set": [_pack(item, blocks) for item in value]}
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return {"complex": [value.real, value.imag]}
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    elif hasattr(value, "__array__") and not isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if not DTYPE.fullmatch(array.dtype.str):
            raise WireError(f"an array of {array.dtype} cannot be sent: use numbers")
        start = sum(map(len, blocks))
        blocks.append(array.tobytes())
        kind = "scalar" if isinstance(value, np.generic) else "array"
        return {kind: [array.dtype.str, list(array.shape), start]}
    for plain in (int, float, str, list, tuple):  # their subclasses, as named tuples and enumerations
        if isinstance(value, plain):
            return _pack(plain(value), blocks)
    if isinstance(value, Iterable) and not isinstance(
        value, bytes | bytearray
    ):  # ranges, views of dicts, generators
        return [_pack(item, blocks) for item in value]
    if isinstance(value, Real | Decimal):  # fractions and decimals
        return float(value)
    raise WireError(
        f"a value of type {type(value).__name__} cannot be sent: use numbers, strings, lists, dicts, arrays"
    )


def _unpack(node: Any, data: memoryview, depth: int = 0) -> Any:
    if depth > MOST_DEPTH:
        raise WireError(f"a value is nested more than {MOST_DEPTH} deep")
    if isinstance(node, str):
        # half of a surrogate pair could not be written to a file; all else is the value's own
        return node.encode("utf-8", "replace").decode("utf-8")
    if not isinstance(node, list | dict):
        return node
    if isinstance(node, list):
        return [_unpack(item, data, depth + 1) for item in node]
    ((kind, content),) = node.items()
    if kind == "tuple":
        return tuple(_unpack(content, data, depth + 1))
    if kind == "dict":
        return {_unpack(k, data, depth + 1): _unpack(v, data, depth + 1) for k, v in content}
    if kind == "set":
        items = _unpack(content, data, depth + 1)
        return {frozenset(item) if isinstance(item, set) else item for item in items}
    if kind == "complex":
        real, imaginary = content
        return complex(float(real), float(imaginary))
    if kind in ("array", "scalar"):
        array = _array(*content, data)
        return array[()] if kind == "scalar" and array.ndim == 0 else array
    raise WireError(f"unknown kind of value: {str(kind)[:20]}")


def _array(dtype: str, shape: list[int], start: int, data: memoryview) -> np.ndarray:
    if not DTYPE.fullmatch(dtype) or not all(type(n) is int and n >= 0 for n in [*shape, start]):
        raise WireError("an array has no proper type or shape")
    kind = np.dtype(dtype)
    size = kind.itemsize * math.prod(shape)
    if start + size > len(data):
        raise WireError("an array is longer than its data")
    return np.frombuffer(data[start : start + size], kind).reshape(shape).copy()
