"""What to do with a message that failed: another try after a delay, a fresh start, or the DLQ."""

import math
import random
from dataclasses import dataclass

from functions.common.backoff import full_jitter
from functions.common.errors import (
    CircuitOpenError,
    CircuitRecoveredError,
    NotBegunError,
    TransientError,
    category_of,
)
from functions.common.settings import BreakerStrategy

MAX_DELAY_SECONDS = 43_000
"""SQS hides a message for 12 hours from its receive at most; this leaves time for the batch itself."""

DEFER_FACTOR = 3

MAX_DEFER_SECONDS = 900
"""Longest wait for a circuit, unless its recovery time is longer: what SQS delays a new message at most."""

MAX_DEFER_RECOVERIES = 30
"""The same in recovery times, where these are short: how late an order can be once its dependency is back."""

MAX_REQUEUES = 12
"""Lambda stops a message that has passed the same function about 16 times (Lambda guide, "Use Lambda recursive loop
detection"). Before that it goes to the DLQ with its cause of death."""


@dataclass(frozen=True)
class DeadLetter:
    """To the DLQ, with the cause of death."""


@dataclass(frozen=True)
class Retry:
    """Visible again after so many seconds."""

    seconds: int


@dataclass(frozen=True)
class Requeue:
    """To its queue again as a new message, which has all its receives and is visible after so many seconds."""

    seconds: int


type Disposition = DeadLetter | Retry | Requeue
"""What becomes of a message that failed."""


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter, by the number of receives.

    Under the breaker strategies `defer` and `pause` a message that met an open circuit stays hidden for the
    circuit's recovery time at least, three times as long after every further receive, but no longer than twice its
    age: an order is late by about three times its dependency's outage at most. Receives run out whatever the waits
    are, and SQS counts them: the last but one is therefore the last that an open circuit may cost. A
    message that meets it then is sent to its queue again. The last receive is left for a worker that dies.
    Where the circuit is closed by the end of the batch, the wait is a retry's. A message that the worker had no time to
    begin with is spared in the same way, whatever the strategy: its receive was no try.
    """

    max_receive_count: int
    base_seconds: int
    cap_seconds: int
    recovery_seconds: int
    strategy: BreakerStrategy
    rng: random.Random

    def decide(
        self, error: Exception, receive_count: int, requeues: int = 0, age_seconds: float = math.inf
    ) -> Disposition:
        """The disposition of a message that failed at its `receive_count`-th receive, after so many requeues.

        `age_seconds` is the time since its order was accepted.
        """
        if not category_of(error).retryable:
            return DeadLetter()
        delay = full_jitter(receive_count, self.base_seconds, self.cap_seconds, self.rng)
        delay += error.retry_after if isinstance(error, TransientError) else 0
        spared = isinstance(error, NotBegunError)
        if isinstance(error, CircuitOpenError) and self.strategy != "none":
            spared = True
            if not isinstance(error, CircuitRecoveredError):
                delay += self._defer_seconds(receive_count - 1 + requeues, age_seconds)
        if spared and receive_count >= self.max_receive_count - 1 and requeues < MAX_REQUEUES:
            return Requeue(min(round(delay), MAX_DEFER_SECONDS))
        if receive_count >= self.max_receive_count:
            return DeadLetter()
        return Retry(min(round(delay), MAX_DELAY_SECONDS))

    def _defer_seconds(self, waits: int, age_seconds: float) -> float:
        """Seconds to wait for a circuit, after so many waits in vain."""
        longest = min(
            MAX_DEFER_SECONDS, MAX_DEFER_RECOVERIES * self.recovery_seconds, (DEFER_FACTOR - 1) * age_seconds
        )
        wanted = self.recovery_seconds * DEFER_FACTOR ** min(waits, 16)
        return max(min(wanted, longest), self.recovery_seconds)
