"""GameDays: what happens in each, minute by minute. Playing one is lab/games/game.py.

A demonstration heals itself within two minutes or so: it shows what will be seen. An exercise takes 20 to 40 minutes,
and what it breaks stays broken until the team repairs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from lab.faults import catalogue as faults
from lab.faults import runtime_settings
from lab.faults.changes import Change

MINUTE = 60.0

ROLES: Mapping[str, str] = {
    "facilitator": "reads the guide, starts the clock, plays the people outside, gives hints; tells nothing else",
    "incident commander": "decides, declares the incident, says what is done next",
    "operators": "look and act, by the runbooks",
    "scribe": "notes what was seen and done, and when",
    "communicator": "tells customers and other teams what is known, and asks them",
}


@dataclass(frozen=True)
class Inject:
    """What happens at one moment, seconds after the start. One with neither change, rate nor orders ends all changes.

    With a `repair` it is an incident of an exercise, which lasts until somebody has made that repair.
    """

    at: float
    told: str
    change: Change | None = None
    rate: float | None = None
    strange_orders: int = 0
    repair: str = ""


@dataclass(frozen=True)
class GameDay:
    """One incident or more. `rate` is orders a second; `seconds` is its length before the clean-up."""

    name: str
    title: str
    rate: float
    seconds: float
    injects: tuple[Inject, ...]
    hints: tuple[str, ...]

    @property
    def kind(self) -> Literal["demonstration", "exercise"]:
        """Whether it heals itself, or is to be repaired."""
        return "exercise" if any(inject.repair for inject in self.injects) else "demonstration"

    def faster(self, factor: float) -> "GameDay":
        """The same incident on a clock that runs `factor` times as fast."""
        injects = tuple(replace(inject, at=inject.at / factor) for inject in self.injects)
        return replace(self, seconds=self.seconds / factor, injects=injects)


def moment(seconds: float) -> str:
    """A time on the clock of a game: `45 s`, or `12:30` in one that takes minutes."""
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{int(seconds // 60)}:{int(seconds % 60):02}"


def _tidied_up() -> Change:
    return Change(
        runtime_settings.WORKER_ENVIRONMENT,
        lambda now, _pipeline: now | {"ORDERS_TABLE": "ingestion-orders"},
        "worker with another table",
    )


def _mapping_off() -> Change:
    return Change(runtime_settings.MAPPING_ENABLED, lambda _now, _pipeline: False, "mapping disabled")


DEMONSTRATIONS = (
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
        seconds=130,
        injects=(
            Inject(10, "Customers say that orders are late.", faults.failure_mode("slow_downstream")),
            Inject(100, "The price service's team says that it is back.", None),
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
        seconds=90,
        injects=(
            Inject(10, "A campaign has started.", rate=10),
            Inject(25, "Somebody wants to spare the database.", faults.worker_concurrency(0)),
            Inject(40, "The campaign is over.", rate=1),
            Inject(65, "The database can take it, they say.", None),
        ),
        hints=(
            "What grows, and does it stop growing?",
            "Which number says that the worker keeps up: depth, age or latency?",
            "If it stopped at once, who stopped it? Compare Throttles with Errors; look at reserved concurrency.",
        ),
    ),
)

EXERCISES = (
    GameDay(
        "spared-database",
        "Somebody meant well",
        rate=1,
        seconds=20 * MINUTE,
        injects=(
            Inject(
                2 * MINUTE,
                "Customers ask where their confirmations are. They have an order id.",
                faults.worker_concurrency(0),
                repair="delete the worker's reserved concurrency; then redrive what died meanwhile",
            ),
            Inject(8 * MINUTE, "Marketing sends its newsletter.", rate=3),
            Inject(12 * MINUTE, "The head of sales asks in the channel when it is over.", rate=1),
        ),
        hints=(
            "Are orders accepted, processed, waiting, dead? `lab status` has the four numbers.",
            "Is the worker invoked at all? Compare its Invocations with its Throttles.",
            "Letters without a cause were moved by SQS. Can they be processed once the worker may run?",
        ),
    ),
    GameDay(
        "first-of-the-month",
        "Two teams, two releases",
        rate=1,
        seconds=30 * MINUTE,
        injects=(
            Inject(
                3 * MINUTE,
                "A partner tells you of a release. It went well, they say.",
                strange_orders=12,
                repair="find the letters' one cause, tell the partner, give the letters up with a reason",
            ),
            Inject(
                12 * MINUTE,
                "Support has a queue of callers: orders are late.",
                faults.failure_mode("slow_downstream"),
                repair="have the price service's team switch its release back: `lab mode none`",
            ),
            Inject(20 * MINUTE, "It is the first of the month: subscriptions renew.", rate=4),
        ),
        hints=(
            "What do the dead letters have in common? `lab dlq groups` names each cause once.",
            "Nobody here knows that version. What is honest to do with orders that can never pass?",
            "TIMEOUT, then CircuitOpen: who is slow, and who can change that?",
            "Does a redrive help while the circuit is open? Watch what it does by itself once the service is back.",
        ),
    ),
    GameDay(
        "black-friday",
        "Everything at once",
        rate=2,
        seconds=40 * MINUTE,
        injects=(
            Inject(3 * MINUTE, "The doors are open.", rate=6),
            Inject(
                6 * MINUTE,
                "A colleague has tidied up variables, before the freeze. He is on a plane now.",
                _tidied_up(),
                repair="set the worker's ORDERS_TABLE right; then redrive what died",
            ),
            Inject(16 * MINUTE, "The warehouse is calm. Too calm, it says.", rate=3),
            Inject(
                20 * MINUTE,
                "Somebody asks for time to look at the database.",
                _mapping_off(),
                repair="enable the worker's event source mapping",
            ),
            Inject(28 * MINUTE, "The last hour of the sale.", rate=6),
        ),
        hints=(
            "What category do the failures have? A retry cures no bug.",
            "The worker's log names what it could not reach. Where does it have that name from?",
            "A redrive before the cure kills the same orders again. What does `lab dlq redrive` do about that?",
            "Nothing fails, and the queue grows: who takes messages from it?",
        ),
    ),
)

GAMEDAYS = {day.name: day for day in (*DEMONSTRATIONS, *EXERCISES)}
