"""A PostgreSQL server for a test: on 127.0.0.1, its data in a temporary folder, gone at the end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from tests.requirements import need

PASSWORD = "not-to-be-shown"
QUICK = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB"]


class Server:
    """A running server and the databases on it."""

    def __init__(self, port: int):
        self.port = port
        self.made = 0

    def address(self, name: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://grader:{password}@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        """Make an empty database; return its address."""
        self.made += 1
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE book{self.made}")
        return self.address(f"book{self.made}")


@contextmanager
def server() -> Iterator[Server]:
    """Run Debian's PostgreSQL, as another user where we are root."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    need(programs, "a PostgreSQL server", "apt install postgresql")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's folders are closed to other users
    user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    try:
        (folder / "password").write_text(PASSWORD)
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        data, bin_ = folder / "data", programs[-1].parent
        options = ["--no-sync", "--auth=scram-sha-256", "--username=grader", "--encoding=UTF8", "--locale=C"]
        make = [bin_ / "initdb", *options, f"--pwfile={folder / 'password'}", data]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        settings = [*QUICK, f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        run = [bin_ / "postgres", "-D", data, *[word for one in settings for word in ("-c", one)]]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(run, stdout=log, stderr=log, cwd=folder, **user)
        try:
            running = Server(port)
            _wait(running, process, folder / "log")
            yield running
        finally:
            process.send_signal(signal.SIGINT)  # end all connections, then end
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def _wait(running: Server, process: subprocess.Popen, log: Path) -> None:
    while process.poll() is None:
        try:
            psycopg.connect(running.address()).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(log.read_text())
