"""The pipeline as it lives: events for the pages, readings for the charts, orders to send, circuits to close."""

import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.routing import Route

from lab.console.desk import Desk
from lab.console.fields import Fields, InputError
from lab.console.routes.acting import desk_of, get, post
from lab.pipeline.api import Api
from lab.pipeline.circuits import CACHE_SECONDS, forget_circuits
from lab.pipeline.orders import orders

CLIENTS = 4
MOST_ORDERS = 200


async def events(request: Request) -> EventSourceResponse:
    """Server-sent events `pipeline` and `job`, each with JSON data, until the page goes away."""

    async def stream() -> AsyncGenerator[ServerSentEvent]:
        with desk_of(request).live.follower() as follower:
            async for name, data in follower.events():
                yield ServerSentEvent(data, event=name)

    return EventSourceResponse(stream(), ping=15)


def readings(desk: Desk, fields: Fields) -> dict[str, Any]:
    """The vitals that are kept and younger than `since` (epoch seconds), as the charts ask for them."""
    try:
        since = float(fields.values.get("since", "0"))
    except ValueError as error:
        raise InputError("since must be a number.") from error
    found = [one for one in list(desk.live.readings) if one["at"] > since]
    return {"readings": found, "marks": [], "missed": 0, "now": time.time()}


def send_orders(desk: Desk, fields: Fields) -> dict[str, Any]:
    """Submit valid orders through the API, several at once."""
    count = fields.whole("count", 1, MOST_ORDERS)
    pipeline = desk.pipeline
    with Api(pipeline.aws, pipeline.stack) as api, ThreadPoolExecutor(CLIENTS) as clients:
        accepted = list(clients.map(api.submit, orders(count, label="console")))
    desk.live.look_soon()
    return {"accepted": [one.order_id for one in accepted]}


def close_circuits(desk: Desk, _fields: Fields) -> dict[str, Any]:
    """Forget the circuits that are not closed."""
    desk.require_idle("scenario", "steady")
    closed = forget_circuits(desk.pipeline)
    desk.live.look_soon()
    return {"closed": closed, "noticedWithin": CACHE_SECONDS}


ROUTES = [
    Route("/api/events", events),
    get("/api/readings", readings),
    post("/api/orders", send_orders),
    post("/api/circuits/close", close_circuits),
]
