"""GameDays: scripted incidents on a clock, for a team that does not know what comes.

Traffic flows all the time. Injects change the pipeline when their moment comes; hints are given when asked for. At the
end the score card says how long it took until an alarm told, until the team said so, and until the pipeline was well.
"""

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from lab.common.interrupts import undoing
from lab.common.polling import wait_for
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults.changes import Change, Changes
from lab.faults.steady_state import require, restore
from lab.history import Account, Recorder
from lab.pipeline import orders
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.tap import tap
from lab.pipeline.timeline import Span, Timeline, record

MAX_RATE = 20
"""Orders a second of background traffic at most."""

CLIENTS = 4
DRAIN_SECONDS = 180
"""How long the queue may take to drain before the score is taken: the longest deferral of a circuit, and more."""


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

    def faster(self, factor: float) -> "GameDay":
        """The same incident on a clock that runs `factor` times as fast."""
        injects = tuple(replace(inject, at=inject.at / factor) for inject in self.injects)
        return replace(self, seconds=self.seconds / factor, injects=injects)


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
            seconds=75,
            injects=(
                Inject(10, "A campaign has started.", rate=10),
                Inject(25, "Somebody wants to spare the database.", faults.worker_concurrency(0)),
                Inject(40, "The campaign is over.", rate=1),
                Inject(50, "The database can take it, they say.", None),
            ),
            hints=(
                "What grows, and does it stop growing?",
                "Which number says that the worker keeps up: depth, age or latency?",
                "If it stopped at once, who stopped it? Compare Throttles with Errors; look at reserved concurrency.",
            ),
        ),
    )
}


@dataclass
class Game:
    """A GameDay under way. `trouble` is what ended it before its time, if something did."""

    day: GameDay
    pipeline: Pipeline
    api: Api
    timeline: Timeline
    recorder: Recorder
    say: Callable[[str], None]
    rate: float = 0.0
    refused: int = 0
    injected_at: list[float] = field(default_factory=list[float])
    declared_at: float | None = None
    hints_given: int = 0
    trouble: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event)

    def hint(self) -> str | None:
        """The next hint, which costs on the score card; None when there is none left."""
        if self.hints_given == len(self.day.hints):
            return None
        self.hints_given += 1
        return self.day.hints[self.hints_given - 1]

    def declare(self) -> None:
        """The team has noticed."""
        if self.declared_at is None:
            self.declared_at = self.timeline.now

    def end(self) -> None:
        """Stop the clock and the traffic, and end whatever is in force, so that the queue can drain."""
        self.finished.set()
        self.undo()

    def undo(self) -> None:
        """End every change of the game."""
        changes = Changes(self.pipeline)
        changes.undo_all(changes.active())

    def send(self) -> None:
        """Traffic at the rate of the moment until the game is over."""
        supply = orders.orders(int(MAX_RATE * self.day.seconds) + 1, label="gameday")
        with ThreadPoolExecutor(CLIENTS) as clients:
            while not self.finished.wait(1 / min(self.rate, MAX_RATE)):
                clients.submit(self._post, next(supply))

    def _post(self, order: dict[str, object]) -> None:
        try:
            self.recorder.accepted(self.api.submit(order))
        except LabError:
            self.refused += 1

    def run_clock(self) -> None:
        """Let every inject happen at its moment."""
        try:
            for inject in self.day.injects:
                if self.finished.wait(max(0.0, inject.at - self.timeline.now)):
                    return
                self.injected_at.append(self.timeline.now)
                self.say(f"[{self.timeline.now:5.1f} s] {inject.told}")
                self.inject(inject)
        except Exception as error:  # noqa: BLE001  it ends the game, and play() raises it
            self.trouble = error
            self.finished.set()

    def inject(self, what: Inject) -> None:
        """Let one inject happen."""
        if what.rate is not None:
            self.rate = what.rate
        elif what.change is not None:
            why = f"gameday {self.day.name}"
            Changes(self.pipeline).make(what.change, why=why, seconds=self.day.seconds + DRAIN_SECONDS)
        else:
            self.undo()
        for _ in range(what.strange_orders):
            order_id = f"strange-{uuid.uuid4().hex[:12]}"
            body = json.dumps({"schemaVersion": 3, "orderId": order_id})
            sent = self.pipeline.aws.client("sqs").send_message(
                QueueUrl=self.pipeline.stack.queue_url, MessageBody=body
            )
            self.recorder.produced(order_id, sent["MessageId"])


@dataclass(frozen=True)
class ScoreCard:
    """How it went. Seconds since the first inject, or since the last for recovery; None where it did not happen."""

    alarm_after: float | None
    declared_after: float | None
    recovered_after: float | None
    hints: int
    refused: int
    account: Account


@contextlib.contextmanager
def play(day: GameDay, pipeline: Pipeline, say: Callable[[str], None]) -> Generator[Game]:
    """A game for the duration of a `with` block: traffic flows, injects come; the steady state is back at its end."""
    require(pipeline)
    with (
        undoing(lambda: restore(pipeline, say)),
        Api(pipeline.aws, pipeline.stack) as api,
        tap(pipeline.aws, pipeline.stack.order_events_topic_arn) as events,
        record(pipeline) as timeline,
    ):
        recorder = Recorder(f"gameday-{day.name}", pipeline, events)
        game = Game(day, pipeline, api, timeline, recorder, say, rate=day.rate)
        threads = [threading.Thread(target=work, daemon=True) for work in (game.send, game.run_clock)]
        for thread in threads:
            thread.start()
        try:
            yield game
        finally:
            game.finished.set()
            for thread in threads:
                thread.join(timeout=30)
        if game.trouble:
            raise game.trouble


def score(game: Game) -> ScoreCard:
    """The score card of a game that has ended, taken once its queue is empty or has had its time."""
    game.end()
    if waiting := game.pipeline.queue().total:
        game.say(f"waiting for the last {waiting} orders")
    samples = game.timeline.samples
    began, over = (game.injected_at[0], game.injected_at[-1]) if game.injected_at else (None, None)
    complete = len(game.injected_at) == len(game.day.injects)

    def well() -> list[float]:
        if over is None or not complete:
            return []
        return [s.at for s in samples if s.at >= over and not (s.queued or s.in_flight)]

    with contextlib.suppress(LabError):
        wait_for(
            "an empty queue",
            lambda: game.pipeline.queue().total == 0 and (well() or not complete),
            bool,
            within=DRAIN_SECONDS,
        )
    recovered = well()
    if began is not None and over is not None:
        game.timeline.spans.append(Span(game.day.injects[0].told, began, over))
    rang = [s.at for s in samples if began is not None and s.at >= began and "ALARM" in s.alarms.values()]
    return ScoreCard(
        alarm_after=rang[0] - began if rang and began is not None else None,
        declared_after=game.declared_at - began
        if game.declared_at is not None and began is not None
        else None,
        recovered_after=recovered[0] - over if recovered and over is not None else None,
        hints=game.hints_given,
        refused=game.refused,
        account=game.recorder.account(),
    )
