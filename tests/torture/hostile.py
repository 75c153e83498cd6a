"""Messages that strangers might leave: each a body and attributes around an order's id.

What is `curable` has a valid body: odd as its attributes are, a redrive must bring it back.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

LABEL = "curable"
"""The customer of every order that is valid, by which a redrive finds them."""

DEPTH = 50_000


@dataclass(frozen=True)
class Hostile:
    """A message to be sent."""

    body: str
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    curable: bool = False


def order(order_id: str, amount: float = 5, customer: str = LABEL) -> dict[str, Any]:
    """A valid order."""
    return {"orderId": order_id, "amount": amount, "customerId": customer}


def deep(order_id: str) -> Hostile:
    """A body nested deeper than any parser's stack."""
    return Hostile(f'{{"orderId": "{order_id}", "x": {"[" * DEPTH}{"]" * DEPTH}}}')


def _odd(**texts: str) -> Callable[[str], Hostile]:
    """A valid order with these attributes beside an error type."""
    given = {"errorType": "Odd"} | texts
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in given.items()}
    return lambda order_id: Hostile(json.dumps(order(order_id)), attributes, curable=True)


def _foreign(count: int) -> Callable[[str], Hostile]:
    attributes = {f"x{number}": {"DataType": "String", "StringValue": "v"} for number in range(count)}
    return lambda order_id: Hostile(json.dumps(order(order_id)), attributes, curable=True)


def _binary(order_id: str) -> Hostile:
    names = ("errorType", "correlationId", "lineage", "redriveCount")
    attributes = {name: {"DataType": "Binary", "BinaryValue": b"\x00\xff"} for name in names}
    return Hostile(json.dumps(order(order_id)), attributes, curable=True)


def _body(template: str) -> Callable[[str], Hostile]:
    return lambda order_id: Hostile(template.replace("ID", order_id))


LETTERS: dict[str, Callable[[str], Hostile]] = {
    "markup": _odd(
        errorType="[/red][link=file:///etc/passwd]x", errorMessage="[b]x[/nope]", correlationId="[/b]c"
    ),
    "ten foreign attributes": _foreign(10),
    "eight foreign attributes": _foreign(8),
    "binary attributes": _binary,
    "died tomorrow": _odd(failedAt=(datetime.now(UTC) + timedelta(days=1)).isoformat()),
    "died in year 1": _odd(failedAt="0001-01-01T00:00:00+14:00"),
    "died in year 9999": _odd(failedAt="9999-12-31T23:59:59-14:00"),
    "odd lineage": _odd(lineage='{"acceptedAt": 1e400, "history": 5, "requeues": "x", "foreign": [1]}'),
    "accepted in 10^100": _odd(lineage='{"acceptedAt": 1' + "0" * 100 + ', "history": []}'),
    "odd redrive count": _odd(redriveCount="-5"),
    "long ids": _odd(correlationId="é" * 3000, idempotencyKey="x" * 3000),
    "deep": deep,
    "no JSON": _body("ID <img src=x onerror=alert(1)> [/red] \U0001f600"),
    "surrogate": _body('{"orderId": "\\ud800", "customerId": "ID", "amount": 5}'),
    "control characters": _body('{"orderId": "ID\\u0000\\u001b[2J\\ufffe", "amount": 5}'),
    "endless number": _body('{"orderId": "ID", "amount": ' + "9" * 5000 + "}"),
}
