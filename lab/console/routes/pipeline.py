"""The pipeline as it lives: events for the pages, readings for the charts, orders to send, circuits to close."""

import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.routing import Route

from lab.console.console_state import ConsoleState
from lab.console.fields import Fields, InputError
from lab.console.routes.endpoints import get, post, state_of
from lab.pipeline.api import Api
from lab.pipeline.circuits import CACHE_SECONDS, forget_circuits
from lab.pipeline.orders import orders

CLIENTS = 4
MOST_ORDERS = 200


async def events(request: Request) -> EventSourceResponse:
    """Server-sent events `pipeline` and `job`, each with JSON data, until the page goes away."""

    async def stream() -> AsyncGenerator[ServerSentEvent]:
        with state_of(request).live.follower() as follower:
            async for name, data in follower.events():
                yield ServerSentEvent(data, event=name)

    return EventSourceResponse(stream(), ping=15)


def readings(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """The signals that are kept and younger than `since` (epoch seconds), as the charts ask for them."""
    try:
        since = float(fields.values.get("since", "0"))
    except ValueError as error:
        raise InputError("since must be a number.") from error
    found = [reading for reading in list(state.live.readings) if reading["at"] > since]
    return {"readings": found, "marks": [], "missed": 0, "now": time.time()}


def send_orders(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Submit valid orders through the API, several at once."""
    count = fields.whole("count", 1, MOST_ORDERS)
    pipeline = state.pipeline
    with Api(pipeline.aws, pipeline.stack) as api, ThreadPoolExecutor(CLIENTS) as clients:
        accepted = list(clients.map(api.submit, orders(count, label="console")))
    for order in accepted:
        state.sent.accepted(order)
    state.live.look_soon()
    return {"accepted": [order.order_id for order in accepted]}


def ledger(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Where every order is that pages of this console have sent, by its id."""
    account = state.sent.account(within=0)
    under_way = bool(account.ledger.waiting or account.ledger.unknown)
    return account.ledger.as_json() | {
        "text": account.ledger.text,
        "contract": account.judgement.text,
        "sound": account.sound,
        "underWay": under_way,
    }


def close_circuits(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Forget the circuits that are not closed."""
    state.require_idle("scenario", "steady")
    closed = forget_circuits(state.pipeline)
    state.live.look_soon()
    return {"closed": closed, "noticedWithin": CACHE_SECONDS}


ROUTES = [
    Route("/api/events", events),
    get("/api/readings", readings),
    post("/api/orders", send_orders),
    get("/api/ledger", ledger),
    post("/api/circuits/close", close_circuits),
]
