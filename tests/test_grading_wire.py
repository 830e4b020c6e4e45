"""What crosses between the checks and a student's process, and what is refused."""

import collections
import enum
import fractions
import json
import socket

import numpy as np
import pytest

from grading import wire
from grading.wire import HEAD, WireError, crossed, decode, encode, receive, send

Point = collections.namedtuple("Point", "x y")


class Colour(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**70),
        1.5,
        "größe 😀",
        [1, [2, ()]],
        (1, "a"),
        {"a": 1, 2: [3], (4, 5): None},
        {1, 2},
        1 + 2j,
        {"tuple": 1},
        [],
        {},
    ],
    ids=repr,
)
def test_plain_values_cross_as_they_are(value):
    there = crossed(value)
    assert there == value
    assert type(there) is type(value)


@pytest.mark.parametrize("dtype", ["bool", "i1", "u8", "f2", "f4", ">f8", "f8", "c16", "U3"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)], ids=str)
def test_arrays_cross_with_type_and_shape(dtype, shape):
    array = np.ones(shape, dtype)
    there = crossed(array)
    assert there.dtype == array.dtype
    assert there.shape == shape
    assert np.array_equal(there, array)
    assert there.flags.writeable


def test_a_view_of_an_array_crosses():
    array = np.arange(12).reshape(3, 4)
    assert np.array_equal(crossed(array.T[::2]), array.T[::2])


@pytest.mark.parametrize(
    ("value", "there"),
    [
        (np.float32(1.5), np.float32(1.5)),
        (Point(1, 2), (1, 2)),
        (Colour.RED, 3),
        (collections.OrderedDict(a=1), {"a": 1}),
        (frozenset([1]), {1}),
        (range(3), [0, 1, 2]),
        ((n for n in "ab"), ["a", "b"]),
        (fractions.Fraction(1, 2), 0.5),
        ("\ud800", "?"),
    ],
    ids=[
        "numpy",
        "named tuple",
        "enumeration",
        "dict",
        "frozenset",
        "range",
        "generator",
        "fraction",
        "surrogate",
    ],
)
def test_what_is_nearly_plain_crosses_as_plain(value, there):
    assert crossed(value) == there
    assert type(crossed(np.float32(1))) is np.float32


def test_nan_and_infinity_cross():
    assert np.array_equal(crossed([float("nan"), float("inf")]), [np.nan, np.inf], equal_nan=True)


def test_tensors_cross_as_arrays():
    torch = pytest.importorskip("torch")
    there = crossed(torch.ones(2, requires_grad=True))
    assert isinstance(there, np.ndarray)
    assert there.tolist() == [1, 1]
    assert crossed(torch.ones(2).bfloat16()).tolist() == [1, 1]


class Raises:
    def __iter__(self):
        raise ValueError("no")


@pytest.mark.parametrize(
    "value",
    [object(), len, b"bytes", np.array([object()]), np.zeros(1, [("a", int)]), 10**5000, Raises()],
    ids=["object", "function", "bytes", "array of objects", "records", "huge", "raises"],
)
def test_what_has_behaviour_cannot_be_sent(value):
    with pytest.raises(WireError, match="cannot be sent"):
        encode({"value": value})


def test_what_holds_itself_cannot_be_sent():
    loop = []
    loop.append(loop)
    with pytest.raises(WireError):
        encode({"value": loop})


def test_what_is_too_large_cannot_be_sent():
    with pytest.raises(WireError, match="too large: 33 MiB"):
        encode({"value": np.zeros(33 << 20, "u1")})
    with pytest.raises(WireError, match="too large"):
        encode({"value": "x" * (9 << 20)})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"3",
        b"{",
        b"[" * 100_000,
        b'{"v": ' + b"[" * 990 + b"]" * 990 + b"}",
        b'{"v": ' + b"1" * 5000 + b"}",
    ],
    ids=["empty", "not text", "number", "cut", "brackets", "nest", "digits"],
)
def test_bytes_that_are_no_message_are_refused(text):
    with pytest.raises(WireError):
        decode(text, b"")


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"a": 1, "b": 2},
        {"cannot be sent": 1},
        {"dict": 3},
        {"dict": [[1]]},
        {"dict": [[[1], 2]]},
        {"set": [[1]]},
        {"tuple": None},
        {"complex": [1]},
        {"complex": ["x", "y"]},
        {"array": []},
        {"array": ["O", [1], 0]},
        {"array": ["<f8", [2], 0]},
        {"array": ["<f8", [-1], 0]},
        {"array": ["<f8", [1], -8]},
        {"array": ["<f8", [True], 0]},
        {"array": ["<f8", [10**30, 0], 0]},
        {"array": ["<f8", [0] * 100, 0]},
        {"array": ["<f8", "11", 0]},
        {"array": [["<f8"], [1], 0]},
        {"array": ["<f8,<f8", [1], 0]},
        {"array": ["<U99999", [1], 0]},
    ],
    ids=str,
)
def test_values_that_are_not_in_order_are_refused(node):
    with pytest.raises(WireError):
        decode(json.dumps({"value": node}).encode(), b"12345678")


@pytest.fixture
def pair():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_frames_follow_each_other(pair):
    one, other = pair
    send(one, {"a": np.arange(3)})
    send(one, {"b": (1,)})
    assert receive(other)["a"].tolist() == [0, 1, 2]
    assert receive(other) == {"b": (1,)}
    one.close()
    assert receive(other) is None


def test_half_a_frame_is_none(pair):
    one, other = pair
    one.sendall(encode({"a": 1})[:-1])
    one.close()
    assert receive(other) is None


@pytest.mark.parametrize("sizes", [(wire.MOST_TEXT + 1, 0), (0, wire.MOST_DATA + 1)], ids=["text", "data"])
def test_a_frame_is_refused_before_it_is_read(pair, sizes):
    one, other = pair
    one.sendall(HEAD.pack(*sizes))
    with pytest.raises(WireError, match="too large"):
        receive(other)
