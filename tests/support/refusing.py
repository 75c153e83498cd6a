"""A queue service that refuses single entries of batch calls, with HTTP 200 as SQS does."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

from lab.engines.direct import DIRECT

LOOPBACK = "127.0.0.1"
REFUSAL = {"Code": "InternalError", "SenderFault": False, "Message": "refused by a test"}


class RefusingSqs:
    """An endpoint in front of the engine. Of one operation it refuses every second new entry, `times` times.

    Entries are known by their body or receipt handle; `refused` counts refusals.
    """

    def __init__(self, upstream: str, operation: str, times: int) -> None:
        self._http = httpx.Client(base_url=upstream, timeout=30, **DIRECT)
        self._operation = operation
        self._times = times
        self._numbers: dict[str, int] = {}
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.refused = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, answer = service.answer(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its names
                """Tests do not want an access log."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._http.close()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Refuse what is to be refused, and pass the rest on."""
        refused: list[Any] = []
        if headers.get("X-Amz-Target") == f"AmazonSQS.{self._operation}":
            request = json.loads(body)
            refused = [entry for entry in request["Entries"] if self._refuses(entry)]
            passed = [entry for entry in request["Entries"] if entry not in refused]
            if not passed:
                return 200, json.dumps({"Successful": [], "Failed": self._failed(refused)}).encode()
            body = json.dumps(request | {"Entries": passed}).encode()
        kept = {
            name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")
        }
        upstream = self._http.post(path, content=body, headers=kept)
        if not refused:
            return upstream.status_code, upstream.content
        answer = upstream.json()
        answer["Failed"] = [*answer.get("Failed", []), *self._failed(refused)]
        return upstream.status_code, json.dumps(answer).encode()

    def _failed(self, refused: list[Any]) -> list[dict[str, Any]]:
        return [REFUSAL | {"Id": entry["Id"]} for entry in refused]

    def _refuses(self, entry: dict[str, Any]) -> bool:
        known = entry.get("MessageBody") or entry["ReceiptHandle"]
        with self._lock:
            number = self._numbers.setdefault(known, len(self._numbers))
            self._tries[known] += 1
            refuses = number % 2 == 1 and self._tries[known] <= self._times
            self.refused += refuses
            return refuses
