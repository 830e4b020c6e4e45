"""Put a student's answers into a clean notebook.

Only the text of the answer cells is carried over, found by its `grade_id`. Copied, missing, reordered or forged
cells and other metadata change nothing.
"""

import copy

from grading.notebook import nbgrader


def answers(notebook: dict) -> dict[str, str]:
    """The text of every answer cell by its `grade_id`; of cells that stand twice, the first."""
    found = {}
    for cell in notebook["cells"]:
        about = nbgrader(cell)
        if about.get("solution") and isinstance(about.get("grade_id"), str):
            found.setdefault(about["grade_id"], cell["source"])
    return found


def transplant(clean: dict, given: dict[str, str]) -> tuple[dict, list[str]]:
    """Copy the clean notebook with the given answers in it; also return the ids that have no answer."""
    notebook, missing = copy.deepcopy(clean), []
    for cell in notebook["cells"]:
        about = nbgrader(cell)
        if about.get("solution"):
            if about["grade_id"] in given:
                cell["source"] = given[about["grade_id"]]
            else:
                missing.append(about["grade_id"])
    return notebook, missing
