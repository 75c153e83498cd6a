"""Redrive operations on parts that really run: nothing is lost, whatever happens in between."""

import json
import time

import pytest

from functions.common.errors import LinesExceedAmountError, SchemaViolationError
from functions.redrive.crash import Step
from lab.dlq.seed import bury
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.redrives import (
    TAKE_OVER_SECONDS,
    dlq_messages,
    dying_at,
    executions,
    finished,
    receives,
    settled,
    supply,
)

pytestmark = pytest.mark.long


@pytest.mark.parametrize("step", Step)
def test_an_operation_whose_invocation_was_killed_is_continued_and_nothing_is_lost(
    pipeline: Pipeline, api: Api, step: Step
) -> None:
    ids = bury(pipeline, supply(25))
    with dying_at(pipeline, step):
        row = finished(api, api.start_redrive(maxMessages=100), within=TAKE_OVER_SECONDS)
    assert row["status"] == "SUCCEEDED"
    assert row["invocations"] >= 2
    settled(pipeline, ids, accepted=25, succeeded=25, in_dlq=0)


def test_every_attribute_survives_and_the_death_becomes_history(pipeline: Pipeline, api: Api) -> None:
    (order_id,) = bury(pipeline, supply(1, amount=0.01), error=LinesExceedAmountError("too dear"))
    (before,) = dlq_messages(pipeline)
    row = finished(api, api.start_redrive(maxMessages=1))
    assert row["status"] == "HALTED"
    assert order_id in row["haltReason"]
    again = eventually(lambda: dlq_messages(pipeline), within=20)
    old, new = (
        {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        for message in (before, again[0])
    )
    assert new["redriveCount"] == "1"
    for name in ("correlationId", "idempotencyKey"):
        assert new[name] == old[name]
    (death,) = json.loads(new["lineage"])["history"]
    assert death["failedAt"] == old["failedAt"]
    assert death["errorMessage"] == "too dear"
    assert death["redriveCount"] == 0
    assert json.loads(new["lineage"])["acceptedAt"] == json.loads(old["lineage"])["acceptedAt"]


def test_a_canary_that_dies_again_halts_the_operation_and_the_rest_stays(
    pipeline: Pipeline, api: Api
) -> None:
    ids = bury(pipeline, supply(30, amount=0.01))
    row = finished(api, api.start_redrive(maxMessages=100, canaryMessages=2))
    assert row["status"] == "HALTED"
    assert row["haltReason"].startswith("a canary died again")
    assert row["moved"] == 2
    eventually(lambda: (pipeline.queue().total, pipeline.dlq().visible) == (0, 30), within=40)
    counts = sorted(receives(message) for message in dlq_messages(pipeline))
    # one by the operation and one by this look; two new dead letters may have been seen once more
    assert counts[-1] <= 2
    settled(pipeline, ids, succeeded=0, in_dlq=30)


def test_a_message_that_died_twice_is_skipped_unless_forced(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(3), redrive_count=1) + bury(pipeline, supply(2))
    row = finished(api, api.start_redrive(maxMessages=100))
    assert (row["status"], row["moved"], row["skipped"]) == ("SUCCEEDED", 2, {"secondDeath": 3})
    settled(pipeline, ids, succeeded=2, in_dlq=3)
    row = finished(api, api.start_redrive(maxMessages=100, force=True))
    assert (row["status"], row["moved"]) == ("SUCCEEDED", 3)
    settled(pipeline, ids, succeeded=5, in_dlq=0)


def test_a_message_that_the_filters_skip_is_visible_again_after_one_receive(
    pipeline: Pipeline, api: Api
) -> None:
    ids = bury(pipeline, supply(25), error=SchemaViolationError("wrong")) + bury(pipeline, supply(12))
    row = finished(api, api.start_redrive(maxMessages=100, errorType="LinesExceedAmount"))
    assert (row["moved"], row["byCategory"]) == (12, {"PERMANENT": 12})
    assert row["skipped"] == {"filtered": 25}
    eventually(lambda: (pipeline.queue().total, pipeline.dlq().visible) == (0, 25), within=40)
    assert {receives(message) for message in dlq_messages(pipeline)} == {2}  # the operation's and this look's
    settled(pipeline, ids, succeeded=12, in_dlq=25)


@pytest.mark.timeout(300)
def test_letters_behind_thousands_of_others_are_found_and_the_others_are_visible_again(
    pipeline: Pipeline, api: Api
) -> None:
    bury(pipeline, supply(3_000), error=SchemaViolationError("wrong"))
    wanted = bury(pipeline, supply(5))
    operation = api.start_redrive(maxMessages=100, errorType="LinesExceedAmount")
    row = finished(api, operation, within=TAKE_OVER_SECONDS)
    assert (row["status"], row["moved"], row["skipped"]) == ("SUCCEEDED", 5, {"filtered": 3_000})
    assert (row["complete"], row["seen"], row["lettersAtStart"]) == (True, 3_005, 3_005)

    def processed() -> bool:
        outcome = api.redrive(operation)["outcome"]
        return (outcome["processed"], outcome["diedAgain"], outcome["waiting"]) == (5, 0, 0)

    eventually(processed, within=20)
    assert executions(pipeline, wanted) == dict.fromkeys(wanted, 1)
    assert pipeline.dlq().visible == 3_000


def test_cancelling_in_the_middle_loses_nothing(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(60))
    operation = api.start_redrive(maxMessages=100, ratePerSecond=5, canaryMessages=1)
    eventually(lambda: api.redrive(operation)["moved"] >= 6, within=30)
    api.cancel_redrive(operation)
    row = finished(api, operation)
    assert row["status"] == "CANCELLED"
    assert 6 <= row["moved"] < 60
    settled(pipeline, ids, succeeded=row["moved"], in_dlq=60 - row["moved"])
    with pytest.raises(LabError, match="409"):
        api.cancel_redrive(operation)


def test_an_operation_longer_than_an_invocation_continues_itself(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(60))
    began = time.monotonic()
    row = finished(api, api.start_redrive(maxMessages=100, ratePerSecond=2), within=90)
    assert row["status"] == "SUCCEEDED"
    assert row["invocations"] >= 2
    assert time.monotonic() - began > 20, "the rate was not kept"
    settled(pipeline, ids, succeeded=60, in_dlq=0)


def test_an_open_circuit_halts_an_operation_before_anything_moves(pipeline: Pipeline, api: Api) -> None:
    dynamodb = pipeline.aws.client("dynamodb")
    table = pipeline.stack.circuits_table_name
    key = {"id": {"S": "test-dependency"}}
    ids = bury(pipeline, supply(3))
    dynamodb.put_item(TableName=table, Item=key | {"state": {"S": "OPEN"}, "failure_count": {"N": "5"}})
    try:
        row = finished(api, api.start_redrive())
    finally:
        dynamodb.delete_item(TableName=table, Key=key)
    assert (row["status"], row["moved"]) == ("HALTED", 0)
    assert "the circuit test-dependency is OPEN" in row["haltReason"]
    settled(pipeline, ids, succeeded=0, in_dlq=3)


def test_a_worker_alarm_halts_an_operation(pipeline: Pipeline, api: Api) -> None:
    cloudwatch = pipeline.aws.client("cloudwatch")
    alarm = f"{pipeline.stack.prefix}-critical-worker-errors"
    ids = bury(pipeline, supply(3))
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    try:
        row = finished(api, api.start_redrive())
    finally:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
    assert (row["status"], row["moved"]) == ("HALTED", 0)
    assert f"the alarm {alarm} is in ALARM" in row["haltReason"]
    settled(pipeline, ids, succeeded=0, in_dlq=3)


def test_a_plan_that_is_not_the_confirmed_one_does_not_begin(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(1))
    with pytest.raises(LabError, match="409"):
        api.start_redrive(maxMessages=100, planDigest="another")
    settled(pipeline, ids, succeeded=0, in_dlq=1)
