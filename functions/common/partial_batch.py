"""The answer of a function that SQS feeds: which messages of the batch are to be delivered again."""

from collections.abc import Iterable
from typing import Any


def partial_batch_response(message_ids: Iterable[str]) -> dict[str, Any]:
    """A partial batch response. An id that is not in the batch would fail all of it.

    Powertools' BatchProcessor builds the same answer from exceptions, one record after the other; where a batch is
    settled as a whole, that only computes again what is known.
    """
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}
