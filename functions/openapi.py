"""The OpenAPI 3.1 document of the HTTP API, generated from the functions' routes and the order schemas.

What a route takes and answers is declared here once; its text is the handler's docstring. A route without a
declaration, or a declaration without a route, is an error, so the document cannot fall behind the code. The
result is committed beside the ingest function, which serves it: `make openapi` writes it again. It is not deployed.
"""

import inspect
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

# the handlers want these when they are imported
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Ingestion")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "lab")

from functions.common.api import CORRELATION_HEADER, Api
from functions.common.problem import CONTENT_TYPE as PROBLEM
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


@dataclass(frozen=True)
class Contract:
    """What one route takes and answers: schemas by status, and the statuses that are problems."""

    answers: Mapping[int, Schema]
    problems: tuple[int, ...] = ()
    body: Schema | None = None
    query: Mapping[str, Mapping[str, Any]] | None = None
    headers: tuple[str, ...] = ()
    guarded: bool = False


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": dict(required) | optional}


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT}
_READING = (400, 413, 415, 422)
"""What a route that reads a JSON body may object to."""

CONTRACTS: Mapping[str, Contract] = {
    "GET /health": Contract({200: _ref("Health")}),
    "GET /openapi.json": Contract({200: {"type": "object"}}),
    "POST /events": Contract(
        {202: _ref("Acceptance")}, (*_READING, 503), body=_ref("Order"), headers=("Idempotency-Key",)
    ),
    "POST /events/batch": Contract({207: _ref("BatchResult")}, _READING, body=_ref("Batch")),
    "GET /redrive/preview": Contract({200: _ref("Preview")}, (422,), query=PARAMETERS, guarded=True),
    "POST /redrive/start": Contract(
        {202: _ref("Operation")}, (*_READING, 409, 503), body=_ref("Plan"), guarded=True
    ),
    "GET /redrive/{operation_id}": Contract({200: _ref("Operation")}, (404,), guarded=True),
    "POST /redrive/{operation_id}/cancel": Contract({202: _ref("Operation")}, (404, 409), guarded=True),
}

_ACCEPTANCE: Mapping[str, Schema] = dict.fromkeys(
    ("orderId", "messageId", "idempotencyKey", "correlationId"), _TEXT
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
        "properties": dict(PARAMETERS) | {"planDigest": _TEXT},
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
    "Preview": _object(
        {
            "sampled": _COUNT,
            "complete": {"type": "boolean"},
            "eligible": _COUNT,
            "plan": {"type": "object"},
            "statistics": {"type": "object"},
            "messages": {"type": "array", "items": {"type": "object"}},
        }
    ),
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
        }
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
    """The document. Raises ValueError where routes and declarations do not match."""
    routes = dict(_routes(ingest.api)) | dict(_routes(redrive.api))
    if routes.keys() != CONTRACTS.keys():
        raise ValueError(
            f"Routes and contracts differ: {', '.join(sorted(routes.keys() ^ CONTRACTS.keys()))}. "
            "Declare in functions/openapi.py what each route takes and answers."
        )
    paths: dict[str, Any] = {}
    for route, handler in routes.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(route, handler, CONTRACTS[route])
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


def _routes(api: Api) -> Iterator[tuple[str, Any]]:
    """`POST /events` and its handler, for every route of a function."""
    resolver = cast(Any, api.app)  # Powertools' own generator reads these as well, but needs pydantic
    for route in (*resolver._static_routes, *resolver._dynamic_routes):
        path: str = route.path
        yield f"{route.method} {re.sub(r'<(\w+)>', r'{\1}', path)}", route.func


def _operation(route: str, handler: Any, contract: Contract) -> dict[str, Any]:
    answers = {str(status): _answer(status, JSON, schema) for status, schema in contract.answers.items()}
    problems = (*contract.problems, 429, 500)
    answers |= {str(status): _problem(status) for status in problems}
    if contract.guarded:
        answers |= {str(s): _answer(s, JSON, _ref("GatewayMessage")) for s in (401, 403)}
    operation: dict[str, Any] = {
        "operationId": handler.__name__,
        "summary": (inspect.getdoc(handler) or "").splitlines()[0],
        "parameters": [*_parameters(route, contract)],
        "responses": dict(sorted(answers.items())),
    }
    if contract.body:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": contract.body}}}
    if contract.guarded:
        operation["security"] = [{"token": []}]
    return operation


def _parameters(route: str, contract: Contract) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for name, schema in (contract.query or {}).items():
        yield {"name": name, "in": "query", "schema": schema}
    for name in (*contract.headers, CORRELATION_HEADER):
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
