"""The OpenAPI 3.1 document of the HTTP API, generated from the functions' routes and the order schemas.

What a route takes and answers is declared beside its handler (functions.ingest.routes, functions.redrive.routes), the
schemas that it names are here; its text is the handler's docstring. The result is committed beside the ingest function,
which serves it: `make openapi` writes it again. This module is not deployed.
"""

import inspect
import json
import os
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

# the handlers want these when they are imported
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Ingestion")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "lab")

from functions.common.api import CORRELATION_HEADER, Handler
from functions.common.fate import Fate
from functions.common.problem import CONTENT_TYPE as PROBLEM
from functions.common.routes import Route
from functions.ingest import handler as ingest
from functions.redrive import handler as redrive
from functions.redrive.operations import Status
from functions.redrive.plan import PARAMETERS
from functions.validate import SCHEMA_VERSIONS

DOCUMENT = ingest.DOCUMENT
SCHEMAS = Path(__file__).parent / "validate" / "schemas"
JSON = "application/json"

DESCRIPTION = (
    "Takes orders in and dead orders back. Errors are problem details (RFC 9457), except for those that API Gateway "
    "answers itself before a function is asked: 401 and 403 on /redrive, 404 for an unknown route, 413 above its own "
    "limit, 429, and 500 or 503 in place of a function. Those have a `message`. Do not count on a Retry-After with "
    "429: back off."
)

type Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": dict(required) | optional}


def _told(schema: Schema, description: str) -> Schema:
    return schema | {"description": description}


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT}

_ACCEPTANCE: Mapping[str, Schema] = dict.fromkeys(
    ("orderId", "messageId", "idempotencyKey", "correlationId"), _TEXT
)
_PREVIEW: Mapping[str, Schema] = {
    "sampled": _COUNT,
    "complete": {"type": "boolean"},
    "eligible": _COUNT,
    "plan": {"type": "object"},
    "statistics": _told(_ref("Statistics"), "Of every letter that was seen."),
    "matching": _told(_ref("Statistics"), "Of those that match the filters."),
    "groups": _told(
        {"type": "array", "items": _ref("Group")},
        "Those that match, by what they died of; the largest first.",
    ),
    "skipped": _told(_COUNTS, "Letters seen that would not be moved, by reason."),
    "messages": {"type": "array", "items": {"type": "object"}},
}
_TOO_YOUNG: Schema = _told(
    _object({"youngestSeconds": _COUNT, "oldestSeconds": _COUNT}),
    "The ages of letters that lack nothing but age.",
)
_COMPONENTS: Mapping[str, Schema] = {
    "Order": {"anyOf": [_ref(f"OrderV{version}") for version in SCHEMA_VERSIONS]},
    "Batch": _object(
        {
            "events": {
                "type": "array",
                "minItems": 1,
                "maxItems": ingest.MAX_EVENTS,
                "items": _ref("Order"),
            }
        }
    ),
    "Plan": {
        "type": "object",
        "properties": dict(PARAMETERS)
        | {
            "planDigest": _told(_TEXT, "Begin only if the plan has this digest."),
            "requestedBy": _told(_TEXT | {"maxLength": redrive.MAX_PERSON}, "Who asks: a person's name."),
        },
        "additionalProperties": False,
    },
    "Acceptance": _object(_ACCEPTANCE),
    "BatchResult": _object(
        {
            "correlationId": _TEXT,
            "accepted": _COUNT,
            "rejected": _COUNT,
            "results": {
                "type": "array",
                "items": _object({"index": _COUNT, "status": {"type": "integer"}, "correlationId": _TEXT}),
            },
        }
    ),
    "Health": _object({"status": {"const": "ok"}, "version": _TEXT}),
    "Preview": _object(_PREVIEW, tooYoung=_TOO_YOUNG),
    "DryRun": _object(
        _PREVIEW
        | {
            "forecast": _told(_ref("Forecast"), "Of every letter that would be moved."),
            "forecasts": _told(
                {"type": "array", "items": _ref("LetterForecast")}, "One for each letter that would be moved."
            ),
            "codeVersion": _told(
                {"type": ["string", "null"]}, "Of the worker's code that was asked; null if none answered."
            ),
        },
        tooYoung=_TOO_YOUNG,
    ),
    "Forecast": _object(
        dict.fromkeys(map(str, Fate), _COUNT)
        | {
            "deaths": _told(
                {
                    "type": "array",
                    "items": _object(
                        dict.fromkeys(("fingerprint", "errorType", "errorCategory", "signature"), _TEXT)
                        | {"count": _COUNT}
                    ),
                },
                "What letters would die of.",
            ),
            "reasons": _told(_COUNTS, "Why nobody can know, with the number of letters."),
        }
    ),
    "LetterForecast": _object(
        {"messageId": _TEXT, "forecast": {"type": "string", "enum": [str(fate) for fate in Fate]}},
        reason=_told(_TEXT, "Of an uncertain one: the chance or the dependency that it hangs on."),
        errorType=_told(_TEXT, "What it would die of, as the following ones."),
        errorCategory=_TEXT,
        errorMessage=_TEXT,
        fingerprint=_told(_TEXT, "The group in which it would be."),
        signature=_TEXT,
        place=_TEXT,
        receives=_told(_COUNT, "How many receives it would spend."),
    ),
    "Group": _object(
        {
            "fingerprint": _told(
                dict(PARAMETERS["fingerprint"]), "The group's name, by which a plan takes it alone."
            ),
            "errorType": _TEXT,
            "errorCategory": _TEXT,
            "signature": _told(_TEXT, "The error's message, or pointers and rules, without what differs."),
            "inferred": _told({"type": "boolean"}, "Whether there is no cause of death and the body tells."),
            "count": _COUNT,
            "firstDeathAt": _told(_COUNT, "Epoch milliseconds."),
            "lastDeathAt": _told(_COUNT, "Epoch milliseconds."),
            "mostReceives": _COUNT,
            "mostRedrives": _COUNT,
            "redriven": _told(_COUNT, "Letters that were redriven before."),
            "trend": {"type": "string", "enum": ["growing", "steady", "slowing", "over"]},
            "deaths": _told({"type": "array", "items": _COUNT}, "Of the last hour, in twelve parts."),
            "oldestExpiresInSeconds": _told(_COUNT, "Until SQS deletes the oldest letter."),
            "samples": {"type": "array", "items": {"type": "object"}},
        },
        forecast=_told(_ref("Forecast"), "Of its letters that would be moved; in a dry run."),
        place=_told(_TEXT, "Where in the code an unexpected error came from: module:function."),
    ),
    "Statistics": _object({"total": _COUNT, "byErrorType": _COUNTS, "byErrorCategory": _COUNTS}),
    "Operation": _object(
        {
            "operationId": _TEXT,
            "status": {"type": "string", "enum": [status.value for status in Status]},
            "plan": {"type": "object"},
            "moved": _COUNT,
            "notSent": _COUNT,
            "unsent": {
                "type": "array",
                "items": _object({"messageId": _TEXT, "orderId": _TEXT, "reason": _TEXT}),
            },
            "skipped": _COUNTS,
            "byCategory": _COUNTS,
            "seen": _told(_COUNT, "Letters that were judged."),
            "lettersAtStart": _told(_COUNT, "Letters there were about, as SQS counts them."),
            "complete": _told({"type": "boolean"}, "Whether every letter that was visible was judged."),
        },
        incompleteReason=_TEXT,
        haltReason=_TEXT,
        failure=_TEXT,
        outcome=_told(_ref("Outcome"), "What became of what was moved, once the operation has ended."),
    ),
    "Outcome": _object(
        {
            "processed": _told(_COUNT, "The order has its effect."),
            "diedAgain": _told(_COUNT, "In the DLQ again."),
            "waiting": _told(_COUNT, "Neither processed nor seen in the DLQ yet."),
            "unknown": _told(_COUNT, "Not processed, and in no queue."),
            "unrecorded": _told(_COUNT, "Moved by an invocation that died before it could record which."),
        },
        **{
            f"{name}Orders": {"type": "array", "items": _TEXT} for name in ("diedAgain", "waiting", "unknown")
        },
    ),
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "correlationId": _TEXT,
        },
        violations={"type": "array", "items": _object({"pointer": _TEXT, "reason": _TEXT})},
    ),
    "GatewayMessage": _object({"message": _TEXT}),
}


def document() -> dict[str, Any]:
    """The document. Raises ValueError for a declared route without a handler."""
    handlers = ingest.api.handlers | redrive.api.handlers
    declared = (*ingest.routes.ROUTES, *redrive.routes.ROUTES)
    if idle := [f"{route.method} {route.path}" for route in declared if route not in handlers]:
        raise ValueError(f"No handler serves {', '.join(idle)}.")
    paths: dict[str, Any] = {}
    for route in declared:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, handlers[route])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Event-driven ingestion lab",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted((dict(_COMPONENTS) | _order_schemas()).items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def openapi() -> None:
    """Write the API's OpenAPI document again from the routes. No engine is needed."""
    DOCUMENT.write_text(text())
    print(f"wrote functions/ingest/{DOCUMENT.name}")  # noqa: T201  a command's output


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2) + "\n"


def _operation(route: Route, handler: Handler) -> dict[str, Any]:
    success = _ref(route.answer) if route.answer else {"type": "object"}
    answers = {str(route.status.value): _answer(route.status, JSON, success)}
    answers |= {str(status): _problem(status) for status in (*route.problems, 429, 500)}
    if route.guarded:
        answers |= {str(s): _answer(s, JSON, _ref("GatewayMessage")) for s in (401, 403)}
    operation: dict[str, Any] = {
        "operationId": handler.__name__,
        "summary": (inspect.getdoc(handler) or "").splitlines()[0],
        "parameters": [*_parameters(route)],
        "responses": dict(sorted(answers.items())),
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(route.body)}}}
    if route.guarded:
        operation["security"] = [{"token": []}]
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for name, schema in (route.query or {}).items():
        yield {"name": name, "in": "query", "schema": schema}
    for name in (*route.headers, CORRELATION_HEADER):
        yield {"name": name, "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"}}


def _answer(status: int, content_type: str, schema: Schema) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {content_type: {"schema": schema}}}


def _problem(status: int) -> dict[str, Any]:
    answer = _answer(status, PROBLEM, _ref("Problem"))
    if status in (413, 429, 500, 503):  # API Gateway gives these itself, before or in place of a function
        answer["content"][JSON] = {"schema": _ref("GatewayMessage")}
    return answer


def _order_schemas() -> dict[str, Schema]:
    """The schema files as components: their own keywords, references into this document."""
    definitions = _load(SCHEMAS / "definitions.json")["$defs"]
    components = {_component(name): schema for name, schema in definitions.items()}
    for version in SCHEMA_VERSIONS:
        schema = _load(SCHEMAS / f"order.v{version}.json")
        components[f"OrderV{version}"] = {k: v for k, v in schema.items() if k not in ("$schema", "$id")}
    return {name: _rewritten(schema) for name, schema in components.items()}


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _component(definition: str) -> str:
    return definition[0].upper() + definition[1:]


def _rewritten(value: Any) -> Any:
    """References as components. In ECMA-262 `$` means the end alone, which Python has to spell out."""
    match value:
        case {"$ref": str(reference), **others}:
            name = reference.rsplit("/", 1)[1]
            return _ref(_component(name)) | {key: _rewritten(item) for key, item in others.items()}
        case dict():
            items = cast(dict[str, Any], value).items()
            return {key: _rewritten(item) for key, item in items}
        case list():
            return [*map(_rewritten, cast(list[Any], value))]
        case str():
            return value.replace("(?![\\s\\S])", "$")
        case _:
            return value
