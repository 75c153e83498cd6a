"""A GameDay under way: traffic flows all the time, injects come when their moment does, and a team looks and acts.

Whatever happens is a moment of its timeline: injects, alarms, hints, notes, what the team declares and finds, repairs.
"""

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lab.common.interrupts import undoing
from lab.errors import LabError
from lab.faults.changes import GAMEDAY, Changes
from lab.faults.steady_state import require, restore
from lab.games.desk import Ask, Desk
from lab.games.gameday import ROLES, GameDay, Inject, moment
from lab.history import Recorder
from lab.pipeline import orders
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.tap import tap
from lab.pipeline.timeline import Sample, Timeline, record
from lab.report import Moment

MAX_RATE = 20
"""Orders a second of background traffic at most."""

CLIENTS = 4
DRAIN_SECONDS = 180
"""How long the queue may take to drain before the score is taken: the longest deferral of a circuit, and more."""

WATCH_SECONDS = 0.5
ROOM = 3
"""So many orders under way are those of the moment, and no backlog."""

type Kind = Literal[
    "start",
    "inject",
    "alarm",
    "hint",
    "note",
    "declared",
    "diagnosed",
    "repaired",
    "recovered",
    "clock",
    "end",
]


@dataclass
class Incident:
    """An inject that is to be repaired, and when what happened of it: seconds on the game's clock, None until then.

    `written` is what it made of its setting, `has_killed` whether there were dead letters since.
    """

    inject: Inject
    began: float
    written: Any = None
    has_killed: bool = False
    detected: float | None = None
    declared: float | None = None
    diagnosed: float | None = None
    repaired: float | None = None
    recovered: float | None = None


@dataclass
class Game:
    """A GameDay under way. `trouble` is what ended it before its time, if something did."""

    day: GameDay
    pipeline: Pipeline
    api: Api
    timeline: Timeline
    recorder: Recorder
    say: Callable[[str], None]
    desk: Desk
    team: tuple[str, ...] = ()
    rate: float = 0.0
    refused: int = 0
    moments: list[Moment] = field(default_factory=list[Moment])
    incidents: list[Incident] = field(default_factory=list[Incident])
    injected_at: list[float] = field(default_factory=list[float])
    declared_at: float | None = None
    hints_given: int = 0
    trouble: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event)
    _paused_at: float | None = None
    _paused: float = 0.0
    _next: int = 0
    _changing: threading.RLock = field(default_factory=threading.RLock)
    _watched: int = 0
    _ringing: frozenset[str] = frozenset()

    @property
    def clock(self) -> float:
        """Seconds that were played: pauses do not count."""
        return (self.timeline.now if self._paused_at is None else self._paused_at) - self._paused

    @property
    def paused(self) -> bool:
        """Whether the clock stands still."""
        return self._paused_at is not None

    @property
    def over(self) -> bool:
        """Whether the time is up, or something has ended the game."""
        return self.finished.is_set() or self.clock >= self.day.seconds

    def happens(self, kind: Kind, text: str, who: str = "") -> None:
        """Put something on the timeline, and say it."""
        self.moments.append(Moment(self.timeline.now, moment(self.clock), kind, text, who))
        self.say(f"[{moment(self.clock)}] {kind}: {f'{who}: ' if who else ''}{text}")

    def hint(self, who: str = "") -> str | None:
        """The next hint, which costs on the score card; None when there is none left."""
        with self._changing:
            if self.hints_given == len(self.day.hints):
                return None
            self.hints_given += 1
            text = self.day.hints[self.hints_given - 1]
            self.happens("hint", text, who)
            return text

    def note(self, text: str, who: str = "") -> None:
        """Something that the scribe wants to be in the report."""
        self.happens("note", text, who)

    def declare(self, who: str = "") -> None:
        """The team has noticed: an incident is declared."""
        with self._changing:
            if self.declared_at is None:
                self.declared_at = self.timeline.now
            self._mark("declared")
            self.happens("declared", "the team has declared an incident", who)

    def diagnose(self, text: str, who: str = "") -> None:
        """The team says what it is. Whether that is right, the timeline tells."""
        with self._changing:
            self._mark("diagnosed")
            self.happens("diagnosed", text, who)

    def pause(self, who: str = "") -> None:
        """Stop the clock: no inject comes. Traffic flows on."""
        if self._paused_at is None:
            self.happens("clock", "paused", who)
            self._paused_at = self.timeline.now

    def resume(self, who: str = "") -> None:
        """Let the clock go on."""
        if self._paused_at is not None:
            self._paused += self.timeline.now - self._paused_at
            self._paused_at = None
            self.happens("clock", "goes on", who)

    def inject_next(self) -> bool:
        """Let the next inject happen now, whatever the clock says. False if there is none left."""
        with self._changing:
            if self._next == len(self.day.injects):
                return False
            inject = self.day.injects[self._next]
            self._next += 1
            self.injected_at.append(self.timeline.now)
            self.happens("inject", inject.told)
            self._inject(inject)
            return True

    def end(self) -> None:
        """Stop the clock and the traffic, and end whatever is in force, so that the queue can drain."""
        if not self.finished.is_set():
            self.happens("end", "the game is over")
        self.finished.set()
        self.undo()

    def undo(self) -> None:
        """End every change of the game."""
        changes = Changes(self.pipeline)
        changes.undo_all(changes.active())

    def obey(self, ask: Ask) -> None:
        """Do what the facilitator asks for at the desk."""
        match ask.action:
            case "inject":
                self.inject_next()
            case "pause":
                self.pause(ask.who)
            case "resume":
                self.resume(ask.who)
            case "hint":
                self.hint(ask.who)
            case "note":
                self.note(ask.text, ask.who)
            case "declare":
                self.declare(ask.who)
            case "diagnose":
                self.diagnose(ask.text, ask.who)
            case "end":
                self.happens("end", "ended early", ask.who)
                self.finished.set()

    def state(self) -> dict[str, Any]:
        """What the desk shows, as JSON: the clock, what comes, the pipeline, the incidents and the timeline."""
        latest = self.timeline.samples[-1] if self.timeline.samples else None
        upcoming = self.day.injects[self._next] if self._next < len(self.day.injects) else None
        return {
            "name": self.day.name,
            "title": self.day.title,
            "kind": self.day.kind,
            "team": list(self.team),
            "roles": dict(ROLES),
            "clock": self.clock,
            "seconds": self.day.seconds,
            "paused": self.paused,
            "over": self.finished.is_set(),
            "rate": self.rate,
            "nextInject": {"at": upcoming.at, "told": upcoming.told, "repair": upcoming.repair}
            if upcoming
            else None,
            "hintsGiven": self.hints_given,
            "hints": list(self.day.hints),
            "pipeline": asdict(latest) if latest else None,
            "incidents": [_told(incident) for incident in self.incidents],
            "moments": [asdict(each) for each in self.moments],
        }

    def send(self) -> None:
        """Traffic at the rate of the moment until the game is over."""
        supply = orders.orders(int(MAX_RATE * 2 * self.day.seconds) + 1, label="gameday")
        with ThreadPoolExecutor(CLIENTS) as clients:
            while not self.finished.wait(1 / min(self.rate, MAX_RATE)):
                if (order := next(supply, None)) is None:  # a game that was paused for as long as it lasts
                    return
                clients.submit(self._post, order)

    def run_clock(self) -> None:
        """Let every inject happen at its moment, watch the pipeline, and obey the desk."""
        try:
            while not self.finished.wait(WATCH_SECONDS):
                self._watch()
                for ask in self.desk.asked():
                    self.obey(ask)
                if not self.paused and self._is_due():
                    self.inject_next()
                self.desk.tell(self.state())
        except Exception as error:  # noqa: BLE001  it ends the game, and play() raises it
            self.trouble = error
            self.finished.set()

    def _is_due(self) -> bool:
        injects = self.day.injects
        return self._next < len(injects) and injects[self._next].at <= self.clock

    def _inject(self, what: Inject) -> None:
        incident = Incident(what, self.clock)
        if what.rate is not None:
            self.rate = what.rate
        if what.change is not None:
            why = f"{GAMEDAY} {self.day.name}"
            seconds = None if what.repair else self.day.seconds + DRAIN_SECONDS
            Changes(self.pipeline).make(what.change, why=why, seconds=seconds)
            incident.written = what.change.setting.read(self.pipeline)
        elif what.rate is None and not what.strange_orders and not what.repair:
            self.undo()
        for _ in range(what.strange_orders):
            self._send_strange()
        if what.repair:
            self.incidents.append(incident)

    def _send_strange(self) -> None:
        order_id = f"strange-{uuid.uuid4().hex[:12]}"
        body = json.dumps({"schemaVersion": 3, "orderId": order_id})
        sent = self.pipeline.aws.client("sqs").send_message(
            QueueUrl=self.pipeline.stack.queue_url, MessageBody=body
        )
        self.recorder.produced(order_id, sent["MessageId"])

    def _post(self, order: dict[str, object]) -> None:
        try:
            self.recorder.accepted(self.api.submit(order))
        except LabError:
            self.refused += 1

    def _watch(self) -> None:
        """Put on the timeline what the samples since the last look have shown."""
        fresh = self.timeline.samples[self._watched :]
        self._watched += len(fresh)
        for sample in fresh:
            ringing = frozenset(name for name, state in sample.alarms.items() if state == "ALARM")
            for name in sorted(ringing - self._ringing):
                self.happens("alarm", f"{name} rings")
                self._mark("detected")
            self._ringing = ringing
        for incident in self.incidents:
            self._follow(incident, fresh)

    def _follow(self, incident: Incident, fresh: Sequence[Sample]) -> None:
        if incident.repaired is not None:
            self._recovers(incident, fresh)
        elif self._is_repaired(incident, fresh):
            incident.repaired = self.clock
            if incident.inject.change:
                Changes(self.pipeline).forget(incident.inject.change.setting.name)
            self.happens("repaired", incident.inject.repair)

    def _recovers(self, incident: Incident, fresh: Sequence[Sample]) -> None:
        if incident.recovered is None and any(map(_is_well, fresh)):
            incident.recovered = self.clock
            self.happens(
                "recovered",
                f"nothing waits, nothing is dead, {moment(self.clock - incident.began)} after it began",
            )

    def _is_repaired(self, incident: Incident, fresh: Sequence[Sample]) -> bool:
        """Whether a setting says no longer what the inject wrote, or the letters that it caused are gone."""
        change = incident.inject.change
        if change is not None:
            return change.setting.read(self.pipeline) != incident.written
        for sample in fresh:
            if incident.has_killed and not sample.dlq:
                return True
            incident.has_killed |= sample.dlq > 0
        return False

    def _mark(self, what: Literal["detected", "declared", "diagnosed"]) -> None:
        """Of every incident that is under way and has no such moment yet."""
        for incident in self.incidents:
            if incident.recovered is None and getattr(incident, what) is None:
                setattr(incident, what, self.clock)


def _is_well(sample: Sample) -> bool:
    return not sample.dlq and sample.queued + sample.in_flight <= ROOM


def _told(incident: Incident) -> dict[str, Any]:
    times = ("began", "detected", "declared", "diagnosed", "repaired", "recovered")
    return {"told": incident.inject.told, "repair": incident.inject.repair} | {
        name: getattr(incident, name) for name in times
    }


@contextlib.contextmanager
def play(
    day: GameDay,
    pipeline: Pipeline,
    say: Callable[[str], None],
    *,
    team: tuple[str, ...] = (),
    desk: Desk | None = None,
) -> Generator[Game]:
    """A game for the duration of a `with` block: traffic flows, injects come; the steady state is back at its end.

    Raises LabError if another is under way, or the pipeline is not in its steady state.
    """
    desk = desk or Desk()
    require(pipeline, say)
    desk.open()
    with (
        undoing(lambda: restore(pipeline, say)),
        Api(pipeline.aws, pipeline.stack) as api,
        tap(pipeline.aws, pipeline.stack.order_events_topic_arn) as events,
        record(pipeline) as timeline,
    ):
        recorder = Recorder(f"gameday-{day.name}", pipeline, events)
        game = Game(day, pipeline, api, timeline, recorder, say, desk, team, rate=day.rate)
        game.happens("start", f"{day.title}. {', '.join(team)}".rstrip(" ."))
        threads = [threading.Thread(target=work, daemon=True) for work in (game.send, game.run_clock)]
        for thread in threads:
            thread.start()
        try:
            yield game
        finally:
            game.finished.set()
            for thread in threads:
                thread.join(timeout=30)
            desk.tell(game.state())
        if game.trouble:
            raise game.trouble
