"""Provisioned capacity: a table that has it is throttled beyond it, and its metrics tell.

What a table did not use is kept for bursts, up to five minutes of it. A request is refused when nothing is left; what
it costs is known, and taken, when it has been served, so the last one may overdraw.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

from localstack.aws.api import RequestContext
from localstack.aws.api.dynamodb import ProvisionedThroughputExceededException
from localstack.http import Response
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from lab_localstack.dynamodb.models import LOCK
from lab_localstack.dynamodb.responses import replace
from lab_localstack.metrics import publish

type Handler = Callable[[RequestContext, Any], Any]
type Kind = Literal["Read", "Write"]

NAMESPACE = "AWS/DynamoDB"
BURST_SECONDS = 300
REFUSAL = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
    "provisioning level with the UpdateTable API."
)


@dataclass
class Bucket:
    """Capacity units of one kind that a table has left."""

    units: float
    filled_at: float = field(default_factory=time.monotonic)

    def fill(self, a_second: float) -> float:
        """Add what the time since the last call has brought. Returns the units there are now."""
        now = time.monotonic()
        self.units = min(self.units + a_second * (now - self.filled_at), a_second * BURST_SECONDS)
        self.filled_at = now
        return self.units


_BUCKETS: WeakKeyDictionary[Table, dict[Kind, Bucket]] = WeakKeyDictionary()


def throttled(kind: Kind, handler: Handler) -> Handler:
    """The handler of an operation, throttled by the tables that it is about.

    Raises ProvisionedThroughputExceededException for the whole of a batch or transaction when one of them has no
    capacity left.
    """

    def serve(context: RequestContext, request: Any) -> Any:
        tables = dynamodb_backends[context.account_id][context.region].tables
        named = {name: tables[name] for name in _tables_of(request) if name in tables}
        metered = {name: table for name, table in named.items() if table.billing_mode == "PROVISIONED"}
        if not metered:
            return handler(context, request)
        with LOCK:
            buckets = {name: _bucket(table, kind) for name, table in metered.items()}
            for name, bucket in buckets.items():
                if bucket.fill(_capacity(metered[name], kind)) <= 0:
                    _count(context, name, kind)
                    raise ProvisionedThroughputExceededException(REFUSAL)
            detail = request.get("ReturnConsumedCapacity", "NONE")
            detailed = request | {"ReturnConsumedCapacity": "TOTAL"} if detail == "NONE" else request
            response = handler(context, detailed)
            for entry in _consumed(response, keep=detail != "NONE"):
                if entry["TableName"] in buckets:
                    buckets[entry["TableName"]].units -= entry["CapacityUnits"]
            return response

    return serve


def _tables_of(request: Any) -> Iterator[str]:
    """The names of the tables that a request is about."""
    if "TableName" in request:
        yield request["TableName"]
    yield from request.get("RequestItems", ())
    for item in request.get("TransactItems", ()):
        yield from (action["TableName"] for action in item.values())


def _capacity(table: Table, kind: Kind) -> float:
    return float(table.throughput[f"{kind}CapacityUnits"])


def _bucket(table: Table, kind: Kind) -> Bucket:
    """A new table begins with a full one."""
    return _BUCKETS.setdefault(table, {}).setdefault(kind, Bucket(_capacity(table, kind) * BURST_SECONDS))


def _consumed(response: Any, *, keep: bool) -> list[dict[str, Any]]:
    """The entries of ConsumedCapacity; they leave the response again unless the caller wants them."""
    body = json.loads(response.get_data()) if isinstance(response, Response) else response
    entries = body.get("ConsumedCapacity") or []
    if entries and not keep:
        if isinstance(response, Response):
            replace(response, ConsumedCapacity=None)
        else:
            del response["ConsumedCapacity"]
    return entries if isinstance(entries, list) else [entries]


def _count(context: RequestContext, table: str, kind: Kind) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html"""
    of_table: dict[str, str] = {"TableName": table}
    operation = str(context.operation.name) if context.operation else ""
    place = (context.account_id, context.region)
    publish(NAMESPACE, f"{kind}ThrottleEvents", 1, "Count", of_table, *place)
    publish(NAMESPACE, "ThrottledRequests", 1, "Count", of_table | {"Operation": operation}, *place)
