"""Counting AWS API calls at full batches, and timing orders from POST to effect."""

import re
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from functions.common import codec
from functions.publish.message import order_message
from lab.observe import Pipeline
from lab.orders import orders
from lab.polling import wait_for

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

SETTLE_SECONDS = 180.0
BATCH = 10
_CALL = re.compile(rb"AWS ([a-z]+\.\w+) => \d+")
WORKER_OPERATIONS = re.compile(
    r"dynamodb\.(GetItem|PutItem|UpdateItem|DeleteItem|TransactWriteItems)|events\.PutEvents"
    r"|sqs\.(SendMessage|SendMessageBatch|ChangeMessageVisibilityBatch)|ssm\.GetParameters?"
)
"""What a worker may call. The benchmark's own calls while it counts are Scan and GetQueueAttributes."""


@dataclass(frozen=True)
class Measurement:
    """`calls` by operation for `messages` processed, and orders per second: `rate` from the first POST to the
    last effect, `accepted_rate` to the last 202 alone, which no end-to-end rate can exceed."""

    messages: int
    calls: Mapping[str, int]
    rate: float
    accepted_rate: float

    @property
    def calls_per_message(self) -> float:
        """AWS API calls of the worker for each message."""
        return sum(self.calls.values()) / self.messages


def measure(pipeline: Pipeline, log: Path, messages: int, posts: int, threads: int) -> Measurement:
    """Measure what is deployed, warm. Raises LabError if orders do not come through."""
    rate_of(pipeline, 4 * threads, threads)
    calls = count_calls(pipeline, log, messages)
    return Measurement(messages, calls, *rate_of(pipeline, posts, threads))


def count_calls(pipeline: Pipeline, log: Path, messages: int) -> dict[str, int]:
    """Let the worker take a full queue in batches of ten; its calls by operation."""
    _switch_mapping(pipeline, enabled=False)
    try:
        _fill(pipeline, messages)
        offset, before = log.stat().st_size, pipeline.processed()
    finally:
        _switch_mapping(pipeline, enabled=True)
    _wait_for_effects(pipeline, before + messages)
    wait_for("an empty queue", pipeline.queue, lambda depth: depth.total == 0, within=SETTLE_SECONDS)
    with log.open("rb") as file:
        file.seek(offset)
        seen = Counter(match.decode() for match in _CALL.findall(file.read()))
    return {name: count for name, count in seen.items() if WORKER_OPERATIONS.fullmatch(name)}


def rate_of(pipeline: Pipeline, posts: int, threads: int) -> tuple[float, float]:
    """Orders per second, processed and accepted, of `threads` clients that POST one order after the other."""
    before = pipeline.processed()
    supply = list(orders(posts, label="rate"))
    shares = [supply[start::threads] for start in range(threads)]

    def post(share: list[dict[str, object]]) -> None:
        with httpx.Client(base_url=pipeline.stack.api_url, timeout=30, trust_env=False) as client:
            for order in share:
                client.post("/events", json=order).raise_for_status()

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as clients:
        list(clients.map(post, shares))
    accepted = time.perf_counter()
    _wait_for_effects(pipeline, before + posts)
    return posts / (time.perf_counter() - began), posts / (accepted - began)


def _wait_for_effects(pipeline: Pipeline, count: int) -> None:
    wait_for(
        f"{count} effects", pipeline.processed, lambda seen: seen >= count, within=SETTLE_SECONDS, every=0.25
    )


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


def _switch_mapping(pipeline: Pipeline, *, enabled: bool) -> None:
    client: LambdaClient = pipeline.aws.client("lambda")
    mapping = pipeline.stack.worker_event_source_mapping_id
    client.update_event_source_mapping(UUID=mapping, Enabled=enabled)
    wanted = "Enabled" if enabled else "Disabled"
    wait_for(
        f"a mapping that is {wanted}",
        lambda: client.get_event_source_mapping(UUID=mapping).get("State"),
        lambda state: state == wanted,
        within=30,
    )
