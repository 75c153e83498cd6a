"""What the nemesis does, and when: a pure function of a seed, so that the same seed does the same again.

Orders go by numbers here; a run gives them ids. Times are seconds after the first message.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.errors import LabError

KINDS = ("send", "duplicate", "kill", "redeliver", "refuse", "fault", "deaf bus", "setting")
"""What a step may be."""

FORMAT = "lab-challenge-schedule/1"


@dataclass(frozen=True)
class Order:
    """An order to be sent: its number, its customer, and whether it can never pass (`poison`)."""

    number: int
    customer: int = 0
    poison: bool = False


@dataclass(frozen=True)
class Step:
    """One thing that is done. `orders` are those that it is done to; `facts` are the rest, by name.

    send, duplicate: the orders are put on the queue, again if they were before. kill: the function dies at `point` of
    the order's first receive. redeliver: the message becomes visible while it is worked on. refuse: DynamoDB refuses
    the order's row, at its first receive. fault: what the proxy does to an AWS API. deaf bus: the bus refuses every
    second event. setting: a change of `infrastructure.CHANGES` is made, for so many `seconds`.
    """

    at: float
    kind: str
    orders: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """The step in one line."""
        who = ", ".join(f"{number:02}" for number in self.orders)
        what = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return " ".join(filter(None, (f"{self.at:4.1f} s", self.kind, who, what)))


@dataclass(frozen=True)
class Schedule:
    """The orders and steps of a run. `seed` is what they were drawn with."""

    challenge: str
    seed: int
    orders: tuple[Order, ...]
    steps: tuple[Step, ...]

    @property
    def done_to_them(self) -> tuple[Step, ...]:
        """The steps without those that only send."""
        return tuple(step for step in self.steps if step.kind != "send")

    def without(self, step: Step) -> "Schedule":
        """The same without one step."""
        return replace(self, steps=tuple(each for each in self.steps if each is not step))

    def dumps(self) -> str:
        """The schedule as a file that `loads` reads."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)


def loads(text: str, source: str) -> Schedule:
    """Read a schedule. Raises LabError naming the `source` where it is not one."""
    try:
        given = json.loads(text)
        if given["format"] != FORMAT:
            raise ValueError("another format")  # noqa: TRY301  told below, like all that is wrong with it
        del given["format"]
        orders = tuple(Order(**each) for each in given.pop("orders"))
        return Schedule(orders=orders, steps=tuple(map(_step, given.pop("steps"))), **given)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabError(
            f"{source} is not a schedule ({error}).", "Give a file that lab chaos has saved."
        ) from error


def read(file: Path) -> Schedule:
    """The schedule that was saved as that file. Raises LabError where it cannot be read, or is none."""
    try:
        return loads(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{file} cannot be read: {error}.", "Give a file that lab chaos has saved.") from error


def _step(given: Mapping[str, Any]) -> Step:
    if given["kind"] not in KINDS:
        raise ValueError(f"{given['kind']} is not a kind of step")
    return Step(float(given["at"]), str(given["kind"]), tuple(given["orders"]), dict(given["facts"]))


type Draw = Callable[[random.Random], tuple[Sequence[Order], Sequence[Step]]]
"""Draws the orders and the steps of a schedule."""


def draw(challenge: str, seed: int, by: Draw) -> Schedule:
    """The schedule of a seed. What begins when orders are sent is in force before they are."""
    orders, steps = by(random.Random(f"{challenge} {seed}"))  # noqa: S311  a schedule is no secret
    in_time = sorted(steps, key=lambda step: (step.at, step.kind == "send"))
    return Schedule(challenge, seed, tuple(orders), tuple(in_time))


def some(rng: random.Random, orders: Sequence[Order], count: int) -> tuple[int, ...]:
    """The numbers of a few good orders."""
    return tuple(sorted(rng.sample([order.number for order in orders if not order.poison], count)))


def in_batches(orders: Sequence[Order], *, every: float = 0.0, of: int = 10) -> list[Step]:
    """The orders sent in batches, one `every` so many seconds."""
    numbers = [order.number for order in orders]
    starts = range(0, len(numbers), of)
    return [
        Step(round(at * every, 1), "send", tuple(numbers[start : start + of]))
        for at, start in enumerate(starts)
    ]
