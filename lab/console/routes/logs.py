"""Logs: the queries that the deployment keeps, asked of the engine, and plain lines."""

import time
from typing import Any

from lab.console.console_state import ConsoleState
from lab.console.fields import Fields, InputError
from lab.console.routes.endpoints import get, post
from lab.pipeline import insights
from lab.pipeline import logs as written

MOST_SECONDS = 14 * 86_400
MOST_LINES = 500


def queries(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """The saved queries, and the functions that have logged."""
    return {
        "queries": [vars(query) for query in insights.saved(state.pipeline)],
        "functions": written.functions(state.pipeline),
    }


def ask(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """What an Insights query answers: a saved one by its name, or a text over the same log groups."""
    pipeline = state.pipeline
    query = insights.named(pipeline, fields.text("name"))
    text = fields.text("text", most=10_000)
    end = time.time()
    start = end - fields.whole("seconds", 60, MOST_SECONDS)
    client = pipeline.aws.client("logs")
    return insights.ask(client, text, query.log_groups, start, end).as_json()


def lines(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """The latest lines of a function, or of all, that hold a text."""
    pipeline = state.pipeline
    there = written.functions(pipeline)
    function = fields.text("function", least=0)
    if function and function not in there:
        raise InputError(f"There is no function {function}.", f"It is one of: {', '.join(there)}")
    since = int((time.time() - fields.whole("seconds", 60, MOST_SECONDS)) * 1000)
    found = written.entries(
        pipeline, [function] if function else there, since, fields.text("contains", least=0)
    )
    return {
        "matching": len(found),
        "lines": [
            {
                "at": entry.at,
                "function": entry.function,
                "level": entry.level,
                "event": entry.event,
                "order": entry.order,
                "what": entry.what,
                "text": entry.text,
            }
            for entry in reversed(found[-MOST_LINES:])
        ],
    }


ROUTES = [get("/api/logs/queries", queries), post("/api/logs/ask", ask), post("/api/logs/lines", lines)]
