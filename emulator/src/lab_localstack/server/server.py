"""The engine's HTTP server: one thread a connection, on the addresses of GATEWAY_LISTEN and no others.

LocalStack 4.14.0's own server ignores the IPv4 host and binds every interface, which would offer unauthenticated code
execution to the whole network. It also hands every request from an event loop to a thread and back, and parses it in
Python: measured, most of the engine's processor time. Here the thread that reads a request answers it.

Why not a library's server: behind the same plug point a request takes 1.27 times as much of the engine's processor
time with cheroot 11.1.2, and 1.38 times as much with waitress 3.0.2 (emulator/benchmarks/servers.py).
"""

import contextlib
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from localstack import config
from localstack.runtime.server.core import RuntimeServer
from localstack.runtime.server.plugins import RuntimeServerPlugin
from rolo.gateway import Gateway
from rolo.gateway.wsgi import WsgiGateway

from lab_localstack.server.http1 import BadRequestError, Request, RequestReader, head, wsgi_names
from lab_localstack.speedups import patches
from lab_localstack.speedups.gateway import quicken
from lab_localstack.speedups.json_requests import quicken_json_requests

LOG = logging.getLogger(__name__)
BACKLOG = 1024
RECEIVE_BYTES = 256 * 1024
IDLE_SECONDS = 300
"""A connection that says nothing for so long is closed."""
FINISH_SECONDS = 2.0
"""How long a stop waits for requests that are being answered."""
BODILESS = ("1", "204", "304")


class ServerPlugin(RuntimeServerPlugin):
    """Selected by `GATEWAY_SERVER=lab-loopback`."""

    name = "lab-loopback"

    def load(self, *_args: Any, **_kwargs: Any) -> RuntimeServer:
        patches.remember_media_types()
        patches.draw_ids_from_a_stock()
        quicken_json_requests()
        patches.keep_the_index_of_services()
        return Server()


class Server(RuntimeServer):
    """Serves LocalStack's gateway over plain HTTP."""

    def __init__(self) -> None:
        self._listeners: list[tuple[socket.socket, WsgiGateway]] = []
        self._stopping = threading.Event()
        self._answering = _Counter()

    def register(
        self,
        gateway: Gateway,
        listen: list[config.HostAndPort],
        ssl_creds: tuple[str, str] | None = None,  # noqa: ARG002  plain HTTP: nothing leaves the machine
    ) -> None:
        """Listen for a gateway's requests."""
        quicken(gateway)
        for address in listen:
            family = socket.AF_INET6 if config.is_ipv6_address(address.host) else socket.AF_INET
            listener = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
            self._listeners.append((listener, WsgiGateway(gateway)))

    def run(self) -> None:
        """Serve until `shutdown`."""
        patches.collect_garbage_seldom()
        for listener, gateway in self._listeners:
            name = f"http-{listener.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(listener, gateway), name=name, daemon=True).start()
        self._stopping.wait()

    def shutdown(self) -> None:
        """Accept nothing more, give what is being answered a moment, and let `run` return."""
        for listener, _ in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            listener.close()
        self._answering.wait_for_none(FINISH_SECONDS)
        self._stopping.set()

    def _accept(self, listener: socket.socket, gateway: WsgiGateway) -> None:
        number = 0
        while listener.fileno() != -1:
            try:
                opened, peer = listener.accept()
            except OSError as error:
                if listener.fileno() != -1:
                    LOG.warning("Could not accept a connection: %s", error)
                    time.sleep(0.1)  # out of file descriptors, most likely
                continue
            number += 1
            connection = Connection(opened, peer, gateway, self._answering)
            threading.Thread(target=connection.serve, name=f"http-{number}", daemon=True).start()


class _Counter:
    """Counts requests that are being answered."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            if not self._count:
                self._changed.notify_all()

    def wait_for_none(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._count, seconds)


class Connection:
    """One client's connection: its requests are answered one after the other."""

    def __init__(
        self, opened: socket.socket, peer: tuple[Any, ...], gateway: WsgiGateway, answering: _Counter
    ) -> None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(IDLE_SECONDS)
        self._socket = opened
        self._gateway = gateway
        self._answering = answering
        self._reader = RequestReader(opened.sendall)
        host, port = opened.getsockname()[:2]
        self._environment: dict[str, Any] = {
            "REMOTE_ADDR": peer[0],
            "REMOTE_PORT": str(peer[1]),
            "SCRIPT_NAME": "",
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    def serve(self) -> None:
        """Answer until either side closes."""
        with self._socket:
            try:
                while data := self._socket.recv(RECEIVE_BYTES):
                    for request in self._reader.feed(data):
                        with self._answering, request.body:
                            if not self._answer(request):
                                return
            except BadRequestError as error:
                LOG.info("Refused a request: %s", error)
                self._refuse("400 Bad Request")
            except OSError:  # the client is gone, or said nothing for long
                return
            except Exception:
                LOG.exception("A response broke off")

    def _answer(self, request: Request) -> bool:
        """Answer one request. False when the connection is to be closed."""
        said: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            said[:] = status, headers

        try:
            body = self._gateway(self._environment_of(request), start_response)
        except Exception:
            LOG.exception("Could not answer %s %s", request.method, request.target)
            self._refuse("500 Internal Server Error")
            return False
        try:
            return self._send(request, said[0], said[1], body)
        finally:
            if close := getattr(body, "close", None):
                close()

    def _send(
        self, request: Request, status: str, headers: list[tuple[str, str]], body: Iterable[bytes]
    ) -> bool:
        """Send a response; one whose length nobody knows in chunks, or up to the end of the connection."""
        given = {name.lower(): value.lower() for name, value in headers}
        bodiless = request.method == "HEAD" or status.startswith(BODILESS)
        measured = bodiless or "content-length" in given
        chunked = not measured and request.version == "1.1"
        keeps = request.keep_alive and (measured or chunked) and given.get("connection") != "close"
        more = [] if "date" in given else [("Date", _date())]
        if chunked:
            more.append(("Transfer-Encoding", "chunked"))
        if "connection" not in given and (not keeps or request.version == "1.0"):
            more.append(("Connection", "keep-alive" if keeps else "close"))
        waiting = head(status, [*headers, *more])
        if not bodiless:
            for part in body:
                if part:
                    self._socket.sendall(waiting + (_chunk(part) if chunked else part))
                    waiting = b""
            if chunked:
                waiting += b"0\r\n\r\n"
        if waiting:
            self._socket.sendall(waiting)
        return keeps

    def _environment_of(self, request: Request) -> dict[str, Any]:
        """The request as WSGI has it, and its headers unchanged for LocalStack."""
        target = request.target
        if not target.startswith(b"/"):  # the absolute form, which a proxy is sent
            parts = urlsplit(target)
            target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
        path, _, query = target.partition(b"?")
        named = wsgi_names(request.headers)
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if f"HTTP_{name}" in named:
                named[name] = named[f"HTTP_{name}"]
        return (
            self._environment
            | named
            | {
                "REQUEST_METHOD": request.method,
                "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
                "QUERY_STRING": query.decode("latin-1"),
                "SERVER_PROTOCOL": f"HTTP/{request.version}",
                "REQUEST_URI": request.target.decode("latin-1"),
                "RAW_URI": request.target.decode("latin-1"),
                "rolo.headers": request.headers,
                "wsgi.input": request.body,
            }
        )

    def _refuse(self, status: str) -> None:
        self._socket.sendall(head(status, [("Content-Length", "0"), ("Connection", "close")]))


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _date() -> str:
    return formatdate(time.time(), usegmt=True)
