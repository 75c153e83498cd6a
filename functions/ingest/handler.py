"""The ingest function: POST /events, POST /events/batch, GET /health, GET /openapi.json."""

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import aws, codec, deadline, settings
from functions.common.api import Api
from functions.common.failure_modes import FailureMode, FailureModes, SsmParameters
from functions.common.observability import count, log_event, log_problem, logger, metrics_of_invocation
from functions.common.problem import ProblemError, Violation
from functions.common.problem import body as problem_body
from functions.ingest import routes
from functions.ingest.acceptance import Acceptance, Accepted, order_field
from functions.publish.publisher import Publisher

MAX_EVENTS = 500
MAX_BATCH_BODY_BYTES = 4 * 1024 * 1024
"""Lambda takes 6 MB of request payload, in which the body's quotes are escaped."""

DOCUMENT = Path(__file__).with_name("openapi.json")
"""The API's description; `python -m lab openapi` writes it."""

api = Api()
aws.made_in_init(aws.sqs_once, aws.ssm_once)


@cache
def _settings() -> settings.IngestSettings:
    return settings.ingest_settings()


@cache
def _acceptance() -> Acceptance:
    configured = _settings()
    limit = configured.send_batch_bytes
    publisher = Publisher(aws.sqs_once(), configured.queue_url, max_bytes=limit)
    return Acceptance(publisher, max_message_bytes=limit, fair=configured.fair_queues)


@cache
def _failure_modes() -> FailureModes:
    configured = _settings()
    source = SsmParameters(configured.failure_mode_max_age_seconds)
    return FailureModes(configured.failure_mode_parameters, source)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request of the HTTP API (payload format 2.0)."""
    with deadline.of_invocation(context), metrics_of_invocation():
        return api.resolve(event, context)


@api.serves(routes.HEALTH)
def health() -> dict[str, str]:
    """Tell that the function answers, and which code it runs; no other service is asked."""
    return {"status": "ok", "version": _settings().code_version}


@api.serves(routes.OPENAPI)
@cache
def openapi() -> dict[str, Any]:
    """Describe the whole API, the /redrive routes included, as OpenAPI 3.1."""
    return codec.loads(DOCUMENT.read_bytes())


@api.serves(routes.EVENTS)
def post_event() -> dict[str, str]:
    """Take one order."""
    try:
        order = api.json_body(_settings().send_batch_bytes)
    except ProblemError as refusal:
        _log_refusal(refusal, None)
        raise
    [verdict] = _accept([order], api.header("Idempotency-Key"))
    if isinstance(verdict, ProblemError):
        raise verdict
    return _accepted_body(verdict)


@api.serves(routes.BATCH)
def post_batch() -> dict[str, Any]:
    """Take up to 500 orders; every one gets its own answer, and the good ones are published."""
    try:
        orders = _events_of(api.json_body(MAX_BATCH_BODY_BYTES))
    except ProblemError as refusal:
        _log_refusal(refusal, None)
        raise
    verdicts = _accept(orders, None)
    results = [{"index": index, **_result(verdict)} for index, verdict in enumerate(verdicts)]
    accepted = sum(isinstance(verdict, Accepted) for verdict in verdicts)
    return {
        "correlationId": api.correlation_id,
        "accepted": accepted,
        "rejected": len(verdicts) - accepted,
        "results": results,
    }


def _events_of(document: Any) -> list[Any]:
    events: Any = order_field(document, "events")
    if not isinstance(events, list):
        violation = Violation("/events", "must be a list of orders")
    elif not 1 <= len(events) <= MAX_EVENTS:  # pyright: ignore[reportUnknownArgumentType]
        violation = Violation("/events", f"must have 1 to {MAX_EVENTS} orders")
    else:
        return events  # pyright: ignore[reportUnknownVariableType]
    raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The batch does not match its schema.", [violation])


def _accept(orders: list[Any], key: str | None) -> list[Accepted | ProblemError]:
    duplicated = _failure_modes().current() is FailureMode.DUPLICATE_SUBMIT
    verdicts = _acceptance().accept(
        orders, correlation_id=api.correlation_id, key=key, copies=2 if duplicated else 1
    )
    for order, verdict in zip(orders, verdicts, strict=True):
        if isinstance(verdict, Accepted):
            count("OrdersAccepted")
            log_event(
                "order.accepted",
                order_id=verdict.order_id,
                messageId=verdict.message_id,
                idempotencyKey=verdict.idempotency_key,
                copyMessageIds=verdict.copies or None,
                apiRequestId=api.request_id,
            )
        else:
            _log_refusal(verdict, order)
    return verdicts


def _log_refusal(refusal: ProblemError, order: Any) -> None:
    count("OrdersRejected")
    order_id = order_field(order, "orderId")
    log_problem(
        "order.rejected",
        order_id=order_id[:64] if isinstance(order_id, str) else None,
        apiRequestId=api.request_id,
        status=refusal.status.value,
        detail=refusal.detail,
        cause=refusal.cause or None,
        pointers=[violation.pointer for violation in refusal.violations],
    )


def _accepted_body(accepted: Accepted) -> dict[str, str]:
    return {
        "orderId": accepted.order_id,
        "messageId": accepted.message_id,
        "idempotencyKey": accepted.idempotency_key,
        "correlationId": api.correlation_id,
    }


def _result(verdict: Accepted | ProblemError) -> dict[str, Any]:
    if isinstance(verdict, Accepted):
        return {"status": HTTPStatus.ACCEPTED.value, **_accepted_body(verdict)}
    return problem_body(verdict, api.correlation_id)
