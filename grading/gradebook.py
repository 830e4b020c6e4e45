"""Put results into nbgrader's gradebook: formgrader, manual grading and `nbgrader export` go on from there.

The gradebook is an SQLite file, `sqlite:///gradebook.db`, or a PostgreSQL database,
`postgresql://user:password@host:port/name`.

- All marks of a submission are written in one transaction: a grader that is killed leaves the old mark or the new one.
- Graders take turns, by a lock in the database, so any number of them may write at once.
- What a teacher typed (points, extra credit, a comment) stands as long as the student's answer is the same. With another
  answer it is removed and the cell is flagged for grading by hand. Where one of the two answers is not known, as for a
  submission that could not be graded, it stands and is flagged.
"""

import hashlib
import html
import json
from pathlib import Path

import nbformat
from alembic.script import ScriptDirectory
from nbformat.notebooknode import NotebookNode
from nbgrader.api import (
    Assignment,
    Base,
    BaseCell,
    Comment,
    Course,
    Grade,
    GradeCell,
    Notebook,
    SolutionCell,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from nbgrader.utils import is_grade, is_locked, is_solution, parse_utc
from sqlalchemy import JSON, Column, Connection, MetaData, String, Table, inspect, select, text
from sqlalchemy.orm import Session

from grading import autograded
from grading.course import config
from grading.database import GradebookError, in_turn
from grading.lab import Lab
from grading.result import Result, Typed
from grading.text import storable

COURSE = "default_course"  # where nbgrader puts every assignment unless told otherwise
PLAIN = " .@_-"  # what a student's id may hold beside letters and digits
LONGEST = 128  # of a student's id: nbgrader's tables hold so many characters, a folder's name 255 bytes

# The answers behind the marks, as SHA-256 by grade_id: nbgrader's own tables do not hold them.
answers_table = Table(
    "graded_answers",
    MetaData(),
    Column("notebook_id", String(32), primary_key=True),
    Column("digests", JSON, nullable=False),
)


def student_id(name: str) -> str:
    """The name of a student's folder as nbgrader's patterns, paths and tables bear it.

    Letters and digits of all scripts, inner spaces and `.@_-` stay; each byte of anything else becomes `=` and two
    hexadecimal digits, so different names stay different. Raises GradebookError where the id is too long.
    """
    inner = range(1, len(name) - 1)
    made = "".join(
        sign
        if sign.isalnum() or (sign in PLAIN and (sign not in " ." or at in inner))
        else "".join(f"={byte:02X}" for byte in sign.encode("utf-8", "surrogateescape"))
        for at, sign in enumerate(name)
    )
    if len(made.encode()) > LONGEST:
        raise GradebookError(f"{name[:30]!r} is too long for the name of a student: rename the folder")
    return made


def record(url: str, lab: Lab, result: Result, course_folder: Path | None = None) -> Typed:
    """Write the marks of a submission into the gradebook, in place of the ones from an earlier grading.

    Returns what a teacher typed and what stands.

    Parameters
    ----------
    url : The gradebook, `sqlite:///PATH` or `postgresql://USER@HOST:PORT/NAME`; tables are made where it is empty.
    lab : The lab from its source.
    result : What grading found out.
    course_folder : The folder in which formgrader looks for the submission; None writes no files.

    Raises GradebookError where the gradebook cannot be reached or written, and where it knows the lab with other cells;
    OSError where the course folder cannot be written.
    """
    if result.possible != lab.points:
        raise GradebookError(f"{lab.name} has other graded cells or points now: grade {result.student} again")
    student = student_id(result.student)
    master, released = _lab_cells(lab)
    shown = autograded.shown(released, result)
    typed = Typed({}, {})

    def write(session: Session) -> None:
        nonlocal typed
        _make_tables(session.connection())
        notebook = _notebook(session, lab.name, master)
        submission = _submission(session, notebook, student, result)
        typed = _mark(session, lab, notebook, submission, result)
        if course_folder is not None:  # before the marks count, so that no mark is without its notebook
            autograded.write(course_folder, student, shown, result)

    in_turn(url, write)
    return typed


def _make_tables(connection: Connection) -> None:
    """Make nbgrader's tables, and ours, as nbgrader does in an empty database."""
    found = inspect(connection).get_table_names()
    if answers_table.name in found:
        return
    Base.metadata.create_all(connection)
    answers_table.create(connection)
    if "assignment" not in found:
        head = ScriptDirectory(ALEMBIC_DIR).get_current_head()
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})


def _lab_cells(lab: Lab) -> tuple[NotebookNode, NotebookNode]:
    """The lab as nbgrader keeps it in the gradebook, without solutions, and as released, without hidden tests."""
    settings = config(Path())

    def passed(notebook: NotebookNode, *steps: type) -> NotebookNode:
        for step in steps:
            notebook, _ = step(config=settings).preprocess(notebook, {})
        return notebook

    master = passed(
        nbformat.from_dict(lab.notebook), LockCells, ClearSolutions, ClearOutput, ComputeChecksums
    )
    return master, passed(nbformat.from_dict(master), ClearHiddenTests, ClearMarkScheme, ComputeChecksums)


def _cells(master: NotebookNode) -> dict[type[Base], dict[str, dict]]:
    """The rows that nbgrader keeps of a lab's cells: their columns by the kind of row and the `grade_id`."""
    cells = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in master.cells
        if "grade_id" in cell.metadata.get("nbgrader", {})
    }
    return {
        GradeCell: {
            name: {"max_score": float(cell.metadata.nbgrader.points), "cell_type": cell.cell_type}
            for name, cell in cells.items()
            if is_grade(cell)
        },
        SolutionCell: {name: {} for name, cell in cells.items() if is_solution(cell)},
        SourceCell: {
            name: {
                "cell_type": cell.cell_type,
                "locked": is_locked(cell),
                "source": cell.source,
                "checksum": cell.metadata.nbgrader.get("checksum"),
            }
            for name, cell in cells.items()
            if is_grade(cell) or is_solution(cell) or is_locked(cell)
        },
    }


def _notebook(session: Session, name: str, master: NotebookNode) -> Notebook:
    """The lab in the gradebook, its cells as they are now."""
    _row(session, Course, id=COURSE)
    assignment = _row(session, Assignment, name=name)
    notebook = _row(session, Notebook, name=name, assignment_id=assignment.id)
    notebook.kernelspec = json.dumps(master.metadata.get("kernelspec", {}))
    for kind, values in _cells(master).items():
        found = {
            cell.name: cell for cell in session.scalars(select(kind).where(kind.notebook_id == notebook.id))
        }
        if found.keys() != values.keys() and notebook.submissions:
            raise GradebookError(
                f"the gradebook has marks for {name} with other cells "
                f"({', '.join(sorted(found.keys() ^ values.keys()))}): use a new gradebook, or remove the lab "
                f"with `nbgrader db assignment remove {name} --force`"
            )
        for gone in found.keys() - values.keys():
            session.delete(found[gone])
        for cell_name, attributes in values.items():
            cell = found.get(cell_name) or kind(name=cell_name, notebook_id=notebook.id)
            session.add(cell)
            for attribute, value in attributes.items():
                setattr(cell, attribute, value)
    session.flush()
    return notebook


def _submission(session: Session, notebook: Notebook, student: str, result: Result) -> SubmittedNotebook:
    """The student's submission in the gradebook, with its time of hand-in."""
    _row(session, Student, id=student)
    submission = _row(session, SubmittedAssignment, assignment_id=notebook.assignment_id, student_id=student)
    submission.timestamp = parse_utc(result.submitted or None)
    submitted = _row(session, SubmittedNotebook, assignment_id=submission.id, notebook_id=notebook.id)
    submitted.late_submission_penalty = result.penalty
    return submitted


def _row(session: Session, kind: type[Base], **values: str) -> Base:
    """The row with these values, made if it is missing."""
    row = session.scalar(select(kind).filter_by(**values))
    if row is None:
        row = kind(**values)
        session.add(row)
        session.flush()
    return row


def _mark(
    session: Session, lab: Lab, notebook: Notebook, submitted: SubmittedNotebook, result: Result
) -> Typed:
    """Write points and comments, and settle what becomes of the ones that a teacher typed; returns those that stand."""
    answer_of = {check: name for name, checks in lab.checks_of.items() for check in checks}
    old = session.scalar(select(answers_table.c.digests).filter_by(notebook_id=submitted.id))
    new = {
        name: hashlib.sha256(storable(answer).encode()).hexdigest() for name, answer in result.answers.items()
    }
    known = {name: name in (old or {}) and name in new for name in answer_of.values()}
    same = {name: known[name] and old[name] == new[name] for name in known}

    stands = Typed({}, {})
    for name, grade in _rows(session, Grade, GradeCell, notebook, submitted).items():
        answer = answer_of[name]
        typed = grade.manual_score is not None or grade.extra_credit is not None
        # a flag of an earlier grading stands until a teacher resolves it
        flagged = grade.auto_score is not None and grade.needs_manual_grade and not typed and same[answer]
        if known[answer] and not same[answer]:
            grade.manual_score = grade.extra_credit = None
        grade.auto_score = result.points.get(name, 0.0)
        waits = grade.auto_score is None and grade.manual_score is None
        grade.needs_manual_grade = waits or flagged or (typed and not same[answer])
        if grade.manual_score is not None:
            stands.points[name] = grade.manual_score + (grade.extra_credit or 0.0)

    for name, comment in _rows(session, Comment, SolutionCell, notebook, submitted).items():
        if known.get(name) and not same[name]:
            comment.manual_comment = None
        checks = lab.checks_of.get(name, [])
        if comment.manual_comment and checks:
            stands.comments[checks[0]] = comment.manual_comment
        lines = [
            words[check] for check in checks for words in (result.messages, result.hints) if check in words
        ]
        # nbgrader's feedback shows a comment as Markdown, and a message can quote the student
        comment.auto_comment = html.escape(storable("\n\n".join(lines)), quote=False) or None

    digests = {**(old or {}), **new}
    statement = (
        answers_table.insert() if old is None else answers_table.update().filter_by(notebook_id=submitted.id)
    )
    session.execute(statement.values(notebook_id=submitted.id, digests=digests))
    return stands


def _rows(
    session: Session,
    kind: type[Grade | Comment],
    cell_kind: type[BaseCell],
    notebook: Notebook,
    submitted: SubmittedNotebook,
) -> dict[str, Grade | Comment]:
    """The grades or comments of a submission by the cell's name, made where they are missing.

    They are locked, so that a teacher who types points at this moment waits.
    """
    cells = session.scalars(select(cell_kind).where(cell_kind.notebook_id == notebook.id))
    found = session.scalars(
        select(kind)
        .where(kind.notebook_id == submitted.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = {row.cell_id: row for row in found}
    made = {cell.name: rows.get(cell.id) or kind(cell_id=cell.id, notebook_id=submitted.id) for cell in cells}
    session.add_all(made.values())
    return made
