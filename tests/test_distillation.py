"""Distillation: its losses by hand and beside PyTorch's, gradients and their limit, attention maps, the training loop."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from effdl import data, models
from effdl.train import distillation as kd
from effdl.training import evaluate, fit


def logits(seed, n=6, classes=4, scale=3.0):
    return scale * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_soften_by_hand():
    third = kd.soften(torch.tensor([0.0, 0.0, 0.0]), 5)
    assert third.tolist() == pytest.approx([1 / 3] * 3)
    e = torch.tensor([1.0, 2.0, 3.0]).div(2).exp()
    torch.testing.assert_close(kd.soften(torch.tensor([1.0, 2.0, 3.0]), 2), e / e.sum())
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be finite and above 0"):
            kd.soften(torch.ones(2), wrong)


@given(st.integers(0, 1000), st.floats(0.2, 30))
def test_the_soft_loss_is_pytorchs_divergence(seed, temperature):
    student, teacher = logits(seed), logits(seed + 1)
    theirs = F.kl_div(
        F.log_softmax(student / temperature, 1),
        F.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    ours = kd.soft_loss(student, teacher, temperature)
    torch.testing.assert_close(ours, temperature**2 * theirs)
    assert ours >= -1e-12
    assert abs(kd.soft_loss(teacher, teacher, temperature)) < 1e-12


def test_the_gradient_is_that_of_the_softened_probabilities():
    student, teacher, temperature = logits(1).requires_grad_(), logits(2).requires_grad_(), 3.0
    kd.soft_loss(student, teacher, temperature).backward()
    expected = (
        temperature * (kd.soften(student, temperature) - kd.soften(teacher, temperature)) / len(student)
    )
    torch.testing.assert_close(student.grad, expected.detach())
    assert teacher.grad is None


def test_at_a_high_temperature_the_logits_are_matched():
    student, teacher = (z - z.mean(1, keepdim=True) for z in (logits(3), logits(4)))
    student.requires_grad_()
    kd.soft_loss(student, teacher, 1e4).backward()
    torch.testing.assert_close(student.grad, (student - teacher).detach() / 4 / 6, rtol=1e-2, atol=1e-4)


def test_a_certain_teacher_gives_finite_numbers():
    student = torch.zeros(1, 2, requires_grad=True)
    loss = kd.soft_loss(student, torch.tensor([[1000.0, -1000.0]]), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.6931, abs=1e-4)
    assert torch.isfinite(student.grad).all()


def test_unlabelled_examples_count_nothing_in_the_hard_loss():
    z, labels = logits(5), torch.tensor([0, -1, 3, -1, 2, 1])
    torch.testing.assert_close(kd.hard_loss(z, labels), F.cross_entropy(z[labels >= 0], labels[labels >= 0]))
    none = torch.full((6,), kd.UNLABELLED)
    assert kd.hard_loss(z, none) == 0
    torch.testing.assert_close(
        kd.distillation_loss(z, logits(6), none, 2.0, 1.0), kd.soft_loss(z, logits(6), 2.0)
    )


def test_the_losses_are_weighed():
    z, teacher, labels = logits(7), logits(8), torch.arange(6) % 4
    hard, soft = F.cross_entropy(z, labels), kd.soft_loss(z, teacher, 2.0)
    torch.testing.assert_close(kd.distillation_loss(z, teacher, labels, 2.0, 0.25), 0.75 * hard + 0.25 * soft)
    torch.testing.assert_close(kd.distillation_loss(z, teacher, labels, 2.0, 0), hard)
    pair = (torch.rand(6, 2, 3, 3), torch.rand(6, 5, 3, 3))
    three = kd.three_term_loss(z, teacher, labels, [pair, pair], 2.0, (1, 2, 3))
    torch.testing.assert_close(three, hard + 2 * soft + 3 * kd.attention_loss(*pair), check_dtype=False)


def test_a_high_temperature_does_not_cancel_in_float32():
    student, teacher = logits(1).float(), logits(2).float()
    exact = kd.soft_loss(student.double(), teacher.double(), 1e4)
    torch.testing.assert_close(kd.soft_loss(student, teacher, 1e4).double(), exact, rtol=1e-5, atol=0)


@given(st.integers(0, 1000), st.sampled_from([1e-15, 1e-7, 0.1, 3.0, 1e15]))
def test_attention_maps_have_length_one_whatever_the_scale(seed, scale):
    features = torch.randn(3, 4, 2, 5, generator=torch.Generator().manual_seed(seed))
    maps = kd.attention_map(features)
    assert maps.shape == (3, 10)
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(kd.attention_map(scale * features), maps)


def test_attention_by_hand():
    student = torch.tensor(
        [[[[3.0, 0.0]], [[0.0, 2.0]]]]
    )  # one example, two channels, 1 x 2: squares sum to 9 and 4
    teacher = torch.tensor([[[[0.0, 1.0]]]])
    expected = torch.tensor([[9.0, 4.0]]) / 97**0.5
    torch.testing.assert_close(kd.attention_map(student), expected)
    distance = ((expected - torch.tensor([[0.0, 1.0]])) ** 2).sum().sqrt()
    torch.testing.assert_close(kd.attention_loss(student, teacher), distance)
    same = torch.rand(2, 3, 4, 4, requires_grad=True)
    kd.attention_loss(same, same.detach()).backward()
    assert torch.isfinite(same.grad).all()
    assert kd.attention_map(torch.zeros(1, 2, 2, 2)).abs().sum() == 0


def test_hints_go_through_the_regressor():
    student, teacher, regressor = torch.rand(2, 3, 4, 4), torch.rand(2, 5, 4, 4), nn.Conv2d(3, 5, 1)
    loss = kd.hint_loss(student, teacher, regressor)
    torch.testing.assert_close(loss, (regressor(student) - teacher).square().mean() / 2)
    loss.backward()
    assert regressor.weight.grad is not None


def test_a_tap_keeps_what_layers_put_out():
    net, x = models.convnet(0, (2, 3)), torch.rand(5, 1, 8, 8)
    outputs = kd.tap(net, ["conv1", "relu2"])
    assert outputs == {}
    net(x)
    torch.testing.assert_close(outputs["conv1"], net.conv1(x))
    assert outputs["relu2"].shape == (5, 3, 4, 4)
    net(x[:2])
    assert len(outputs["relu2"]) == 2
    in_place = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    kept = kd.tap(in_place, ["0"])
    in_place(-torch.ones(1, 2))
    torch.testing.assert_close(kept["0"], in_place[0](-torch.ones(1, 2)))


def test_a_regressor_is_trained_along():
    train = data.load("digits").train.subset(20)
    net, regressor = models.convnet(0, (2, 3)), nn.Conv2d(3, 4, 1)
    before, outputs, hint = regressor.weight.clone(), kd.tap(net, ["relu2"]), torch.rand(20, 4, 4, 4)

    def loss(logits, batch):
        return kd.hint_loss(outputs["relu2"], hint[batch], regressor)

    fit(net, train, loss=loss, epochs=1, also=regressor.parameters(), progress=False)
    assert not torch.equal(regressor.weight, before)


def test_several_teachers_are_averaged():
    nets, x = [models.mlp(s, (5,)) for s in range(3)], torch.rand(4, 1, 8, 8)
    mean = kd.teach(nets, x)
    torch.testing.assert_close(mean, sum(net(x) for net in nets).detach() / 3)
    torch.testing.assert_close(kd.teach(nets[0], x), nets[0](x).detach())
    geometric = torch.stack([net(x).detach().softmax(1) for net in nets]).log().mean(0).softmax(1)
    torch.testing.assert_close(mean.softmax(1), geometric)


def test_labels_only_is_plain_training():
    train = data.load("digits").train.subset(150)
    ours, theirs = models.mlp(1, (10,)), models.mlp(1, (10,))
    settings = {"epochs": 3, "seed": 4, "progress": False}
    history = fit(ours, train, loss=lambda z, i: kd.hard_loss(z, train.labels[i]), **settings)
    assert history.loss == pytest.approx(fit(theirs, train, **settings).loss)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_student_learns_from_unlabelled_images():
    train, validation, _ = data.load("digits")
    teacher, student = models.mlp(0), models.mlp(1, (30,))
    fit(teacher, train, epochs=8, progress=False)
    targets = kd.teach(teacher, train.inputs)
    fit(student, train, loss=lambda z, i: kd.soft_loss(z, targets[i], 4.0), epochs=8, lr=3e-3, progress=False)
    assert evaluate(student, validation) > 0.85


def test_what_is_refused():
    z, labels = torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)
    for student, teacher in ((z, torch.zeros(2, 4)), (z[:0], z[:0])):
        with pytest.raises(ValueError, match="must have the same logits"):
            kd.soft_loss(student, teacher, 1.0)
    with pytest.raises(ValueError, match="classes from 0, or -1"):
        kd.hard_loss(z, torch.tensor([0, -100]))
    with pytest.raises(ValueError, match=r"the regressor makes \(2, 3, 1, 1\)"):
        kd.hint_loss(torch.zeros(2, 3, 1, 1), torch.zeros(2, 3, 2, 2), nn.Identity())
    with pytest.raises(ValueError, match="channels, height, width"):
        kd.attention_map(torch.zeros(2, 3))
    for weight in (-0.1, 1.1):
        with pytest.raises(ValueError, match="must be between 0"):
            kd.distillation_loss(z, z, labels, 1.0, weight)
    with pytest.raises(ValueError, match="agree in examples, height and width"):
        kd.attention_loss(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 2, 2))
    for weights in ((1, -1, 1), (1, float("nan"), 1), (1, 1)):
        with pytest.raises(ValueError, match="three numbers"):
            kd.three_term_loss(z, z, labels, [], 1.0, weights)
    with pytest.raises(ValueError, match="one pair"):
        kd.three_term_loss(z, z, labels, [], 1.0, (1, 1, 1))
    with pytest.raises(ValueError, match="one teacher"):
        kd.teach([], torch.zeros(1))
