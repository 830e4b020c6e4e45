"""The compressed file: bit-exact, as small as counted, and no damaged or foreign file is ever loaded."""

import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

import hwsim
from effdl.compress.container import best_index_bits, compress, decompress, load, save
from effdl.compress.pruning import global_masks, prune
from effdl.models import convnet
from hwsim import compressed_file as layout
from hwsim.compressed_file import CompressedFileError, parse

weights = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=12),
    elements=st.one_of(
        st.just(0.0),
        st.just(0.0),
        st.sampled_from([-1.5, 0.25, 3.0]),
        st.floats(-(2.0**99), 2.0**99, width=32),
    ),
)


def shared_weights(shape, density, values, seed=0):
    rng = np.random.default_rng(seed)
    codebook = rng.normal(size=values).astype(np.float32)
    return torch.from_numpy(
        np.where(rng.random(shape) < density, rng.choice(codebook, shape), 0).astype(np.float32)
    )


def network():
    """All three kinds: a shared matrix, a sparse one, and raw tensors of several types."""
    sparse = torch.zeros(20, 30)
    sparse[::3, ::7] = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    return {
        "fc1.weight": shared_weights((40, 70), 0.1, 7),
        "fc1.bias": torch.linspace(-1, 1, 40),
        "fc2.weight": sparse,
        "norm.steps": torch.tensor(12),
        "used": torch.tensor([True, False]),
    }


def same(a, b):
    """Equal in names, types, shapes and every bit."""
    return list(a) == list(b) and all(
        x.dtype == y.dtype and x.shape == y.shape and x.numpy().tobytes() == y.numpy().tobytes()
        for x, y in zip(a.values(), b.values(), strict=True)
    )


@given(st.dictionaries(st.text(max_size=20), weights, max_size=4), st.sampled_from([None, 1, 3, 8]))
def test_every_bit_comes_back(arrays, index_bits):
    tensors = {name: torch.from_numpy(np.asarray(array + np.float32(0))) for name, array in arrays.items()}
    assert same(decompress(compress(tensors, index_bits)), tensors)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
)
def test_types_are_kept(dtype):
    tensors = {"x": torch.arange(6).view(2, 3).to(getattr(torch, dtype))}
    assert same(decompress(compress(tensors)), tensors)


def test_the_three_kinds():
    kinds = {stored.name: stored.kind for stored in parse(compress(network()))}
    assert kinds == {
        "fc1.weight": "shared",
        "fc1.bias": "raw",
        "fc2.weight": "sparse",
        "norm.steps": "raw",
        "used": "raw",
    }


def test_a_pruned_module_through_a_file(tmp_path):
    """Pruning leaves -0.0 where a weight was negative: stored as zero, equal in value."""
    model = convnet()
    prune(model, global_masks(model, 0.9))
    file = tmp_path / "net.w2s"
    size = save(file, model)
    assert file.stat().st_size == size < 0.25 * 4 * sum(p.numel() for p in model.parameters())
    assert list(tmp_path.iterdir()) == [file]
    copy = convnet(seed=1)
    copy.load_state_dict(load(file))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), copy.parameters(), strict=True))


def test_parts_are_all_of_the_data():
    data = compress(network())
    stored = parse(data)
    directory = struct.unpack("<I", data[12:16])[0]
    assert 16 + directory + 4 + sum(sum(s.parts.values()) for s in stored) == len(data)
    first = stored[0]
    assert first.parts["codebook"] == 4 * len(first.codebook)
    assert np.array_equal(
        layout.from_relative_index(first.gaps, first.codebook[first.codes], (40, 70)), first.array
    )


@given(st.integers(0, 2**32), st.floats(0.005, 0.9), st.integers(1, 20))
@settings(max_examples=30)
def test_the_index_bits_found_are_the_best(seed, density, values):
    weight = shared_weights((60, 50), density, values, seed)
    sizes = [len(compress({"w": weight}, bits)) for bits in range(1, 9)]
    # Bytes are rounded up twice, and blocks of 1024 are counted apart.
    assert len(compress({"w": weight})) <= min(sizes) + 2 + 8
    assert 1 <= best_index_bits(weight.numpy()) <= 8


def test_eie_loads_the_same_file(tmp_path):
    tensors = network() | {"conv.weight": shared_weights((4, 2, 3, 3), 0.5, 3)}
    save(tmp_path / "net.w2s", tensors)
    eie = hwsim.EIE(pes=4)
    matrices = eie.load(tmp_path / "net.w2s")
    assert list(matrices) == ["fc1.weight", "fc2.weight"]
    for name, matrix in matrices.items():
        assert np.array_equal(matrix.decode(), tensors[name].numpy())
    x = np.arange(70.0)
    assert np.allclose(eie.run(matrices["fc1.weight"], x).output, tensors["fc1.weight"].double().numpy() @ x)


# What cannot be written


@pytest.mark.parametrize("index_bits", [0, 9, -1])
def test_index_bits_out_of_range(index_bits):
    with pytest.raises(ValueError, match=f"index_bits={index_bits} must be from 1 to 8"):
        compress(network(), index_bits)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(value):
    with pytest.raises(ValueError, match="'w' holds numbers that are not finite"):
        compress({"w": torch.tensor([1.0, value])})


def test_a_type_without_a_place():
    with pytest.raises(ValueError, match=r"'w' holds torch\.bfloat16"):
        compress({"w": torch.zeros(3, dtype=torch.bfloat16)})


def test_a_name_too_long():
    with pytest.raises(ValueError, match="a name has at most 255 bytes"):
        compress({"w" * 256: torch.zeros(3)})


def test_an_error_leaves_the_old_file(tmp_path):
    file = tmp_path / "net.w2s"
    save(file, network())
    before = file.read_bytes()
    with pytest.raises(ValueError, match="not finite"):
        save(file, {"w": torch.tensor([np.nan])})
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_too_many_tensors():
    with pytest.raises(ValueError, match="70000 tensors: one file holds at most 65535"):
        compress({str(i): torch.zeros(1) for i in range(70_000)})


def test_no_minus_zero_is_kept():
    tensors = {
        "raw": torch.tensor([-0.0, 1.5]),
        "shared": torch.where(torch.arange(500) % 50 == 0, 2.0, -0.0),
    }
    for tensor in decompress(compress(tensors)).values():
        assert not torch.signbit(tensor).any()


@pytest.mark.parametrize("values", [255, 256, 257])
def test_a_full_codebook_leaves_no_place_for_a_filler(values):
    """256 values fit into the codebook, and a filler would be one more: then the width must spare fillers."""
    rng = np.random.default_rng(0)
    weight = np.where(rng.random(16_000) < 0.2, rng.integers(1, values + 1, 16_000), 0).astype(np.float32)
    weight[:values] = np.arange(1, values + 1)
    sizes = [len(compress({"w": torch.from_numpy(weight)}, bits)) for bits in range(1, 9)]
    assert len(compress({"w": torch.from_numpy(weight)})) <= min(sizes) + 10


# Damaged and foreign files

DATA = compress(network())
FIRST = 16 + struct.unpack("<I", DATA[12:16])[0] + 4  # where the data of the first tensor start


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"byte 0, header: the magic should have 8 bytes, but only 0 are left"),
        (b"\x93NUMPY\x01\x00" + DATA[8:], "byte 0, header: this is not a compressed network"),
        (
            DATA.replace(b"\r\n", b"\n", 1),
            "byte 0, header: this is not a compressed network, or it was sent as text",
        ),
        (DATA[:8] + b"\x02\x00" + DATA[10:], "byte 8, header: version 2, but only 1 can be read"),
        (DATA[:30], r"byte 16, header: the directory should have \d+ bytes, but only 14 are left"),
        (DATA[:20] + b"X" + DATA[21:], f"byte {FIRST - 4}, directory: header or directory is damaged"),
        (DATA[:-1], r"byte \d+, data: the data of tensor 'used' should have 2 bytes, but only 1 are left"),
        (DATA + b"\0", rf"byte {len(DATA)}, data: 1 bytes too many"),
        (
            DATA[:FIRST] + b"\xff" + DATA[FIRST + 1 :],
            f"byte {FIRST}, tensor 'fc1.weight': its data are damaged",
        ),
    ],
    ids=[
        "empty",
        "foreign",
        "sent as text",
        "version",
        "cut",
        "directory",
        "cut at the end",
        "too long",
        "data",
    ],
)
def test_the_message_names_the_place(data, message):
    with pytest.raises(CompressedFileError, match=message):
        decompress(data)


def test_nothing_is_loaded_when_the_last_byte_is_wrong(tmp_path):
    (tmp_path / "net.w2s").write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(CompressedFileError, match="'used'"):
        load(tmp_path / "net.w2s")


@st.composite
def damaged(draw, data):
    """A file with some bits turned, or a piece lost, doubled, moved or made up."""
    changed = bytearray(data)
    how = draw(st.sampled_from(["bits", "cut", "lose", "insert", "double", "swap"]))
    at = draw(st.integers(0, len(data) - 1))
    size = draw(st.integers(1, 40))
    if how == "bits":
        for place in draw(st.lists(st.integers(0, 8 * len(data) - 1), min_size=1, max_size=8, unique=True)):
            changed[place // 8] ^= 1 << place % 8
    elif how == "cut":
        del changed[at:]
    elif how == "lose":
        del changed[at : at + size]
    elif how == "insert":
        changed[at:at] = draw(st.binary(min_size=1, max_size=40))
    elif how == "double":
        changed[at:at] = changed[at : at + size]
    else:
        changed[at : at + size] = changed[at : at + size][::-1]
    return bytes(changed)


@given(damaged(DATA))
@settings(max_examples=10_000, deadline=2000)
def test_no_damaged_file_loads_silently_wrong(data):
    if data == DATA:  # a piece that reads the same backwards
        return
    with pytest.raises(CompressedFileError, match=r"^byte \d+, "):
        decompress(data)


def test_two_tensors_of_one_name():
    data = compress({"a": torch.zeros(1), "b": torch.ones(1)})
    with pytest.raises(CompressedFileError, match="directory: two tensors have the same name"):
        parse(forged(data.replace(b"\x01b", b"\x01a", 1)))


def test_a_shape_beyond_the_memory(monkeypatch):
    def no_memory(*arguments):
        raise MemoryError

    monkeypatch.setattr(layout, "from_relative_index", no_memory)
    with pytest.raises(
        CompressedFileError, match=r"tensor 'fc1.weight': the shape \(40, 70\) needs more memory"
    ):
        parse(DATA)


def test_a_number_that_is_not_finite():
    data = compress({"a": torch.ones(1)})
    with pytest.raises(
        CompressedFileError, match="tensor 'a': the numbers before this place are not all finite"
    ):
        parse(forged(data[:-4] + np.float32(np.nan).tobytes()))


def forged(data):
    """The file with its checksums made right for whatever stands in it, as far as its directory can be read."""
    changed = bytearray(data)
    end = 16 + struct.unpack("<I", data[12:16])[0]
    place, start = 16, end + 4
    while place < end:
        place += 1 + changed[place]
        axes = changed[place + 2]
        place += 3 + 4 * axes
        (size,) = struct.unpack_from("<I", changed, place)
        struct.pack_into("<I", changed, place + 4, zlib.crc32(changed[start : start + size]))
        place, start = place + 8, start + size
    struct.pack_into("<I", changed, end, zlib.crc32(changed[:end]))
    return bytes(changed)


@given(damaged(DATA))
@settings(max_examples=3000, deadline=2000)
def test_a_forged_file_is_refused_or_well_formed(data):
    """With right checksums only the form can be wrong; a file whose form is right is a file, whoever made it."""
    try:
        data = forged(data)
    except (struct.error, IndexError):
        return
    try:
        stored = parse(data)
    except CompressedFileError:
        return
    for tensor in stored:
        assert sum(tensor.parts.values()) < len(data)
        if tensor.array.size > 10**6:  # a forged shape: zeros that take no memory until they are counted
            continue
        assert not tensor.codes.size or tensor.codes.max() < len(tensor.codebook)
        assert tensor.kind == "raw" or np.count_nonzero(tensor.array) <= len(tensor.gaps)


def test_module_and_state_dict_give_the_same_bytes():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    assert compress(model) == compress(model.state_dict())
