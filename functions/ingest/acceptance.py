"""The acceptance of orders: each one is accepted with proof, or refused with a reason."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from functions.common.problem import ProblemError, Violation
from functions.publish.key import idempotency_key
from functions.publish.message import OutgoingMessage, order_message
from functions.publish.publisher import Delivery, Publisher
from functions.validate import violations

_KEY = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True)
class Accepted:
    """An order that the queue has. `copies` are the ids of the messages beyond the first, where there are any."""

    order_id: str
    message_id: str
    idempotency_key: str
    copies: Sequence[str] = ()


@dataclass(frozen=True)
class _Candidate:
    order_id: str
    key: str
    message: OutgoingMessage


class Acceptance:
    """Validates and publishes orders, with `fair` in groups by customer. `now` is the time in epoch milliseconds."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        max_message_bytes: int,
        fair: bool = False,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._publisher = publisher
        self._max_message_bytes = max_message_bytes
        self._fair = fair
        self._now = now

    def accept(
        self, orders: Sequence[Any], *, correlation_id: str, key: str | None = None, copies: int = 1
    ) -> list[Accepted | ProblemError]:
        """Accept or refuse orders; the answer has one verdict for each, in their order.

        `key` is the idempotency key a caller gave beside the orders. `copies` is how often each valid order
        is published; one copy that arrives is enough to accept it.
        """
        verdicts: list[Accepted | ProblemError] = []
        candidates: dict[int, _Candidate] = {}
        for index, order in enumerate(orders):
            judged = self._judge(order, correlation_id, key)
            if isinstance(judged, _Candidate):
                candidates[index] = judged
                verdicts.append(_unsent(""))
            else:
                verdicts.append(judged)
        sent = self._publisher.send(
            [candidate.message for candidate in candidates.values() for _ in range(copies)]
        )
        for position, (index, candidate) in enumerate(candidates.items()):
            verdicts[index] = _verdict(candidate, sent[position * copies : (position + 1) * copies])
        return verdicts

    def _judge(self, order: Any, correlation_id: str, key: str | None) -> _Candidate | ProblemError:
        found = [*violations(order), *_key_violations(order, key)]
        if found:
            detail = "The order does not match its schema."
            return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, found)
        effective = key or idempotency_key(order)
        message = order_message(
            order, effective, correlation_id=correlation_id, accepted_at=self._now(), fair=self._fair
        )
        if message.size > self._max_message_bytes:
            detail = f"The order's message has {message.size} bytes; the limit is {self._max_message_bytes}."
            return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        return _Candidate(order["orderId"], effective, message)


def _unsent(cause: str) -> ProblemError:
    detail = "The order could not be queued. Send it again."
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, cause=cause)


def _verdict(candidate: _Candidate, deliveries: Sequence[Delivery]) -> Accepted | ProblemError:
    arrived = [delivery.message_id for delivery in deliveries if delivery.sent]
    if not arrived:
        return _unsent("; ".join({f"{copy.error}: {copy.detail}" for copy in deliveries}))
    return Accepted(candidate.order_id, arrived[0], candidate.key, arrived[1:])


def _key_violations(order: Any, key: str | None) -> list[Violation]:
    if key is None:
        return []
    if not _KEY.fullmatch(key):
        reason = "the Idempotency-Key header must be 1 to 128 printable ASCII characters without spaces"
        return [Violation("/idempotencyKey", reason)]
    own: object = order_field(order, "idempotencyKey")
    return (
        [] if own in (None, key) else [Violation("/idempotencyKey", "contradicts the Idempotency-Key header")]
    )


def order_field(order: Any, name: str) -> object:
    """A field of what may not even be an order."""
    return cast(dict[str, object], order).get(name) if isinstance(order, dict) else None
