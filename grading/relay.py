"""Pass on what a kernel in the sandbox says, up to a limit.

A ZeroMQ client keeps the parts of a message until the last one is there, and no option of its bounds how many there
are: a hostile kernel could fill the grader's memory. Bytes that go through a relay are counted.
"""

import contextlib
import socket
import threading

MOST_BYTES = 64 << 20  # from the kernel, on one connection


class Relay:
    """A Unix socket at the path `outside` that takes one client, and connects it to the one at `inside`."""

    def __init__(self, outside: str, inside: str):
        """Connect to `inside`, and listen. Raises OSError."""
        self._kernel = socket.socket(socket.AF_UNIX)
        self._kernel.connect(inside)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(outside)
        self._listener.listen(1)
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the connection."""
        for each in (self._listener, self._kernel, self._client):
            if each:
                _end(each)
        self._thread.join()

    def _serve(self) -> None:
        with self._listener, self._kernel, contextlib.suppress(OSError):
            self._client, _ = self._listener.accept()
            with self._client as client:
                back = threading.Thread(target=_pump, args=(client, self._kernel, None), daemon=True)
                back.start()
                _pump(self._kernel, client, MOST_BYTES)
                back.join()


def _pump(source: socket.socket, sink: socket.socket, most: int | None) -> None:
    """Copy bytes until either end closes, or there are too many; then end both."""
    with contextlib.suppress(OSError):
        while part := source.recv(1 << 16):
            sink.sendall(part)
            if most is not None and (most := most - len(part)) < 0:
                break
    _end(source)
    _end(sink)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended already
        each.shutdown(socket.SHUT_RDWR)
