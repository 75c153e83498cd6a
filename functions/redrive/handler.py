"""The redrive function: the /redrive routes, and operations, which it executes by invoking itself."""

import json
import random
import time
import uuid
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import aws
from functions.common.api import Api
from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import log_event, log_problem, logger, metrics_of_invocation
from functions.common.problem import ProblemError, Violation
from functions.common.settings import SQS_MAX_BYTES, redrive_settings
from functions.publish.publisher import Publisher
from functions.redrive import error_types, routes
from functions.redrive.canary import OrdersTable
from functions.redrive.crash import CrashPoint
from functions.redrive.dlq import DeadLetterQueue, messages_in
from functions.redrive.forecast import DryRunFunction, Forecasts
from functions.redrive.guards import Guards
from functions.redrive.mover import Dependencies, execute
from functions.redrive.operations import Operations, Status, public
from functions.redrive.outcome import Follower
from functions.redrive.plan import Plan, is_unicode, plan_from, typed
from functions.redrive.preview import preview

OPERATION = "redriveOperation"
"""The key of the event with which the function calls itself; its value is the operation's id."""

MAX_BODY_BYTES = 16_384
MAX_PERSON = 128
PREVIEW_SECONDS = 25
"""An HTTP API waits 30 seconds for its answer (HTTP API quotas)."""

api = Api()
aws.made_in_init(aws.sqs, aws.sqs_once, aws.dynamodb)


@cache
def _operations() -> Operations:
    return Operations(aws.dynamodb(), redrive_settings().redrive_table)


@cache
def _dlq() -> DeadLetterQueue:
    return DeadLetterQueue(aws.sqs(), redrive_settings().dlq_url)


@cache
def _publisher() -> Publisher:
    return Publisher(aws.sqs_once(), redrive_settings().queue_url, max_bytes=SQS_MAX_BYTES)


@cache
def _effects() -> OrdersTable:
    return OrdersTable(aws.dynamodb(), redrive_settings().orders_table)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request of the HTTP API (payload format 2.0), or execute an operation."""
    with metrics_of_invocation():
        if OPERATION not in event:
            return api.resolve(event, context)
        logger.set_correlation_id(event[OPERATION])
        execute(
            _dependencies(context),
            event[OPERATION],
            owner=f"{context.aws_request_id} {uuid.uuid4()}",  # a repeated invocation has the same request id
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
        return {}


def _dependencies(context: LambdaContext) -> Dependencies:
    settings = redrive_settings()
    return Dependencies(
        dlq=_dlq(),
        publisher=_publisher(),
        operations=_operations(),
        guards=Guards(aws.dynamodb(), settings.circuits_table, aws.cloudwatch(), settings.halt_alarms),
        effects=_effects(),
        continue_in_next_invocation=lambda operation: _invoke_self(operation, context),
        lease_seconds=settings.lease_seconds,
        canary_seconds=settings.canary_seconds,
        crash=CrashPoint(settings.crash_at),
        rng=random.Random(),  # noqa: S311  jitter, no secret
    )


@api.serves(routes.PREVIEW)
def get_preview() -> dict[str, Any]:
    """Show a sample of the DLQ."""
    return preview(_dlq(), _query_plan(), _seconds_to_answer())


@api.serves(routes.DRY_RUN)
def get_dry_run() -> dict[str, Any]:
    """Tell what a redrive would come to: a preview, and each letter through the worker's code without its effects."""
    plan, seconds_left = _query_plan(), _seconds_to_answer()
    ask = DryRunFunction(aws.lambda_answering(), redrive_settings().dry_run_function)
    forecasts = Forecasts(ask, seconds_left)
    return preview(_dlq(), plan, lambda: seconds_left() - aws.ANSWER_SECONDS, forecasts)


def _query_plan() -> Plan:
    return plan_from({"minAgeSeconds": 0} | typed(api.query()))


def _seconds_to_answer() -> Callable[[], float]:
    """Counts the seconds down in which this request has to be answered."""
    context = api.app.lambda_context
    answer_by = time.monotonic() + PREVIEW_SECONDS
    return lambda: min(answer_by - time.monotonic(), context.get_remaining_time_in_millis() / 1000)


@api.serves(routes.START)
def start() -> dict[str, Any]:
    """Record an operation and have it executed.

    With `planDigest` it begins only if the plan is the one with that digest: what a person has confirmed. `requestedBy`
    says who that is.
    """
    document = api.json_body(MAX_BODY_BYTES)
    if not isinstance(document, dict):
        violation = Violation("", "must be an object")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The parameters are not valid.", [violation])
    parameters: dict[str, Any] = dict(document)  # pyright: ignore[reportUnknownArgumentType]
    digest = parameters.pop("planDigest", None)
    person = _person(parameters.pop("requestedBy", None))
    plan = plan_from(parameters)
    if digest not in (None, plan.digest):
        raise ProblemError(HTTPStatus.CONFLICT, f"The plan is another one: its digest is {plan.digest}.")
    if plan.error_type not in {None, *error_types.known()}:
        # Only a letter can tell whether there is such a type; the preview objects if none has it.
        one = Plan(error_type=plan.error_type, min_age_seconds=0, max_messages=1)
        preview(_dlq(), one, _seconds_to_answer())
    operation_id = str(uuid.uuid4())
    caller = _caller()
    row = _operations().create(operation_id, plan, person or caller, caller, _dlq().depth())
    try:
        _invoke_self(operation_id, api.app.lambda_context)
    except AWS_ERRORS as error:
        _operations().fail(operation_id, type_of(error))
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "The operation could not be started.") from error
    log_event("redrive.requested", operationId=operation_id, plan=row["plan"])
    return public(row)


@api.serves(routes.SHOW)
def show(operation_id: str) -> dict[str, Any]:
    """Show how far an operation got, and what became of what it moved.

    One that nobody works on any more is taken up again.
    """
    row = _operations().get(operation_id)
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such operation.")
    if _operations().restart_if_stalled(row):
        log_problem("redrive.nudged", operationId=operation_id, status=row["status"])
        _invoke_self(operation_id, api.app.lambda_context)
    shown = public(row)
    if Status(row["status"]).final:
        shown["outcome"] = _follower().outcome(row).as_json()
    return shown


def _follower() -> Follower:
    queue_url = redrive_settings().queue_url
    return Follower(
        operations=_operations(),
        effects=_effects(),
        dlq=_dlq(),
        queued=lambda: messages_in(aws.sqs(), queue_url),
    )


@api.serves(routes.CANCEL)
def cancel(operation_id: str) -> dict[str, Any]:
    """Ask an operation to stop after the messages it has at hand."""
    row = _operations().cancel(operation_id)
    if row is not None:
        return public(row)
    if _operations().get(operation_id) is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such operation.")
    raise ProblemError(HTTPStatus.CONFLICT, "The operation is finished already.")


def _person(given: Any) -> str:
    """Who asks, as they say themselves; empty if they do not. Raises ProblemError 422."""
    if given is None:
        return ""
    if not (isinstance(given, str) and 0 < len(given) <= MAX_PERSON and is_unicode(given)):
        violation = Violation("/requestedBy", f"must be text of 1 to {MAX_PERSON} characters")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The parameters are not valid.", [violation])
    return given


def _caller() -> str:
    http: dict[str, str] = api.event.get("requestContext", {}).get("http", {})
    return f"{http.get('sourceIp', 'unknown')} {http.get('userAgent', '')}".strip()


def _invoke_self(operation_id: str, context: LambdaContext) -> None:
    aws.lambda_().invoke(
        FunctionName=context.function_name,
        InvocationType="Event",
        Payload=json.dumps({OPERATION: operation_id}).encode(),
    )
