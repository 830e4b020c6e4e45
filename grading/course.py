"""nbgrader on a temporary course folder: no gradebook and no log is left in the tree."""

import logging
import os
import sys
import warnings
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

CODE_STUB = "raise NotImplementedError"
TEXT_STUB = "*Your answer here.*"


def config(root: Path) -> Config:
    """The settings of nbgrader for a course whose folders stand in `root`."""
    settings = Config()
    settings.CourseDirectory.root = str(root)
    settings.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    settings.CourseDirectory.source_directory = "solutions"
    settings.CourseDirectory.release_directory = "labs"
    settings.ClearSolutions.code_stub = {"python": CODE_STUB}
    settings.ClearSolutions.text_stub = TEXT_STUB
    return settings


def convert(converter: type, settings: Config, **where: str) -> None:
    """Run one of nbgrader's converters quietly; `where` names the assignment and the student.

    Raises RuntimeError with the reason where nbgrader refuses.
    """
    messages = []
    log = logging.getLogger("grading.nbgrader")
    log.handlers, log.propagate = [_Keep(messages)], False
    log.setLevel(logging.ERROR)
    course = CourseDirectory(config=settings, log=log, **where)
    run = converter(coursedir=course, config=settings, log=log)
    run.force = True
    before = os.environ.get("PATH", os.defpath)
    # nbgrader calls the program alembic, which stands beside this Python
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader uses SQLAlchemy in ways that it warns of
            run.start()
    except SystemExit as error:  # so nbgrader ends on settings that it does not like
        raise RuntimeError(f"nbgrader stopped with exit code {error.code}") from error
    except Exception as error:
        raise RuntimeError(_reason(messages) or str(error)) from error
    finally:
        os.environ["PATH"] = before


def _reason(messages: list[str]) -> str:
    """The last line of the first traceback among nbgrader's messages: what went wrong."""
    return next((text.strip().splitlines()[-1] for text in messages if text.startswith("Traceback")), "")


class _Keep(logging.Handler):
    """Keep the messages, print nothing."""

    def __init__(self, messages: list[str]):
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
