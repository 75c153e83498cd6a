"""What somebody has deleted by hand, and how a deployment makes it again.

CloudFormation does not notice: an update with the same template leaves out what it believes to be there. So a stack is
first told to forget what is gone, with a template that lacks it and whatever refers to it. The deployment that follows
finds these missing and makes them. (On AWS a drift-aware change set does so: `cdk deploy --revert-drift`.)
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lab.common.polling import wait_for
from lab.deployment.stack import DEPLOYED
from lab.deployment.templates import Deployed, Resource, stacks
from lab.engines.aws_errors import is_gone
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

UPDATE_SECONDS = 120
REDRIVE_POLICY = "RedrivePolicy"

HOLD_DATA = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SecretsManager::Secret")

type Ask = Callable[[str], Any]
"""The client of a service."""


@dataclass(frozen=True)
class Gone:
    """A resource that is deployed and not there, or one of its properties."""

    resource: Resource
    part: str = ""
    restorable: bool = True

    @property
    def told(self) -> str:
        """What is gone, as a person reads it: `SSM Parameter /ingestion/dev/failure_mode is gone`."""
        resource, part = self.resource, f"{self.part} of " if self.part else ""
        _, service, kind = resource.kind.split("::")
        return f"{part}{service} {kind} {_short(resource.physical_id)} is gone"

    @property
    def fix(self) -> str:
        """The command that brings it back. Nothing that holds data is made again for its sake."""
        return "make deploy-local" if self.restorable else "make down up deploy-local"


def gone(aws: Aws, env_name: str) -> list[Gone]:
    """What is deployed and not there. Looks at what has a name to be asked for."""
    ask = cache(aws.client)
    return [
        Gone(resource, part, restorable=bool(part) or not _holds_data(stack, resource))
        for stack in stacks(aws, env_name)
        for resource in stack.resources.values()
        for part, look in _looks(ask, stack, resource)
        if not _answered(look)
    ]


def forget(aws: Aws, env_name: str, missing: Sequence[Gone]) -> None:
    """Have the stacks forget what is gone, so that the next deployment makes it. Raises LabError if it cannot."""
    if lost := [each for each in missing if not each.restorable]:
        raise LabError(f"{'; '.join(each.told for each in lost)}.", f"Start afresh: {lost[0].fix}")
    client: CloudFormationClient = aws.client("cloudformation")
    for stack in stacks(aws, env_name):
        if mine := [each for each in missing if each.resource.stack == stack.name]:
            client.update_stack(
                StackName=stack.name,
                TemplateBody=json.dumps(without(stack, mine)),
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Parameters=[
                    {"ParameterKey": name, "UsePreviousValue": True}
                    for name in stack.template.get("Parameters", {})
                ],
            )
            wait_for(
                f"{stack.name} to be updated",
                lambda name=stack.name: client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"],
                lambda status: status in DEPLOYED,
                within=UPDATE_SECONDS,
            )


def without(stack: Deployed, missing: Sequence[Gone]) -> dict[str, Any]:
    """The stack's template without what is gone and what refers to it. Outputs stay, with the values they have."""
    names = _with_dependents(stack, [each.resource.name for each in missing if not each.part])
    bodies: dict[str, dict[str, Any]] = {
        name: _without_dependencies(body, names)
        for name, body in stack.template["Resources"].items()
        if name not in names
    }
    for each in missing:
        if each.part and each.resource.name in bodies:
            body = bodies[each.resource.name]
            left = {key: value for key, value in body["Properties"].items() if key != each.part}
            bodies[each.resource.name] = body | {"Properties": left}
    return stack.template | {
        "Resources": bodies,
        "Outputs": {
            key: body | {"Value": stack.outputs[key]} if names & set(_references(body["Value"])) else body
            for key, body in stack.template.get("Outputs", {}).items()
        },
    }


def _looks(ask: Ask, stack: Deployed, resource: Resource) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Questions about a resource, or about a part of it: the answer is empty, or an error, if it is gone."""
    if exists := EXISTS.get(resource.kind):
        yield "", partial(exists, ask, resource.physical_id)
    if REDRIVE_POLICY in resource.properties:
        yield REDRIVE_POLICY, partial(_queue_attribute, ask, resource.physical_id, REDRIVE_POLICY)
    for queue in resource.properties.get("Queues", []):
        url = stack.resources[queue["Ref"]].physical_id
        yield "", partial(_queue_attribute, ask, url, "Policy")


def _queue_attribute(ask: Ask, url: str, name: str) -> Any:
    answer = ask("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return answer.get("Attributes", {}).get(name)


def _rule_targets(ask: Ask, name: str) -> Any:
    bus, _, rule = name.rpartition("|")
    return ask("events").list_targets_by_rule(Rule=rule, **{"EventBusName": bus} if bus else {})["Targets"]


def _metric_filter(ask: Ask, name: str) -> bool:
    pages = ask("logs").get_paginator("describe_metric_filters").paginate()
    return any(found["filterName"] == name for page in pages for found in page["metricFilters"])


EXISTS: dict[str, Callable[[Ask, str], Any]] = {
    "AWS::CloudWatch::Alarm": lambda ask, name: ask("cloudwatch").describe_alarms(AlarmNames=[name])[
        "MetricAlarms"
    ],
    "AWS::CloudWatch::CompositeAlarm": lambda ask, name: ask("cloudwatch").describe_alarms(
        AlarmNames=[name], AlarmTypes=["CompositeAlarm"]
    )["CompositeAlarms"],
    "AWS::CloudWatch::Dashboard": lambda ask, name: ask("cloudwatch").get_dashboard(DashboardName=name),
    "AWS::DynamoDB::Table": lambda ask, name: ask("dynamodb").describe_table(TableName=name),
    "AWS::Events::EventBus": lambda ask, name: ask("events").describe_event_bus(Name=name),
    "AWS::Events::Rule": _rule_targets,
    "AWS::IAM::Role": lambda ask, name: ask("iam").get_role(RoleName=name),
    "AWS::Lambda::EventSourceMapping": lambda ask, name: ask("lambda").get_event_source_mapping(UUID=name),
    "AWS::Lambda::Function": lambda ask, name: ask("lambda").get_function_configuration(FunctionName=name),
    "AWS::Logs::LogGroup": lambda ask, name: ask("logs").describe_log_groups(logGroupNamePrefix=name)[
        "logGroups"
    ],
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::SNS::Subscription": lambda ask, name: ask("sns").get_subscription_attributes(SubscriptionArn=name),
    "AWS::SNS::Topic": lambda ask, name: ask("sns").get_topic_attributes(TopicArn=name),
    "AWS::SQS::Queue": lambda ask, name: _queue_attribute(ask, name, "QueueArn"),
    "AWS::SSM::Parameter": lambda ask, name: ask("ssm").get_parameter(Name=name),
    "AWS::SecretsManager::Secret": lambda ask, name: ask("secretsmanager").describe_secret(SecretId=name),
}
"""How to ask for a resource by its physical name, by its kind."""


def _short(physical_id: str) -> str:
    """A resource's own name: without a queue's URL or a rule's bus. A parameter's begins with a slash."""
    named = physical_id.rpartition("|")[2]
    return named.rpartition("/")[2] if named.startswith("http") else named


def _answered(look: Callable[[], Any]) -> bool:
    try:
        return bool(look())
    except ClientError as error:
        if is_gone(error):
            return False
        raise


def _with_dependents(stack: Deployed, names: Sequence[str]) -> set[str]:
    """These resources, those that refer to them, and so on."""
    found = set(names)
    bodies: dict[str, dict[str, Any]] = stack.template["Resources"]
    while more := {
        name
        for name, body in bodies.items()
        if name not in found and found & set(_references(body.get("Properties")))
    }:
        found |= more
    return found


def _holds_data(stack: Deployed, resource: Resource) -> bool:
    """Whether something that holds data refers to a resource, such as the orders queue to its DLQ."""
    dependents = _with_dependents(stack, [resource.name]) - {resource.name}
    return any(stack.resources[name].kind in HOLD_DATA for name in dependents)


def _references(piece: Any) -> Iterator[str]:
    """The logical names that a piece of a template refers to. (CDK writes no Fn::Sub, and GetAtt as a list.)"""
    match piece:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case dict():
            yield from _references(list(cast("dict[str, Any]", piece).values()))
        case list():
            for part in cast("list[Any]", piece):
                yield from _references(part)
        case _:
            return


def _without_dependencies(body: dict[str, Any], names: set[str]) -> dict[str, Any]:
    wanted = body.get("DependsOn", [])
    left = [name for name in ([wanted] if isinstance(wanted, str) else wanted) if name not in names]
    rest = {key: value for key, value in body.items() if key != "DependsOn"}
    return rest | ({"DependsOn": left} if left else {})
