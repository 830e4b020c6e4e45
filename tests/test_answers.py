"""Short typed answers: their form is checked, right or wrong is not."""

import numpy as np
import pytest

from effdl.answers import answer


@pytest.mark.parametrize("value", [12, 12.0, np.float32(12), np.int64(12), np.array([12])])
def test_numbers_are_returned_as_plain_numbers(value, capsys):
    given = answer("Bytes of three numbers", value, "bytes", low=0)
    assert given == 12
    assert type(given) in (int, float)
    assert capsys.readouterr().out == f"Bytes of three numbers: {given} bytes\n"


@pytest.mark.parametrize("value", ["12 bytes", "12", None, True, [12], np.array([1, 2])])
def test_what_is_no_number_is_told(value):
    with pytest.raises(TypeError, match=r"answer with a number, not .*its unit is bytes, leave it out"):
        answer("Bytes", value, "bytes")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value):
    with pytest.raises(ValueError, match="finite"):
        answer("Bytes", value, "bytes")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"low": 0}, "answer with a number from 0 %, not -1"),
        ({"high": -2}, "answer with a number up to -2 %, not -1"),
        ({"low": 0, "high": 100}, "answer with a number from 0 to 100 %, not -1"),
    ],
)
def test_numbers_are_in_range(limits, reason):
    with pytest.raises(ValueError, match=reason):
        answer("Share", -1, "%", **limits)
    assert answer("Share", limits.get("low", -2), "%", **limits) is not None


def test_choices():
    assert answer("Which bounds it", "memory", choices=["memory", "compute"]) == "memory"
    with pytest.raises(ValueError, match="one of 'memory', 'compute', not 'disk'"):
        answer("Which bounds it", "disk", choices=["memory", "compute"])
