"""The server's side of HTTP/1.1: requests taken from a connection's bytes by llhttp, and the heads of responses."""

import io
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO

import httptools

HEADER_BYTES = 32 * 1024
HEADERS = 200
"""LocalStack's handling of headers takes time with the square of their number."""
TARGET_BYTES = 8 * 1024
"""LocalStack searches paths with patterns whose time grows with the square of the length; AWS takes 10 KB in all."""
IN_MEMORY_BYTES = 1024 * 1024
"""Larger bodies wait in a temporary file."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BadRequestError(Exception):
    """What arrived is not HTTP/1.1, or its header is too large."""


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request. Names and values of headers are as they were sent; the body is at its beginning."""

    method: str
    target: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    body: IO[bytes]
    keep_alive: bool
    """Whether the connection serves another request after this one."""


class RequestReader:
    """Takes in what arrives on one connection. `send` takes a 100 Continue where a client waits for it."""

    def __init__(self, send: Callable[[bytes], None], header_bytes: int = HEADER_BYTES) -> None:
        self._send = send
        self._header_bytes = header_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._complete: list[Request] = []

    def feed(self, data: bytes) -> list[Request]:
        """The requests that these bytes complete. Raises BadRequestError."""
        while data:
            try:
                self._parser.feed_data(data)
                data = b""
            except httptools.HttpParserUpgrade as upgrade:
                # an offer of another protocol, which no client insists on: the request is served as it is
                data = data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError as error:
                raise BadRequestError(str(error)) from error
        complete, self._complete = self._complete, []
        return complete

    # what the parser calls

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._room = self._header_bytes
        self._in_body = False
        self._body: IO[bytes] = io.BytesIO()
        self._body_bytes = 0

    def on_url(self, part: bytes) -> None:
        self._take_room(len(part))
        self._target += part
        if len(self._target) > TARGET_BYTES:
            raise BadRequestError("the address is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._take_room(len(name) + len(value) + 4)
        if len(self._headers) >= HEADERS:
            raise BadRequestError("there are too many headers")
        if not self._in_body:  # the trailers of a chunked body say nothing that anybody here reads
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_body = True
        if any(name.lower() == b"expect" for name, _ in self._headers):
            self._send(CONTINUE)

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes > IN_MEMORY_BYTES and isinstance(self._body, io.BytesIO):
            held, self._body = self._body, tempfile.TemporaryFile()  # noqa: SIM115  closed with its request
            self._body.write(held.getbuffer())
        self._body.write(part)

    def on_message_complete(self) -> None:
        self._body.seek(0)
        parser = self._parser
        self._complete.append(
            Request(
                parser.get_method().decode("latin-1"),
                self._target,
                parser.get_http_version(),
                self._headers,
                self._body,
                parser.should_keep_alive(),
            )
        )

    def _take_room(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise BadRequestError("the header is too large")


def wsgi_names(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as WSGI names them, such as HTTP_HOST; the values of a repeated one joined by commas."""
    named: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = "HTTP_" + raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        named[name] = f"{named[name]},{value}" if name in named else value
    return named


def head(status: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Status line and headers of a response, such as `200 OK`; header names keep their case."""
    lines = [f"HTTP/1.1 {status}\r\n", *(f"{name}: {value}\r\n" for name, value in headers), "\r\n"]
    return "".join(lines).encode("latin-1")
