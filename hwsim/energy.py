"""Energy for each operation and each memory access, every entry with its source.

A table is data: pass another `EnergyTable` to a machine to see which conclusions survive a change of technology. Every
machine charges its traffic by level, under the same names: "register" (in a processing element), "array" (from one to
its neighbor), "buffer" (the large memory on the chip) and "DRAM".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hwsim.workload import Conv2d, MatMul, Network, check_positive


@dataclass(frozen=True)
class Energy:
    """One entry: the cost of one operation or one access, and where it is from.

    Parameters
    ----------
    picojoules : float, for one operation or access
    bits : int, of the numbers, or of what one access moves
    source : str
    published : bool, False for a number that was derived, not printed; `source` then says how.
    """

    picojoules: float
    bits: int
    source: str
    published: bool = True


@dataclass(frozen=True)
class EnergyTable(Mapping[str, Energy]):
    """Entries by name: `table["fp32 mult"].picojoules`; `table.joules("fp32 mult", count)`.

    Parameters
    ----------
    name : str
    entries : dict of operation -> Energy
    levels : dict of level -> (entry, times): what the machines' levels and their MAC ("mac") cost in this table: an access
        costs `times` the entry, in proportion to its bits.

    Examples
    --------
    >>> HOROWITZ_45NM["DRAM 32b"].picojoules, HOROWITZ_45NM["int8 mult"].picojoules
    (640, 0.2)
    >>> cheap = HOROWITZ_45NM.with_entries("cheap DRAM", **{"DRAM 32b": 64})
    >>> [f"{table.access('DRAM', 1e6) * 1e6:.2f} uJ" for table in (HOROWITZ_45NM, cheap)]
    ['160.00 uJ', '16.00 uJ']
    """

    name: str
    entries: Mapping[str, Energy] = field(repr=False)
    levels: Mapping[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    def __getitem__(self, operation: str) -> Energy:
        """Find an entry; KeyError lists the names there are."""
        if operation not in self.entries:
            raise KeyError(f"{self.name} has no entry {operation!r}, only {', '.join(self.entries)}")
        return self.entries[operation]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.entries)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self.entries)

    def __hash__(self) -> int:
        """Hash the name, so that a machine that has a table can be a key."""
        return hash(self.name)

    def joules(self, operation: str, count: float = 1) -> float:
        """Energy of `count` operations or accesses, in joules."""
        return count * self[operation].picojoules * 1e-12

    def mac(self, number: str) -> float:
        """Joules of one multiply-accumulate on numbers of this kind ("int8", "fp16", ...).

        An integer of a width that the table does not have costs as the next wider one, or else the widest: the
        multiplier in proportion to its bits squared, the adder to its bits. A floating-point number that the table does not
        have costs as its entry for "mac", whatever its bits. ValueError for what is no number.
        """
        if {f"{number} mult", f"{number} add"} <= set(self.entries):
            return self.joules(f"{number} mult") + self.joules(f"{number} add")
        kind, digits = number.rstrip("0123456789"), number.lstrip("abcdefghijklmnopqrstuvwxyz")
        if kind not in ("int", "fp", "bf", "tf") or not digits:
            raise ValueError(f"a number is named as int8, fp16 or bf16, got {number!r}")
        entry, times = self._level("mac")
        if kind != "int":
            return self.joules(entry, times)
        bits = int(digits)
        widths = sorted(self[name].bits for name in self.entries if name.startswith("int") and "mult" in name)
        if not widths:
            return self.joules(entry, times * (bits / self[entry].bits) ** 2)
        width = next((wider for wider in widths if wider >= bits), widths[-1])
        multiply, add = self.joules(f"int{width} mult"), self.joules(f"int{width} add")
        return multiply * (bits / width) ** 2 + add * bits / width

    def access(self, level: str, size: float) -> float:
        """Joules for `size` bytes read from or written to a level; KeyError lists the levels there are."""
        entry, times = self._level(level)
        return self.joules(entry, times * size * 8 / self[entry].bits)

    def charge(self, macs: float, number: str, traffic: Mapping[str, float]) -> dict[str, float]:
        """Joules of a run by part: "mac" for `macs` MACs on this kind of number, and each level for its bytes."""
        memory = {level: self.access(level, size) for level, size in traffic.items()}
        return {**memory, "mac": macs * self.mac(number)}

    def with_entries(self, name: str, **picojoules: float) -> "EnergyTable":
        """The same table under another name with some entries replaced: `with_entries("cheap DRAM", **{"DRAM 32b": 64})`."""
        for operation in picojoules:
            self[operation]  # a name that is not there is an error, not a new entry
        check_positive(name, **picojoules)
        changed = {
            operation: Energy(pj, self[operation].bits, f"set by hand in {name}", False)
            for operation, pj in picojoules.items()
        }
        return EnergyTable(name, {**self.entries, **changed}, self.levels)

    def _level(self, level: str) -> tuple[str, float]:
        if level not in self.levels:
            raise KeyError(
                f"{self.name} does not say what {level!r} costs, only {', '.join(self.levels) or 'nothing by level'}: "
                "give it levels"
            )
        return self.levels[level]


_HOROWITZ = "Horowitz, ISSCC 2014, 45 nm, 0.9 V"
_EIE_TABLE_1 = "Han et al., EIE, ISCA 2016, Table I, 45 nm (after Horowitz, ISSCC 2014)"

#: Horowitz, ISSCC 2014, 45 nm; with entries of EIE's Table I and two interpolated ones. For most machines the default.
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
    # It has no register file: that and the way to a neighbor cost the share of a buffer that they do in Eyeriss' table.
    levels={
        "mac": ("int16 mult", 1),
        "register": ("SRAM 32KB 64b", 1 / 6),
        "array": ("SRAM 32KB 64b", 1 / 3),
        "buffer": ("SRAM 32KB 64b", 1),
        "DRAM": ("DRAM 32b", 1),
    },
)

#: The energies that EIE's paper prints in its Table I, after Horowitz.
EIE_TABLE_I = EnergyTable(
    "EIE Table I",
    {
        "int32 add": Energy(0.1, 32, _EIE_TABLE_1),
        "fp32 add": Energy(0.9, 32, _EIE_TABLE_1),
        "int32 mult": Energy(3.1, 32, _EIE_TABLE_1),
        "fp32 mult": Energy(3.7, 32, _EIE_TABLE_1),
        "SRAM 32KB 32b": Energy(5, 32, _EIE_TABLE_1),
        "DRAM 32b": Energy(640, 32, _EIE_TABLE_1),
    },
    levels={  # as above
        "mac": ("int32 mult", 1),
        "register": ("SRAM 32KB 32b", 1 / 6),
        "array": ("SRAM 32KB 32b", 1 / 3),
        "buffer": ("SRAM 32KB 32b", 1),
        "DRAM": ("DRAM 32b", 1),
    },
)

_EYERISS = (
    "Chen, Emer, Sze, Eyeriss, ISCA 2016, Table IV, 65 nm: relative to a 16-bit MAC, which stands as 1 pJ"
)

#: Costs relative to a 16-bit MAC, which stands as 1 pJ: Chen, Emer, Sze, ISCA 2016, Table IV.
EYERISS_RELATIVE = EnergyTable(
    "Eyeriss, relative (a MAC as 1 pJ)",
    {
        level: Energy(cost, 16, _EYERISS)
        for level, cost in {"mac": 1, "register": 1, "array": 2, "buffer": 6, "DRAM": 200}.items()
    },
    levels={level: (level, 1) for level in ("mac", "register", "array", "buffer", "DRAM")},
)


def layer_energy(
    layer: MatMul | Conv2d | Network,
    table: EnergyTable = HOROWITZ_45NM,
    number: str = "fp32",
    memory: str = "DRAM 32b",
    bits: int = 32,
) -> dict[str, float]:
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

    Raises
    ------
    KeyError
        When the table has no such number or memory.

    Examples
    --------
    >>> from hwsim import networks
    >>> energy = layer_energy(networks.lenet_300_100())
    >>> {part: f"{joules * 1e6:.1f} uJ" for part, joules in energy.items()}
    {'multiply': '1.0 uJ', 'add': '0.2 uJ', 'parameters': '170.6 uJ', 'activations': '1.0 uJ'}
    """
    accesses_per_element = bits / table[memory].bits
    activations = layer.input_elements + layer.output_elements
    return {
        "multiply": table.joules(f"{number} mult", layer.macs),
        "add": table.joules(f"{number} add", layer.macs),
        "parameters": table.joules(memory, layer.params * accesses_per_element),
        "activations": table.joules(memory, activations * accesses_per_element),
    }
