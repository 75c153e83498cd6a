"""A listener in a proxy's place, which hears what it should not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

REFUSAL = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SECONDS = 2.0
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Listener:
    """Refuses everything, and keeps the first line of each request."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.heard: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """Every spelling of the variables that name it as the proxy, and none that excepts anybody."""
        url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        spelt = [spelling for name in NAMES for spelling in (name, name.lower())]
        return dict.fromkeys(spelt, url) | {"NO_PROXY": "", "no_proxy": ""}

    def listen(self) -> None:
        """Serve until the socket is closed."""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._refuse, args=(connection,), daemon=True).start()

    def _refuse(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(SECONDS)
            try:
                self.heard.append(connection.recv(4096).split(b"\r\n")[0].decode("latin-1"))
                connection.sendall(REFUSAL)
            except OSError:
                self.heard.append("a connection")


@contextmanager
def listener() -> Iterator[Listener]:
    """One on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heard = Listener(listening)
        threading.Thread(target=heard.listen, daemon=True).start()
        yield heard
        listening.shutdown(socket.SHUT_RDWR)
