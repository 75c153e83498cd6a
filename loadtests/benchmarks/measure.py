"""Counting AWS API calls at full batches, and timing orders from POST to effect and from queue to effect."""

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from functions.common import codec
from functions.publish.message import order_message
from lab.common.polling import wait_for
from lab.errors import LabError
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from loadtests.benchmarks.mapping import Mapping
from loadtests.benchmarks.processors import Meter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SETTLE_SECONDS = 180.0
BATCH = 10
MESSAGES = 1000
"""As many in a full queue that what a mapping takes to begin, some tenths of a second, hardly counts in the rate."""
_CALL = re.compile(rb"AWS ([a-z]+\.\w+) => \d+")
WORKER_OPERATIONS = re.compile(
    r"dynamodb\.(GetItem|PutItem|UpdateItem|DeleteItem|TransactWriteItems)|events\.PutEvents"
    r"|sqs\.(SendMessage|SendMessageBatch|ChangeMessageVisibilityBatch)|ssm\.GetParameters?"
)
"""What a worker may call. The benchmark's own calls while it counts are GetQueueAttributes and the mapping's."""


@dataclass(frozen=True)
class Measurement:
    """Figures of one implementation.

    `calls` are the worker's by operation, for `messages` in batches of ten. Rates are orders per second: `rate`
    from the first POST to the empty queue, `accepted_rate` to the last 202, which no end-to-end rate can exceed;
    `drain_rate` from a full queue. `spent` is processor time by component in milliseconds an order, while orders
    were posted and processed.
    """

    messages: int
    calls: MappingOf[str, int]
    drain_rate: float
    rate: float
    accepted_rate: float
    spent: MappingOf[str, float]

    @property
    def calls_per_message(self) -> float:
        """AWS API calls of the worker for each message."""
        return sum(self.calls.values()) / self.messages


@dataclass(frozen=True)
class Load:
    """`messages` are counted and drained; `posts` are sent by `threads` threads."""

    messages: int
    posts: int
    threads: int


def measure(pipeline: Pipeline, meter: Meter, log: Path, load: Load) -> Measurement:
    """Measure what is deployed, warm: as many POSTs as are timed have gone before, and environments do not start any
    more. Raises LabError if orders do not come through."""
    _post_and_process(pipeline, meter, load.posts, load.threads)
    calls, drain_rate = _drain(pipeline, log, load.messages)
    rate, accepted_rate, spent = _post_and_process(pipeline, meter, load.posts, load.threads)
    return Measurement(load.messages, calls, drain_rate, rate, accepted_rate, spent)


def _drain(pipeline: Pipeline, log: Path, messages: int) -> tuple[dict[str, int], float]:
    """Let the worker take a full queue in batches of ten: its calls by operation, and messages a second."""
    mapping = Mapping(pipeline)
    before = pipeline.processed()
    mapping.switch(enabled=False)
    try:
        _fill(pipeline, messages)
        offset = log.stat().st_size
    finally:
        began = time.perf_counter()
        mapping.switch(enabled=True)
    _wait_until_empty(pipeline)
    seconds = time.perf_counter() - began
    _require_effects(pipeline, before + messages)
    with log.open("rb") as file:
        file.seek(offset)
        seen = Counter(match.decode() for match in _CALL.findall(file.read()))
    calls = {name: count for name, count in seen.items() if WORKER_OPERATIONS.fullmatch(name)}
    return calls, messages / seconds


def _post_and_process(
    pipeline: Pipeline, meter: Meter, posts: int, threads: int
) -> tuple[float, float, dict[str, float]]:
    """Orders per second, processed and accepted, of clients that POST one order after the other; time spent."""
    before = pipeline.processed()
    supply = list(orders(posts, label="rate"))
    earlier, began = meter.look(), time.perf_counter()
    post_all(f"{pipeline.stack.api_url}/events", supply, threads)
    accepted = time.perf_counter()
    _wait_until_empty(pipeline)
    done = time.perf_counter()
    spent = {name: seconds / posts * 1000 for name, seconds in meter.look().since(earlier).items()}
    _require_effects(pipeline, before + posts)
    return posts / (done - began), posts / (accepted - began), spent


def post_all(url: str, supply: Sequence[dict[str, object]], threads: int) -> None:
    """POST every order, each client one after the other. Raises LabError where one is not accepted."""
    place = urlsplit(url)

    def post(share: Sequence[dict[str, object]]) -> None:
        # the plainest client there is: what it takes is missing to everybody else
        connection = HTTPConnection(place.hostname or "", place.port, timeout=60)
        for order in share:
            connection.request("POST", place.path, json.dumps(order), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 202:
                raise LabError(f"An order was answered with {answer.status}.", "Look: make status")
            answer.read()

    with ThreadPoolExecutor(threads) as clients:
        list(clients.map(post, (supply[start::threads] for start in range(threads))))


def _wait_until_empty(pipeline: Pipeline) -> None:
    """Depths, not effects: counting these reads the whole table, which would be the most work of all."""
    wait_for(
        "an empty queue", pipeline.queue, lambda depth: depth.total == 0, within=SETTLE_SECONDS, every=0.1
    )


def _require_effects(pipeline: Pipeline, count: int) -> None:
    wait_for(f"{count} effects", pipeline.processed, lambda seen: seen >= count, within=10, every=1)


def _fill(pipeline: Pipeline, messages: int) -> None:
    sqs: SQSClient = pipeline.aws.client("sqs")
    outgoing = [
        order_message(
            codec.loads(codec.dumps({"orderId": f"calls-{uuid.uuid4().hex}", "amount": 5})),
            uuid.uuid4().hex,
            correlation_id="benchmark",
            accepted_at=time.time_ns() // 1_000_000,
        )
        for _ in range(messages)
    ]
    for start in range(0, messages, BATCH):
        sqs.send_message_batch(
            QueueUrl=pipeline.stack.queue_url,
            Entries=[
                {
                    "Id": str(index),
                    "MessageBody": message.body,
                    "MessageAttributes": message.attributes,
                }
                for index, message in enumerate(outgoing[start : start + BATCH])
            ],
        )
