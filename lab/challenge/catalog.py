"""The challenges, in rising order: each its world, what the nemesis does there, and what has to be kept, as data."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.challenge import promises as keep
from lab.challenge.promises import Promise
from lab.challenge.schedule import Draw, Order, Schedule, Step, draw, in_batches, some
from lab.common import paths
from lab.errors import unknown

FOLDER = paths.ROOT / "challenges"
WRITES = ("PutItem", "TransactWriteItems", "UpdateItem")

type Drawn = tuple[list[Order], list[Step]]


@dataclass(frozen=True, kw_only=True)
class World:
    """What the handler runs in. Times are in seconds; `settle` is how long a run may take after its last step.

    With `fair` a customer's messages are a group of a standard queue. `reserved` is the function's reserved
    concurrency, 0 for none.
    """

    visibility: int = 4
    timeout: int = 3
    max_receives: int = 4
    batch_size: int = 10
    concurrency: int = 2
    memory: int = 256
    reserved: int = 0
    fifo: bool = False
    fair: bool = False
    settle: int = 30


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """One challenge. Its page and its three handlers are files of its folder."""

    name: str
    title: str
    by: Draw
    promises: Sequence[Promise]
    hint: str
    world: World = field(default_factory=World)
    worker: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings that the project's own worker has here besides, as variables of its environment."""

    @property
    def folder(self) -> Path:
        """Where its page and its handlers are."""
        return FOLDER / self.name

    @property
    def page(self) -> str:
        """The contract, and nothing of the solution: its own part, and what holds for every challenge."""
        parts = (self.folder / "page.md", FOLDER / "contract.md")
        return "\n".join(part.read_text(encoding="utf-8") for part in parts)

    def schedule(self, seed: int) -> Schedule:
        """What the nemesis does with this seed: always the same."""
        return draw(self.name, seed, self.by)


def orders(count: int, *, poison: Sequence[int] = (), customers: int = 1) -> list[Order]:
    """Orders 1 to count; `poison` are the numbers of those that can never pass."""
    return [Order(number, number % customers, number in poison) for number in range(1, count + 1)]


def on_writes(at: float, **facts: object) -> list[Step]:
    """A fault of every operation of DynamoDB that writes."""
    return [Step(at, "fault", facts={"service": "dynamodb", "operation": each, **facts}) for each in WRITES]


def _duplicates(rng: random.Random) -> Drawn:
    those = orders(14)
    again = some(rng, those, 5)
    steps = [*in_batches(those), Step(round(rng.uniform(0.1, 0.8), 1), "duplicate", again)]
    return those, [*steps, Step(0, "redeliver", some(rng, those, 2))]


def _two_bad(rng: random.Random) -> Drawn:
    those = orders(20, poison=(rng.randint(1, 10), rng.randint(11, 20)))
    return those, in_batches(those)


def _poison(rng: random.Random) -> Drawn:
    those = orders(20, poison=rng.sample(range(1, 21), 4))
    return those, in_batches(those)


def _crashes(rng: random.Random) -> Drawn:
    those = orders(16)
    batches = in_batches(those, every=1.5, of=4)
    points = ["effect", "call 2", rng.choice(("entry", "answer", f"call {rng.randint(1, 5)}"))]
    rng.shuffle(points)
    kills = [
        Step(0, "kill", (rng.choice(batch.orders),), {"point": point})
        for batch, point in zip(batches, points, strict=False)
    ]
    return those, batches + kills


def _hangs(rng: random.Random) -> Drawn:
    those = orders(12)
    return those, [*in_batches(those), *on_writes(0, hangs=True, times=rng.randint(3, 4))]


def _slow(rng: random.Random) -> Drawn:
    those = orders(8)
    return those, [*in_batches(those), *on_writes(0, latency_ms=rng.randint(750, 900))]


def _throttled(rng: random.Random) -> Drawn:
    those = orders(8)
    seconds = round(rng.uniform(9, 9.9), 1)
    return those, [
        *in_batches(those),
        *on_writes(0, error="InternalServerError", status=500, seconds=seconds),
    ]


def _bus_down(rng: random.Random) -> Drawn:
    those = orders(20)
    outage = {"service": "events", "operation": "PutEvents", "error": "InternalException", "status": 500}
    fault = Step(0, "fault", facts=outage | {"seconds": round(rng.uniform(21, 22), 1)})
    return those, [fault, *in_batches(those, every=0.5)]


def _deaf(rng: random.Random) -> Drawn:
    those = orders(20)
    return those, [Step(0, "deaf bus", facts={"refusals": rng.randint(1, 2)}), *in_batches(those)]


def _fifo(rng: random.Random) -> Drawn:
    customers = 3
    those = orders(15, customers=customers, poison=(rng.choice((5, 8)),))
    others = [order for order in those if order.customer != 2 and order.number <= 6]
    return those, [*in_batches(those), Step(0, "refuse", some(rng, others, 1))]


def _noisy(rng: random.Random) -> Drawn:
    poison = rng.sample(range(1, 16), 3)
    noisy = [Order(number, 0, number in poison) for number in range(1, 16)]
    others = [Order(number, number % 3 + 1, number == 17) for number in range(16, 21)]
    return [*noisy, *others], in_batches([*noisy, *others])


def _squeezed(rng: random.Random) -> Drawn:
    those = orders(60)
    return those, [*on_writes(0, latency_ms=rng.randint(340, 360)), *in_batches(those)]


CHALLENGES = {
    challenge.name: challenge
    for challenge in (
        Challenge(
            name="effect-once",
            title="The effect once, although messages come twice",
            by=_duplicates,
            promises=(keep.ONE_EFFECT, keep.ONE_PLACE, keep.GOOD_LIVE, *keep.ALWAYS),
            hint="Whether the effect has happened can only be decided where it happens, in the same call.",
        ),
        Challenge(
            name="partial-batch",
            title="What fails, fails alone",
            by=_two_bad,
            promises=(keep.NEIGHBOURS, keep.ONE_PLACE, keep.GOOD_LIVE, keep.POISON_DEAD, *keep.ALWAYS),
            hint="The mapping has ReportBatchItemFailures. See which id of a record an itemIdentifier has to be.",
            world=World(max_receives=2),
        ),
        Challenge(
            name="poison-away",
            title="Poison out of the way, with its cause",
            by=_poison,
            promises=(keep.ONE_PLACE, keep.POISON_AT_ONCE, keep.GOOD_LIVE, keep.POISON_DEAD, *keep.ALWAYS),
            hint="SQS moves a message when its receives are spent. A handler may send it there itself.",
        ),
        Challenge(
            name="crash",
            title="Killed between the effect and what remembers it",
            by=_crashes,
            promises=(keep.ONE_EFFECT, keep.ONE_PLACE, keep.GOOD_LIVE, *keep.ALWAYS),
            hint="Between two calls there is always a moment. DynamoDB can do two things in one call.",
            world=World(max_receives=6),
        ),
        Challenge(
            name="hanging-call",
            title="A call that is never answered",
            by=_hangs,
            promises=(keep.NO_LOST_INVOCATION, keep.ONE_EFFECT, keep.ONE_PLACE, keep.GOOD_LIVE, *keep.ALWAYS),
            hint="boto3 waits 60 seconds for an answer, and then asks again. Both are settings of the client.",
            world=World(timeout=5, visibility=6),
        ),
        Challenge(
            name="graceful-end",
            title="The end of a batch before the end of the time",
            by=_slow,
            promises=(keep.NO_LOST_INVOCATION, keep.ONE_EFFECT, keep.ONE_PLACE, keep.GOOD_LIVE, *keep.ALWAYS),
            hint="The context knows how much time is left. What was not begun can be reported as failed.",
            world=World(max_receives=5, timeout=5, visibility=6, settle=45),
        ),
        Challenge(
            name="backoff",
            title="Waiting that spares receives",
            by=_throttled,
            promises=(keep.GOOD_LIVE, keep.ONE_EFFECT, keep.ONE_PLACE, *keep.ALWAYS),
            hint="When a message comes back is the message's own setting, and may depend on how often it came.",
            world=World(visibility=2, timeout=2, max_receives=5, settle=150),
            worker={"RETRY_BASE_SECONDS": "8"},
        ),
        Challenge(
            name="breaker",
            title="An outage that is longer than all receives",
            by=_bus_down,
            promises=(
                keep.GOOD_LIVE,
                keep.ANNOUNCED,
                keep.LEFT_ALONE,
                keep.NO_LOST_INVOCATION,
                keep.ONE_EFFECT,
                *keep.ALWAYS,
            ),
            hint="That the bus is down is worth remembering, for all environments, and a message can wait as long.",
            world=World(visibility=5, timeout=5, batch_size=5, settle=75),
        ),
        Challenge(
            name="partial-events",
            title="200, with failures inside",
            by=_deaf,
            promises=(keep.ANNOUNCED, keep.ANNOUNCED_ONCE, keep.ONE_EFFECT, keep.ONE_PLACE, *keep.ALWAYS),
            hint="The entries of the answer are in the order of the request.",
            world=World(timeout=6, visibility=8),
        ),
        Challenge(
            name="fifo-order",
            title="Each customer's orders in their order, with a poison message between them",
            by=_fifo,
            promises=(
                keep.ONE_PLACE,
                keep.IN_ORDER,
                keep.GOOD_LIVE,
                keep.POISON_DEAD,
                keep.ONE_EFFECT,
                *keep.ALWAYS,
            ),
            hint="What is behind a failure spends receives with it. Groups fail by themselves; poison need not wait.",
            world=World(fifo=True, timeout=2, max_receives=3, settle=60),
        ),
        Challenge(
            name="noisy-customer",
            title="One customer's flood, and whose each message is",
            by=_noisy,
            promises=(
                keep.IN_ITS_GROUP,
                keep.POISON_AT_ONCE,
                keep.ONE_PLACE,
                keep.GOOD_LIVE,
                keep.POISON_DEAD,
                *keep.ALWAYS,
            ),
            hint="A record's attributes say whose it is. SendMessage takes that, for a standard queue, too.",
            world=World(fair=True),
        ),
        Challenge(
            name="back-pressure",
            title="More messages than the reserved concurrency can take",
            by=_squeezed,
            promises=(keep.GOOD_LIVE, keep.NO_LOST_INVOCATION, keep.ONE_EFFECT, keep.ONE_PLACE, *keep.ALWAYS),
            hint="One environment has one invocation at a time. What an invocation waits for, it can wait for at once.",
            world=World(visibility=8, timeout=5, max_receives=3, concurrency=5, reserved=1, settle=60),
        ),
    )
}
"""All challenges by name, the easiest first."""


def challenge(name: str) -> Challenge:
    """The challenge of that name. Raises LabError if there is none."""
    if name not in CHALLENGES:
        raise unknown("challenge", name, CHALLENGES)
    return CHALLENGES[name]
