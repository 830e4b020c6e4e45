"""A test that lacks something is skipped on a learner's machine and fails in CI; either way it says what to do."""

import pytest

from tests.requirements import need


def test_what_is_there_is_no_matter(monkeypatch):
    monkeypatch.setenv("CI", "true")
    need(True, "a browser", "apt install chromium")


@pytest.mark.parametrize("ci", ["", "false"])
def test_skipped_at_home(monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="needs a browser; to have it: apt install chromium"):
        need(None, "a browser", "apt install chromium")


def test_failed_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs a browser"):
        need(None, "a browser", "apt install chromium")
