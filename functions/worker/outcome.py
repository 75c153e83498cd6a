"""What became of one message of a batch. `key` is the message's idempotency key."""

from dataclasses import dataclass

from functions.events.order_events import OrderEvent
from functions.publish.envelope import Envelope


@dataclass(frozen=True)
class Done:
    """The order's effect is committed, now or (`duplicate`) by an earlier delivery. `event` announces it."""

    envelope: Envelope
    key: str
    event: OrderEvent
    duplicate: bool
    latency_ms: int


@dataclass(frozen=True)
class Failed:
    """The order has no effect, or its event is not published."""

    envelope: Envelope
    key: str
    error: Exception


type Outcome = Done | Failed
