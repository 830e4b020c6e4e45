"""`FileMap`: where every byte of a compressed network's file goes, by tensor and by part."""

from typing import NamedTuple

import traitlets

from effdl.widgets.base import Widget, known, module, significant
from hwsim.compressed_file import MAGIC, parse

FILE = "the file itself"  # what belongs to no tensor
ALL_TENSORS, ALL_PARTS = "all of the file", "all parts"
# What parts there are, in the order in which they are shown.
PARTS = (
    "header",
    "directory",
    "checksums",
    "sizes",
    "codebook",
    "code lengths",
    "index blocks",
    "indices",
    "code blocks",
    "codes",
    "weights",
    "numbers",
)
CRC = 4  # bytes of a checksum


class Readout(NamedTuple):
    """A tensor or all of them, and a part or all of them."""

    size: int  # bytes
    share: float  # of the file
    weights: int  # numbers in the tensor, or in all of them
    bits: float  # bits that this takes for each of them, 0 where there is none


def file_map(data: bytes) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Return the bytes of a file as `{tensor: {part: bytes}}`, and the numbers of each tensor; the bytes add up to the file."""
    tensors, numbers = {FILE: {"header": len(MAGIC) + 8, "checksums": CRC}}, {}
    for stored in parse(data):
        entry = 1 + len(stored.name.encode()) + 3 + 4 * stored.array.ndim + 4
        tensors[stored.name] = {"directory": entry, "checksums": CRC, **stored.parts}
        numbers[stored.name] = stored.array.size
    return tensors, numbers


def at(tensors: dict, numbers: dict, tensor: str, part: str) -> Readout:
    """Return what a tensor's part takes; the browser module computes the same."""
    whole = sum(size for parts in tensors.values() for size in parts.values())
    rows = tensors.values() if tensor == ALL_TENSORS else [tensors[tensor]]
    size = sum(size for parts in rows for name, size in parts.items() if part in (ALL_PARTS, name))
    weights = numbers[tensor] if tensor in numbers else sum(numbers.values())
    return Readout(size, size / whole, weights, 8 * size / weights if weights else 0.0)


class FileMap(Widget):
    """Show the bytes of compressed networks, by tensor and by part.

    Parameters
    ----------
    files : `{name: bytes}`, files that `effdl.compress.container.compress` made.
    file, tensor, part : What is shown first; `tensor` may be ALL_TENSORS or FILE, `part` ALL_PARTS. They follow the
        controls.

    Raises
    ------
    ValueError
        If there is no file, one is damaged, or one has no tensor with numbers.
    """

    _esm = module("common.js", "file_map.js")

    files = traitlets.List(traitlets.Unicode()).tag(sync=True)
    file = traitlets.Unicode().tag(sync=True)
    tensor = traitlets.Unicode(ALL_TENSORS).tag(sync=True)
    part = traitlets.Unicode(ALL_PARTS).tag(sync=True)
    tensors = traitlets.Dict().tag(sync=True)  # {file: {tensor: {part: bytes}}}
    numbers = traitlets.Dict().tag(sync=True)  # {file: {tensor: numbers}}

    def __init__(self, files, *, file=None, **traits):
        """See the class."""
        file = known(file, list(files), "file")
        maps = {name: file_map(data) for name, data in files.items()}
        for name, (_, numbers) in maps.items():
            if not sum(numbers.values()):
                raise ValueError(f"the file {name!r} holds no numbers")
        super().__init__(
            files=list(files),
            file=file,
            tensors={name: tensors for name, (tensors, _) in maps.items()},
            numbers={name: numbers for name, (_, numbers) in maps.items()},
            **traits,
        )

    @traitlets.validate("tensor", "part")
    def _known(self, proposal):
        names = (ALL_PARTS, *PARTS) if proposal["trait"].name == "part" else (ALL_TENSORS, *self._names())
        if proposal["value"] not in names:
            raise traitlets.TraitError(f"there is no {proposal['value']!r}, only {', '.join(names)}")
        return proposal["value"]

    def _names(self):
        return list(dict.fromkeys(name for tensors in self.tensors.values() for name in tensors))

    @property
    def readout(self) -> Readout:
        """What the widget shows now; for a tensor that this file does not have, all of the file."""
        tensors, numbers = self.tensors[self.file], self.numbers[self.file]
        tensor = self.tensor if self.tensor in tensors else ALL_TENSORS
        return at(tensors, numbers, tensor, self.part)

    def summary(self) -> str:
        """Return the file, the choice, and its bytes."""
        now = self.readout
        return (
            f"{self.file}: {self.tensor}, {self.part}: {now.size:,} bytes, {now.share:.1%} of the file, "
            f"{significant(now.bits)} bits for each of {now.weights:,} numbers"
        )
