"""Putting events on the bus: in batches, with what failed resent alone, and every event accounted for."""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from functions.common.backoff import full_jitter
from functions.common.errors import AWS_ERRORS, Category, category_of, type_of, worth_another_call
from functions.common.observability import log_problem
from functions.events.order_events import SOURCE, OrderEvent
from functions.publish.packing import pack

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

MAX_BYTES = 262_144
"""Of one PutEvents call: what EventBridge took before January 2026. Events of orders are far smaller."""

ATTEMPTS = 3
BACKOFF_SECONDS = 0.1
BACKOFF_CAP_SECONDS = 1.0


class EventPublisher:
    """Puts events on one bus. The client should try each call once: this class repeats, as long as there is time.

    >>> EventPublisher(events, "bus").publish([OrderEvent("OrderProcessed", '{"orderId":"o-1"}')])
    [None]
    """

    def __init__(
        self,
        events: "EventBridgeClient",
        bus_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._events = events
        self._bus_name = bus_name
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, no secret

    def publish(self, events: Sequence[OrderEvent]) -> list[str | None]:
        """Put all events; the answer has an error code or None for each, in order. No AWS error is raised."""
        errors: list[str | None] = ["NotSent"] * len(events)
        packed = pack(range(len(events)), lambda index: events[index].size, max_bytes=MAX_BYTES)
        for index in packed.oversize:
            errors[index] = "EventTooLarge"
        waiting = deque((batch, 1) for batch in packed.batches)
        while waiting:
            batch, attempt = waiting.popleft()
            if attempt > 1:
                self._sleep(full_jitter(attempt - 1, BACKOFF_SECONDS, BACKOFF_CAP_SECONDS, self._rng))
            again = self._put(batch, events, errors)
            if again is None:
                break
            if attempt < ATTEMPTS:
                waiting += [(part, attempt + 1) for part in again]
        return errors

    def _put(
        self, batch: Sequence[int], events: Sequence[OrderEvent], errors: list[str | None]
    ) -> list[list[int]] | None:
        """One call. Returns what is worth another one, in parts; None if the bus does not answer."""
        try:
            answer = self._events.put_events(Entries=[self._entry(events[index]) for index in batch])
        except AWS_ERRORS as error:
            for index in batch:
                errors[index] = type_of(error)
            log_problem("events.not_put", errorType=type_of(error), errorMessage=str(error))
            if category_of(error) is Category.TIMEOUT:
                # A second silence would cost the time in which the batch has to be settled.
                return None
            return [list(batch)] if worth_another_call(error) else []
        for index, entry in zip(batch, answer["Entries"], strict=True):
            errors[index] = entry.get("ErrorCode")
        # Each alone, so that one that is refused for what it is keeps no other back.
        return [[index] for index in batch if errors[index]]

    def _entry(self, event: OrderEvent) -> "PutEventsRequestEntryTypeDef":
        return {
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Detail": event.detail,
            "EventBusName": self._bus_name,
        }
