"""What happens when, drawn by seed: the same seed gives the same rounds, whatever the pipeline does."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

STEPS, LETTERS, DEATHS = 8, 4, 3
"""So many actions, hostile letters or deaths in a round."""

ROUND_SECONDS = 10.0
"""The actions of a round begin within this time."""

STORMS = 3
"""So many rounds of actions, then the engine dies."""


@dataclass(frozen=True)
class Step:
    """An action, how many seconds after the round's start it begins, and the seed of its own choices."""

    after: float
    action: str
    seed: int


@dataclass(frozen=True)
class Round:
    """Steps that overlap, on a DLQ with some hostile letters; or ways for the engine to die, one after another."""

    number: int
    steps: tuple[Step, ...] = ()
    letters: tuple[str, ...] = ()
    deaths: tuple[str, ...] = ()


def rounds(
    seed: int, actions: Iterable[str], letters: Iterable[str], deaths: Iterable[str]
) -> Iterator[Round]:
    """Rounds without end. All actions come once before one comes again; so do letters and deaths."""
    rng = random.Random(seed)
    action, letter, death = (_bag(rng, sorted(names)) for names in (actions, letters, deaths))
    for number in count(1):
        if number % (STORMS + 1) == 0:
            yield Round(number, deaths=tuple(islice(death, DEATHS)))
        else:
            times = sorted(round(rng.uniform(0, ROUND_SECONDS), 1) for _ in range(STEPS))
            steps = tuple(Step(after, next(action), rng.getrandbits(32)) for after in times)
            yield Round(number, steps, letters=tuple(islice(letter, LETTERS)))


def _bag(rng: random.Random, names: Sequence[str]) -> Iterator[str]:
    while True:
        yield from rng.sample(names, len(names))
