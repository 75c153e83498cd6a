"""Runs inside the function of a challenge, around the handler that is judged: tells what happens, and makes it happen.

It is packed beside the learner's file and is not imported by the lab. Each line that it prints is an event of the run's
history. What the nemesis does to a single order is done here, at the order's first receive: the process is killed, the
message is made visible while it is worked on, or DynamoDB's answer is refused. What is done to an AWS API as a whole is
done by the fault proxy.

It shares its process with a stranger's code, and is no wall: what it prints with, it has taken before that code is
there, and the name it is imported by leads nowhere. What it does not see all the same, the lab finds missing beside
the rows, the letters and Lambda's own reports.
"""

# pyright: basic
# what it handles are botocore's untyped hooks, and whatever a stranger's handler answers

import importlib
import io
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import botocore.handlers
import botocore.session
from botocore.awsrequest import AWSResponse

TABLE = os.environ["LAB_TABLE"]
KEY = os.environ["LAB_KEY"]
"""The table whose rows are effects, and its key, which is the order's id."""

QUEUE_URL = os.environ["LAB_QUEUE_URL"]
NEMESIS = json.loads(os.environ.pop("LAB_NEMESIS", "{}"))
"""`kill`: points by order, `redeliver` and `refuse`: orders. All at an order's first receive."""

TOKEN = os.environ.pop("LAB_TOKEN", "")
"""By which the lab knows the lines of the witness from those of the handler."""

OUT = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
"""Where the lines go, whatever the handler does to its own output."""

encoded, now_ns = json.JSONEncoder().encode, time.time_ns
"""What a line is made with, whatever the handler puts in the place of `json.dumps` and `time.time_ns`."""

REFUSAL = {
    "__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
    "message": "refused by the challenge",
}
"""Passes by itself, and no SDK repeats it: the handler hears of it at once."""


@dataclass
class Invocation:
    """The invocation at work; an execution environment has one at a time."""

    id: str = ""
    orders: frozenset[str] = frozenset()
    first: frozenset[str] = frozenset()
    """The orders that are here at their first receive."""
    calls: int = 0

    def begin(self, request_id: str, receives: dict[str, int]) -> None:
        """Another invocation begins, with these receives of orders."""
        self.id, self.calls = request_id, 0
        self.orders = frozenset(receives)
        self.first = frozenset(order for order, count in receives.items() if count == 1)

    def end(self) -> None:
        """The handler has answered: Lambda freezes the environment, and nothing belongs to the invocation any more."""
        self.orders = frozenset()

    def dies_at(self, point: str, order: str) -> bool:
        """Whether it is to die at this point of the order."""
        return order in self.first and NEMESIS.get("kill", {}).get(order) == point


at_work = Invocation()


def tell(event: str, **facts: Any) -> None:
    """Print a line of the history at once: the process may not live to flush it later."""
    line = {"event": f"challenge.{event}", "at": now_ns() // 1_000_000, "invocation": at_work.id}
    # begins a line of its own: the handler may have printed half of one
    OUT.write("\n" + encoded(line | facts | {"token": TOKEN}) + "\n")
    OUT.flush()


def _die_at(point: str, orders: frozenset[str] | None = None) -> None:
    for order in at_work.first if orders is None else orders:
        if at_work.dies_at(point, order):
            tell("killed", orderId=order, point=point)
            os.kill(os.getpid(), signal.SIGKILL)


def _written(operation: str, body: dict[str, Any]) -> list[str]:
    """The orders whose rows a call of DynamoDB writes."""
    puts = [put for put in body.get("RequestItems", {}).get(TABLE, []) if operation == "BatchWriteItem"]
    found = [each.get("PutRequest", {}).get("Item", {}) for each in puts]
    writes = [body] if operation in ("PutItem", "UpdateItem") else []
    for item in body.get("TransactItems", []) if operation == "TransactWriteItems" else []:
        writes += [item[name] for name in ("Put", "Update") if name in item]
    found += [
        write.get("Item") or write.get("Key") or {} for write in writes if write.get("TableName") == TABLE
    ]
    return [row[KEY]["S"] for row in found if "S" in row.get(KEY, {})]


def _before_call(model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    service = model.service_model.service_name
    at_work.calls += 1
    _die_at(f"call {at_work.calls}")
    if service == "dynamodb":
        context["written"] = _written(model.name, json.loads(params["body"]))


def _before_send(request: Any, **_: Any) -> AWSResponse | None:
    operation = request.headers.get("X-Amz-Target", b"")
    operation = (operation if isinstance(operation, str) else operation.decode()).partition(".")[2]
    refused = at_work.first & set(NEMESIS.get("refuse", ()))
    body = request.body or b"{}"
    if not refused or refused.isdisjoint(_written(operation, json.loads(body))):
        return None
    tell("refused", orders=sorted(refused), operation=operation)
    raw = io.BytesIO(json.dumps(REFUSAL).encode())
    raw.stream = lambda *_args, **_options: iter([raw.read()])  # pyright: ignore[reportAttributeAccessIssue]
    headers: Any = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, 400, headers, raw)


def _after_call(http_response: Any, context: dict[str, Any], **_: Any) -> None:
    orders = frozenset(context.get("written", ()))
    if http_response.status_code >= 300 or not orders:
        return
    for order in sorted(orders):
        tell("effect", orderId=order, late=order not in at_work.orders)
    _die_at("effect", orders)


def _bus_answered(parsed_response: Any, **_: Any) -> None:
    """One try of a call of EventBridge; it is told once for each, however often the SDK tries by itself."""
    status = ((parsed_response or {}).get("ResponseMetadata") or {}).get("HTTPStatusCode", 0)
    tell("called", service="events", failed=not 200 <= status < 300)


def _redeliver(records: list[dict[str, Any]]) -> None:
    """Make messages visible while the handler has them, as if their visibility timeout had passed."""
    wanted = at_work.first & set(NEMESIS.get("redeliver", ()))
    sqs: Any = botocore.session.get_session().create_client("sqs") if wanted else None
    for record in records:
        if sqs and (order := _order(record)) in wanted and _receives(record) == 1:
            tell("redelivered", orderId=order, messageId=record["messageId"])
            handle = record["receiptHandle"]
            sqs.change_message_visibility(QueueUrl=QUEUE_URL, ReceiptHandle=handle, VisibilityTimeout=0)


def _order(record: dict[str, Any]) -> str:
    return record["messageAttributes"].get("orderId", {}).get("stringValue", "")


def _receives(record: dict[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def _loaded() -> tuple[Any, BaseException | None]:
    """The learner's handler, or what its import raised.

    It is imported in the init phase, as Lambda would: that has 10 s of its own, and none of an invocation's time.
    """
    module, _, name = os.environ["LAB_HANDLER"].partition(":")
    try:
        return getattr(importlib.import_module(module), name), None
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a stranger's module does at its import
        return None, error


def _where(error: BaseException) -> str:
    """The last place in the learner's file."""
    if isinstance(error, SyntaxError):
        return f"{os.path.basename(error.filename or '')}, line {error.lineno}"  # noqa: PTH119
    own = os.environ["LAB_HANDLER"].partition(":")[0].replace(".", os.sep) + ".py"
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(own)]
    return f"{own}, line {places[-1].lineno}" if places else own


def _answered(answer: Any, records: list[dict[str, Any]]) -> tuple[list[str], str]:
    """The messages that come back after this answer, and why all of them, if so: AWS's rules for partial batches."""
    everything = [record["messageId"] for record in records]
    if answer is None or answer == {}:
        return [], ""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if failures is None or failures == []:
        return [], ""
    if not isinstance(failures, list):
        return everything, f"{str(failures)[:80]!r} is not a list of batchItemFailures"
    named = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in failures]
    strange = [name for name in named if name not in everything]
    if strange:
        return everything, f"itemIdentifier {strange[0]!r} is not a message of the batch"
    return [str(name) for name in named], ""


def handler(event: dict[str, Any], context: Any) -> Any:
    """Run the learner's handler on a batch; on a probe say whether it could be loaded."""
    if "probe" in event:
        error = FAILED
        if error is not None:
            return {"error": type(error).__name__, "message": str(error)[:300], "where": _where(error)}
        return {"loaded": True}
    records = event["Records"]
    at_work.begin(context.aws_request_id, {_order(record): _receives(record) for record in records})
    tell(
        "received",
        messages={record["messageId"]: _receives(record) for record in records},
        groups={record["messageId"]: record["attributes"].get("MessageGroupId") for record in records},
    )
    _die_at("entry")
    _redeliver(records)
    try:
        answer = HANDLER(event, context)
        at_work.end()
    except BaseException as error:
        tell("raised", error=type(error).__name__, message=str(error)[:300], where=_where(error))
        raise
    failed, why = _answered(answer, records)
    _die_at("answer")
    tell(
        "answered",
        messages={record["messageId"]: record["messageId"] in failed for record in records},
        why=why,
    )
    return answer


botocore.handlers.BUILTIN_HANDLERS += [
    ("before-call", _before_call),
    ("before-send.dynamodb", _before_send),
    ("after-call", _after_call),
    ("response-received.events", _bus_answered),
]

sys.modules[__name__] = ModuleType(__name__)  # what the handler's file finds if it imports the witness
HANDLER, FAILED = _loaded()  # last, as its clients have to have the hooks
vars(sys.modules[__name__])["handler"] = handler  # what Lambda's runtime takes from the import
