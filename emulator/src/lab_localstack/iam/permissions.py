"""Which permissions an API call takes: the actions and resources that its caller's policies must allow.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service. Only operations that
functions of an ingestion pipeline call; all others raise UnknownOperationError, as nobody could say what they take.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import ServiceException
from localstack.services.dynamodb.models import dynamodb_stores
from localstack.services.sqs.models import sqs_stores
from localstack.services.sqs.utils import parse_queue_url
from moto.dynamodb.models import dynamodb_backends
from moto.secretsmanager.models import secretsmanager_backends

from lab_localstack.internal import call

type Request = Mapping[str, Any]


class UnknownOperationError(LookupError):
    """It is not known which permissions an operation takes."""


@dataclass(frozen=True)
class Permission:
    """An action on a resource; `via` is the service that uses a KMS key in the caller's name."""

    action: str
    resource: str
    via: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a call goes."""

    account: str
    region: str

    def arn(self, service: str, resource: str, name: str) -> str:
        """The ARN of what is named, or the name itself where it is one."""
        return (
            name
            if name.startswith("arn:")
            else f"arn:aws:{service}:{self.region}:{self.account}:{resource}{name}"
        )


def permissions(service: str, operation: str, request: Request, place: Place) -> Iterator[Permission]:
    """What a call takes. Raises UnknownOperationError."""
    found = _SERVICES.get(service)
    if found is None:
        raise UnknownOperationError(f"{service}:{operation}")
    try:
        yield from found(operation, request, place)
    except KeyError as missing:
        raise UnknownOperationError(f"{service}:{operation} without {missing.args[0]}") from missing


def _sqs(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    action = f"sqs:{operation.removesuffix('Batch')}"
    if operation == "ListQueues":
        yield Permission(action, place.arn("sqs", "", "*"))
        return
    if operation in ("GetQueueUrl", "CreateQueue"):
        yield Permission(action, place.arn("sqs", "", request["QueueName"]))
        return
    queue = _queue(request["QueueUrl"], place)
    yield Permission(action, queue)
    uses = {"sqs:SendMessage": ("GenerateDataKey", "Decrypt"), "sqs:ReceiveMessage": ("Decrypt",)}
    if action in uses:
        _, _, _, region, account, name = queue.split(":", 5)
        stored: Any = sqs_stores[account][region].queues.get(name)
        key = stored.attributes.get("KmsMasterKeyId") if stored else None
        yield from _use_of_key("sqs", key, place, *uses[action])


def _queue(url: str, place: Place) -> str:
    """The ARN of a queue; in process LocalStack takes the queue's name alone for its URL."""
    try:
        account, region, name = parse_queue_url(url)
    except ValueError:
        return place.arn("sqs", "", url)
    return Place(account, region or place.region).arn("sqs", "", name)


_TRANSACTED = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def _dynamodb(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    """A transaction takes what its parts take; DynamoDB has no permission of its own for it."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        wanted = {
            (f"dynamodb:{_TRANSACTED[kind]}", part["TableName"], None)
            for item in request["TransactItems"]
            for kind, part in item.items()
        }
    elif operation in ("BatchWriteItem", "BatchGetItem"):
        wanted = {(f"dynamodb:{operation}", table, None) for table in request["RequestItems"]}
    else:
        wanted = {(f"dynamodb:{operation}", request["TableName"], request.get("IndexName"))}
    for action, table, index in sorted(wanted, key=str):
        arn = place.arn("dynamodb", "table/", table)
        yield Permission(action, f"{arn}/index/{index}" if index else arn)
        yield from _use_of_key("dynamodb", _key_of_table(arn.partition("/")[2], place), place, "Decrypt")


def _key_of_table(name: str, place: Place) -> str | None:
    """A table's key, of whichever of the two providers of DynamoDB has the table."""
    table = dynamodb_backends[place.account][place.region].tables.get(name)
    if table is not None:
        return (table.sse_specification or {}).get("KMSMasterKeyId")
    definition: Any = dynamodb_stores[place.account][place.region].table_definitions.get(name) or {}
    return (definition.get("SSEDescription") or {}).get("KMSMasterKeyArn")


def _events(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    if operation != "PutEvents":
        raise UnknownOperationError(f"events:{operation}")
    buses = {entry.get("EventBusName") or "default" for entry in request["Entries"]}
    for bus in sorted(buses):
        yield Permission("events:PutEvents", place.arn("events", "event-bus/", bus))


def _ssm(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    if operation not in ("GetParameter", "GetParameters", "GetParametersByPath", "PutParameter"):
        raise UnknownOperationError(f"ssm:{operation}")
    names = request.get("Names") or [request["Path"] if "Path" in request else request["Name"]]
    for name in names:
        plain = name if name.startswith("arn:") else name.partition(":")[0].lstrip("/")
        yield Permission(f"ssm:{operation}", place.arn("ssm", "parameter/", plain))


def _secretsmanager(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    given = request["SecretId"]
    secret: Any = secretsmanager_backends[place.account][place.region].secrets.get(given)
    arn = secret.arn if secret else place.arn("secretsmanager", "secret:", given)
    yield Permission(f"secretsmanager:{operation}", arn)
    if secret and operation == "GetSecretValue":
        yield from _use_of_key("secretsmanager", secret.kms_key_id, place, "Decrypt")


def _lambda(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    if "UUID" in request:
        arn = place.arn("lambda", "event-source-mapping:", request["UUID"])
    else:
        name = request["FunctionName"].removeprefix(f"{place.account}:function:")
        arn = place.arn("lambda", "function:", name)
        if qualifier := request.get("Qualifier"):
            arn = f"{arn}:{qualifier}"
    yield Permission("lambda:InvokeFunction" if operation == "Invoke" else f"lambda:{operation}", arn)


def _cloudwatch(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    if operation == "DescribeAlarms":
        for name in request.get("AlarmNames") or ["*"]:
            yield Permission("cloudwatch:DescribeAlarms", place.arn("cloudwatch", "alarm:", name))
    elif operation == "PutMetricData":
        yield Permission("cloudwatch:PutMetricData", "*")
    else:
        raise UnknownOperationError(f"cloudwatch:{operation}")


def _sns(operation: str, request: Request, _place: Place) -> Iterator[Permission]:
    yield Permission(f"sns:{operation.removesuffix('Batch')}", request["TopicArn"])


def _logs(operation: str, request: Request, place: Place) -> Iterator[Permission]:
    group = f"{request['logGroupName']}:log-stream:{request.get('logStreamName', '')}"
    yield Permission(f"logs:{operation}", place.arn("logs", "log-group:", group))


def _sts(operation: str, _request: Request, _place: Place) -> Iterator[Permission]:
    """GetCallerIdentity takes none."""
    if operation != "GetCallerIdentity":
        raise UnknownOperationError(f"sts:{operation}")
    yield from ()


def _use_of_key(service: str, key: str | None, place: Place, *actions: str) -> Iterator[Permission]:
    """What a service does with a customer managed key in the caller's name; AWS's own keys take no permission."""
    if not key:
        return
    try:
        metadata = call("kms", "DescribeKey", {"KeyId": key}, place.account, place.region)["KeyMetadata"]
    except ServiceException:  # a key of moto's own, which stands for AWS's
        return
    if metadata["KeyManager"] == "CUSTOMER":
        for action in actions:
            yield Permission(f"kms:{action}", metadata["Arn"], f"{service}.{place.region}.amazonaws.com")


_SERVICES: Mapping[str, Callable[[str, Request, Place], Iterator[Permission]]] = {
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "lambda": _lambda,
    "logs": _logs,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
    "sts": _sts,
}
