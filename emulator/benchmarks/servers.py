"""Processor time that the engine takes for a request with its own HTTP server and with two libraries', in one run.

    .lab/env/uv/bin/uv pip install --python .lab/env/engine/bin/python --target .lab/bench-servers cheroot waitress
    PYTHONPATH=.lab/bench-servers .lab/env/lab/bin/python emulator/benchmarks/servers.py

Each round gives every server an engine of its own and the same work: SendMessage to one queue over kept connections of
eight clients. Printed: milliseconds of processor time a request, the median of the rounds, and each beside our own.
"""

import os
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support import engines

SERVERS = ("own", "cheroot", "waitress")
ROUNDS, CLIENTS, REQUESTS, WARM = 3, 8, 4000, 500
RUNNER = Path(__file__).with_name("engine_with_server.py")
CALL = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "AmazonSQS.SendMessage",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=x"
    ),
}


class EngineOf(engines.EngineWith):
    """An engine with one of the servers."""

    def __init__(self, server: str) -> None:
        super().__init__(PYTHONPATH=os.environ.get("PYTHONPATH", ""))
        self.command = [engines.PYTHON, RUNNER, server]


def milliseconds(engine: engines.EngineWith, path: str, body: str) -> float:
    """Processor time of a request."""
    url = engine.client("sqs").create_queue(QueueName="orders")["QueueUrl"] if path == "/" else ""
    content = body.replace("QUEUE", url)
    method = "POST" if body else "GET"

    def client(count: int) -> None:
        with httpx.Client(base_url=engine.endpoint, trust_env=False, headers=CALL if body else {}) as http:
            for _ in range(count):
                http.request(method, path, content=content or None).raise_for_status()

    def drive(count: int) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(client, [count // CLIENTS] * CLIENTS))

    drive(WARM)
    process: psutil.Process = engine.process()
    before = process.cpu_times()
    drive(REQUESTS)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / REQUESTS * 1000


def main() -> None:
    """Print the table."""
    seen: dict[str, list[float]] = {server: [] for server in SERVERS}
    for number in range(ROUNDS):
        for server in SERVERS[number % 3 :] + SERVERS[: number % 3]:
            engine = EngineOf(server)
            engine.up()
            seen[server].append(milliseconds(engine, "/", '{"QueueUrl": "QUEUE", "MessageBody": "x"}'))
            engine.down()
            print(f"round {number + 1} {server}: {seen[server][-1]:.2f} ms", flush=True)
    own = statistics.median(seen["own"])
    for server, values in seen.items():
        median = statistics.median(values)
        print(f"{server:10} {median:6.2f} ms a request  {median / own:.2f} x")


if __name__ == "__main__":
    main()
