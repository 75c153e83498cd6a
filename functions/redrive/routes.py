"""The routes behind the bearer token."""

from http import HTTPStatus

from functions.common.routes import READING, Route
from functions.redrive.plan import PARAMETERS

PREVIEW = Route(
    "GET", "/redrive/preview", HTTPStatus.OK, "Preview", (400, 422, 503), query=PARAMETERS, guarded=True
)
DRY_RUN = Route(
    "GET", "/redrive/dry-run", HTTPStatus.OK, "DryRun", (400, 422), query=PARAMETERS, guarded=True
)
START = Route(
    "POST",
    "/redrive/start",
    HTTPStatus.ACCEPTED,
    "Operation",
    (*READING, 409, 503),
    body="Plan",
    guarded=True,
)
SHOW = Route("GET", "/redrive/{id}", HTTPStatus.OK, "Operation", (404, 503), guarded=True)
CANCEL = Route(
    "POST", "/redrive/{id}/cancel", HTTPStatus.ACCEPTED, "Operation", (404, 409, 503), guarded=True
)

ROUTES = (PREVIEW, DRY_RUN, START, SHOW, CANCEL)
