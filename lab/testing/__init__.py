"""The lab in somebody's own tests: `pytest_plugins = ["lab.testing"]`, and three fixtures.

`lab_endpoint` is an engine, `lab_judge` runs a handler's file through a challenge, `lab_stack` deploys a CDK app
whose function is judged where it is: by the same nemesis, ledger and promises.

    def test_effect_happens_once(lab_judge):
        lab_judge("effect-once", "orders.py:handler").require("one effect")
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab.challenge.catalog import Challenge, challenge
from lab.challenge.chaos import CHAOS
from lab.challenge.package import handler_of
from lab.challenge.run import judged, run
from lab.challenge.schedule import Schedule, read
from lab.challenge.stand import Stand, outputs, remove
from lab.challenge.verdict import Verdict
from lab.deployment import cdk
from lab.deployment.deploy import bootstrap_if_needed
from lab.engines import clients as guarded
from lab.engines import ports
from lab.engines.clients import Aws
from lab.engines.host import HostEngine

ENDPOINT = "LAB_ENDPOINT"
"""The variable that names an engine which is there already; without it the tests have one of their own."""

ENV_NAME = "testing"

type Judge = Callable[..., Verdict]
"""`lab_judge(challenge, handler, seed=1)`: a challenge's name, and a handler as `my.py:handler`.

Instead of a name it takes a schedule that `lab chaos` has saved, as a Path, and plays that.
"""


def _played(what: str | Path, seed: int) -> tuple[Challenge, Schedule]:
    """What is to be played: a challenge with a seed, or a saved schedule in its world."""
    if isinstance(what, str):
        return challenge(what), challenge(what).schedule(seed)
    saved = read(what)
    return CHAOS if saved.challenge == CHAOS.name else challenge(saved.challenge), saved


@dataclass(frozen=True)
class Subject:
    """A deployed function with its queue, DLQ and table, which can be judged as often as a test likes."""

    stand: Stand

    def judge(self, what: str | Path, seed: int = 1) -> Verdict:
        """Play a challenge or a saved schedule. Its own settings count, and not those of the challenge's world."""
        chosen, schedule = _played(what, seed)
        stand = replace(self.stand, challenge=chosen)
        with stand.witnessed() as entry:
            return judged(stand, entry, schedule, print)


type Stacks = Callable[..., Subject]
"""`lab_stack(folder, stack, app="app.py", key="orderId", body=None)`, see `lab_stack`."""


@pytest.fixture(scope="session")
def lab_endpoint() -> Iterator[str]:
    """The URL of an engine: the one that LAB_ENDPOINT names, or one that ends with the tests."""
    if given := os.environ.get(ENDPOINT):
        yield given
        return
    engine = HostEngine(ports.free())
    engine.up()
    try:
        yield engine.endpoint
    finally:
        engine.down()


@pytest.fixture(scope="session")
def lab_aws(lab_endpoint: str) -> Aws:
    """Clients of the engine: `lab_aws.client("sqs")`."""
    return guarded.local(lab_endpoint)


@pytest.fixture(scope="session")
def lab_judge(lab_aws: Aws) -> Iterator[Judge]:
    """Judge a handler's file by a challenge, whose stack is deployed at its first use and removed at the end."""
    stands: dict[str, Stand] = {}

    def judge(what: str | Path, handler: str, seed: int = 1) -> Verdict:
        chosen, schedule = _played(what, seed)
        if chosen.name not in stands:
            stands[chosen.name] = Stand.deploy(lab_aws, ENV_NAME, chosen)
        verdict = run(stands[chosen.name], handler_of(handler), schedule, print)
        if verdict.leaves_messages:
            remove(lab_aws, ENV_NAME, chosen.name)
            del stands[chosen.name]
        return verdict

    yield judge
    for name in stands:
        remove(lab_aws, ENV_NAME, name)


@pytest.fixture(scope="session")
def lab_stack(lab_aws: Aws) -> Stacks:
    """Deploy a CDK application in Python, and have the function of one of its stacks as a subject.

    The stack's outputs FunctionName, QueueUrl, DlqUrl and TableName say what is what; OutcomesUrl, where there is one,
    is a queue of all that the function puts on its bus. `key` is the table's key, by order id. `body(order_id)` is what
    a message says, if not what this lab's orders do.
    """

    def deployed(
        folder: Path,
        stack: str,
        *,
        app: str = "app.py",
        key: str = "orderId",
        body: Callable[[str], str] | None = None,
    ) -> Subject:
        bootstrap_if_needed(lab_aws)
        cdk.deploy_app(lab_aws.endpoint or "", folder, f"{sys.executable} {app}")
        found = outputs(lab_aws, stack)
        some = challenge("effect-once")  # until one is chosen
        return Subject(Stand.from_outputs(lab_aws, some, found, key=key, body=body))

    return deployed
