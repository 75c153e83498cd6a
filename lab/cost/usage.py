"""What a stretch of time used, read from AWS APIs, and from the engine's log of requests where there is no other way.

CloudWatch has no metric of the calls that SQS charges, and the engine none of DynamoDB's capacity units. The host
engine writes every API call to its log, so they are counted there; elsewhere they are not provable.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.components.names import EMITTED_METRICS
from lab.deployment.templates import Deployed, Resource
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

MB_OF_GB = 1024
KB = 1024
API_STEP = 512 * KB
"""HTTP APIs charge a request for each started 512 KB of it."""

DAYS_OF_MONTH = 30
HOURS_OF_MONTH = 730
POLLERS = 5
POLL_SECONDS = 20
"""What Lambda keeps waiting for an idle queue: so many pollers, each of which asks again after so long."""

SAMPLED_ROWS = 25
UNKNOWN = "not provable here: only the host engine logs every call"

OF_FUNCTIONS = re.compile(
    r"dynamodb\.(GetItem|PutItem|UpdateItem|DeleteItem)"
    r"|sqs\.(SendMessage|SendMessageBatch|ChangeMessageVisibility|ChangeMessageVisibilityBatch|DeleteMessageBatch)"
)
"""Calls that the functions make and that are charged; the lab's own looks use others."""

_CALL = re.compile(r"^(\S+)\s+.* AWS ([a-z]+\.\w+) => \d+", re.MULTILINE)
_REPORT = re.compile(r"\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB")


@dataclass
class Usage:
    """Quantities by the name of their price; what is None cannot be known here."""

    orders: int
    seconds: float
    quantities: dict[str, float | None] = field(default_factory=dict[str, float | None])
    calls: dict[str, int] = field(default_factory=dict[str, int])
    invocations: dict[str, int] = field(default_factory=dict[str, int])

    def of(self, name: str) -> float | None:
        """One quantity."""
        return self.quantities.get(name)


def measure(pipeline: Pipeline, engine_log: Path | None, start: int, end: int, orders: int) -> Usage:
    """What happened from `start` to `end` (epoch milliseconds), in which `orders` orders were accepted."""
    usage = Usage(orders, (end - start) / 1000)
    logs = _Logs(pipeline, start, end)
    processor = _architecture(pipeline)
    gb_seconds = 0.0
    for name in _functions(pipeline):
        lines = logs.lines(f"/aws/lambda/{name}")
        reports = [report for line in lines if line.startswith("REPORT") and (report := _REPORT.search(line))]
        usage.invocations[name.removeprefix(f"{pipeline.stack.prefix}-")] = len(reports)
        gb_seconds += sum(
            int(ms) / 1000 * int(mb) / MB_OF_GB for ms, mb in (report.groups() for report in reports)
        )
    access = logs.lines(f"/aws/vendedlogs/{pipeline.stack.prefix}-api")
    order_bytes, key_bytes = row_bytes(pipeline)
    kept = orders * (order_bytes + key_bytes * _ttl_days(pipeline) / DAYS_OF_MONTH)
    usage.quantities = {
        "api-request": sum(map(request_steps, access)),
        "lambda-request": sum(usage.invocations.values()),
        f"lambda-gb-second-{processor}": gb_seconds,
        "event": logs.events,
        "sns-publish": logs.events,  # the rule passes every event on to the topic
        "log-byte": logs.bytes,
        "log-byte-month": logs.bytes * logs.retention_days / DAYS_OF_MONTH,
        "table-byte-month": kept,
        "backup-byte-month": kept,
        "sqs-request": None,
        "dynamodb-write": None,
        "dynamodb-read": None,
    }
    if engine_log is not None:
        usage.calls = calls(engine_log, start, end)
        batches = usage.invocations.get("worker", 0)
        usage.quantities |= charged(
            usage.calls, batches, logs.committed, (write_units(order_bytes), write_units(key_bytes))
        )
    return usage


def charged(
    counted: Mapping[str, int], batches: int, committed: int, units: tuple[int, int]
) -> dict[str, float | None]:
    """Requests and capacity units of calls.

    Lambda's poller makes one ReceiveMessage and one DeleteMessageBatch for each of `batches`; it is no HTTP client of
    the engine's, so its calls are in no log. `units` are the write units of an order's row and of its idempotency
    record, which are written twice in a transaction; `committed` are the orders whose transaction succeeded, as one
    call may hold those of a whole batch. Transactions that were cancelled are charged on AWS, and left out here.
    """
    sqs = sum(count for name, count in counted.items() if name.startswith("sqs.")) + 2 * batches
    single = sum(counted.get(f"dynamodb.{name}", 0) for name in ("PutItem", "UpdateItem", "DeleteItem"))
    in_transactions = 2 * sum(units) * committed
    return {
        "sqs-request": sqs,
        "dynamodb-write": single + in_transactions,
        "dynamodb-read": counted.get("dynamodb.GetItem", 0),
    }


def calls(engine_log: Path, start: int, end: int) -> dict[str, int]:
    """The functions' charged calls by operation, as the engine logged them."""
    counted: Counter[str] = Counter()
    with engine_log.open(errors="replace") as file:
        for line in file:
            found = _CALL.match(line)
            if found and OF_FUNCTIONS.fullmatch(found[2]) and start <= _milliseconds(found[1]) <= end:
                counted[found[2]] += 1
    return dict(counted)


def request_steps(line: str) -> int:
    """The requests that AWS charges for one line of the API's access log."""
    return max(1, -(-int(json.loads(line).get("dataProcessed") or 0) // API_STEP))


def write_units(size: int) -> int:
    """The units that a write of so many bytes takes."""
    return max(1, -(-size // KB))


def row_bytes(pipeline: Pipeline) -> tuple[int, int]:
    """Bytes of an order's row and of its idempotency record: the largest of some that are there."""
    dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")

    def largest(table: str) -> int:
        rows = dynamodb.scan(TableName=table, Limit=SAMPLED_ROWS)["Items"]
        return max(map(item_size, rows), default=0)

    return largest(pipeline.stack.orders_table_name), largest(pipeline.stack.idempotency_table_name)


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes of an item (DynamoDB guide, "Item sizes and formats"): names, texts, half a byte for a digit."""

    def of(value: Mapping[str, Any]) -> int:
        kind, content = next(iter(value.items()))
        match kind:
            case "S":
                return len(content.encode())
            case "N":
                return len(content.strip("+-0.")) // 2 + 1
            case _:
                return len(str(content))

    return sum(len(name.encode()) + of(value) for name, value in item.items())


CHARGED_BY_THE_MONTH = {
    "AWS::CloudWatch::Alarm": "alarm-month",
    "AWS::CloudWatch::CompositeAlarm": "composite-alarm-month",
    "AWS::CloudWatch::Dashboard": "dashboard-month",
    "AWS::Logs::MetricFilter": "metric-month",
    "AWS::SecretsManager::Secret": "secret-month",
    "AWS::KMS::Key": "key-month",
}
"""The prices of resources, by their kind. Every metric filter writes a metric of its own."""


def standing(deployed: Iterable[Deployed]) -> dict[str, float]:
    """What is charged by the month whatever happens, counted in the deployed templates.

    Every metric that a function may emit is counted: AWS charges one for the hours in which it has a value.
    """
    resources = [resource for stack in deployed for resource in stack.resources.values()]
    counted = Counter(dict.fromkeys(CHARGED_BY_THE_MONTH.values(), 0))
    counted.update(price for each in resources if (price := CHARGED_BY_THE_MONTH.get(each.kind)))
    counted["metric-month"] += len(EMITTED_METRICS)
    # an alarm on an expression is charged once for each metric in it
    counted["alarm-month"] += sum(max(0, _metrics_in(each.properties) - 1) for each in resources)
    mappings = sum(each.kind == "AWS::Lambda::EventSourceMapping" for each in resources)
    return {
        **counted,
        "idle-receive": mappings * POLLERS * HOURS_OF_MONTH * 3600 / POLL_SECONDS,
        "endpoint-hour": HOURS_OF_MONTH * sum(_zones(each) for each in resources),
    }


def _metrics_in(properties: Mapping[str, Any]) -> int:
    """How many metrics an alarm's expression has."""
    return sum("MetricStat" in query for query in properties.get("Metrics", []))


def _zones(resource: Resource) -> int:
    """In how many availability zones an interface endpoint is charged; those of gateways are not."""
    is_interface = resource.properties.get("VpcEndpointType") == "Interface"
    return len(resource.properties.get("SubnetIds", [])) if is_interface else 0


def _functions(pipeline: Pipeline) -> list[str]:
    client: LambdaClient = pipeline.aws.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    names = [function.get("FunctionName", "") for page in pages for function in page["Functions"]]
    return sorted(name for name in names if name.startswith(f"{pipeline.stack.prefix}-"))


def _worker(pipeline: Pipeline) -> "FunctionConfigurationResponseTypeDef":
    client: LambdaClient = pipeline.aws.client("lambda")
    return client.get_function_configuration(FunctionName=pipeline.stack.worker_function_name)


def _architecture(pipeline: Pipeline) -> str:
    return _worker(pipeline).get("Architectures", ["x86_64"])[0]


def _ttl_days(pipeline: Pipeline) -> int:
    """How long an idempotency record is kept."""
    return int(_worker(pipeline).get("Environment", {}).get("Variables", {})["TTL_DAYS"])


def _milliseconds(text: str) -> float:
    """The engine's local time stamp, such as 2026-11-26T06:25:27.359."""
    return datetime.fromisoformat(text).timestamp() * 1000


ANNOUNCED = re.compile(r'"event": ?"order\.(processed|duplicate|dead_lettered)"')
"""Each of these lines stands for one event that the worker puts on the bus."""

COMMITTED = re.compile(r'"event": ?"order\.processed"')
"""Each of these lines stands for one order whose effect was committed."""


class _Logs:
    """All lines of log groups in a stretch of time; bytes, events and commits are counted as they are read."""

    def __init__(self, pipeline: Pipeline, start: int, end: int) -> None:
        self._client: CloudWatchLogsClient = pipeline.aws.client("logs")
        self._start, self._end = start, end
        self._worker_group = f"/aws/lambda/{pipeline.stack.worker_function_name}"
        self.bytes = 0
        self.events = 0
        self.committed = 0

    @property
    def retention_days(self) -> int:
        """How long lines are kept: all log groups have one setting."""
        groups = self._client.describe_log_groups(logGroupNamePrefix=self._worker_group)["logGroups"]
        return groups[0].get("retentionInDays", DAYS_OF_MONTH)

    def lines(self, group: str) -> list[str]:
        return list(self._read(group))

    def _read(self, group: str) -> Iterator[str]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=self._start, endTime=self._end
        )
        for page in pages:
            for event in page["events"]:
                text = event.get("message", "")
                self.bytes += len(text.encode())
                self.events += bool(ANNOUNCED.search(text))
                self.committed += bool(COMMITTED.search(text))
                yield text
