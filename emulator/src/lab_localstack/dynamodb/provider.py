"""DynamoDB served by moto in this process: one operation at a time, so that every operation is atomic."""

import json
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.http import Response
from localstack.services.moto import dispatch_to_moto
from localstack.services.plugins import ServiceLifecycleHook
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import Table

from lab_localstack.dynamodb.capacity import consumed, read_units, size, write_units
from lab_localstack.dynamodb.errors import ValidationError
from lab_localstack.dynamodb.models import LOCK, Row, attributes, described, table_of
from lab_localstack.dynamodb.transactions import transact_write_items
from lab_localstack.dynamodb.ttl import delete_expired_items
from lab_localstack.dynamodb.validation import require_valid, worded
from lab_localstack.dynamodb.values import same_key
from lab_localstack.settings import SETTINGS

type Handler = Callable[[RequestContext, Any], Any]

BATCH_WRITE_LIMIT = 25
BATCH_GET_LIMIT = 100
TTL_SHARE = 0.01
"""How much of the time may go into looking for expired items: a large table is looked through less often."""
DESCRIBING = ("CreateTable", "DescribeTable", "UpdateTable", "DeleteTable")
NOT_SERVED = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
"""PartiQL needs a parser that is not part of the engine."""


def dispatch_table(operations: Iterable[str]) -> dict[str, Handler]:
    """The handler of every operation; those not served are missing and thereby refused."""
    handlers: dict[str, Handler] = {
        "GetItem": _read_items,
        "Query": _read_items,
        "Scan": _read_items,
        "BatchGetItem": _batch_get_item,
        "PutItem": _write_item,
        "UpdateItem": _write_item,
        "DeleteItem": _write_item,
        "BatchWriteItem": _batch_write_item,
        "UpdateTable": _update_table,
        "TransactWriteItems": transact_write_items,
    }
    return {
        name: _checked(name, handlers.get(name, _served)) for name in operations if name not in NOT_SERVED
    }


def _checked(operation: str, handler: Handler) -> Handler:
    """The handler, asked only for requests that DynamoDB takes; what moto answers, as DynamoDB says it."""

    def serve(context: RequestContext, request: Any) -> Any:
        backend = dynamodb_backends[context.account_id][context.region]
        require_valid(operation, request, backend)
        response = handler(context, request)
        if isinstance(response, Response):
            _correct(operation, request, response, backend)
        return response

    return serve


def _correct(operation: str, request: Any, response: Response, backend: DynamoDBBackend) -> None:
    if response.status_code >= 400:
        body = json.loads(response.get_data())
        said = body.pop("Message", body.pop("message", ""))
        if operation == "DeleteTable" and said == "Requested resource not found":
            said += f": Table: {request['TableName']} not found"
        message = worded(operation, said)
        _replace(response, **body, Message=None, message=message)
    elif operation in DESCRIBING:
        body = json.loads(response.get_data())
        _replace(response, **{name: described(shown, backend) for name, shown in body.items()})
    elif b'"Attributes": {}' in response.get_data():
        _replace(response, Attributes=None)
    elif request.get("Select") == "COUNT":
        _replace(response, Items=None)


def _served(context: RequestContext, _request: Any) -> Response:
    """Moto's own response, unparsed: it already has DynamoDB's form."""
    with LOCK:
        return dispatch_to_moto(context)


def _update_table(context: RequestContext, request: Any) -> Response:
    """Moto leaves SSESpecification out. Nothing is encrypted here: a table's key is known by name alone."""
    backend = dynamodb_backends[context.account_id][context.region]
    encryption = request.get("SSESpecification")
    with LOCK:
        table = backend.tables.get(request["TableName"])
        if table and encryption is not None:
            key = encryption.get("KMSMasterKeyId") or "alias/aws/dynamodb"
            on = {**encryption, "KMSMasterKeyId": key}
            table.sse_specification = on if encryption.get("Enabled") else None
        return dispatch_to_moto(context)


def _write_item(context: RequestContext, request: Any) -> Response:
    """One write. Moto leaves a half-done update behind when an update fails: the row is put back."""
    detail = request.get("ReturnConsumedCapacity", "NONE")
    updates = "UpdateExpression" in request or "AttributeUpdates" in request
    if detail == "NONE" and not updates:
        return _served(context, request)
    with LOCK:
        row = Row.of(dynamodb_backends[context.account_id][context.region], request)
        if row is None:
            return _served(context, request)
        before = row.copy()
        response = dispatch_to_moto(context)
        if response.status_code >= 400:
            row.restore(before)
        elif detail != "NONE":
            units = write_units(attributes(before), attributes(row.item))
            _replace(response, ConsumedCapacity=consumed(request["TableName"], units, detail))
        elif b"ConsumedCapacity" in response.get_data():
            _replace(response, ConsumedCapacity=None)
    return response


def _read_items(context: RequestContext, request: Any) -> Response:
    """One read. Its capacity is that of the items returned: those a filter left out are not counted."""
    response = _served(context, request)
    detail = request.get("ReturnConsumedCapacity", "NONE")
    if detail != "NONE" and response.status_code < 400:
        body = json.loads(response.get_data())
        read = sum(map(size, body.get("Items") or [body.get("Item") or {}]))
        units = read_units(read, consistent=bool(request.get("ConsistentRead")))
        _replace(response, ConsumedCapacity=consumed(request["TableName"], units, detail))
    return response


def _batch_write_item(context: RequestContext, request: Any) -> Response:
    items = request["RequestItems"]
    _require_at_most(BATCH_WRITE_LIMIT, sum(map(len, items.values())), "requestItems")
    backend = dynamodb_backends[context.account_id][context.region]
    for name, writes in items.items():
        if table := table_of(backend, name):
            _require_keys(table, writes)
    response = _served(context, request)
    if response.status_code < 400:
        used = {table: sum(map(_request_units, requests)) for table, requests in items.items()}
        _replace(response, ItemCollectionMetrics=None, ConsumedCapacity=_by_table(used, request))
    return response


def _require_keys(table: Table, writes: list[Any]) -> None:
    """Raise ValidationError for writes that have not the table's key, and for two of the same item."""
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    keys: set[Any] = set()
    for write in writes:
        key = (write.get("DeleteRequest") or {}).get("Key")
        item = write["PutRequest"]["Item"] if key is None else key
        if any(name not in item for name in names) or (key is not None and len(key) > len(names)):
            raise ValidationError("The provided key element does not match the schema")
        keys.add(same_key({name: item[name] for name in names}))
    if len(keys) < len(writes):
        raise ValidationError("Provided list of item keys contains duplicates")


def _batch_get_item(context: RequestContext, request: Any) -> Response:
    items = request["RequestItems"]
    _require_at_most(
        BATCH_GET_LIMIT, sum(len(of_table["Keys"]) for of_table in items.values()), "requestItems"
    )
    response = _served(context, request)
    if response.status_code < 400:
        found = json.loads(response.get_data())["Responses"]
        used = {
            table: sum(
                read_units(size(item), consistent=bool(of_table.get("ConsistentRead")))
                for item in found.get(table, [])
            )
            for table, of_table in items.items()
        }
        _replace(response, ConsumedCapacity=_by_table(used, request))
    return response


def _replace(response: Response, **fields: Any) -> None:
    """Set fields of moto's JSON response, or remove those given as None; its checksum follows."""
    body = json.loads(response.get_data()) | fields
    response.set_data(json.dumps({key: value for key, value in body.items() if value is not None}))
    response.headers["x-amz-crc32"] = str(zlib.crc32(response.get_data()))


def _request_units(write: dict[str, Any]) -> int:
    return write_units(write["PutRequest"]["Item"]) if "PutRequest" in write else 1


def _by_table(used: Mapping[str, float], request: Any) -> list[dict[str, Any]] | None:
    detail = request.get("ReturnConsumedCapacity", "NONE")
    return None if detail == "NONE" else [consumed(table, units, detail) for table, units in used.items()]


def _require_at_most(limit: int, given: int, name: str) -> None:
    if given > limit:
        raise ValidationError(
            f"1 validation error detected: Value at '{name}' failed to satisfy constraint: Map value must "
            f"satisfy constraint: [Member must have length less than or equal to {limit}, Member must have "
            "length greater than or equal to 1]"
        )


class Lifecycle(ServiceLifecycleHook):
    """Deletes expired items in the background while the service runs."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def on_before_start(self) -> None:
        self._stop.clear()
        threading.Thread(target=self._run, name="dynamodb-ttl", daemon=True).start()

    def on_before_stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        took = 0.0
        while not self._stop.wait(max(SETTINGS.ttl_seconds, took / TTL_SHARE)):
            began = time.thread_time()
            delete_expired_items()
            took = time.thread_time() - began
