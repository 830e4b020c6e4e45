"""Prove a lab's checks: grade answers that are known to be wrong, and right answers written differently.

`tests/mutants/NAME.py` of lab NAME defines `MUTANTS`: for each graded cell, by its `grade_id`,

    {"wrong": {"what the mistake is": source, ...}, "right": {"how it differs": source, ...}}

where a source replaces the whole solution cell. Everything runs in this process, a fresh namespace each time: what
is proved here is the course's own code.
"""

import copy
import runpy
import types
from dataclasses import dataclass
from pathlib import Path

import matplotlib

from grading.checks import local, run_check, run_quietly, stand_ins
from grading.course import CODE_STUB
from grading.lab import Check, Lab, LabError, Task

ACCIDENTS = (
    "NameError",
    "SyntaxError",
    "ImportError",
    "ModuleNotFoundError",
)  # a wrong answer must be wrong, not broken

SEEDS = (1, 2)


@dataclass(frozen=True)
class Verdict:
    """How one known answer fared at one graded cell: "passed", or the error that cost it the points."""

    check: str
    answer: str
    wrong: bool
    outcome: str
    by_hidden_test: bool = False

    @property
    def as_it_should(self) -> bool:
        """A wrong answer lost the points, a right one has them."""
        return (self.outcome != "passed") == self.wrong


def load_mutants(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Read `MUTANTS` of a file of mutants. Raises LabError where there is none."""
    if not Path(path).exists():
        raise LabError(f"{path} is missing: a lab needs wrong and right answers that prove its checks")
    found = runpy.run_path(str(path)).get("MUTANTS")
    if not isinstance(found, dict):
        raise LabError(f"{path}: define MUTANTS, a dict by graded cell")
    return found


def prepare(lab: Lab) -> dict:
    """Run the cells that are neither answers nor checks; return their namespace."""
    matplotlib.use("agg")  # the checks draw, nobody looks
    namespace = {"__name__": "__main__"}
    for source in lab.setup:
        run_quietly(source, namespace)
    return namespace


def grade(answer: str, check: Check, prepared: dict) -> tuple[str, bool]:
    """Put an answer to a check; return "passed" or the error, and whether only a hidden test found it.

    The other tasks stay unsolved: a check may use its own task's answer only. As for a student, the check runs with
    several seeds, and must pass with all.
    """
    said = next(filter(None, (_run(answer, check, check.source, prepared, seed) for seed in SEEDS)), "")
    if said.startswith(ACCIDENTS):
        raise LabError(f"{check.name}: an answer is broken, not wrong: {said}")
    return (said, not _run(answer, check, check.visible, prepared, SEEDS[0])) if said else ("passed", False)


def prove(lab: Lab, mutants: dict) -> list[Verdict]:
    """Grade every known answer of a lab, and for each cell the reference solution and the untouched stub."""
    prepared = prepare(lab)
    verdicts = []
    for task in lab.tasks:
        for check in task.checks:
            known = mutants.get(check.name, {})
            wrong = {"the untouched stub": stub(task)} | known.get("wrong", {})
            right = {"the reference solution": task.source} | known.get("right", {})
            for answers, is_wrong in ((wrong, True), (right, False)):
                for name, source in answers.items():
                    outcome, hidden = grade(source, check, prepared)
                    verdicts.append(Verdict(check.name, name, is_wrong, outcome, hidden))
    return verdicts


def stub(task: Task) -> str:
    """The solution cell as a student gets it."""
    lines, inside = [], False
    for line in task.source.splitlines():
        if "BEGIN SOLUTION" in line:
            inside = True
            lines.append(line[: len(line) - len(line.lstrip())] + CODE_STUB)
        elif "END SOLUTION" in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def table(verdicts: dict[str, list[Verdict]]) -> str:
    """Wrong answers caught and right ones accepted, by lab, as a text table."""
    lines = [f"{'lab':<20}{'graded cells':>13}{'wrong caught':>16}{'right accepted':>18}"]
    for lab, found in verdicts.items():
        counts = []
        for wrong in (True, False):
            mine = [verdict for verdict in found if verdict.wrong == wrong]
            good = sum(verdict.as_it_should for verdict in mine)
            counts.append(f"{good}/{len(mine)} = {good / len(mine):.0%}" if mine else "none")
        cells = len({verdict.check for verdict in found})
        lines.append(f"{lab:<20}{cells:>13}{counts[0]:>16}{counts[1]:>18}")
    return "\n".join(lines)


def _run(answer: str, check: Check, source: str, prepared: dict, seed: int) -> str:
    """What a check says of an answer, "" when it passes; values cross as in a real run, where two processes talk."""
    defined = _fresh(prepared)
    try:
        run_quietly(answer, defined)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return run_check(source, _fresh(prepared) | stand_ins(check.calls, local(defined)), seed)


def _fresh(prepared: dict) -> dict:
    """A copy of a namespace in which data can be changed without changing the original."""
    shared = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    return {
        k: v if isinstance(v, shared) or k == "__builtins__" else copy.deepcopy(v)
        for k, v in prepared.items()
    }
