"""A claim that holds is printed, one that does not stops the page."""

import pytest
import torch

from effdl.claims import claim


def test_a_claim_that_holds_is_printed(capsys):
    claim("two is more than one", torch.tensor(2) > 1)
    assert capsys.readouterr().out == "holds: two is more than one\n"


def test_a_claim_that_does_not_hold_stops_the_page():
    with pytest.raises(AssertionError, match="one is more than two"):
        claim("one is more than two", 1 > 2)


def test_a_condition_must_be_one_truth_value():
    with pytest.raises((ValueError, RuntimeError)):
        claim("unclear", torch.tensor([True, False]))
