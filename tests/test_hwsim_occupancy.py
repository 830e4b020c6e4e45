"""Occupancy: the smallest of four divisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.occupancy import V100_SM, Multiprocessor, occupancy


def test_by_hand():
    full = occupancy(threads=256, registers=32, shared=0)
    assert (full.blocks, full.warps, full.share) == (8, 64, 1.0)
    assert full.limits == {"registers": 8, "warps": 8, "blocks": 32}
    one_more = occupancy(threads=256, registers=33, shared=0)  # 65536 / (33 * 256) = 7.8
    assert (one_more.blocks, one_more.limit) == (7, "registers")
    small = occupancy(threads=32, registers=16, shared=0)
    assert (small.blocks, small.share, small.limit) == (32, 0.5, "blocks")
    shared = occupancy(threads=64, registers=16, shared=40_000)
    assert (shared.blocks, shared.limit) == (2, "shared memory")
    assert occupancy(threads=33, registers=255, shared=0).warps == 2 * (
        65536 // (255 * 64)
    )  # two warps a block


@given(st.integers(1, 1024), st.integers(1, 64), st.integers(0, 98304))
def test_what_is_held_fits_and_one_more_would_not(threads, registers, shared):
    held, warps = occupancy(threads, registers, shared), -(-threads // 32)
    for blocks, fits in ((held.blocks, True), (held.blocks + 1, False)):
        used = blocks * warps * 32 * registers, blocks * shared, blocks * warps, blocks
        limits = V100_SM.registers, V100_SM.shared, V100_SM.warps, V100_SM.blocks
        assert all(u <= limit for u, limit in zip(used, limits, strict=True)) is fits
    assert held.warps == held.blocks * warps <= 64
    assert 0 < held.share <= 1
    assert held.limits[held.limit] == held.blocks


def test_another_multiprocessor():
    half = Multiprocessor(warps=32, registers=32768)
    assert occupancy(256, 32, 0, half).blocks == 4
    with pytest.raises(ValueError, match="warps must be an integer of at least 1"):
        Multiprocessor(warps=0)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ((0, 1, 0), "threads must be an integer of at least 1"),
        ((32, 0, 0), "registers must be"),
        ((32, 1, -1), "shared must be an integer of at least 0"),
        ((32, 256, 0), "at most 255 registers, got 256"),
        ((1024, 65, 0), "want of registers$"),
        ((1024, 65, 100_000), "want of registers, shared memory$"),
        ((1025, 1, 0), "at most 1024 threads, got 1025"),
    ],
)
def test_what_it_refuses(kernel, message):
    with pytest.raises(ValueError, match=message):
        occupancy(*kernel)
