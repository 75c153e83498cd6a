"""EventBridge's archive, as eventArchiveDays makes one on AWS: a replay reaches the readers again."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.tap import Tap, tap
from support.eventually import eventually


@pytest.fixture
def archive(pipeline: Pipeline) -> Iterator[str]:
    """The ARN of an archive of the bus. Engines make none from a template, so it is made by hand."""
    events, name = pipeline.aws.client("events"), f"test-{uuid.uuid4().hex[:8]}"
    bus = events.describe_event_bus(Name=pipeline.stack.event_bus_name)["Arn"]
    yield events.create_archive(ArchiveName=name, EventSourceArn=bus, RetentionDays=1)["ArchiveArn"]
    events.delete_archive(ArchiveName=name)


def test_a_reader_knows_a_replayed_event_by_its_id(pipeline: Pipeline, api: Api, archive: str) -> None:
    events = pipeline.aws.client("events")
    bus = events.describe_event_bus(Name=pipeline.stack.event_bus_name)["Arn"]
    began = time.time()
    with tap(pipeline.aws, pipeline.stack.order_events_topic_arn) as topic:
        (order,) = orders(1, label="replayed")
        order_id = api.submit(order).order_id
        eventually(lambda: len(heard(topic, order_id)) == 1, within=30)
        events.start_replay(
            ReplayName=f"test-{uuid.uuid4().hex[:8]}",
            EventSourceArn=archive,
            EventStartTime=datetime.fromtimestamp(began - 1, UTC),
            EventEndTime=datetime.fromtimestamp(time.time() + 1, UTC),
            Destination={"Arn": bus},
        )
        eventually(lambda: len(heard(topic, order_id)) >= 2, within=60)
        assert len(set(heard(topic, order_id))) == 1


def heard(topic: Tap, order_id: str) -> list[str]:
    """The eventId of every notification of an order."""
    details = [notification["detail"] for notification in topic.notifications() if "detail" in notification]
    return [detail["eventId"] for detail in details if detail.get("orderId") == order_id]
