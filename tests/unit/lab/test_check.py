"""`lab check` says NO for each behaviour that is missing, whatever foreign orders show, and judges its own alone."""

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


@dataclass
class World:
    """A pipeline, an API and two taps. What is in `broken` does not happen to orders from now on.

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
    waiting: list[Accepted] = field(default_factory=list[Accepted])
    redriven: dict[str, Any] = field(default_factory=dict[str, Any])

    def submit(self, order: dict[str, Any]) -> Accepted:
        sent = Accepted(order["orderId"], "message", "key", f"correlation of {order['orderId']}")
        if "processing" in self.broken:
            return sent
        if self.mode == "slow_downstream":
            if "failure" not in self.broken:
                self.log("order.failed", sent)
            self.waiting.append(sent)
        elif self.mode == "poison_payload":
            self.dies(sent)
        else:
            self.process(sent.order_id)
        return sent

    def process(self, order_id: str) -> None:
        self.done.add(order_id)
        if "announcement" not in self.broken:
            self.events.append(order_id)

    def dies(self, sent: Accepted) -> None:
        self.letters.append((sent.correlation_id, "none" if "cause" in self.broken else "VALIDATION"))
        self.log("order.dead_lettered", sent)
        self.counted += "counting" not in self.broken
        if "ringing" not in self.broken and self.alarm == "OK":
            self.alarm = "ALARM"
            self.rings.append("ALARM")

    def log(self, event: str, sent: Accepted) -> None:
        self.lines.append({"event": event, "orderId": sent.order_id, "errorCategory": "TIMEOUT"})

    def start_redrive(self, **plan: Any) -> str:
        self.redriven = plan
        if "redrive" not in self.broken:
            self.process(plan["bodyContains"])
        return "operation"

    def redrive(self, _operation: str) -> dict[str, str]:
        return {"status": "SUCCEEDED"}

    def set_alarm_state(self, *, StateValue: str, **_: str) -> None:  # noqa: N803
        self.alarm = StateValue

    @contextmanager
    def temporarily(self, change: Any, **_: object) -> Generator[None]:
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
        SimpleNamespace(correlation_id=name, text={"errorCategory": cause}.get)
        for name, cause in world.letters
    ]
    monkeypatch.setattr(judge, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(judge, "Changes", lambda _pipeline: world)
    monkeypatch.setattr(judge, "Sums", lambda _pipeline: Counted(world))
    monkeypatch.setattr(judge, "dead_letters", letters)
    monkeypatch.setattr(judge, "bury", lambda _pipeline, orders, **_: [order["orderId"] for order in orders])
    monkeypatch.setattr(Check, "_lines", lambda _self, _since: world.lines)
    monkeypatch.setattr(Check, "_clear", lambda _self: None)
    pipeline: Any = SimpleNamespace(
        effects=lambda ids=None: [name for name in ids or world.done if name in world.done],
        alarm_states=lambda: {"critical-dlq-depth": world.alarm},
        stack=SimpleNamespace(alarm=str, log_metric_namespace="Ingestion/dev/Logs"),
        aws=SimpleNamespace(client=lambda _service: world),
    )
    events: Any = SimpleNamespace(
        notifications=lambda: (
            [{"detail": {"orderId": name}} for name in world.events] + [{"AlarmName": "another"}]
        )
    )
    notifications: Any = SimpleNamespace(alarm_transitions=lambda _alarm: list(world.rings))
    api: Any = world
    return Check(pipeline, api, events, notifications)


BEHAVIOURS = (
    "an accepted order is processed",
    "its event reaches the topic",
    "an order survives a dependency's failure",
    "a poisoned order dies with its cause",
    "the death is counted",
    "the DLQ alarm is heard",
    "a redrive brings a dead order back",
)


def test_healthy_pipeline_shows_every_behaviour(monkeypatch: pytest.MonkeyPatch) -> None:
    results = list(check_of(World(), monkeypatch).results())
    assert [(result.name, result.verdict) for result in results] == [(name, "proved") for name in BEHAVIOURS]
    assert exit_code(results) == 0


@pytest.mark.parametrize(
    ("broken", "behaviour"),
    [
        ("processing", 0),
        ("announcement", 1),
        ("failure", 2),
        ("recovery", 2),
        ("cause", 3),
        ("counting", 4),
        ("ringing", 5),
        ("redrive", 6),
    ],
)
def test_missing_behaviour_is_refuted_although_a_foreign_order_shows_it(
    monkeypatch: pytest.MonkeyPatch, broken: str, behaviour: int
) -> None:
    results = list(check_of(World({broken}), monkeypatch).results())
    refuted = [result.name for result in results if result.verdict is Verdict.REFUTED]
    assert refuted == [BEHAVIOURS[behaviour]]
    assert exit_code(results) == 1


def test_behaviours_after_a_missing_one_are_told_as_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    _, *others = check_of(World({"processing"}), monkeypatch).results()
    assert [result.name for result in others] == list(BEHAVIOURS[1:])
    assert {(result.verdict, result.seen) for result in others} == {
        (Verdict.UNREAD, f"not tried, it needs: {BEHAVIOURS[0]}")
    }


def test_what_follows_from_a_death_is_not_tried_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    results = check_of(World({"cause"}), monkeypatch).results()
    untried = [result.name for result in results if result.verdict is Verdict.UNREAD]
    assert untried == ["the death is counted", "the DLQ alarm is heard"]


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
    assert [result.verdict for result in results if result.name == BEHAVIOURS[5]] == [Verdict.PROVED]


def test_alarm_that_rang_before_the_death_is_not_taken_for_hearing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = list(check_of(World({"ringing"}, rings=["ALARM", "OK", "ALARM"]), monkeypatch).results())
    assert [result.verdict for result in results if result.name == BEHAVIOURS[5]] == [Verdict.REFUTED]


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
