"""How long the oldest order has been waiting, told ahead for as long as nobody will see it.

SQS's age of the oldest message cannot say: it begins again with a requeued copy, and leaves out what was received three
times. The worker knows when each order was accepted, but sees it only now and then. A message that is hidden cannot be
processed before its time, so its order's age is known for every moment until then: CloudWatch takes values with
timestamps of up to two hours ahead (PutMetricData, Timestamp).
"""

from collections.abc import Iterator, Sequence

from functions.common.observability import seconds_at
from functions.publish.visibility import Hidden

METRIC = "OldestOrderWaiting"
MOST_AHEAD_SECONDS = 7_000
"""A little less than CloudWatch's two hours."""


def tell(hidden: Sequence[Hidden], now: float, step: int) -> None:
    """Write the metric for now (epoch seconds), and every `step` seconds while any of these is hidden."""
    for at, age in outlook(hidden, now, step):
        seconds_at(METRIC, age, at)


def outlook(hidden: Sequence[Hidden], now: float, step: int) -> Iterator[tuple[float, float]]:
    """Times, and the age in seconds of the oldest order that is surely still waiting then."""
    longest = max((message.seconds for message in hidden), default=-1)
    for ahead in range(0, min(longest, MOST_AHEAD_SECONDS) + 1, step):
        since = min(message.envelope.waiting_since for message in hidden if message.seconds >= ahead)
        yield now + ahead, max(0.0, now + ahead - since / 1000)
