"""How long a client waits that was told "too many requests"."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ATTEMPTS = 6
BASE_SECONDS = 0.2
CAP_SECONDS = 5.0
LONGEST_SECONDS = 30.0
"""A server that asks for more than this is waited for no longer: a load run has an end."""


def pause(attempt: int, retry_after: str | None, rng: random.Random) -> float:
    """Seconds before the request is sent again; `attempt` counts from 0.

    A Retry-After header (RFC 9110, 10.2.3: seconds or a date) is obeyed. API Gateway's HTTP APIs document none,
    and neither AWS's answer nor the engine's carries one: then it is exponential backoff with full jitter.
    """
    asked = _asked(retry_after)
    if asked is not None:
        return min(asked, LONGEST_SECONDS)
    return rng.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempt))


def _asked(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
