"""The widget of a product in tiles without a browser: what it shows, what it hands over, what it refuses."""

import numpy as np
import pytest
import traitlets

from effdl.widgets import GemmTiles
from hwsim import MatMul, TensorCoreGPU

MACHINES = {
    "128 x 128": TensorCoreGPU(sms=4),
    "64 x 64": TensorCoreGPU(sms=4, tile=(64, 64, 32), warp=(32, 32)),
    "32 x 64": TensorCoreGPU(sms=4, tile=(32, 64, 32), warp=(32, 32)),
}


def widget(**options):
    return GemmTiles(MACHINES, [64, 200, 512], [64, 96, 320, 512], [32, 200], **options)


def test_by_hand():
    """200 x 320 in tiles of 128: 2 x 3 of them, 8 slots on four SMs."""
    shown = widget(m=200, n=320, k=200)
    now = shown.readout
    assert now.running == [[0, 2], [3, 5], [1], [4]]  # column by column
    assert (now.wave, now.chunk, now.done, now.tiles, now.slots) == (0, 0, 0, 6, 8)
    assert (now.waves, now.chunks) == (1, 7)
    shown.m, shown.n, shown.step = 512, 512, 9
    now = shown.readout
    assert (now.wave, now.chunk, now.done, now.tiles, now.slots) == (1, 2, 8, 16, 16)
    shown.step = 1000
    assert shown.readout.chunk == 6


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("n", [64, 96, 320, 512])
def test_every_tile_runs_once_and_the_numbers_are_the_reports(name, n):
    shown = widget(machine=name, m=512, n=n, k=200)
    report = MACHINES[name].run(MatMul("product", 512, 200, n))
    seen = []
    for wave in range(shown.readout.waves):
        shown.step = wave * shown.readout.chunks
        now = shown.readout
        assert now.done == len(seen)
        assert all(len(tiles) <= MACHINES[name].blocks for tiles in now.running)
        seen += [tile for tiles in now.running for tile in tiles]
    assert sorted(seen) == list(range(now.tiles))
    assert (now.tiles, now.waves, now.slots) == tuple(
        report.counts[c] for c in ("tiles", "waves", "tile slots")
    )
    assert (now.cycles, now.used) == (report.cycles, report.utilization)


def test_it_says_when_memory_sets_the_time():
    slow = GemmTiles({"slow": TensorCoreGPU(sms=4, bandwidth=1e9)}, [64], [64], [32])
    assert slow.readout.waits
    assert not widget(k=200).readout.waits


def test_the_summary():
    assert repr(widget(m=200, n=320, k=200)) == (
        "<GemmTiles: (200 x 200)(200 x 320) in tiles of 128 x 128: wave 1 of 1, 6 tiles in 8 slots, "
        f"14,336 cycles, {200 * 200 * 320 / (14336 * 4 * 512):.1%} used>"
    )


def test_what_it_hands_over():
    shown = widget()
    tiles = sum(
        int(np.ceil(m / gpu.tile[0]) * np.ceil(n / gpu.tile[1]))
        for gpu in MACHINES.values()
        for m in shown.ms
        for n in shown.ns
    )
    assert len(shown.orders) == 4 * tiles
    assert len(shown.times) == 8 * 3 * 3 * 3 * 4 * 2


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one machine at least"):
        GemmTiles({}, [64], [64], [32])
    with pytest.raises(ValueError, match="one n at least"):
        GemmTiles(MACHINES, [64], [], [32])
    with pytest.raises(ValueError, match="as many SMs"):
        GemmTiles({"a": TensorCoreGPU(sms=4), "b": TensorCoreGPU(sms=5)}, [64], [64], [32])
    with pytest.raises(ValueError, match="unknown m 65"):
        widget(m=65)
    with pytest.raises(ValueError, match="at most 256 are drawn"):
        GemmTiles(MACHINES, [2048], [2048], [32])
    shown = widget()
    for name, value in (("machine", "none"), ("m", 3), ("n", 3), ("k", 3)):
        with pytest.raises(traitlets.TraitError, match="must be one of"):
            setattr(shown, name, value)
