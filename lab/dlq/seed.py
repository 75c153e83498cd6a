"""Dead letters made to order, for tests and benchmarks: exactly what the worker would have sent."""

import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.common.errors import LinesExceedAmountError, PipelineError
from functions.common.settings import SQS_MAX_BYTES
from functions.publish.death import dead_letter
from functions.publish.envelope import Envelope
from functions.publish.key import idempotency_key
from functions.publish.message import order_message
from functions.publish.publisher import Publisher
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

CODE_VERSION = "seeded"


def bury(
    pipeline: Pipeline,
    orders: Iterable[dict[str, Any]],
    *,
    error: PipelineError | None = None,
    age_seconds: int = 600,
    redrive_count: int = 0,
) -> list[str]:
    """Put orders into the DLQ as if they had died so long ago. Returns their ids; raises LabError."""
    cause = error or LinesExceedAmountError("seeded")
    died = datetime.now(UTC) - timedelta(seconds=age_seconds)
    ids: list[str] = []
    letters = list[Any]()
    for order in orders:
        key, now = idempotency_key(order), time.time_ns() // 1_000_000
        message = order_message(order, key, correlation_id=str(uuid.uuid4()), accepted_at=now)
        attributes = dict(message.attributes)
        if redrive_count:
            attributes["redriveCount"] = {"DataType": "Number", "StringValue": str(redrive_count)}
        envelope = Envelope("", "", message.body, attributes, receive_count=1, sent_at=now)
        letters.append(dead_letter(envelope, cause, key=key, failed_at=died, code_version=CODE_VERSION))
        ids.append(order["orderId"])
    publisher = Publisher(pipeline.aws.client("sqs"), pipeline.stack.dlq_url, max_bytes=SQS_MAX_BYTES)
    unsent = [delivery.error for delivery in publisher.send(letters) if not delivery.sent]
    if unsent:
        raise LabError(f"SQS did not take {len(unsent)} messages: {unsent[0]}.", "Run it again.")
    return ids
