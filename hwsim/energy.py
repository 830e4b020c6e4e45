"""Energy for each operation and each memory access, every entry with its source.

A table is data: make another `EnergyTable` to see which conclusions survive a change of technology.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Energy:
    """One entry: `picojoules` for one operation on numbers of `bits`, or one access to `bits`, and where it is from.

    `published` is False for a number that was derived, not printed; `source` then says how.
    """

    picojoules: float
    bits: int
    source: str
    published: bool = True


@dataclass(frozen=True)
class EnergyTable(Mapping):
    """Entries by name: `table["fp32 mult"].picojoules`; `table.joules("fp32 mult", count)`."""

    name: str
    entries: Mapping[str, Energy]

    def __getitem__(self, operation):
        """Find an entry; KeyError lists the names there are."""
        if operation not in self.entries:
            raise KeyError(f"{self.name} has no entry {operation!r}, only {', '.join(self.entries)}")
        return self.entries[operation]

    def __iter__(self):
        """Iterate over the names."""
        return iter(self.entries)

    def __len__(self):
        """Count the entries."""
        return len(self.entries)

    def joules(self, operation, count=1):
        """Energy of `count` operations or accesses, in joules."""
        return count * self[operation].picojoules * 1e-12

    def with_entries(self, name, **picojoules):
        """The same table under another name with some entries replaced: `with_entries("cheap DRAM", **{"DRAM 32b": 64})`."""
        for operation in picojoules:
            self[operation]  # a name that is not there is an error, not a new entry
        changed = {
            operation: Energy(pj, self[operation].bits, f"set by hand in {name}", False)
            for operation, pj in picojoules.items()
        }
        return EnergyTable(name, {**self.entries, **changed})


_HOROWITZ = "Horowitz, ISSCC 2014, 45 nm, 0.9 V"
_EIE_TABLE_1 = "Han et al., EIE, ISCA 2016, Table I, 45 nm (after Horowitz, ISSCC 2014)"

HOROWITZ_45NM = EnergyTable(
    "Horowitz 45 nm",
    {
        "int8 add": Energy(0.03, 8, _HOROWITZ),
        "int16 add": Energy(
            0.053, 16, "interpolated: an adder grows with its bits, from int8 and int32", False
        ),
        "int32 add": Energy(0.1, 32, _HOROWITZ),
        "int8 mult": Energy(0.2, 8, _HOROWITZ),
        "int16 mult": Energy(
            0.79, 16, "interpolated: a multiplier grows with its bits squared, int8 to int32", False
        ),
        "int32 mult": Energy(3.1, 32, _HOROWITZ),
        "fp16 add": Energy(0.4, 16, _HOROWITZ),
        "fp32 add": Energy(0.9, 32, _HOROWITZ),
        "fp16 mult": Energy(1.1, 16, _HOROWITZ),
        "fp32 mult": Energy(3.7, 32, _HOROWITZ),
        "SRAM 8KB 64b": Energy(10, 64, _HOROWITZ),
        "SRAM 32KB 32b": Energy(5, 32, _EIE_TABLE_1),
        "SRAM 32KB 64b": Energy(20, 64, _HOROWITZ),
        "SRAM 1MB 64b": Energy(100, 64, _HOROWITZ),
        "DRAM 32b": Energy(640, 32, _EIE_TABLE_1),
        "DRAM 64b": Energy(1300, 64, f"{_HOROWITZ}: the lower end of 1300 to 2600 pJ"),
    },
)


def layer_energy(layer, table=HOROWITZ_45NM, number="fp32", memory="DRAM 32b", bits=32):
    """Energy of a layer or network whose numbers all come from one memory.

    Parameters
    ----------
    layer : MatMul, Conv2d or Network
    table : EnergyTable
    number : str, the kind of number that is multiplied and added: "fp32", "fp16", "int8", ...
    memory : str, the entry of the table for an access; each number crosses once, as `layer.bytes` counts.
    bits : int, bits of a stored number

    Returns
    -------
    dict of part -> joules: "multiply", "add", "parameters", "activations"
    """
    accesses_per_element = bits / table[memory].bits
    activations = layer.input_elements + layer.output_elements
    return {
        "multiply": table.joules(f"{number} mult", layer.macs),
        "add": table.joules(f"{number} add", layer.macs),
        "parameters": table.joules(memory, layer.params * accesses_per_element),
        "activations": table.joules(memory, activations * accesses_per_element),
    }
