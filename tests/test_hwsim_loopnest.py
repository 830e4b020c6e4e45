"""Loop nests: equal to Timeloop's counts, and to a walk through all loops that keeps track of every tile."""

import csv
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import Conv2d, Energy, EnergyTable, Level, LoopNest, MatMul, Network, Spatial
from hwsim.loopnest import SLIDES, TENSORS, TOUCHES
from tools.validate import TIMELOOP_LAYER as LAYER
from tools.validate import TIMELOOP_NESTS as NESTS

with (Path(__file__).parent / "reference" / "timeloop_loopnests.csv").open() as file:
    ROWS = list(csv.DictReader(file))


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['design']}-{r['level']}-{r['dataspace']}")
def test_equals_timeloop(row):
    nest = NESTS[row["design"]]
    key = row["level"], row["dataspace"].lower()
    accesses = nest.counts(LAYER)[key]
    expected = tuple(
        int(row[k]) for k in ["reads_per_inst", "fills_per_inst", "updates_per_inst", "util_instances"]
    )
    assert accesses == expected
    assert LAYER.macs == int(row["macs"])
    assert nest.cycles == int(row["net_cycles"])
    per_access = float(row["pJ_per_scalar"])
    table = EnergyTable("Timeloop", {level.name: Energy(per_access, 16, "the row") for level in nest.levels})
    rounding = accesses.total * 0.005e-12  # the row prints two decimals of the picojoules
    joules = nest.energy(LAYER, table)[key]
    assert joules == pytest.approx(float(row["energy_total_pJ"]) * 1e-12, abs=rounding)


def test_every_row_is_there():
    for design, nest in NESTS.items():
        rows = {(r["level"], r["dataspace"].lower()) for r in ROWS if r["design"] == design}
        assert set(nest.counts(LAYER)) == rows


def walk(nest, layer, tensor):
    """Step through every loop; return reads, fills and updates of each keeper, which all its instances must share."""
    loops, position, keepers = [], 0, []
    for part in nest.parts:
        if isinstance(part, Level) and tensor in part.keeps:
            keepers.append((part.name, position))
        loops += [(dim, bound, isinstance(part, Spatial)) for dim, bound in part.loops]
        position = len(loops)
    steps = []
    for i, (dim, _, _) in enumerate(loops):
        steps.append(1)
        for other, bound, _ in loops[i + 1 :]:
            steps[i] *= bound if other == dim else 1
    touching = [dim in TOUCHES[tensor] for dim, _, _ in loops]
    stride = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2

    def element(turns):
        index = dict.fromkeys("NMCPQRS", 0)
        for (dim, _, _), turn, step in zip(loops, turns, steps, strict=True):
            index[dim] += turn * step
        if tensor == "inputs":
            row, column = index["P"] * stride[0] + index["R"], index["Q"] * stride[1] + index["S"]
            return index["N"], index["C"], row, column
        return tuple(index[dim] for dim in TOUCHES[tensor])

    def turns_of(part, spatial):
        return [range(b) if s == spatial else [0] for _, b, s in part]

    def merge(time, space):
        return tuple(s if loop[2] else t for loop, t, s in zip(loops, time, space, strict=False))

    def instance(turns, start):
        return tuple(t for t, loop in zip(turns[:start], loops, strict=False) if loop[2])

    def shared(turns):  # instances with the same of this are served by one read and joined into one update
        return tuple(t for t, touch in zip(turns, touching, strict=False) if touch)

    counts = {name: {} for name, _ in keepers}  # name -> instance -> [reads, fills, updates]
    for above, (name, start) in zip([None, *keepers], [*keepers, ("mac", len(loops))], strict=True):
        held, seen = {}, {}
        tile_loops = loops[start:]
        for time in product(*turns_of(loops[:start], False)):
            served = set()
            for space in product(*turns_of(loops[:start], True)):
                turns = merge(time, space)
                me, key = instance(turns, start), shared(turns)
                tile = {element(turns + inner) for inner in product(*[range(b) for _, b, _ in tile_loops])}
                mine = counts.get(name, {}).setdefault(me, [0, 0, 0])
                last_turns, last_key, last_tile = held.get(me, (None, None, set()))
                if name != "mac" and key == last_key:
                    continue
                held[me] = turns, key, tile
                if above is None:
                    continue
                new = tile
                running = [i for i in range(start) if loops[i][1] > 1 and not loops[i][2]]
                if (
                    tensor == "inputs"
                    and running
                    and loops[running[-1]][0] in SLIDES
                    and last_turns
                    and name != "mac"
                ):
                    moved = [i for i in range(start) if turns[i] != last_turns[i]]
                    if moved == running[-1:]:
                        new = tile - last_tile
                old = len(tile & seen.setdefault(me, set()))
                seen[me] |= tile
                fill = old if tensor == "outputs" else len(new)
                mine[1] += fill
                parent_instance = instance(turns, above[1])
                parent = counts[above[0]].setdefault(parent_instance, [0, 0, 0])
                if (parent_instance, key) not in served:
                    served.add((parent_instance, key))
                    parent[0] += fill
                    parent[2] += len(tile) if tensor == "outputs" else 0
    result = {}
    for name, start in keepers:
        per_instance = {tuple(c) for c in counts[name].values()}
        assert len(per_instance) == 1, "the instances differ"
        instances = len(counts[name])
        assert start or instances == 1
        result[name, tensor] = (*per_instance.pop(), instances)
    return result


@st.composite
def nests(draw):
    loops = draw(st.lists(st.tuples(st.sampled_from("NMCPQRS"), st.integers(1, 3)), max_size=7))
    cuts = sorted(draw(st.lists(st.integers(0, len(loops)), min_size=3, max_size=3)))
    pieces = [loops[a:b] for a, b in zip([0, *cuts], [*cuts, len(loops)], strict=True)]
    parts = [Level("outermost", TENSORS, pieces[0])]
    for i, piece in enumerate(pieces[1:]):
        if draw(st.booleans()):
            parts.append(Spatial(piece))
        else:
            parts.append(Level(f"level {i}", draw(st.sets(st.sampled_from(TENSORS))), piece))
    size = dict.fromkeys("NMCPQRS", 1)
    for dim, bound in loops:
        size[dim] *= bound
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    layer = Conv2d(
        "conv",
        size["C"],
        size["M"],
        (size["P"] - 1) * stride[0] + size["R"],
        (size["Q"] - 1) * stride[1] + size["S"],
        (size["R"], size["S"]),
        stride,
        batch=size["N"],
    )
    return LoopNest(parts), layer


@settings(deadline=None, max_examples=300)
@given(nests())
def test_equals_a_walk_through_all_loops(case):
    nest, layer = case
    counts = nest.counts(layer)
    walked = {}
    for tensor in TENSORS:
        walked |= walk(nest, layer, tensor)
    assert counts == walked


def test_halo_of_a_sliding_window():
    """Three rows of kernel over five rows of input: the first tile is three rows, each of the next adds one."""
    layer = Conv2d("conv", 1, 1, 5, 4, (3, 1))
    inner = Level("buffer", ("inputs",), [("R", 3), ("Q", 4)])
    sliding = LoopNest([Level("DRAM", TENSORS, [("P", 3)]), inner])
    assert sliding.counts(layer)["buffer", "inputs"].fills == (3 + 1 + 1) * 4
    interrupted = LoopNest(
        [
            Level("DRAM", TENSORS, [("P", 3), ("M", 2)]),
            inner,
        ]
    )
    twice = Conv2d("conv", 1, 2, 5, 4, (3, 1))
    assert interrupted.counts(twice)["buffer", "inputs"].fills == 3 * 3 * 4
    jump = Conv2d("conv", 1, 1, 11, 4, (3, 1), stride=(4, 1))  # rows 3 and 7 are never used
    assert sliding.counts(jump)["buffer", "inputs"].fills == 3 * 3 * 4


def test_matmul_and_energy():
    layer = MatMul("fc", m=4, k=6, n=10)
    nest = LoopNest(
        [
            Level("DRAM", TENSORS, [("C", 6), ("M", 10)], entry="DRAM 32b"),
            Level("register", ("weights",), [("N", 4)]),
        ]
    )
    counts = nest.counts(layer)
    assert counts["register", "weights"] == (240, 60, 0, 1)
    assert counts["DRAM", "outputs"] == (200, 0, 240, 1)
    table = EnergyTable(
        "mine", {"DRAM 32b": Energy(640, 32, ""), "register": Energy(1, 16, ""), "mac": Energy(2, 16, "")}
    )
    energy = nest.energy(layer, table, bits=8, mac="mac")
    assert energy["DRAM", "weights"] == pytest.approx(60 * 640e-12 / 4)
    assert energy["register", "weights"] == pytest.approx(300e-12 / 2)
    assert energy["mac", ""] == pytest.approx(480e-12)
    assert ("mac", "") not in nest.energy(layer, table)
    with pytest.raises(KeyError, match="no entry 'mul'"):
        nest.energy(layer, table, mac="mul")


def test_nests_that_do_not_cover_the_layer_are_refused():
    nest = LoopNest(
        [Level("DRAM", TENSORS, [("M", 32), ("C", 3), ("P", 112), ("R", 3)]), Spatial([("Q", 128)])]
    )
    message = (
        r"does not cover conv1: Q \(output columns\) covers 128 of 112; S \(kernel columns\) covers 1 of 3\."
    )
    with pytest.raises(ValueError, match=message):
        nest.counts(LAYER)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LoopNest([]), "missing: weights, inputs, outputs"),
        (lambda: LoopNest([Spatial([("M", 2)])]), "outermost part of a nest is a Level"),
        (lambda: LoopNest([Level("DRAM", ("inputs", "outputs"))]), "missing: weights$"),
        (lambda: LoopNest([Level("a", TENSORS), Level("a", ())]), "same name among a, a"),
        (
            lambda: Level("a", ("weight",)),
            r"keeps names each of weights, inputs, outputs .* got \('weight',\)",
        ),
        (lambda: Level("a", ("inputs", "inputs")), "at most once"),
        (lambda: Level("a", (), [("K", 2)]), "a: a loop runs over one of N, M, C, P, Q, R, S, not 'K'"),
        (lambda: Spatial([("M", 0)]), "Spatial: the bound of M must be an integer of at least 1, got 0"),
        (lambda: NESTS["eyeriss_like"].counts(MatMul("fc", 1, 2, 3, groups=2)), "groups=1 and steps=1"),
        (lambda: NESTS["eyeriss_like"].counts(Conv2d("dw", 4, 4, 9, 9, 3, groups=4)), "1/4 of the channels"),
        (lambda: NESTS["eyeriss_like"].counts(Network("n", [LAYER])), "one Conv2d or MatMul at a time"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_tensor_may_be_named_alone():
    assert Level("a", "inputs", [["M", 2]]) == Level("a", ("inputs",), (("M", 2),))
