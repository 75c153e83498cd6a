"""Purging a queue, which SQS allows once a minute."""

from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.pipeline import queues

URL = "http://127.0.0.1:4566/queue/us-east-1/000000000000/ingestion-dev-dlq"


class Sqs:
    """Refuses to purge as often as it is told."""

    class exceptions:  # noqa: N801  boto3's name
        class PurgeQueueInProgress(Exception):  # noqa: N818  boto3's name
            pass

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.purged: list[str] = []

    def purge_queue(self, QueueUrl: str) -> None:  # noqa: N803  boto3's name
        if self.refusals:
            self.refusals -= 1
            raise self.exceptions.PurgeQueueInProgress
        self.purged.append(QueueUrl)


@pytest.fixture
def purge(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    monkeypatch.setattr(queues, "PURGE_WAIT_SECONDS", 1.2)
    return lambda sqs: queues.purge(sqs, URL)


def test_queue_that_was_purged_a_moment_ago_is_purged_when_sqs_allows_it(
    purge: Callable[[Any], None],
) -> None:
    sqs = Sqs(refusals=1)
    purge(sqs)
    assert sqs.purged == [URL]


def test_queue_that_sqs_does_not_purge_in_time_is_named(purge: Callable[[Any], None]) -> None:
    with pytest.raises(LabError, match="SQS to purge ingestion-dev-dlq again"):
        purge(Sqs(refusals=99))
