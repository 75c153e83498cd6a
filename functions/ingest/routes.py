"""The public routes."""

from http import HTTPStatus

from functions.common.routes import READING, Route

HEALTH = Route("GET", "/health", HTTPStatus.OK, "Health")
OPENAPI = Route("GET", "/openapi.json", HTTPStatus.OK)
EVENTS = Route(
    "POST",
    "/events",
    HTTPStatus.ACCEPTED,
    "Acceptance",
    (*READING, 503),
    body="Order",
    headers=("Idempotency-Key",),
)
BATCH = Route("POST", "/events/batch", HTTPStatus.MULTI_STATUS, "BatchResult", READING, body="Batch")

ROUTES = (HEALTH, OPENAPI, EVENTS, BATCH)
