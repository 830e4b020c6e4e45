"""What a test needs beyond the Python environment: a program, a data set, a built book."""

import os

import pytest


def need(condition, what: str, how: str) -> None:
    """Go on if `condition` holds; otherwise skip the test, and in CI (CI=true), where all must be there, fail it.

    Parameters
    ----------
    condition : Whether the thing is there.
    what : The thing, as in "chromium".
    how : The line that installs or makes it, as in "apt install chromium".
    """
    if condition:
        return
    message = f"needs {what}; to have it: {how}"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def need_sandbox() -> None:
    """Go on if a bubblewrap sandbox can be made here."""
    from grading.sandbox import SandboxError, require

    try:
        require()
    except SandboxError as error:
        need(False, "a sandbox", str(error))
