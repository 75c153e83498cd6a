"""One order's whole way, and the orders that lately came by."""

import time
from typing import Any

from lab.console.console_state import ConsoleState
from lab.console.fields import Fields
from lab.console.routes.endpoints import get, post
from lab.trace import build_timeline, collect
from lab.trace.lately import lately

MOST_HOURS = 24 * 14
LATELY_SECONDS = 3600


def trace(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """All that is known of an order, by its id or by a correlation or message id.

    An order without effect is looked for in the DLQ, which costs each dead letter one receive: so it is a POST.
    """
    state.require_idle("redrive", "steady")
    name = fields.text("name", most=128).strip()
    since = int((time.time() - 3600 * fields.whole("hours", 1, MOST_HOURS)) * 1000)
    with state.browsing:
        evidence = collect(state.pipeline, name, since)
    letters = [{"messageId": letter.message_id, "body": letter.body} for letter in evidence.letters]
    return build_timeline(evidence).as_json() | {"letters": letters, "done": evidence.effect is not None}


def orders(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """The orders of the last hour, those that fared badly first."""
    seen = lately(state.pipeline, int((time.time() - LATELY_SECONDS) * 1000))
    return {"orders": [order.as_json() for order in seen]}


ROUTES = [post("/api/trace", trace), get("/api/trace/lately", orders)]
