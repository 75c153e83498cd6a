"""Reading the pipeline from outside, through AWS APIs only: depths, effects, alarms."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, cast

from functions.common.rows import Row, rows
from lab.deployment import alarms
from lab.deployment.stack import Stack
from lab.engines.clients import Aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True)
class Depth:
    """Approximate message counts of one queue, as SQS reports them."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True)
class Effect:
    """An order's side effect: how often it ran, and when (epoch milliseconds)."""

    order_id: str
    executions: int
    accepted_at: int
    processed_at: int

    @property
    def latency_ms(self) -> int:
        """From acceptance by the API to the committed effect."""
        return self.processed_at - self.accepted_at

    @classmethod
    def from_item(cls, item: "Mapping[str, AttributeValueTypeDef]") -> Self | None:
        """The effect of an order's row; None for a row that an engine shows while it is written."""
        if "executions" not in item:
            return None
        return cls(
            order_id=item["orderId"].get("S", ""),
            executions=int(item["executions"].get("N", "0")),
            accepted_at=int(Decimal(item["acceptedAt"].get("N", "0"))),
            processed_at=int(Decimal(item["processedAt"].get("N", "0"))),
        )


class Pipeline:
    """A deployed pipeline as an operator sees it."""

    def __init__(self, aws: Aws, stack: Stack) -> None:
        self.aws = aws
        self.stack = stack
        self._sqs: SQSClient = aws.client("sqs")
        self._dynamodb: DynamoDBClient = aws.client("dynamodb")
        self._cloudwatch: CloudWatchClient = aws.client("cloudwatch")
        self._ssm: SSMClient = aws.client("ssm")

    def queue(self) -> Depth:
        """The orders queue."""
        return self._depth(self.stack.queue_url)

    def dlq(self) -> Depth:
        """The dead-letter queue."""
        return self._depth(self.stack.dlq_url)

    def resume_messages(self) -> Depth:
        """The queue of messages that resume a paused mapping, empty where nothing can pause it."""
        url = self.stack.valve_queue_url
        return self._depth(url) if url else Depth(visible=0, in_flight=0, delayed=0)

    def undelivered_events(self) -> Depth:
        """The queue of events that the rule could not hand to their topic."""
        return self._depth(self.stack.undelivered_events_queue_url)

    def processed(self) -> int:
        """How many orders have their effect."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.orders_table_name, Select="COUNT", ConsistentRead=True
        )
        return sum(page["Count"] for page in pages)

    def effects(self, order_ids: Iterable[str] | None = None) -> Iterator[Effect]:
        """Every order's effect, or those of the given orders: by key, which does not read a table that has grown."""
        items = self._order_rows() if order_ids is None else self._order_rows_of(order_ids)
        return (effect for item in items if (effect := Effect.from_item(item)))

    def redrive_rows(self, *kinds: str) -> "Iterator[Row]":
        """The rows of the redrive table that are of these kinds (functions/redrive/kinds.py), read consistently."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.redrive_table_name,
            ConsistentRead=True,
            FilterExpression=f"kind IN ({', '.join(f':{kind}' for kind in kinds)})",
            ExpressionAttributeValues={f":{kind}": {"S": kind} for kind in kinds},
        )
        return (item for page in pages for item in page["Items"])

    def _order_rows(self) -> "Iterator[Mapping[str, AttributeValueTypeDef]]":
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.orders_table_name, ConsistentRead=True
        )
        return (item for page in pages for item in page["Items"])

    def _order_rows_of(self, order_ids: Iterable[str]) -> "Iterator[Mapping[str, AttributeValueTypeDef]]":
        table = self.stack.orders_table_name
        keys = ((table, {"orderId": {"S": order_id}}) for order_id in sorted(set(order_ids)))
        return (row for _, row in rows(self._dynamodb, keys))

    def alarm_states(self) -> dict[str, str]:
        """State by alarm, without the deployment's prefix: {"critical-dlq-depth": "OK", ...}."""
        return alarms.states(self._cloudwatch, self.stack)

    def failure_modes(self) -> dict[str, str]:
        """Every parameter of the failure mode with its value, in the functions' order, without those that are gone."""
        names = self.stack.failure_mode_parameters
        answer = self._ssm.get_parameters(Names=list(names))
        values = {found.get("Name"): found.get("Value", "") for found in answer["Parameters"]}
        return {name: values[name] for name in names if name in values}

    def failure_mode(self) -> str:
        """The failure mode in force, whichever parameter it is in."""
        return mode_in_force(self.failure_modes())

    def set_failure_mode(self, mode: str) -> None:
        """Write the failure mode; functions notice it when their cached copy is too old."""
        self.write_failure_modes(self.parameters_for(mode))

    def parameters_for(self, mode: str) -> dict[str, str]:
        """What to write for a mode to be in force: the first parameter wins, and all must agree on `none`."""
        first, *others = self.stack.failure_mode_parameters
        return {first: mode} | (dict.fromkeys(others, mode) if mode == "none" else {})

    def write_failure_modes(self, values: Mapping[str, str]) -> None:
        """Write some of the parameters; one that is gone is made again."""
        for name, value in values.items():
            self._ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def _depth(self, url: str) -> Depth:
        counts = self._sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        ).get("Attributes", {})
        return Depth(
            visible=int(counts.get("ApproximateNumberOfMessages", 0)),
            in_flight=int(counts.get("ApproximateNumberOfMessagesNotVisible", 0)),
            delayed=int(counts.get("ApproximateNumberOfMessagesDelayed", 0)),
        )


def mode_in_force(modes: Mapping[str, str]) -> str:
    """The failure mode that these parameters amount to, for the functions' own rule."""
    from functions.common.failure_modes import pick  # noqa: PLC0415  brings the functions' libraries

    return str(pick(modes, modes))


def fields_of(line: str) -> dict[str, Any] | None:
    """The fields of a function's log line; None where the line is not a JSON object."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):  # not JSON, or JSON that nobody of ours wrote
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None
