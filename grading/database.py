"""Write to a database that others write to as well: SQLite or PostgreSQL.

Writers take turns by a lock in the database, so any number of them may write at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.orm import Session

ADDRESS = "name the gradebook as sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME"
LOCK = 0x6772616465  # the number of the lock in PostgreSQL; all writers must agree on it
WAIT = 60  # seconds for the turns of the others
CONNECT = 10  # seconds to reach a server
TRIES = 5  # formgrader takes no turns: where it adds the same row first, the transaction is tried again
# What to change, by words in the driver's message.
ADVICE = {
    "idle-in-transaction": "grade this submission again, as its grader stood still for too long",
    "password": "give the right user and password in its address, or the password in ~/.pgpass",
    "role": "give a user that the server knows",
    "does not exist": "make the database first, with createdb",
    "lock": "try again when the other program that writes to it has ended",
    "refused": "start the server, or correct host and port",
    "timeout expired": "start the server, or correct host and port",
    "resolve": "start the server, or correct host and port",
    "unable to open": "make its folder first, and let yourself write there",
    "readonly": "let yourself write to it",
    "not a database": "name another file, as this one is something else",
    "permission denied": "give the user the right to make and change tables",
}


class GradebookError(RuntimeError):
    """A gradebook that cannot be used; the message says what to change, and shows no password."""


def in_turn(url: str, work: Callable[[Session], None]) -> None:
    """Let `work` write in a transaction of its own, while no other grader writes; all of it counts or nothing.

    `work` is called again when another program has added the same row at the same moment. Raises GradebookError for an
    address that names no database, a server that cannot be reached or refuses, a missing driver, and a lock that is not
    free in time.
    """
    address = _address(url)
    with _clear_errors(address), _engine(address) as engine:
        for left in reversed(range(TRIES)):
            try:
                with Session(engine) as session, session.begin():
                    _take_turn(session)
                    work(session)
                return
            except IntegrityError:
                if not left:
                    raise


def _take_turn(session: Session) -> None:
    """Wait until no other grader writes; SQLite does so at the start of every transaction."""
    connection = session.connection()  # begins the transaction
    if connection.dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL lock_timeout = '{WAIT}s'"))
        # else a grader that hangs here, or whose machine was switched off, would stop all others
        session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{WAIT // 2}s'"))
        session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise GradebookError(f"the gradebook's address cannot be read: {ADDRESS}") from None
    kind = address.get_backend_name()
    if kind not in ("sqlite", "postgresql") or address.database in (None, "", ":memory:"):
        raise GradebookError(f"a gradebook must last, and be in SQLite or PostgreSQL: {ADDRESS}")
    return address


@contextmanager
def _engine(address: URL) -> Iterator[Engine]:
    """Connect to the database, and disconnect at the end."""
    sqlite = address.get_backend_name() == "sqlite"
    waits = {"timeout": WAIT} if sqlite else {"connect_timeout": CONNECT}
    try:
        engine = create_engine(address, connect_args=waits)
    except (ImportError, NoSuchModuleError):
        raise GradebookError(
            f"the driver of {address.drivername} is missing: pip install 'psycopg[binary]', and begin the address "
            "with postgresql://"
        ) from None
    if sqlite:
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _lock_from_the_start)
    try:
        yield engine
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection, _) -> None:
    connection.isolation_level = None


def _lock_from_the_start(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _clear_errors(address: URL) -> Iterator[None]:
    """Say in one sentence what to change."""
    try:
        yield
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        if address.password:
            reason = reason.replace(str(address.password), "***")
        advice = next((advice for words, advice in ADVICE.items() if words in reason), "see the reason")
        server = f"{address.host or 'localhost'}:{address.port or 5432}/"
        place = address.database if address.get_backend_name() == "sqlite" else server + str(address.database)
        raise GradebookError(f"gradebook {place}: {advice} ({reason})") from None
