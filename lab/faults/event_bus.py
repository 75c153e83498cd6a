"""Event buses that misbehave: endpoints in this process that the worker is pointed at instead of EventBridge.

They listen on 127.0.0.1, so only functions that run on this machine can be pointed at them. When this process ends
they are gone, and the worker meets a refused connection until the change has
expired and the next command has undone it.
"""

import json
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from lab.engines.direct import DIRECT

LOOPBACK = "127.0.0.1"
DRIBBLE_SECONDS = 0.2
"""Between two bytes of an answer that does not end: shorter than any client waits for one."""
REFUSAL = {"ErrorCode": "ThrottlingException", "ErrorMessage": "refused by the lab"}


@cache
def silent() -> str:
    """The URL of a bus that takes connections and never answers."""
    listener = socket.create_server((LOOPBACK, 0), backlog=128)
    _KEPT_OPEN.append(listener)
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


_KEPT_OPEN: list[socket.socket] = []


@cache
def dribbling() -> str:
    """The URL of a bus that sends its answer so slowly that it never ends. No time-out of a client ends such a call:
    these count the silence between two bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(1 << 20))
            with suppress(OSError):  # until the client is gone
                self.end_headers()
                while True:
                    self.wfile.write(b" ")
                    time.sleep(DRIBBLE_SECONDS)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its names
            """The lab's own output is not the place for an access log."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="dribbling-bus").start()
    return f"http://{LOOPBACK}:{server.server_address[1]}"


class PartlyDeafBus:
    """A bus in front of the real one that refuses some entries of a call, with HTTP 200 as EventBridge does.

    Every second new event is refused `refusals` times before it may pass; `refused` counts refusals.
    """

    def __init__(self, behind: str, refusals: int) -> None:
        self._behind = behind
        self._refusals = refusals
        self._order: dict[str, int] = {}
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        bus = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                answer = bus.answer(dict(self.headers), body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(answer)))
                with suppress(ConnectionError):  # whoever does not wait any longer needs no answer
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its names
                """The lab's own output is not the place for an access log."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True, name="partly-deaf-bus").start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def refused(self) -> int:
        """How many entries it has refused."""
        with self._lock:
            return sum(
                min(count, self._refusals) for event, count in self._seen.items() if self._order[event] % 2
            )

    def answer(self, headers: dict[str, str], body: bytes) -> bytes:
        """Refuse what is to be refused, pass the rest on, and answer in the order of the request."""
        entries: list[dict[str, Any]] = json.loads(body)["Entries"]
        passes = [self._passes(json.loads(entry["Detail"])["eventId"]) for entry in entries]
        passed = [entry for entry, may_pass in zip(entries, passes, strict=True) if may_pass]
        results = iter(self._put(headers, passed) if passed else ())
        answered = [next(results) if may_pass else REFUSAL for may_pass in passes]
        failed = sum("ErrorCode" in result for result in answered)
        return json.dumps({"FailedEntryCount": failed, "Entries": answered}).encode()

    def _passes(self, event_id: str) -> bool:
        with self._lock:
            number = self._order.setdefault(event_id, len(self._order))
            self._seen[event_id] += 1
            return number % 2 == 0 or self._seen[event_id] > self._refusals

    def _put(self, headers: dict[str, str], entries: list[dict[str, Any]]) -> list[dict[str, str]]:
        kept = {
            name: value
            for name, value in headers.items()
            if name.lower()
            in ("authorization", "content-type", "x-amz-date", "x-amz-target", "x-amz-security-token")
        }
        answer = httpx.post(
            self._behind, headers=kept, content=json.dumps({"Entries": entries}), timeout=10, **DIRECT
        )
        return answer.json()["Entries"]
