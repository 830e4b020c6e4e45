"""A small convolution, one step of its loop nest at a time: what each memory holds, reads and writes."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, known, module, pack, significant
from hwsim.energy import EYERISS_RELATIVE
from hwsim.loopnest import TENSORS
from hwsim.nest_walk import keepers, operands, sizes_of, walk_nest

KINDS = ("read", "fill", "update")
MOST_SHOWN = 200_000  # steps times numbers of the layer: more is too long to be looked at


class Readout(NamedTuple):
    """What has happened after some steps, and what happened in the last of them."""

    counts: list  # for each level [reads, fills, updates] so far
    energy: list  # for each level, and last the MACs, in the table's picojoules
    touched: list  # [level, tensor, kind, element, instance] of the last step, as numbers
    turns: list  # the index of each loop in the last step; -1 for a loop in space, and before the first step
    sums: list  # for each level the outputs, as they were last written there


class Plan(NamedTuple):
    """All that the browser needs of one nest, in arrays."""

    nest: object
    events: np.ndarray  # (accesses, 6): step, level, tensor, kind, element, instance
    used: np.ndarray  # (3, steps, MACs at once): elements
    held: np.ndarray  # (levels, steps, elements of the three tensors): instances that hold the element


def plan_of(nest, layer) -> Plan:
    """Walk a nest and write down what the picture shows; ValueError when it is too long to be looked at."""
    sizes = sizes_of(nest.covered(layer))
    elements = sum(int(np.prod(size)) for size in sizes.values())
    if nest.cycles * elements > MOST_SHOWN:
        raise ValueError(
            f"{nest.cycles:,} steps over {elements:,} numbers are too many: take a smaller layer"
        )
    names = [level.name for level in nest.levels]
    events = [
        (a.step, names.index(a.level), TENSORS.index(a.tensor), KINDS.index(a.kind), a.element, a.instance)
        for a in walk_nest(nest, layer)
    ]
    used = operands(nest, layer)
    held = np.zeros((len(names), nest.cycles, elements), np.uint8)
    before = 0
    for tensor in TENSORS:
        for tiles in keepers(nest, tensor, used[tensor])[:-1]:
            turns, length, instances, _ = tiles.used.shape
            for turn, instance in np.ndindex(turns, instances):
                steps = slice(turn * length, (turn + 1) * length)
                there = np.unique(tiles.used[turn, :, instance])
                held[names.index(tiles.level), steps, before + there] += 1
        before += int(np.prod(sizes[tensor]))
    return Plan(nest, np.array(events), np.stack([used[tensor] for tensor in TENSORS]), held)


def at_step(plan: Plan, step: int, prices: list, weights: np.ndarray, inputs: np.ndarray, outputs: int):
    """Return what `step` steps have done; the browser module computes the same."""
    step = min(step, plan.nest.cycles)
    past = plan.events[plan.events[:, 0] < step]
    counts = [
        [int(((past[:, 1] == level) & (past[:, 3] == kind)).sum()) for kind in range(len(KINDS))]
        for level in range(len(plan.nest.levels))
    ]
    energy = [
        sum(three) * price
        for three, price in zip([*counts, [step * plan.used.shape[2]]], prices, strict=True)
    ]
    total, sums, written = [0.0] * outputs, [[0.0] * outputs for _ in counts], past[past[:, 2] == 2]
    for now, macs in enumerate(plan.used[:, :step].transpose(1, 2, 0).tolist()):
        for w, i, o in macs:
            total[o] += weights[w] * inputs[i]
        for _, level, _, kind, element, _ in written[written[:, 0] == now].tolist():
            if kind == KINDS.index("update"):
                sums[level][element] = total[element]
    turns, rest = [], step - 1
    for loop in reversed(plan.nest.loops):
        if loop.spatial or not step:
            turns.append(-1)
        else:
            rest, turn = divmod(rest, loop.bound)
            turns.append(turn)
    return Readout(counts, energy, past[past[:, 0] == step - 1][:, 1:].tolist(), turns[::-1], sums)


class LoopNestExplorer(Widget):
    """Step through the accesses of a small convolution, for a choice of loop nests.

    Parameters
    ----------
    nests : `{name: LoopNest}`, all for the same layer and with at most a few hundred steps.
    layer : Conv2d or MatMul
    weights, inputs : The numbers of the layer, of the sizes that `hwsim.nest_walk.sizes_of` names. Tensors are taken too.
    table : EnergyTable with an entry for each level and for "mac".
    nest, step : What is shown first. They follow the controls.

    Raises
    ------
    ValueError
        If there is no nest, the numbers are not of the layer's size or not finite, a nest does not cover the layer, or it
        has too many steps to be looked at.
    """

    _esm = module("common.js", "stepper.js", "loop_nest.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    nest = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)
    shapes = traitlets.List().tag(sync=True)  # of weights, inputs, outputs
    # for each nest its steps, MACs at once, accesses, levels and loops
    plans = traitlets.List().tag(sync=True)
    events = traitlets.Bytes().tag(sync=True)  # int32, of each nest
    used = traitlets.Bytes().tag(sync=True)  # int32
    held = traitlets.Bytes().tag(sync=True)  # uint8
    weights = traitlets.Bytes().tag(sync=True)  # float64
    inputs = traitlets.Bytes().tag(sync=True)  # float64

    def __init__(self, nests, layer, weights, inputs, *, table=EYERISS_RELATIVE, nest=None, **traits):
        """See the class."""
        nest = known(nest, list(nests), "nest")
        sizes = sizes_of(nests[nest].covered(layer))
        self._numbers = [array(weights, np.float64), array(inputs, np.float64)]
        for name, numbers in zip(TENSORS, self._numbers, strict=False):
            if numbers.shape != sizes[name]:
                raise ValueError(f"{name} must have the shape {sizes[name]}, not {numbers.shape}")
            if not np.isfinite(numbers).all():
                raise ValueError(f"{name} must be finite numbers")
        self._plans = {name: plan_of(one, layer) for name, one in nests.items()}
        self._table = table
        self._outputs = int(np.prod(sizes["outputs"]))
        super().__init__(
            names=list(nests),
            nest=nest,
            shapes=[list(sizes[tensor]) for tensor in TENSORS],
            plans=[self._description(plan) for plan in self._plans.values()],
            events=b"".join(pack(plan.events, "i4") for plan in self._plans.values()),
            used=b"".join(pack(plan.used, "i4") for plan in self._plans.values()),
            held=b"".join(pack(plan.held, "u1") for plan in self._plans.values()),
            weights=pack(self._numbers[0], "f8"),
            inputs=pack(self._numbers[1], "f8"),
            **traits,
        )

    def _price(self, entry):
        return self._table[entry].picojoules * 16 / self._table[entry].bits

    def _description(self, plan):
        """Of a nest: steps, MACs at once, accesses, levels (with the number of loops before each), loops, the MAC's price."""
        levels, start, instances = [], 0, 1
        for part in plan.nest.parts:
            if hasattr(part, "keeps"):
                keeps = [TENSORS.index(tensor) for tensor in part.keeps]
                levels.append([part.name, keeps, self._price(part.entry or part.name), start, instances])
            else:
                instances *= int(np.prod([bound for _, bound in part.loops]))
            start += len(part.loops)
        loops = [list(loop) for loop in plan.nest.loops]
        return [plan.nest.cycles, plan.used.shape[2], len(plan.events), levels, loops, self._price("mac")]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        plan = self._plans[self.nest]
        *_, levels, _, mac = self.plans[self.names.index(self.nest)]
        prices = [price for _, _, price, _, _ in levels] + [mac]
        weights, inputs = (numbers.ravel().tolist() for numbers in self._numbers)
        return at_step(plan, self.step, prices, weights, inputs, self._outputs)

    def summary(self) -> str:
        """Return the nest, the step, and the accesses and energy so far."""
        now, plan = self.readout, self._plans[self.nest]
        levels = ", ".join(
            f"{level.name} {sum(three)}" for level, three in zip(plan.nest.levels, now.counts, strict=True)
        )
        return (
            f"{self.nest}, {min(self.step, plan.nest.cycles)} of {plan.nest.cycles} steps; accesses: {levels}; "
            f"energy {significant(sum(now.energy))} pJ of {self._table.name}"
        )
