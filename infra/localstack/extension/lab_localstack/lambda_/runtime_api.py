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
from typing import Literal

import h11

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

    def _dispatch(self, connection: "_Connection", request: h11.Request, body: bytes) -> None:
        method, path = request.method.decode(), request.target.decode()
        headers = dict(request.headers)
        error_type = headers.get(b"lambda-runtime-function-error-type", b"").decode()
        match (method, *path.removeprefix(PREFIX).strip("/").split("/")):
            case ("GET", "invocation", "next"):
                self._asking = connection
                self.messages.append(Message("next"))
                return
            case ("POST", "invocation", request_id, "response" | "error" as kind):
                self.messages.append(Message(kind, request_id, body, error_type))
                connection.reply(202, b'{"status":"OK"}')
            case ("POST", "init", "error"):
                self.messages.append(Message("init-error", "", body, error_type))
                connection.reply(202, b'{"status":"OK"}')
            case _:
                error = {
                    "errorType": "InvalidPath",
                    "errorMessage": f"The Runtime API has no {method} {path}",
                }
                connection.reply(404, json.dumps(error).encode())


class _Connection:
    def __init__(
        self, opened: socket.socket, dispatch: "Callable[[_Connection, h11.Request, bytes], None]"
    ) -> None:
        self.socket = opened
        self._dispatch = dispatch
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_LIMIT)
        self._request: h11.Request | None = None
        self._body = bytearray()

    def read(self) -> bool:
        """Take in what arrived. False at the end of the connection."""
        try:
            data = self.socket.recv(1 << 20)
            self._http.receive_data(data)
            self._handle_events()
        except (OSError, h11.RemoteProtocolError):
            return False
        return bool(data)

    def _handle_events(self) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            match event:
                case h11.Request():
                    self._request = event
                    self._body.clear()
                case h11.Data():
                    self._body += event.data
                case h11.EndOfMessage():
                    if self._request is not None:
                        self._dispatch(self, self._request, bytes(self._body))
                case _:
                    return

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> bool:
        """Answer the request at hand and be ready for the next one. False when the other side is gone."""
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        try:
            self._send(
                h11.Response(status_code=status, headers=list(fields.items())),
                h11.Data(data=body),
                h11.EndOfMessage(),
            )
            if self._http.our_state is h11.MUST_CLOSE:
                return True
            self._http.start_next_cycle()
        except (OSError, h11.LocalProtocolError):
            return False
        return True

    def _send(self, *events: h11.Event) -> None:
        self.socket.sendall(b"".join(self._http.send(event) or b"" for event in events))
