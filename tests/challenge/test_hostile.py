"""Handlers that mean harm, or seem to: none passes, none hangs the command, none touches what is not of its stack."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lab.challenge.catalog import challenge
from lab.challenge.verdict import Verdict
from lab.engines.clients import Aws
from lab.history.events import Kind
from tests.challenge.conftest import Judge

type Tried = Callable[[str], Verdict]

QUICK = "effect-once"
SOUND = (challenge(QUICK).folder / "reference.py").read_text()
HANDLER = "def handler(event, context):\n    "
TWICE = """
import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        orders.put_item(Item={"orderId": json.loads(record["body"])["orderId"], "executions": 1})
"""
"""No row of it shows more than one execution: only who saw the calls knows better."""

SILENCED = {
    "print": "import builtins\nbuiltins.print = lambda *words, **more: None\n",
    "json": "real = json.dumps\njson.dumps = lambda it, **more: '{}' if 'token' in it else real(it, **more)\n",
    "time": "import time\ntime.time_ns = lambda: 0\n",
    "stdout": "import sys\nsys.stdout.close = sys.stdout.write = sys.stdout.flush = lambda *given: 0\n",
    "name": "import lab_witness\nlab_witness.tell = lambda *given, **facts: None\n",
    "module": "import sys\nvars(sys.modules['lab_witness'])['tell'] = lambda *given, **facts: None\n",
}


@pytest.fixture
def tried(judge: Judge, tmp_path: Path) -> Tried:
    """The verdict on a handler with that code."""

    def run(code: str) -> Verdict:
        (tmp_path / "mine.py").write_text(code)
        return judge(QUICK, f"{tmp_path / 'mine.py'}:handler")

    return run


def breaches(verdict: Verdict) -> dict[str, set[str]]:
    """The orders that broke each promise."""
    return {promise.rule.name: {each.order_id for each in found} for promise, found in verdict.broken}


def received_twice(verdict: Verdict) -> set[str]:
    """The orders whose messages were received more than once."""
    assert verdict.history
    whose = {event.message_id: event.order_id for event in verdict.history.of(Kind.SENT)}
    received = [str(whose[event.message_id]) for event in verdict.history.of(Kind.RECEIVED)]
    return {order for order in received if received.count(order) > 1}


@pytest.mark.long
@pytest.mark.parametrize("how", SILENCED)
def test_second_effect_is_seen_whatever_the_handler_puts_in_the_place_of_what_tells(
    tried: Tried, how: str
) -> None:
    verdict = tried(TWICE + SILENCED[how])
    found = breaches(verdict)["one effect"]
    assert found
    assert found <= received_twice(verdict)


def test_handler_finds_neither_what_the_nemesis_will_do_nor_how_the_witness_is_known(tried: Tried) -> None:
    looks = "assert not {'LAB_NEMESIS', 'LAB_TOKEN'} & {*os.environ}, 'seen'\n"
    assert tried(SOUND + looks).names == []


@pytest.fixture
def others(local: Aws) -> Iterator[dict[str, str]]:
    """A table and a queue that are not the challenge's, as those of a deployed pipeline."""
    name = f"others-{uuid4().hex[:8]}"
    queue = local.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    key: Any = {"AttributeName": "orderId"}
    local.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[key | {"KeyType": "HASH"}],
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield {"table": name, "queue": queue}
    local.client("dynamodb").delete_table(TableName=name)
    local.client("sqs").delete_queue(QueueUrl=queue)


INTRUDING = {
    "table": "boto3.client('dynamodb').put_item(TableName='{table}', Item={{'orderId': {{'S': 'x'}}}})",
    "queue": "boto3.client('sqs').send_message(QueueUrl='{queue}', MessageBody='x')",
    "purge": "boto3.client('sqs').purge_queue(QueueUrl='{queue}')",
    "stack": "boto3.client('cloudformation').list_stacks()",
    "own queue": "boto3.client('sqs').delete_queue(QueueUrl=os.environ['QUEUE_URL'])",
}


@pytest.mark.long
@pytest.mark.parametrize("what", INTRUDING)
def test_call_that_the_role_does_not_allow_is_denied_and_told_and_changes_nothing(
    tried: Tried, local: Aws, others: dict[str, str], what: str
) -> None:
    local.client("sqs").send_message(QueueUrl=others["queue"], MessageBody="theirs")
    verdict = tried(f"import os\nimport boto3\n{HANDLER}{INTRUDING[what].format(**others)}\n")
    assert verdict.history
    reasons = {str(event.facts["reason"]) for event in verdict.history.of(Kind.ENDED)}
    assert any("AccessDenied" in reason and "mine.py, line 4" in reason for reason in reasons)
    assert local.client("dynamodb").scan(TableName=others["table"])["Items"] == []
    held = local.client("sqs").receive_message(QueueUrl=others["queue"], MaxNumberOfMessages=10)
    assert [message.get("Body") for message in held.get("Messages", [])] == ["theirs"]


ENDING = {
    "exit": ("import os\nos._exit(0)", "ended with an error of the runtime"),
    "sys.exit": ("import sys\nsys.exit(0)", "raised SystemExit"),
    "signal": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "ended with an error of the runtime",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("how", ENDING)
def test_handler_that_ends_its_process_breaks_good_orders_live_and_is_told_how(
    tried: Tried, how: str
) -> None:
    code, reason = ENDING[how]
    verdict = tried(HANDLER + code.replace("\n", "\n    "))
    assert breaches(verdict)["good orders live"]
    assert verdict.history
    assert any(str(event.facts["reason"]).startswith(reason) for event in verdict.history.of(Kind.ENDED))


@pytest.mark.long
def test_boto3_that_calls_nothing_loses_every_order_by_name(tried: Tried) -> None:
    nothing = "botocore.client.BaseClient._make_api_call = lambda *given: {}"
    verdict = tried(f"{SOUND}\nimport botocore.client\n{nothing}\n")
    assert verdict.ledger
    assert breaches(verdict)["one place"] == set(verdict.ledger.lost) != set()


FLOODS = {
    "long lines": "for _ in range(100):\n        print('x' * 1_000_000)",
    "many lines": "for _ in range(2_000_000):\n        print('y' * 30)",
}


@pytest.mark.long
@pytest.mark.parametrize("what", FLOODS)
def test_flood_of_output_is_judged_by_its_orders_within_two_minutes(tried: Tried, what: str) -> None:
    verdict = tried(HANDLER + FLOODS[what])
    assert not verdict.passed
    assert verdict.seconds < 120
    assert breaches(verdict).keys() & {"good orders live", "one place"}


FORKS = {
    "handler": f"import os\n{HANDLER}os.fork()\n",
    "import": f"import os\nos.fork()\n{HANDLER}pass\n",
    "spinning": f"import os\n{HANDLER}if os.fork() == 0:\n        while True:\n            pass\n",
}


@pytest.mark.long
@pytest.mark.parametrize("where", FORKS)
def test_forked_function_does_not_pass_and_is_told_why(tried: Tried, where: str) -> None:
    verdict = tried(FORKS[where])
    assert not verdict.passed
    assert verdict.unloaded or breaches(verdict)
    assert list(verdict.lines)
