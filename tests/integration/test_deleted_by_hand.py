"""What somebody deletes through AWS APIs is found, and a deployment of the same templates makes it again."""

from collections.abc import Callable
from typing import Any

import pytest

from lab.cost.usage import standing
from lab.deployment import drift
from lab.deployment.deploy import deploy, require_passed
from lab.deployment.smoke_checks import probe
from lab.deployment.stack import Stack
from lab.deployment.templates import stacks
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.faults import failure_mode
from lab.faults import steady_state as steady
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually

ENV = "gone"


@pytest.fixture(scope="module")
def victim(local: Aws) -> Pipeline:
    """A deployment of its own: a mapping that is made again has another id."""
    return Pipeline(local, deploy(local, ENV, {}, print))


def subscription(aws: Aws) -> str:
    return next(
        resource.physical_id
        for stack in stacks(aws, ENV)
        for resource in stack.resources.values()
        if resource.kind == "AWS::SNS::Subscription"
    )


def delete_rule(aws: Aws, stack: Stack) -> None:
    events: Any = aws.client("events")
    where = {"Rule": stack.order_events_rule_name, "EventBusName": stack.event_bus_name}
    targets = events.list_targets_by_rule(**where)["Targets"]
    events.remove_targets(**where, Ids=[target["Id"] for target in targets])
    events.delete_rule(Name=stack.order_events_rule_name, EventBusName=stack.event_bus_name)


def unset(aws: Aws, stack: Stack, attribute: str) -> None:
    attributes: Any = {attribute: ""}
    aws.client("sqs").set_queue_attributes(QueueUrl=stack.queue_url, Attributes=attributes)


DELETIONS: dict[str, Callable[[Aws, Stack], object]] = {
    "SSM Parameter": lambda aws, stack: aws.client("ssm").delete_parameter(Name=stack.failure_mode_parameter),
    "CloudWatch Alarm": lambda aws, stack: aws.client("cloudwatch").delete_alarms(
        AlarmNames=[stack.alarm("critical-dlq-depth")]
    ),
    "Lambda EventSourceMapping": lambda aws, stack: aws.client("lambda").delete_event_source_mapping(
        UUID=stack.worker_event_source_mapping_id
    ),
    "SQS QueuePolicy": lambda aws, stack: unset(aws, stack, "Policy"),
    "RedrivePolicy of SQS Queue": lambda aws, stack: unset(aws, stack, "RedrivePolicy"),
    "SNS Subscription": lambda aws, _stack: aws.client("sns").unsubscribe(SubscriptionArn=subscription(aws)),
    "Events Rule": delete_rule,
}


@pytest.mark.timeout(240)
def test_deleted_resources_are_found_and_made_again_by_a_deployment(local: Aws, victim: Pipeline) -> None:
    for delete in DELETIONS.values():
        delete(local, victim.stack)
    departures = steady.departures(victim)
    assert sorted(
        departure.seen.rpartition(" is gone")[0].rpartition(" ")[0] for departure in departures
    ) == sorted(DELETIONS)
    assert {departure.fix for departure in departures} == {"make deploy-local"}
    with pytest.raises(LabError, match="is gone") as raised:
        steady.restore(victim, print)
    assert "make deploy-local" in raised.value.fix
    stack = deploy(local, ENV, {}, print)
    assert drift.gone(local, ENV) == []
    require_passed(list(probe(local, stack)))
    steady.require(Pipeline(local, stack))


def test_mode_in_the_second_parameter_is_shown_and_ended_by_the_steady_state(pipeline: Pipeline) -> None:
    second = pipeline.stack.failure_mode_parameters[1]
    ssm: Any = pipeline.aws.client("ssm")
    ssm.put_parameter(Name=second, Value="poison_payload", Type="String", Overwrite=True)
    assert failure_mode.shown(pipeline) == "poison_payload"
    assert [departure.seen for departure in steady.departures(pipeline)] == ["failure mode poison_payload"]
    steady.restore(pipeline, print)
    assert ssm.get_parameter(Name=second)["Parameter"]["Value"] == "none"


def test_fixed_part_of_a_bill_is_the_same_before_and_after_a_run(pipeline: Pipeline, api: Api) -> None:
    def fixed() -> dict[str, float]:
        deployed = stacks(pipeline.aws, pipeline.stack.env_name)
        return standing(deployed)

    before = fixed()
    sent = [api.submit(order).order_id for order in orders(5, label="bill")]
    eventually(lambda: len(list(pipeline.effects(sent))) == 5, within=30)
    assert fixed() == before
    assert before["alarm-month"] > before["metric-month"] > 0, (
        "an alarm counts once for each metric it looks at"
    )
