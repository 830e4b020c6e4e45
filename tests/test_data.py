"""Data sets: sizes, strata, seeds, where Fashion-MNIST is looked for, and what is said when it is nowhere."""

import gzip

import pytest
import torch

from effdl import data
from tests.requirements import need


def test_digits_are_split_as_the_course_says():
    train, validation, test = data.load("digits")
    assert [len(s.inputs) for s in (train, validation, test)] == [1097, 200, 500]
    assert train.inputs.shape[1:] == (1, 8, 8)
    assert (train.inputs.min(), train.inputs.max()) == (0, 1)
    assert train.inputs.dtype == torch.float32
    assert train.labels.dtype == torch.int64


def test_digits_splits_share_no_image_and_are_stratified():
    splits = data.load("digits")
    images = [{tuple(x.flatten().tolist()) for x in s.inputs} for s in splits]
    assert not images[0] & images[1]
    assert not images[0] & images[2]
    assert not images[1] & images[2]
    for split in splits:
        share = split.labels.bincount(minlength=10) / len(split.labels)
        assert (share - 0.1).abs().max() < 0.01


def test_the_seed_decides_the_split():
    first, again, other = data.load("digits"), data.load("digits"), data.load("digits", seed=1)
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert not torch.equal(first.train.inputs, other.train.inputs)


def test_descriptions_predict_the_next_character():
    dataset = data.load("descriptions")
    for split in dataset:
        assert split.inputs.shape == split.labels.shape == (len(split.inputs), data.WINDOW)
        assert torch.equal(split.inputs[:, 1:], split.labels[:, :-1])
        assert split.inputs.max() < len(data.CHARACTERS)
    assert len(dataset.train.inputs) > 5 * len(dataset.test.inputs)


def test_unknown_name_lists_the_data_sets():
    with pytest.raises(ValueError, match="no data set 'mnist'; there are \"digits\""):
        data.load("mnist")


def test_fashion_mnist_from_the_system():
    need(data.DEBIAN_FOLDER.exists(), "Fashion-MNIST", "apt install dataset-fashion-mnist")
    train, validation, test = data.load("fashion-mnist")
    assert [len(s.inputs) for s in (train, validation, test)] == [55_000, 5_000, 10_000]
    assert train.inputs.shape[1:] == (1, 28, 28)
    assert test.labels.bincount().tolist() == [1000] * 10
    assert validation.labels.bincount().tolist() == [500] * 10


def test_a_missing_data_set_names_the_three_ways(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFDL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(data, "DOWNLOAD_FROM", "http://127.0.0.1:9/")  # nobody listens there
    with pytest.raises(FileNotFoundError) as caught:
        data.load("fashion-mnist")
    message = str(caught.value)
    assert f"in $EFFDL_DATA={tmp_path}" in message
    assert "apt install dataset-fashion-mnist" in message
    assert "set EFFDL_DATA" in message
    assert "http://127.0.0.1:9/" in message
    assert not list(tmp_path.rglob("*.gz"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"not gzip", "not a complete gzip file"), (gzip.compress(b"hello"), "not an IDX file")],
    ids=["not gzip", "not IDX"],  # gzip writes the time into its bytes, and an id must not change
)
def test_a_broken_file_is_named(tmp_path, monkeypatch, content, message):
    for name in data.FASHION_FILES:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("EFFDL_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=message):
        data.load("fashion-mnist")
