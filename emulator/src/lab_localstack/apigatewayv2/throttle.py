"""Token buckets: a steady rate and a burst, as API Gateway throttles."""

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate` of them a second; a request takes one."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst = rate, burst
        self._clock = clock
        self._tokens = burst
        self._filled = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a token. False when there is none: the request is to be refused."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self.burst, self._tokens + (now - self._filled) * self.rate)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Throttle:
    """The buckets of all routes. A bucket whose limits were changed starts again, full."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], TokenBucket] = {}
        self._lock = threading.Lock()

    def admits(self, scope: tuple[str, ...], rate: float, burst: float) -> bool:
        """Whether one more request of this scope (API, stage and, for a limit of its own, route) may pass."""
        with self._lock:
            bucket = self._buckets.get(scope)
            if bucket is None or (bucket.rate, bucket.burst) != (rate, burst):
                bucket = self._buckets[scope] = TokenBucket(rate, burst)
        return bucket.take()

    def forget(self, api_id: str) -> None:
        """Drop the buckets of a deleted API."""
        with self._lock:
            self._buckets = {scope: b for scope, b in self._buckets.items() if scope[0] != api_id}
