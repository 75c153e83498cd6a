"""The search finds planted bugs and shrinks them; on the sound worker it finds nothing."""

from collections.abc import Iterator

import pytest

from lab.challenge.catalog import FOLDER
from lab.challenge.chaos import search, things
from lab.challenge.package import OWN_WORKER
from lab.commands.chaos import Bench
from lab.engines.clients import Aws

PLANTED = {
    "effect-once/naive": "one effect",
    "effect-once/wrong": "one effect",
    "crash/naive": "one effect",
    "crash/wrong": "one place",
    "poison-away/wrong": "one place",
    "fifo-order/wrong": "one place",
}
SEEDS = range(1, 41)
SOUND = range(1, 11)
"""`lab chaos --schedules 200` is the long form."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture
def bench(local: Aws, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(local, "dev", request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("bench", "promise"),
    [(f"{FOLDER / name}.py:handler", promise) for name, promise in PLANTED.items()],
    indirect=["bench"],
    ids=list(PLANTED),
)
def test_planted_bug_is_found_and_shrunk_to_three_things_at_most(bench: Bench, promise: str) -> None:
    found = next(filter(None, search(bench.judge, SEEDS, print)))
    assert promise in found.names
    assert found.again
    assert 1 <= things(found.schedule) <= 3


@pytest.mark.parametrize("bench", [OWN_WORKER], indirect=True)
def test_nothing_is_found_in_the_own_worker(bench: Bench) -> None:
    assert [found for found in search(bench.judge, SOUND, print) if found] == []
