"""fit and evaluate: seeds, masks, penalties, selection on validation data, bad input."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from effdl import data, models
from effdl.training import evaluate, fit, penalty


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def quick(model, digits, **options):
    return fit(model, digits.train, **{"epochs": 2, "progress": False, **options})


def test_training_learns_and_is_repeatable(digits):
    first, again = models.mlp(), models.mlp()
    history = quick(first, digits, epochs=5)
    quick(again, digits, epochs=5)
    assert history.loss[-1] < history.loss[0] / 2
    assert evaluate(first, digits.test) > 0.85
    assert torch.equal(first.fc1.weight, again.fc1.weight)


def test_another_seed_gives_another_order(digits):
    first, other = models.mlp(), models.mlp()
    quick(first, digits, seed=0)
    quick(other, digits, seed=1)
    assert not torch.equal(first.fc1.weight, other.fc1.weight)


def test_masked_weights_stay_zero_and_the_others_train(digits):
    model = models.mlp()
    before = model.fc2.weight.detach().clone()
    mask = torch.rand(before.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    quick(model, digits, masks={"fc2.weight": mask})
    assert (model.fc2.weight[~mask] == 0).all()
    assert (model.fc2.weight[mask] != before[mask]).float().mean() > 0.5


def test_selection_keeps_the_best_epoch_on_validation(digits):
    model = models.mlp()
    history = quick(model, digits, epochs=6, lr=0.03, validation=digits.validation)
    assert len(history.validation) == 6
    assert evaluate(model, digits.validation) == max(history.validation)


def test_another_loss_and_parameters_trained_along(digits):
    model, scale, seen = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), nn.Parameter(torch.ones(())), []

    def loss(logits, batch):
        seen.append(batch)
        return (scale * logits - 1).square().mean()

    history = quick(model, digits, loss=loss, also=[scale], epochs=1)
    assert torch.cat(seen).sort().values.tolist() == list(range(len(digits.train.inputs)))
    assert scale != 1
    assert len(history.loss) == 1
    with pytest.raises(ValueError, match="lower the learning rate"):
        quick(model, digits, loss=lambda logits, batch: logits.sum() * float("nan"))


def test_penalties_count_weights_and_not_biases():
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, -4.0]]))
        model.bias.fill_(100)
    assert penalty(model) == 0
    assert penalty(model, l1=0.1).item() == pytest.approx(0.7)
    assert penalty(model, l2=0.1).item() == pytest.approx(2.5)


def test_l1_makes_more_small_weights(digits):
    plain, sparse = models.mlp(), models.mlp()
    quick(plain, digits, epochs=5)
    quick(sparse, digits, epochs=5, l1=1e-3)
    small = [(m.fc1.weight.abs() < 1e-3).float().mean() for m in (plain, sparse)]
    assert small[1] > 3 * small[0]


def test_sequences_are_evaluated_character_by_character():
    dataset = data.load("descriptions")
    model = models.char_lstm(len(data.CHARACTERS), hidden=16)
    history = fit(model, dataset.train.subset(64), epochs=2, lr=1e-2, progress=False)
    assert history.loss[1] < history.loss[0]
    expected = (model(dataset.test.inputs).argmax(-1) == dataset.test.labels).float().mean()
    assert evaluate(model, dataset.test) == pytest.approx(expected.item())


def test_evaluate_agrees_with_a_plain_count_and_keeps_the_mode(digits):
    model = models.convnet().train()
    plain = (model(digits.test.inputs).argmax(1) == digits.test.labels).float().mean().item()
    assert evaluate(model, digits.test, batch_size=7) == pytest.approx(plain)
    assert model.training


def test_the_first_loss_is_the_cross_entropy(digits):
    model, split = models.mlp(), digits.train.subset(10)
    expected = F.cross_entropy(model(split.inputs), split.labels).item()
    assert fit(model, split, epochs=1, progress=False).loss[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"masks": {"fc9.weight": torch.ones(1)}}, "no parameter 'fc9.weight'"),
        ({"masks": {"fc1.weight": torch.ones(2, 2)}}, r"shape \(2, 2\), its weight \(300, 64\)"),
        ({"lr": 1e30}, "lower the learning rate"),
    ],
)
def test_bad_input_is_named(digits, options, message):
    with pytest.raises(ValueError, match=message):
        quick(models.mlp(), digits, **options)


def test_labels_must_match_the_inputs(digits):
    with pytest.raises(ValueError, match="give one label an input"):
        fit(models.mlp(), data.Split(digits.train.inputs, digits.train.labels[:5]), epochs=1)
