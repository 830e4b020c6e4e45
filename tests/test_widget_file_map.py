"""The map of a file without a browser: every byte is counted once, and what it refuses."""

import pytest
import torch
import traitlets

from effdl import models
from effdl.compress.container import compress
from effdl.compress.pruning import local_masks, prune
from effdl.compress.sharing import share
from effdl.widgets import FileMap
from effdl.widgets.file_map import ALL_PARTS, ALL_TENSORS, FILE, PARTS, at, file_map
from hwsim.compressed_file import CompressedFileError


def files():
    model = prune(models.mlp(), local_masks(models.mlp(), 0.9))
    pruned = compress(model)
    share(model, 3)
    return {"pruned": pruned, "shared": compress(model), "dense": compress(models.convnet())}


@pytest.mark.parametrize("name", ["pruned", "shared", "dense"])
def test_every_byte_is_counted_once(name):
    data = files()[name]
    tensors, numbers = file_map(data)
    assert sum(size for parts in tensors.values() for size in parts.values()) == len(data)
    assert {part for parts in tensors.values() for part in parts} <= set(PARTS)
    assert list(tensors) == [FILE, *numbers]
    assert at(tensors, numbers, ALL_TENSORS, ALL_PARTS).size == len(data)
    assert sum(at(tensors, numbers, ALL_TENSORS, part).size for part in PARTS) == len(data)
    assert sum(at(tensors, numbers, tensor, ALL_PARTS).share for tensor in tensors) == pytest.approx(1)


def test_a_file_by_hand():
    data = compress({"w": torch.tensor([[1.0, 0, 2], [0, 0, 1]]).repeat(20, 1), "b": torch.zeros(0)})
    tensors, numbers = file_map(data)
    assert tensors["w"]["directory"] == 1 + 1 + 3 + 8 + 4
    assert tensors["w"]["codebook"] == 8
    assert tensors["w"]["codes"] == 60 // 8 + 1
    assert tensors["b"] == {"directory": 1 + 1 + 3 + 4 + 4, "checksums": 4, "numbers": 0}
    assert tensors[FILE] == {"header": 16, "checksums": 4}
    assert numbers == {"w": 120, "b": 0}
    assert at(tensors, numbers, "b", ALL_PARTS) == (
        13 + 4,
        17 / len(data),
        0,
        0,
    )  # bytes for no number at all


def test_what_it_says():
    widget = FileMap(files(), file="shared", tensor="fc1.weight", part="codes")
    now = widget.readout
    assert now.size == widget.tensors["shared"]["fc1.weight"]["codes"]
    assert now.bits == pytest.approx(8 * now.size / 19_200)
    assert repr(widget).startswith(f"<FileMap: shared: fc1.weight, codes: {now.size:,} bytes, ")
    widget.file = "dense"
    assert widget.readout.weights == sum(p.numel() for p in models.convnet().parameters())


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one file at least"):
        FileMap({})
    with pytest.raises(ValueError, match="unknown file 'b'"):
        FileMap({"a": files()["pruned"]}, file="b")
    with pytest.raises(ValueError, match="holds no numbers"):
        FileMap({"a": compress({})})
    with pytest.raises(CompressedFileError):
        FileMap({"a": files()["pruned"][:-1]})
    widget = FileMap({"a": files()["pruned"]})
    for name in ("tensor", "part"):
        with pytest.raises(traitlets.TraitError, match="there is no 'x'"):
            setattr(widget, name, "x")
