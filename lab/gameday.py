"""GameDays: scripted incidents on a clock, for a team that does not know what comes.

Traffic flows all the time. Injects change the pipeline when their moment comes; hints are given when asked for. At the
end the score card says how long it took until an alarm told, until the team said so, and until the pipeline was well.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from lab import ledger, orders
from lab.api import Accepted, Api
from lab.changes import Change, Changes
from lab.errors import LabError
from lab.observe import Pipeline
from lab.scenario import faults
from lab.steady import require, restore
from lab.timeline import Timeline, record

MAX_RATE = 20
"""Orders a second of background traffic at most."""


@dataclass(frozen=True)
class Inject:
    """What happens at one moment, seconds after the start. A change of None ends all changes before it."""

    at: float
    told: str
    change: Change | None = None
    rate: float | None = None
    strange_orders: int = 0


@dataclass(frozen=True)
class GameDay:
    """One incident. `rate` is orders a second; `seconds` is its length before the clean-up."""

    name: str
    title: str
    rate: float
    seconds: float
    injects: tuple[Inject, ...]
    hints: tuple[str, ...]


GAMEDAYS = {
    day.name: day
    for day in (
        GameDay(
            "schema-evolution",
            "A producer changes its orders",
            rate=1,
            seconds=60,
            injects=(
                Inject(10, "A producer ships a new version of its orders.", strange_orders=6),
                Inject(35, "The producer says that it has rolled back."),
            ),
            hints=(
                "Which alarm rings, and what does its runbook say to look at first?",
                "What do the dead letters have in common? GET /redrive/preview counts them by cause.",
                "Read errorMessage: it names the field. Can a redrive help while the worker knows no such version?",
            ),
        ),
        GameDay(
            "downstream-outage",
            "The price service goes away",
            rate=1,
            seconds=75,
            injects=(
                Inject(10, "Customers say that orders are late.", faults.failure_mode("slow_downstream")),
                Inject(45, "The price service's team says that it is back.", None),
            ),
            hints=(
                "Are orders lost or late? The queue's depth and the DLQ's tell.",
                "What category do the failures have, and which circuit is open?",
                "Do you need to do anything once the service is back?",
            ),
        ),
        GameDay(
            "traffic-spike",
            "Everybody orders at once",
            rate=1,
            seconds=60,
            injects=(
                Inject(10, "A campaign has started.", rate=10),
                Inject(35, "The campaign is over.", rate=1),
            ),
            hints=(
                "What grows, and does it stop growing?",
                "Which number says that the worker keeps up: depth, age or latency?",
                "What would you change if it did not, and what would that cost?",
            ),
        ),
    )
}


@dataclass
class Game:
    """A GameDay under way."""

    day: GameDay
    pipeline: Pipeline
    api: Api
    timeline: Timeline
    say: Callable[[str], None]
    rate: float = 0.0
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    strange: list[str] = field(default_factory=list[str])
    declared_at: float | None = None
    hints_given: int = 0
    finished: threading.Event = field(default_factory=threading.Event)

    def hint(self) -> str:
        """The next hint; each costs on the score card."""
        text = self.day.hints[min(self.hints_given, len(self.day.hints) - 1)]
        self.hints_given += 1
        return text

    def declare(self) -> None:
        """The team has noticed."""
        if self.declared_at is None:
            self.declared_at = self.timeline.now

    def send(self) -> None:
        """Traffic at the rate of the moment until the game is over."""
        supply = orders.orders(int(MAX_RATE * self.day.seconds) + 1, label="gameday")
        while not self.finished.wait(1 / min(self.rate, MAX_RATE)):
            with contextlib.suppress(LabError, StopIteration):
                self.accepted.append(self.api.submit(next(supply)))

    def inject(self, what: Inject) -> None:
        """Let one inject happen."""
        self.say(f"[{self.timeline.now:5.1f} s] {what.told}")
        changes = Changes(self.pipeline)
        if what.rate is not None:
            self.rate = what.rate
        elif what.change is not None:
            why = f"gameday {self.day.name}"
            changes.make(what.change, why=why, seconds=self.day.seconds + 60)
        else:
            for standing in changes.standing():
                changes.undo(standing.knob)
        for number in range(what.strange_orders):
            order_id = f"gameday-strange-{number}"
            body = json.dumps({"schemaVersion": 3, "orderId": order_id})
            self.pipeline.aws.client("sqs").send_message(
                QueueUrl=self.pipeline.stack.queue_url, MessageBody=body
            )
            self.strange.append(order_id)


@dataclass(frozen=True)
class ScoreCard:
    """How it went. Seconds; None where it did not happen."""

    alarm_after: float | None
    declared_after: float | None
    recovered_after: float | None
    hints: int
    ledger: ledger.Ledger

    @property
    def accounted(self) -> bool:
        """Whether no order was lost or repeated."""
        return self.ledger.lost == 0 and self.ledger.duplicated == 0


@contextlib.contextmanager
def play(day: GameDay, pipeline: Pipeline, say: Callable[[str], None]) -> Generator[Game]:
    """A game for the duration of a `with` block: traffic flows, injects come; the steady state is back at its end."""
    require(pipeline)
    try:
        with Api(pipeline.aws, pipeline.stack) as api, record(pipeline) as timeline:
            game = Game(day, pipeline, api, timeline, say, rate=day.rate)
            threads = [
                threading.Thread(target=game.send, daemon=True),
                threading.Thread(target=_clock, args=(game,), daemon=True),
            ]
            for thread in threads:
                thread.start()
            try:
                yield game
            finally:
                game.finished.set()
                for thread in threads:
                    thread.join(timeout=30)
    finally:
        restore(pipeline, say)


def score(game: Game) -> ScoreCard:
    """The score card of a game, once its queue is empty."""
    deadline = time.monotonic() + 60
    while game.pipeline.queue().total and time.monotonic() < deadline:
        time.sleep(0.5)
    first = game.day.injects[0].at
    last = game.day.injects[-1].at
    samples = game.timeline.samples
    rang = [s.at for s in samples if s.at >= first and "ALARM" in s.alarms.values()]
    well = [s.at for s in samples if s.at >= last and not (s.queued or s.in_flight)]
    return ScoreCard(
        alarm_after=rang[0] - first if rang else None,
        declared_after=None if game.declared_at is None else game.declared_at - first,
        recovered_after=well[0] - last if well else None,
        hints=game.hints_given,
        ledger=ledger.settle(
            [*(one.order_id for one in game.accepted), *game.strange],
            game.pipeline.effects(),
            game.pipeline.queue(),
            game.pipeline.dlq(),
        ),
    )


def _clock(game: Game) -> None:
    for inject in game.day.injects:
        if game.finished.wait(max(0.0, inject.at - game.timeline.now)):
            return
        game.inject(inject)
