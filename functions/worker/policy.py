"""What to do with a message that failed: another try after a delay, or the DLQ."""

import random
from dataclasses import dataclass

from functions.common.backoff import full_jitter
from functions.common.errors import CircuitOpenError, TransientError, category_of
from functions.common.settings import BreakerStrategy

MAX_DELAY_SECONDS = 43_000
"""SQS hides a message for 12 hours from its receive at most; this leaves time for the batch itself."""

DEFER_FACTOR = 3


@dataclass(frozen=True)
class Bury:
    """To the DLQ, with the cause of death."""


@dataclass(frozen=True)
class Retry:
    """Visible again after so many seconds."""

    seconds: int


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter, by the number of receives.

    Under the breaker strategies `defer` and `pause` a message that met an open circuit stays hidden for the
    circuit's recovery time at least, three times as long after every further receive. With the settings'
    defaults that bridges an outage of maxReceiveCount x visibility timeout, even for a message whose first
    receive was spent before the circuit opened.
    """

    max_receive_count: int
    base_seconds: int
    cap_seconds: int
    recovery_seconds: int
    strategy: BreakerStrategy
    rng: random.Random

    def decide(self, error: Exception, receive_count: int) -> Bury | Retry:
        """The fate of a message that failed at its `receive_count`-th receive."""
        if not category_of(error).retryable or receive_count >= self.max_receive_count:
            return Bury()
        delay = full_jitter(receive_count, self.base_seconds, self.cap_seconds, self.rng)
        delay += error.retry_after if isinstance(error, TransientError) else 0
        if isinstance(error, CircuitOpenError) and self.strategy != "none":
            delay += self.recovery_seconds * DEFER_FACTOR ** min(receive_count - 1, 16)
        return Retry(min(round(delay), MAX_DELAY_SECONDS))
