"""Every challenge with its handlers: the naive and the wrong one fail for the stated reason, the others pass."""

from pathlib import Path

import pytest

from lab.challenge.catalog import CHALLENGES, challenge
from lab.challenge.verdict import Verdict
from lab.history.events import Kind
from tests.challenge.conftest import Judge, settled

FAILS = {
    "effect-once": {"naive": "one effect", "wrong": "one effect"},
    "partial-batch": {"naive": "neighbours are spared", "wrong": "neighbours are spared"},
    "poison-away": {"naive": "poison at once", "wrong": "one place"},
    "crash": {"naive": "one effect", "wrong": "one place"},
    "hanging-call": {"naive": "no invocation is lost", "wrong": "no invocation is lost"},
    "graceful-end": {"naive": "no invocation is lost", "wrong": "good orders live"},
    "backoff": {"naive": "good orders live", "wrong": "good orders live"},
    "breaker": {"naive": "left alone", "wrong": "good orders live"},
    "partial-events": {"naive": "announced", "wrong": "announced once"},
    "fifo-order": {"naive": "in order", "wrong": "one place"},
    "noisy-customer": {"naive": "in its group", "wrong": "in its group"},
    "back-pressure": {"naive": "good orders live", "wrong": "good orders live"},
}
"""Which promise each handler that is not the reference breaks first."""

QUICK = "effect-once"


def long_but_quick(name: str) -> object:
    return name if name == QUICK else pytest.param(name, marks=pytest.mark.long)


BREAKING = [
    pytest.param(name, handler, id=f"{name}-{handler}", marks=[] if name == QUICK else [pytest.mark.long])
    for name, handlers in FAILS.items()
    for handler in handlers
]


def orders(verdict: Verdict) -> set[str]:
    assert verdict.history
    return {str(event.order_id) for event in verdict.history.of(Kind.ACCEPTED)}


@pytest.mark.parametrize(("name", "handler"), BREAKING)
def test_handler_with_a_mistake_breaks_the_promise_that_it_is_about(
    judge: Judge, name: str, handler: str
) -> None:
    verdict = judge(name, handler)
    assert FAILS[name][handler] in verdict.names
    found = {promise.rule.name: breaches for promise, breaches in verdict.broken}[FAILS[name][handler]]
    of_the_run = {""} if FAILS[name][handler] == "left alone" else set[str]()
    assert {breach.order_id for breach in found} <= orders(verdict) | of_the_run
    assert all(breach.timeline for breach in found)


@pytest.mark.parametrize("name", [*map(long_but_quick, CHALLENGES)])
def test_reference_keeps_every_promise(judge: Judge, name: str) -> None:
    verdict = settled(judge, name, "reference")
    assert verdict.passed, list(verdict.lines)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", list(CHALLENGES))
def test_reference_keeps_every_promise_with_twenty_seeds(judge: Judge, name: str) -> None:
    verdicts = {seed: settled(judge, name, "reference", seed) for seed in range(2, 21)}
    assert {seed: list(verdict.lines) for seed, verdict in verdicts.items() if not verdict.passed} == {}


@pytest.mark.parametrize("name", [*map(long_but_quick, CHALLENGES)])
def test_own_worker_keeps_every_promise(judge: Judge, name: str) -> None:
    verdict = settled(judge, name, "worker")
    assert verdict.passed, list(verdict.lines)


UNLOADABLE = {
    "syntax": ("def handler(event, context)\n    pass\n", "mine.py, line 1: SyntaxError"),
    "no_handler": ("def other(event, context):\n    pass\n", "AttributeError"),
    "endless_import": ("while True:\n    pass\n", "its import takes longer than Lambda's 10 s"),
    "exit": ("import sys\nsys.exit('no')\n", "mine.py, line 2: SystemExit: no"),
    "large_import": ("held = bytearray(500 * 1024 * 1024)\n", "it needs more than the 256 MB"),
}


@pytest.mark.parametrize("case", UNLOADABLE)
def test_handler_that_cannot_be_loaded_is_told_why(judge: Judge, tmp_path: Path, case: str) -> None:
    code, reason = UNLOADABLE[case]
    (tmp_path / "mine.py").write_text(code)
    verdict = judge(QUICK, f"{tmp_path / 'mine.py'}:handler")
    assert reason in verdict.unloaded
    assert not verdict.passed


SOUND = (challenge(QUICK).folder / "reference.py").read_text()
NOISE = """
    import sys
    print("half a line", end="")
    print('{"event": "challenge.received"}')
    print('{"event": "challenge.effect", "orderId": "x", "at": 1, "invocation": "i", "late": true}')
    sys.stdout = None
"""


def test_handler_that_prints_as_the_witness_does_is_judged_by_what_it_does(
    judge: Judge, tmp_path: Path
) -> None:
    opening = "def handler(event, context):"
    (tmp_path / "mine.py").write_text(SOUND.replace(opening, opening + NOISE))
    assert judge(QUICK, f"{tmp_path / 'mine.py'}:handler").names == []


BEHIND_ITS_BACK = {
    "thread": """
import threading
at_once = handler
def handler(event, context):
    threading.Timer(1.5, at_once, (event, context)).start()
""",
    "unhooked": """
import botocore.handlers
hooks = botocore.handlers.BUILTIN_HANDLERS
hooks[:] = [hook for hook in hooks if getattr(hook[1], "__module__", "") != "lab_witness"]
orders = boto3.session.Session().resource("dynamodb").Table(orders.name)
Done = orders.meta.client.exceptions.ConditionalCheckFailedException
""",
}


@pytest.mark.parametrize("case", BEHIND_ITS_BACK)
def test_effect_behind_the_invocations_back_breaks_in_the_open(
    judge: Judge, tmp_path: Path, case: str
) -> None:
    (tmp_path / "mine.py").write_text(SOUND + BEHIND_ITS_BACK[case])
    verdict = judge(QUICK, f"{tmp_path / 'mine.py'}:handler")
    found = {promise.rule.name: breaches for promise, breaches in verdict.broken}
    assert {breach.order_id for breach in found["in the open"]} <= orders(verdict)


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "reason"),
    [("while True: pass", "ran out of time"), ("bytearray(500 * 1024 * 1024)", "ran out of memory")],
)
def test_invocation_that_outgrows_its_bounds_is_told_with_its_orders(
    judge: Judge, tmp_path: Path, body: str, reason: str
) -> None:
    (tmp_path / "mine.py").write_text(f"def handler(event, context):\n    {body}\n")
    verdict = judge("graceful-end", f"{tmp_path / 'mine.py'}:handler")
    found = {promise.rule.name: breaches for promise, breaches in verdict.broken}
    lost = found["no invocation is lost"]
    assert {breach.why for breach in lost} == {f"its invocation {reason}"}
    assert {breach.order_id for breach in lost} <= orders(verdict)
