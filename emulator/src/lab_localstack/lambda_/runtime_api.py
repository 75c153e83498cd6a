"""The Lambda Runtime API (version 2018-06-01) of one execution environment.

It has no thread of its own: whoever waits for the environment's next message serves it, so that nothing happens
between two invocations (as in a frozen environment on AWS) and an invocation costs no switch of threads.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import selectors
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from lab_localstack.server.guard import refusal
from lab_localstack.server.http1 import BadRequestError, Request, RequestReader, head, wsgi_names

HOST = "127.0.0.1"
PREFIX = "/2018-06-01/runtime"
HEADER_LIMIT = 2 * 1024 * 1024
"""Bytes: the runtime sends an error's X-Ray cause as a header of up to 1 MiB."""
SEND_SECONDS = 10.0


@dataclass(frozen=True)
class Message:
    """One request of the runtime: it asks for an invocation, or posts a response, an error or a failed init."""

    kind: Literal["next", "response", "error", "init-error"]
    request_id: str = ""
    body: bytes = b""
    error_type: str = ""


class RuntimeApi:
    """Listens on a port of its own on 127.0.0.1. Not safe to use from several threads at once."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._listener = socket.create_server((HOST, 0))
        self._connections: set[_Connection] = set()
        self._asking: _Connection | None = None
        self.messages: deque[Message] = deque()
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    def give(self, headers: dict[str, str], payload: bytes) -> bool:
        """Answer the runtime's pending request for an invocation. False when the runtime is gone."""
        asking, self._asking = self._asking, None
        return asking is not None and asking.reply(
            200, payload, {"Content-Type": "application/json", **headers}
        )

    def forget_connections(self) -> None:
        """Close what a dead runtime left open."""
        for connection in list(self._connections):
            self._drop(connection)
        self.messages.clear()

    def close(self) -> None:
        """Close everything: a runtime that is waiting for an invocation then ends."""
        self.forget_connections()
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        opened, _ = self._listener.accept()
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(SEND_SECONDS)
        connection = _Connection(opened, self._dispatch)
        self._connections.add(connection)
        self._selector.register(opened, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: "_Connection") -> None:
        if not connection.read():
            self._drop(connection)

    def _drop(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def _dispatch(self, connection: "_Connection", request: Request) -> None:
        path = request.target.decode("latin-1")
        if reason := refusal(wsgi_names(request.headers)):  # a page would take a function's invocations away
            connection.reply(403, f"{reason}\n".encode(), {"Content-Type": "text/plain"})
            return
        match (request.method, *path.removeprefix(PREFIX).strip("/").split("/")):
            case ("GET", "invocation", "next"):
                self._asking = connection
                self.messages.append(Message("next"))
                return
            case ("POST", "invocation", request_id, "response" | "error" as kind):
                self.messages.append(Message(kind, request_id, request.body.read(), _error_type(request)))
                connection.reply(202, b'{"status":"OK"}')
            case ("POST", "init", "error"):
                self.messages.append(Message("init-error", "", request.body.read(), _error_type(request)))
                connection.reply(202, b'{"status":"OK"}')
            case _:
                error = {
                    "errorType": "InvalidPath",
                    "errorMessage": f"The Runtime API has no {request.method} {path}",
                }
                connection.reply(404, json.dumps(error).encode())


def _error_type(request: Request) -> str:
    values = (
        value for name, value in request.headers if name.lower() == b"lambda-runtime-function-error-type"
    )
    return next(values, b"").decode("latin-1")


class _Connection:
    def __init__(self, opened: socket.socket, dispatch: "Callable[[_Connection, Request], None]") -> None:
        self.socket = opened
        self._dispatch = dispatch
        self._reader = RequestReader(opened.sendall, header_bytes=HEADER_LIMIT)

    def read(self) -> bool:
        """Take in what arrived. False at the end of the connection."""
        try:
            data = self.socket.recv(1 << 20)
            for request in self._reader.feed(data):
                with request.body:
                    self._dispatch(self, request)
        except (OSError, BadRequestError):
            return False
        return bool(data)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> bool:
        """Answer the request at hand and be ready for the next one. False when the other side is gone."""
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        try:
            self.socket.sendall(head(f"{status} {HTTPStatus(status).phrase}", fields.items()) + body)
        except OSError:
            return False
        return True
