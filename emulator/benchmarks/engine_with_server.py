"""Runs the engine with another HTTP server behind the same plug point: own, cheroot or waitress."""

import sys
import threading
from typing import Any

from localstack.runtime import main
from localstack.runtime.server.core import RuntimeServer
from rolo.gateway.wsgi import WsgiGateway

from lab_localstack.server import server
from lab_localstack.speedups.gateway import quicken

THREADS = 100


class LibraryServer(RuntimeServer):
    """A WSGI server of a library, for the first address it is given."""

    library = ""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def register(self, gateway: Any, listen: Any, ssl_creds: Any = None) -> None:  # noqa: ARG002
        quicken(gateway)
        host, port = listen[0].host, listen[0].port
        if self.library == "cheroot":
            from cheroot.wsgi import Server

            self._server: Any = Server((host, port), WsgiGateway(gateway), numthreads=THREADS, max=THREADS)
            self._serve, self._stop = self._server.start, self._server.stop
        else:
            from waitress.server import create_server

            self._server = create_server(WsgiGateway(gateway), host=host, port=port, threads=THREADS)
            self._serve, self._stop = self._server.run, self._server.close

    def run(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()
        self._ended.wait()

    def shutdown(self) -> None:
        self._stop()
        self._ended.set()


if __name__ == "__main__":
    if sys.argv[1] != "own":
        LibraryServer.library = sys.argv[1]
        server.Server = LibraryServer  # pyright: ignore[reportAttributeAccessIssue]
    main.main()
