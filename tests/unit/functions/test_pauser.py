import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.pauser.handler import RETRY_SECONDS, Pauser
from functions.pauser.resume_message import ResumeMessage
from functions.worker.circuits import Transition
from functions.worker.pause_requests import PauseRequests, follow

NOW = 1_000


class World:
    """A mapping, its resume messages' queue, and a clock."""

    def __init__(self) -> None:
        self.enabled = True
        self.now = NOW
        self.hidden: list[int] = []
        self.sent: list[str] = []
        self.broken: set[str] = set()
        self.pauser = Pauser(self, self, "mapping", "queue", now=lambda: self.now)

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> Any:  # noqa: N803
        self._call("lambda")
        self.enabled = Enabled

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:  # noqa: N803
        self._call("sqs")
        self.hidden.append(VisibilityTimeout)

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Any:  # noqa: N803
        self._call("sqs")
        self.sent.append(MessageBody)

    def _call(self, service: str) -> None:
        if service in self.broken:
            raise ClientError({"Error": {"Code": "ResourceInUseException"}}, "call")

    def receive(self, resume_at: int) -> bool:
        return self.pauser.apply(ResumeMessage("price-service", resume_at).as_text(), "handle")


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[" * 50_000,
        "[]",
        '{"circuit":"c"}',
        '{"circuit":"c","resume_at":1e400}',
        '{"circuit":"c","resume_at":' + "9" * 400 + "}",
        '{"circuit":["c"],"resume_at":1}',
    ],
    ids=["no JSON", "nested", "a list", "no time", "infinite", "after all time", "no circuit"],
)
def test_a_body_that_is_not_a_resume_message_changes_nothing_and_does_not_come_back(body: str) -> None:
    world = World()
    assert world.pauser.apply(body, "handle")
    assert world.enabled
    assert world.hidden == []


def test_a_resume_message_pauses_the_mapping_and_waits_for_its_time() -> None:
    world = World()
    assert not world.receive(NOW + 30)
    assert not world.enabled
    assert world.hidden == [30]


def test_a_resume_message_that_is_due_resumes_the_mapping_and_is_done() -> None:
    world = World()
    world.enabled = False
    assert world.receive(NOW)
    assert world.enabled
    assert world.hidden == []


def test_a_pauser_that_dies_after_pausing_leaves_the_resume_message_which_resumes() -> None:
    world = World()
    world.broken = {"sqs"}
    assert not world.receive(NOW + 30)  # neither hidden nor acknowledged, as after its death
    assert not world.enabled
    world.broken, world.now = set(), NOW + 180  # its visibility timeout is over
    assert world.receive(NOW + 30)
    assert world.enabled


def test_a_late_or_repeated_request_for_a_pause_cannot_pause_for_ever() -> None:
    world = World()
    world.now = NOW + 31
    assert world.receive(NOW + 30)
    assert world.enabled


def test_a_mapping_that_cannot_be_switched_now_is_tried_again_soon() -> None:
    world = World()
    world.enabled, world.broken = False, {"lambda"}
    assert not world.receive(NOW)
    assert world.hidden == [RETRY_SECONDS]


def test_a_mapping_that_keeps_changing_is_asked_ever_less_often_within_a_day_of_receives() -> None:
    """A thousand receives are what the queue grants a resume message."""
    world = World()
    world.broken = {"lambda"}
    body = ResumeMessage("c", NOW).as_text()
    for receives in range(1, 1000):
        assert not world.pauser.apply(body, "handle", receives)
    assert world.hidden[:6] == [2, 4, 8, 16, 32, 60]
    assert max(world.hidden) == 60
    assert sum(world.hidden) > 16 * 3600


def test_a_circuit_that_opens_asks_for_one_pause_of_its_recovery_time() -> None:
    world = World()
    opened = [Transition("bus", "OPEN"), Transition("bus", "HALF_OPEN"), Transition("bus", "OPEN")]
    follow(opened, PauseRequests(world, "queue", 30, now=lambda: NOW))
    assert [json.loads(body) for body in world.sent] == [{"circuit": "bus", "resume_at": NOW + 30}]


def test_a_circuit_that_closes_asks_for_nothing_and_a_failed_request_stops_nobody() -> None:
    world = World()
    world.broken = {"sqs"}
    requests = PauseRequests(world, "queue", 30, now=lambda: NOW)
    follow([Transition("bus", "CLOSED")], requests)
    follow([Transition("bus", "OPEN")], requests)
    follow([Transition("bus", "OPEN")], None)
    assert world.sent == []
