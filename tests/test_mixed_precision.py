"""Mixed precision: formats equal to torch's, a loss scale that behaves as GradScaler, training that skips."""

import math
from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from effdl import models
from effdl.data import Split
from effdl.train import checkpointing
from effdl.train import mixed_precision as mixed
from hwsim.formats import BF16, FP8_E4M3, FP8_E5M2, FP16, Float

DTYPES = {
    FP16: (torch.float16, torch.uint16),
    BF16: (torch.bfloat16, torch.uint16),
    FP8_E4M3: (torch.float8_e4m3fn, torch.uint8),
    FP8_E5M2: (torch.float8_e5m2, torch.uint8),
}
formats = pytest.mark.parametrize(
    "number", DTYPES, ids=lambda number: f"E{number.exponent}M{number.mantissa}"
)


@pytest.fixture(scope="module")
def train():
    random = torch.Generator().manual_seed(1)
    return Split(torch.rand(96, 1, 8, 8, generator=random), torch.randint(10, (96,), generator=random))


def same(a, b):
    """Equal, with NaN equal to NaN and the sign of zero."""
    return (
        torch.equal(a.isnan(), b.isnan())
        and torch.equal(a.nan_to_num(), b.nan_to_num())
        and torch.equal(torch.signbit(a) & ~a.isnan(), torch.signbit(b) & ~b.isnan())
    )


@formats
def test_every_code_is_torchs_number(number):
    dtype, integers = DTYPES[number]
    codes = torch.arange(2**number.bits)
    assert same(mixed.from_bits(codes, number), codes.to(integers).view(dtype).double())


@formats
def test_rounding_is_torchs_cast_and_the_simulators(number):
    random = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, generator=random) * 2.0 ** torch.randint(-140, 120, (20_000,), generator=random)
    border = torch.tensor([*mixed.limits(number), number.largest, number.smallest, 0.0, math.inf, math.nan])
    halves = mixed.from_bits(torch.arange(2 ** (number.bits - 1) - 2**number.mantissa - 1), number)
    halves = ((halves[1:] + halves[:-1]) / 2).float()  # ties, exact in fp32
    x = torch.cat([x, border, -border, halves, -halves])
    ours = mixed.round_to(x, number)
    assert ours.dtype == x.dtype
    assert same(ours, x.to(DTYPES[number][0]).float())
    assert same(ours, torch.from_numpy(number.quantize(x.numpy())))


@formats
def test_limits_are_where_rounding_changes(number):
    lost, normal, kept = mixed.limits(number)
    up = math.nextafter
    values = torch.tensor([lost, up(lost, 1), kept, up(kept, math.inf)], dtype=torch.float64)
    below, above, largest, beyond = mixed.round_to(values, number).tolist()
    assert (below, above, largest) == (0, number.smallest, number.largest)
    assert normal == number.smallest_normal
    assert beyond == (math.inf if number.infinities else number.largest)


def test_a_format_without_infinities_that_does_not_saturate():
    number = Float(4, 3, infinities=False)
    assert mixed.round_to(torch.tensor([465.0, 464.0]), number).nan_to_num(nan=-1).tolist() == [-1, 448]


def test_running_sums_stop_growing():
    ones = torch.ones(3000, 2)
    assert mixed.running_sum(ones, FP16).tolist() == [2048, 2048]  # 2049 lies between two numbers
    assert mixed.running_sum(ones, BF16).tolist() == [256, 256]
    assert mixed.running_sum(ones[:5], FP8_E4M3).tolist() == [5, 5]


def test_emulated_networks_round_weights_outputs_and_gradients():
    model = nn.Sequential(nn.Linear(3, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.1, 0.2, 0.3], [1.0, 1.1, 1.2]]))
        model[0].bias.zero_()
    emulated = mixed.emulate(model, BF16, FP8_E5M2)
    x = torch.tensor([[1.0, 2.003, 0.5]])
    out = emulated(x)
    weight = model[0].weight.detach()
    expected = mixed.round_to(mixed.round_to(x, BF16) @ mixed.round_to(weight, BF16).T, BF16)
    assert torch.equal(out, expected)
    (out * torch.tensor([[0.3, 0.7]])).sum().backward()
    master = emulated[0].parametrizations.weight.original
    assert torch.equal(master.detach(), weight)  # not rounded
    upstream = mixed.round_to(torch.tensor([[0.3, 0.7]]), FP8_E5M2)
    assert torch.equal(master.grad, mixed.round_to(upstream.T @ mixed.round_to(x, BF16), FP8_E5M2))
    assert not hasattr(model[0], "parametrizations")  # the given network is left as it is


@given(
    st.lists(st.sampled_from(["fine", "fine", "fine", "inf", "nan"]), max_size=25),
    st.integers(1, 4),
    st.integers(-3, 127),
)
def test_the_loss_scale_is_that_of_grad_scaler(outcomes, interval, power):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**power, growth_interval=interval)
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    ours, weight = mixed.LossScale(2.0**power), 0.0
    for outcome in outcomes:
        scaler.scale(torch.ones(()))  # sets the scaler up
        parameter.grad = torch.tensor([float(outcome) if outcome != "fine" else 2.0**-140, 1.0])
        scaler.step(optimizer)
        scaler.update()
        model = nn.ParameterList([nn.Parameter(torch.zeros(2))])
        model[0].grad = torch.tensor([float(outcome) if outcome != "fine" else 2.0**-140, 1.0])
        finite = mixed.unscale(model, ours.scale)
        weight -= model[0].grad[1].item() if finite else 0.0
        ours = mixed.next_scale(ours, finite, interval=interval)
        assert ours.scale == scaler.get_scale()
        assert ours.steps == scaler._get_growth_tracker()
        assert parameter[1].item() == pytest.approx(weight)


def test_the_defaults_are_those_of_grad_scaler():
    state = torch.amp.GradScaler("cpu").state_dict()
    assert state["scale"] == mixed.LossScale().scale
    names = {"growth": "growth_factor", "backoff": "backoff_factor", "interval": "growth_interval"}
    defaults = mixed.next_scale.__defaults__
    assert dict(zip(names, defaults, strict=True)) == {ours: state[theirs] for ours, theirs in names.items()}


def test_a_loss_scale_refuses():
    for settings in ({"growth": 1.0}, {"backoff": 1.0}, {"backoff": 0.0}, {"interval": 0}):
        with pytest.raises(ValueError, match="must be"):
            mixed.next_scale(mixed.LossScale(), True, **settings)


def test_plain_training_is_torch_adam(train):
    model, reference = models.mlp(), models.mlp()
    steps = mixed.train_mixed(model, train, epochs=2, lr=1e-3, batch_size=32, scale=2.0**10)
    optimizer = torch.optim.Adam(reference.parameters(), lr=1e-3, eps=1e-20)
    order = torch.Generator().manual_seed(0)
    for batch in (b for _ in range(2) for b in torch.randperm(96, generator=order).split(32)):
        optimizer.zero_grad()
        F.cross_entropy(reference(train.inputs[batch]), train.labels[batch]).backward()
        optimizer.step()
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(
            ours, theirs, rtol=1e-4, atol=1e-6
        )  # a power of two changes no bits, tiny ones aside
    assert len(steps.loss) == 6
    assert set(steps.scale) == {2.0**10}


@pytest.mark.parametrize("autocast", [torch.float16, torch.bfloat16])
def test_autocast_keeps_fp32_weights_and_is_near(train, autocast):
    model, reference = models.mlp(), models.mlp()
    mixed.train_mixed(model, train, epochs=1, lr=1e-3, autocast=autocast, scale=1024.0)
    mixed.train_mixed(reference, train, epochs=1, lr=1e-3)
    assert model.fc1.weight.dtype == torch.float32
    assert not torch.equal(model.fc1.weight, reference.fc1.weight)
    assert (model.fc1.weight - reference.fc1.weight).abs().max() < 5e-3


def test_a_scale_that_is_too_large_skips_and_falls(train):
    model, before = models.mlp(), models.mlp()
    emulated = mixed.emulate(model, FP16, FP16)
    steps = mixed.train_mixed(emulated, train, epochs=1, lr=1e-3, batch_size=24, scale=2.0**40, interval=100)
    assert steps.skipped[0]
    for step in range(3):
        assert steps.scale[step + 1] == steps.scale[step] / (2 if steps.skipped[step] else 1)
    mixed.train_mixed(model, train, epochs=1, lr=1e-3, autocast=torch.float16, scale=2.0**60)
    assert all(map(torch.equal, model.parameters(), before.parameters()))  # every step was skipped


def test_without_master_weights_small_steps_vanish(train):
    model, before = models.mlp(), models.mlp()
    mixed.round_weights(model, BF16)
    mixed.round_weights(before, BF16)
    mixed.train_mixed(model, train, epochs=1, lr=1e-6, store=BF16)
    large = before.fc1.weight.detach().abs() > 2.0**-8  # their neighbors are 2^-16 away and more
    assert torch.equal(model.fc1.weight[large], before.fc1.weight[large])
    assert not torch.equal(model.fc1.bias, before.fc1.bias) or not torch.equal(
        model.fc1.weight, before.fc1.weight
    )


def test_codes_out_of_range_and_narrow_dtypes():
    assert mixed.from_bits(torch.tensor([8], dtype=torch.uint8), FP8_E4M3).tolist() == [2.0**-6]
    for codes in ([-1], [2**16]):
        with pytest.raises(ValueError, match="from 0 to 65535"):
            mixed.from_bits(torch.tensor(codes), FP16)
    assert mixed.from_bits(torch.tensor([], dtype=torch.long), FP16).shape == (0,)


def test_rounding_and_sums_refuse_what_they_cannot_hold():
    for dtype in (torch.float16, torch.int64):
        with pytest.raises(ValueError, match="takes float32 or float64"):
            mixed.round_to(torch.ones(2).to(dtype), BF16)
    assert mixed.running_sum(torch.zeros(0, 3), FP16).tolist() == [0, 0, 0]


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_senseless_loss_scale_is_refused(scale):
    model = models.mlp(0, (3,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="above 0 and finite"):
        mixed.mixed_step(model, optimizer, torch.rand(2, 1, 8, 8), torch.tensor([0, 1]), scale)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_checkpoints_pass_gradients_on_and_run_again_under_the_same_autocast(dtype):
    with models.seeded(0):
        encoder, chain = nn.Linear(5, 6), nn.Sequential(*(nn.Linear(6, 6) for _ in range(4)))
        x = torch.randn(3, 5)
    found = []
    for run in (chain, lambda h: checkpointing.checkpointed(chain, h, 2)):
        encoder.zero_grad()
        chain.zero_grad()
        with torch.autocast("cpu", dtype=dtype) if dtype else nullcontext():
            out = run(encoder(x))
        out.float().square().sum().backward()
        found.append([p.grad.clone() for p in (*encoder.parameters(), *chain.parameters())])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
