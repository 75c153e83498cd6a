"""API Gateway's HTTP APIs."""

import httpx

from lab.engines.direct import DIRECT
from lab.parity.probe import documented, feature
from lab.parity.workbench import Workbench

ECHO = "def handler(event, context): return event"


@feature(
    "HTTP API",
    "a request without the authorizer's identity source",
    "401, then 200 with it",
    documented("API Gateway guide, HTTP APIs with Lambda authorizers"),
)
def _(bench: Workbench) -> str:
    url = bench.http_api(ECHO, authorizer="def handler(event, context): return {'isAuthorized': True}")
    without = httpx.get(url, timeout=30, **DIRECT).status_code
    with_it = httpx.get(url, headers={"Authorization": "x"}, timeout=30, **DIRECT).status_code
    return f"{without}, then {with_it} with it"


@feature(
    "HTTP API",
    "payload format",
    "2.0, GET /probe",
    documented("API Gateway guide, HTTP APIs with Lambda proxy integrations"),
)
def _(bench: Workbench) -> str:
    event = httpx.get(bench.http_api(ECHO), timeout=30, **DIRECT).raise_for_status().json()
    return f"{event['version']}, {event['routeKey']}"


@feature(
    "HTTP API",
    "3 requests at once with rate 1 and burst 1",
    "429 among them",
    documented("API Gateway guide, Throttle requests to HTTP APIs"),
)
def _(bench: Workbench) -> str:
    url = bench.http_api(ECHO, throttle={"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 1})
    seen = {httpx.get(url, timeout=30, **DIRECT).status_code for _ in range(3)}
    return "429 among them" if 429 in seen else f"only {seen}"
