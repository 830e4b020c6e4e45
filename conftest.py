"""How nbval runs the course's notebooks (`pytest --nbval-lax chapters solutions labs`).

- Outputs are compared in the cells *tagged* NBVAL_CHECK_OUTPUT. nbval knows this tag only in small letters
  and compares only cells with an execution count; the course commits neither.
- A released lab runs too. Nothing is solved in it, so each of its graded cells must fail with
  NotImplementedError and all others must pass: the graded cells are strict expected failures.
"""

import pytest


def is_cell(item):
    """Is the test a cell that nbval runs? (By name: without nbval its classes are not loaded.)"""
    return type(item).__name__ == "IPyNbCell"


def is_unsolved(item):
    """Is the test a graded cell of a released lab?"""
    in_labs = item.path.is_relative_to(item.config.rootpath / "labs")
    return is_cell(item) and in_labs and item.cell.metadata.get("nbgrader", {}).get("grade", False)


def pytest_collection_modifyitems(items):
    """Tell nbval which outputs to compare, and pytest which cells of a lab must fail."""
    for item in items:
        if is_cell(item) and "NBVAL_CHECK_OUTPUT" in item.cell.metadata.get("tags", []):
            item.options["check"] = True
            item.cell.execution_count = item.cell.execution_count or 1
        if is_unsolved(item):
            reason = "an unsolved task must fail with NotImplementedError"
            item.add_marker(pytest.mark.xfail(raises=NotImplementedError, strict=True, reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Raise a graded cell's NotImplementedError as such; nbval wraps all errors in one of its own."""
    try:
        return (yield)
    except Exception as error:
        if is_unsolved(item) and any(
            output.get("ename") == "NotImplementedError" for output in item.test_outputs or []
        ):
            raise NotImplementedError(str(error)) from error
        raise
