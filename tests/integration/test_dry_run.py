"""The dry run beside the redrive that follows it: the same fate for each letter, by id, and nothing written."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from functions.common.errors import DependencyTimeoutError, LinesExceedAmountError
from functions.common.fate import Fate
from functions.redrive.control import MARGIN_SECONDS
from functions.redrive.handler import PREVIEW_SECONDS
from lab.dlq.seed import bury
from lab.engines import HostEngine
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.cure import cure
from tests.support.processes import having
from tests.support.redrives import dlq_messages, executions, finished, receives, settled, supply

SHARE = 0.99
"""Of the letters, whose forecast has to be what the redrive then does."""

READS = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "ssm:GetParameter", "ssm:GetParameters", "logs:*"]
LOOKS = [
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "lambda:InvokeFunction",
    "logs:*",
]


def exceeding(count: int) -> list[dict[str, Any]]:
    """Orders that the API takes, and that no redrive can save."""
    return [order | {"amount": 0.01} for order in supply(count)]


def dead_of_mode(pipeline: Pipeline, api: Api, mode: str, count: int) -> list[str]:
    """Orders that died of a failure mode, which is over."""
    pipeline.set_failure_mode(mode)
    before = pipeline.dlq().total

    def dying() -> bool:
        api.submit(supply(1)[0])
        return pipeline.dlq().total > before

    eventually(dying, within=40, every=0.5)
    ids = [accepted.order_id for accepted in api.submit_batch(supply(count))]
    eventually(lambda: pipeline.dlq().total >= before + count and pipeline.queue().total == 0, within=40)
    cure(pipeline, api)
    return ids


def letters_of_five_scenarios(pipeline: Pipeline, api: Api) -> list[str]:
    """Such as poison-payload, schema-evolution, partial-batch, slow-downstream and duplicate-submit leave."""
    poisoned = dead_of_mode(pipeline, api, "poison_payload", 20)
    too_early = dead_of_mode(pipeline, api, "schema_mismatch", 20)
    never = [accepted.order_id for accepted in api.submit_batch(exceeding(20))]
    slow = bury(pipeline, supply(20), error=DependencyTimeoutError("no answer within 0.5 s"))
    twice = supply(20)
    api.submit_batch(twice)
    eventually(lambda: len(executions(pipeline, [order["orderId"] for order in twice])) == 20, within=40)
    bury(pipeline, twice, error=DependencyTimeoutError("no answer within 0.5 s"))
    eventually(lambda: pipeline.dlq().visible >= 100 and pipeline.queue().total == 0, within=40)
    return [*poisoned, *too_early, *never, *slow, *(order["orderId"] for order in twice)]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_forecast_of_five_scenarios_letters_is_what_the_redrive_then_does(
    pipeline: Pipeline, api: Api
) -> None:
    letters_of_five_scenarios(pipeline, api)
    told = api.dry_run(maxMessages=1000)
    letters = {message["messageId"]: message for message in told["messages"]}
    forecasts = {forecast["messageId"]: forecast for forecast in told["forecasts"]}
    assert told["complete"]
    assert letters.keys() == forecasts.keys()
    assert {fate: told["forecast"][fate] > 0 for fate in Fate} == {
        "wouldPass": True,
        "wouldDie": True,
        "alreadyDone": True,
        "uncertain": False,
    }
    orders = [str(message["orderId"]) for message in letters.values()]
    before = executions(pipeline, orders)

    row = finished(api, api.start_redrive(maxMessages=1000, minAgeSeconds=0, canaryMessages=0), within=120)
    assert row["moved"] == len(letters)
    eventually(lambda: pipeline.queue().total == 0 and pipeline.dlq().in_flight == 0, within=60)
    after = executions(pipeline, orders)
    died = {str(message["correlationId"]): message for message in api.preview(maxMessages=1000)["messages"]}

    def real(letter: dict[str, Any]) -> dict[str, Any]:
        """What became of a letter, in the words of a forecast."""
        if again := died.get(letter["correlationId"]):
            return {
                "forecast": "wouldDie",
                **{name: again[name] for name in ("errorType", "errorCategory", "fingerprint")},
                "receives": int(again["receiveCount"]),
            }
        done, order = before.get(letter["orderId"], 0), letter["orderId"]
        assert after.get(order) == 1, order
        return {"forecast": "alreadyDone" if done else "wouldPass"}

    wrong = {
        name: (forecast, found)
        for name, forecast in forecasts.items()
        if not (found := real(letters[name])).items() <= forecast.items()
    }
    assert len(wrong) <= (1 - SHARE) * len(letters), wrong


def test_a_forecast_that_depends_on_chance_or_on_a_dependency_says_so(pipeline: Pipeline, api: Api) -> None:
    bury(pipeline, supply(3))
    bury(pipeline, exceeding(2), error=LinesExceedAmountError("too dear"))
    for mode, word in (("random_fail_p30", "chance"), ("slow_downstream", "depends on")):
        pipeline.set_failure_mode(mode)

        def unsure(word: str = word) -> dict[str, Any] | None:
            forecast = api.dry_run()["forecast"]
            return forecast if word in "".join(forecast["reasons"]) else None

        forecast = eventually(unsure, within=30)
        assert forecast
        assert (forecast["uncertain"], forecast["wouldDie"], forecast["wouldPass"]) == (3, 2, 0)
    pipeline.set_failure_mode("none")
    eventually(lambda: api.dry_run()["forecast"]["wouldPass"] == 3, within=30)


@contextmanager
def writes_denied(pipeline: Pipeline, function: str, allowed: list[str]) -> Iterator[None]:
    """A function that may do nothing but these actions, whatever its role allows."""
    iam = pipeline.aws.client("iam")
    configuration = pipeline.aws.client("lambda").get_function_configuration(FunctionName=function)
    role = configuration["Role"].rpartition("/")[2]
    statement = {"Effect": "Deny", "NotAction": allowed, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="deny-writes", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="deny-writes")


def test_with_every_write_denied_the_dry_run_still_passes_and_each_letter_has_one_receive_more(
    pipeline: Pipeline, api: Api
) -> None:
    ids = bury(pipeline, supply(12)) + bury(pipeline, exceeding(3), error=LinesExceedAmountError("too dear"))
    with (
        writes_denied(pipeline, pipeline.stack.dry_run_function_name, READS),
        writes_denied(pipeline, pipeline.stack.redrive_function_name, LOOKS),
    ):
        forecast = api.dry_run()["forecast"]
    assert (forecast["wouldPass"], forecast["wouldDie"]) == (12, 3)
    assert pipeline.dlq().visible == 15
    assert {receives(message) for message in dlq_messages(pipeline)} == {2}  # the dry run's and this look's
    assert executions(pipeline, ids) == {}
    settled(pipeline, ids, accepted=15, succeeded=0, in_dlq=15)


@pytest.mark.long
@pytest.mark.parametrize("function", ["redrive", "dry-run"])
def test_a_dry_run_whose_function_is_killed_leaves_every_letter_visible_again_and_nothing_else(
    pipeline: Pipeline, api: Api, function: str
) -> None:
    ids = bury(pipeline, supply(600))
    api.dry_run(maxMessages=1)  # cold starts are over
    engine = HostEngine(int(urlsplit(str(pipeline.aws.endpoint)).port or 0)).process()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(api.dry_run, maxMessages=1000)
        eventually(lambda: pipeline.dlq().in_flight > 0, within=20, every=0.01)
        victims = having(
            "AWS_LAMBDA_FUNCTION_NAME",
            f"{pipeline.stack.prefix}-{function}",
            engine.children(recursive=True),
        )
        for victim in victims:
            victim.kill()
        assert victims
        if function == "redrive":
            with pytest.raises(LabError):
                answer.result()
        else:
            told = answer.result()["forecast"]
            assert told["wouldPass"] + told["uncertain"] == 600
            assert not told["wouldDie"]
    eventually(lambda: pipeline.dlq().visible == 600, within=PREVIEW_SECONDS + MARGIN_SECONDS + 5)
    assert api.dry_run(maxMessages=1000)["forecast"]["wouldPass"] == 600
    assert executions(pipeline, ids) == {}
    settled(pipeline, ids, succeeded=0, in_dlq=600)


def test_the_code_that_is_asked_is_the_workers(pipeline: Pipeline, api: Api) -> None:
    bury(pipeline, supply(1))
    worker = pipeline.aws.client("lambda").get_function_configuration(
        FunctionName=pipeline.stack.worker_function_name
    )
    assert api.dry_run()["codeVersion"] == worker["Environment"]["Variables"]["CODE_VERSION"]
