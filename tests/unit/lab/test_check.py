"""`lab check` says NO for each behaviour that is missing, whatever foreign orders show, and judges its own alone."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from lab.common.results import Verdict, exit_code
from lab.games import check as judge
from lab.games.check import Check, leftovers
from lab.pipeline.api import Accepted
from lab.pipeline.observe import Depth

FOREIGN = Accepted("check-foreign", "message", "key", "correlation-foreign")


DAYS = 86_400


@dataclass
class World:
    """A pipeline, an API, two taps and SQS. What is in `broken` does not happen to orders from now on.

    Before the check a foreign order was processed, announced, died, rang the alarm, and lies in the DLQ.
    """

    broken: set[str] = field(default_factory=set[str])
    mode: str = "none"
    done: set[str] = field(default_factory=lambda: {FOREIGN.order_id})
    events: list[str] = field(default_factory=lambda: [FOREIGN.order_id])
    letters: list[tuple[str, str]] = field(default_factory=lambda: [(FOREIGN.correlation_id, "VALIDATION")])
    lines: list[dict[str, str]] = field(
        default_factory=lambda: [{"event": "order.failed", "orderId": FOREIGN.order_id}]
    )
    rings: list[str] = field(default_factory=lambda: ["ALARM"])
    alarm: str = "OK"
    counted: int = 1
    sent: int = 0
    visible: int = 0
    paused: bool = False
    queued: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    waiting: list[Accepted] = field(default_factory=list[Accepted])
    redriven: dict[str, Any] = field(default_factory=dict[str, Any])
    said: list[str] = field(default_factory=list[str])

    def submit(self, order: dict[str, Any]) -> Accepted:
        self.sent += 1
        sent = Accepted(order["orderId"], "message", "key", f"correlation of {order['orderId']}")
        if "processing" in self.broken or ("one in eight" in self.broken and self.sent == 5):
            return sent
        if self.mode == "slow_downstream":
            if "failure" not in self.broken:
                self.log("order.failed", sent.order_id)
            self.waiting.append(sent)
        else:
            self.process(sent.order_id)
        return sent

    def process(self, order_id: str) -> None:
        self.done.add(order_id)
        if "announcement" not in self.broken:
            self.events.append(order_id)

    def send_message(self, *, MessageBody: str, MessageAttributes: Any, **_: str) -> Any:  # noqa: N803
        """Another producer's order: the worker knows no such version, or is paused."""
        correlation_id = MessageAttributes["correlationId"]["StringValue"]
        order = json.loads(MessageBody)
        if self.paused:
            self.queued.append(("sent", correlation_id))
        elif order.get("schemaVersion"):
            self.letters.append((correlation_id, "none" if "cause" in self.broken else "VALIDATION"))
            self.log("order.dead_lettered", order["orderId"])
            self.counted += "counting" not in self.broken
            if "deaf to moves" in self.broken:
                self.ring()
        return {"MessageId": "sent"}

    def receive_message(self, **_: Any) -> Any:
        if "another order comes" in self.broken:
            return {"Messages": [{"MessageId": "another"}]}
        if "moving" in self.broken:
            return {"Messages": [{"MessageId": "sent"}]}
        for _name, correlation_id in self.queued:
            self.letters.append((correlation_id, "none"))
            if "deaf to moves" not in self.broken:
                self.ring()
        self.queued = []
        return {}

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> Any:  # noqa: N803
        days = 4 if QueueUrl == "queue" or "keeping" in self.broken else 14
        return {"Attributes": {"MessageRetentionPeriod": str(days * DAYS)}}

    def ring(self) -> None:
        if "ringing" not in self.broken and self.alarm == "OK":
            self.alarm = "ALARM"
            self.rings.append("ALARM")

    def log(self, event: str, order_id: str) -> None:
        self.lines.append({"event": event, "orderId": order_id, "errorCategory": "TIMEOUT"})

    def start_redrive(self, **plan: Any) -> str:
        self.redriven = plan
        if "circular" in self.broken:
            self.letters.append((plan["bodyContains"], "none"))
        elif "redrive" not in self.broken:
            self.process(plan["bodyContains"])
        return "operation"

    def redrive(self, _operation: str) -> dict[str, str]:
        return {"status": "SUCCEEDED"}

    def set_alarm_state(self, *, StateValue: str, **_: str) -> None:  # noqa: N803
        self.alarm = StateValue

    @contextmanager
    def temporarily(self, change: Any, **_: object) -> Generator[None]:
        if "mapping" in change.meaning:
            self.paused = True
            try:
                yield
            finally:
                self.paused = False
            return
        self.mode = change.meaning.removeprefix("failure mode ")
        yield
        self.mode = "none"
        if "recovery" not in self.broken:
            for sent in self.waiting:
                self.process(sent.order_id)


class Counted:
    """What the metric has counted since `watch`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def watch(self, _metric: object) -> None:
        self._before = self._world.counted

    def of(self, _metric: object) -> float:
        return self._world.counted - self._before


def check_of(world: World, monkeypatch: pytest.MonkeyPatch) -> Check:
    letters = lambda _pipeline: [  # noqa: E731
        SimpleNamespace(correlation_id=name, order_id=name, text={"errorCategory": cause}.get)
        for name, cause in world.letters
    ]
    monkeypatch.setattr(judge, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(judge, "SLOWNESS", 0)
    for name in ("SOON_SECONDS", "ALARM_SECONDS", "HAND_SET_SECONDS", "SILENCE_SECONDS", "SETTLING_SECONDS"):
        monkeypatch.setattr(judge, name, 0)
    monkeypatch.setattr(judge, "Changes", lambda _pipeline: world)
    monkeypatch.setattr(judge, "Sums", lambda _pipeline: Counted(world))
    monkeypatch.setattr(judge, "dead_letters", letters)
    monkeypatch.setattr(judge, "bury", lambda _pipeline, orders, **_: [order["orderId"] for order in orders])
    monkeypatch.setattr(Check, "_lines", lambda _self, _since: world.lines)
    monkeypatch.setattr(Check, "_clear", lambda _self: None)
    pipeline: Any = SimpleNamespace(
        effects=lambda ids: [SimpleNamespace(order_id=name) for name in ids if name in world.done],
        alarm_states=lambda: {"critical-dlq-depth": world.alarm},
        queue=lambda: Depth(world.visible, 0, 0),
        dlq=lambda: Depth(len(world.letters), 0, 0),
        stack=SimpleNamespace(
            alarm=str, log_metric_namespace="Ingestion/dev/Logs", queue_url="queue", dlq_url="dlq"
        ),
        aws=SimpleNamespace(client=lambda _service: world),
    )
    events: Any = SimpleNamespace(
        notifications=lambda: (
            [{"detail": {"orderId": name}} for name in world.events] + [{"AlarmName": "another"}]
        )
    )
    notifications: Any = SimpleNamespace(alarm_transitions=lambda _alarm: list(world.rings))
    api: Any = world
    return Check(pipeline, api, events, notifications, world.said.append)


BEHAVIOURS = (
    judge.PROCESSED,
    judge.ANNOUNCED,
    judge.KEPT,
    judge.MOVED,
    judge.HEARD,
    judge.SURVIVES,
    judge.DIES,
    judge.COUNTED,
    judge.REDRIVEN,
)


def test_healthy_pipeline_shows_every_behaviour(monkeypatch: pytest.MonkeyPatch) -> None:
    results = list(check_of(World(), monkeypatch).results())
    assert [(result.name, result.verdict) for result in results] == [(name, "proved") for name in BEHAVIOURS]
    assert exit_code(results) == 0


@pytest.mark.parametrize(
    ("broken", "behaviour"),
    [
        ("processing", judge.PROCESSED),
        ("one in eight", judge.PROCESSED),
        ("announcement", judge.ANNOUNCED),
        ("keeping", judge.KEPT),
        ("moving", judge.MOVED),
        ("ringing", judge.HEARD),
        ("deaf to moves", judge.HEARD),
        ("failure", judge.SURVIVES),
        ("recovery", judge.SURVIVES),
        ("cause", judge.DIES),
        ("counting", judge.COUNTED),
        ("redrive", judge.REDRIVEN),
        ("circular", judge.REDRIVEN),
    ],
)
def test_missing_behaviour_is_refuted_although_a_foreign_order_shows_it(
    monkeypatch: pytest.MonkeyPatch, broken: str, behaviour: str
) -> None:
    results = list(check_of(World({broken}), monkeypatch).results())
    refuted = [result.name for result in results if result.verdict is Verdict.REFUTED]
    assert refuted == [behaviour]
    assert exit_code(results) == 1


def test_behaviours_after_a_missing_one_are_told_as_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    results = list(check_of(World({"processing"}), monkeypatch).results())
    untried = {result.name: result.seen for result in results if result.verdict is Verdict.UNREAD}
    assert untried == {
        judge.ANNOUNCED: f"not tried, it needs: {judge.PROCESSED}",
        judge.MOVED: f"not tried, it needs: {judge.PROCESSED}",
        judge.HEARD: f"not tried, it needs: {judge.MOVED}",
        judge.SURVIVES: f"not tried, it needs: {judge.PROCESSED}",
        judge.DIES: f"not tried, it needs: {judge.PROCESSED}",
        judge.COUNTED: f"not tried, it needs: {judge.DIES}",
        judge.REDRIVEN: f"not tried, it needs: {judge.PROCESSED}",
    }


def test_what_follows_from_a_death_is_not_tried_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    results = check_of(World({"cause"}), monkeypatch).results()
    untried = [result.name for result in results if result.verdict is Verdict.UNREAD]
    assert untried == [judge.COUNTED]


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (World(visible=1), "other orders wait in the queue"),
        (World({"another order comes"}), "another order came to the queue"),
    ],
)
def test_no_order_of_somebody_else_loses_receives_to_a_check(
    monkeypatch: pytest.MonkeyPatch, world: World, why: str
) -> None:
    results = list(check_of(world, monkeypatch).results())
    told = {result.name: result.seen for result in results if result.verdict is Verdict.UNREAD}
    assert list(told) == [judge.MOVED, judge.HEARD]
    assert why in told[judge.MOVED]
    assert not world.paused


def test_order_that_alone_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World({"one in eight"})
    processed, *_ = check_of(world, monkeypatch).results()
    (name,) = {word.strip(";") for word in processed.seen.split() if word.startswith("check-")}
    assert name not in world.done


def test_refusal_names_the_order_and_what_the_worker_last_said_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    results = list(check_of(World({"recovery"}), monkeypatch).results())
    (refuted,) = [result for result in results if result.verdict is Verdict.REFUTED]
    assert refuted.seen.endswith("order.failed TIMEOUT")
    assert "check-" in refuted.seen
    assert "foreign" not in refuted.seen
    assert "last seen" not in refuted.seen


def test_alarm_that_rings_already_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(alarm="ALARM")
    results = list(check_of(world, monkeypatch).results())
    assert [result.verdict for result in results if result.name == judge.HEARD] == [Verdict.PROVED]


def test_alarm_that_rang_before_the_death_is_not_taken_for_hearing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = list(check_of(World({"ringing"}, rings=["ALARM", "OK", "ALARM"]), monkeypatch).results())
    assert [result.verdict for result in results if result.name == judge.HEARD] == [Verdict.REFUTED]


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (World(), []),
        (World(visible=1), ["other orders are on their way"] * judge.TRIES),
        (World({"ringing"}), ["no alarm yet"]),
        (World(alarm="ALARM", letters=[]), ["rings for an earlier letter"]),
    ],
)
def test_what_takes_longer_than_usual_is_said_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, world: World, told: list[str]
) -> None:
    list(check_of(world, monkeypatch).results())
    assert len(world.said) == len(told)
    for line, why in zip(world.said, told, strict=True):
        assert why in line
        assert " up to 0 s" in line


def test_redrive_whose_order_is_dead_as_before_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, redriven = check_of(World({"circular"}), monkeypatch).results()
    assert redriven.seen == "the redrive has ended, and the order is in the DLQ as before"


def test_redrive_moves_the_letter_of_this_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    list(check_of(world, monkeypatch).results())
    assert world.redriven["bodyContains"].startswith("check-")
    assert world.redriven["bodyContains"] in world.done


@pytest.mark.parametrize(
    ("queue", "dlq", "told"),
    [
        ((0, 0, 0), (0, 0, 0), ""),
        ((0, 0, 0), (1, 0, 0), "1 leftover of earlier runs, not judged (0 in the queue, 1 in the DLQ)"),
        ((0, 0, 2), (1, 0, 0), "3 leftovers of earlier runs, not judged (2 in the queue, 1 in the DLQ)"),
        ((0, 1, 0), (0, 0, 0), "1 leftover of earlier runs, not judged (1 in the queue, 0 in the DLQ)"),
    ],
)
def test_leftovers_are_counted_delayed_ones_too(
    queue: tuple[int, int, int], dlq: tuple[int, int, int], told: str
) -> None:
    pipeline: Any = SimpleNamespace(queue=lambda: Depth(*queue), dlq=lambda: Depth(*dlq))
    assert leftovers(pipeline) == told
