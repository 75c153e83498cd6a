"""A service that accepts every connection and never answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Silence:
    """`connections` is how many came."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._held: list[socket.socket] = []
        self.endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"

    @property
    def connections(self) -> int:
        return len(self._held)

    def listen(self) -> None:
        """Accept until the socket is closed."""
        while True:
            try:
                self._held.append(self._listening.accept()[0])
            except OSError:
                return

    def end(self) -> None:
        """Let go of everybody who waits."""
        for connection in self._held:
            connection.close()


@contextmanager
def silence() -> Iterator[Silence]:
    """One on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        silent = Silence(listening)
        threading.Thread(target=silent.listen, daemon=True).start()
        yield silent
        listening.shutdown(socket.SHUT_RDWR)
    silent.end()
