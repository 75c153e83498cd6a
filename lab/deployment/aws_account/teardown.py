"""Taking the stacks away again: what goes with them, what stays, and what must not be lost."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from lab.deployment.aws_account.plan import KEPT, NEVER_CREATED, StackPlan, deployed_stack
from lab.deployment.stack import stack_names
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

POLL_SECONDS, POLLS = 5, 720
"""An hour: CloudFormation takes 25 to 45 minutes for the network interfaces of functions in a VPC (its roadmap, issues
392 and 414)."""

NAME_IS_FREE_AFTER_SECONDS = 60
"""SQS makes no queue of a name that it deleted less than this ago (CreateQueue, QueueDeletedRecently)."""

type Say = Callable[[str], None]


@dataclass
class Teardown:
    """The stacks of an environment that exist, latest first; resources that outlive them; messages that do not."""

    stacks: list[str] = field(default_factory=list[str])
    protected: list[str] = field(default_factory=list[str])
    slow: list[str] = field(default_factory=list[str])
    """Stacks with a network of their own."""
    resources: int = 0
    kept: list[str] = field(default_factory=list[str])
    messages: dict[str, int] = field(default_factory=dict[str, int])


def survey(aws: Aws, env_name: str) -> Teardown:
    """What there is; only reads."""
    found = Teardown()
    sqs: SQSClient = aws.client("sqs")
    for name in reversed(stack_names(env_name)):
        stack = deployed_stack(aws, name)
        if stack is None:
            continue
        found.stacks.append(name)
        if stack.protected:
            found.protected.append(name)
        for resource in stack.template.get("Resources", {}).values():
            found.resources += 1
            own_name = next((v for k, v in resource.get("Properties", {}).items() if k.endswith("Name")), "")
            kept = resource.get("DeletionPolicy") in KEPT
            if kept:
                found.kept.append(f"{resource['Type']} {own_name}".strip())
            elif resource["Type"] == "AWS::SQS::Queue" and isinstance(own_name, str) and own_name:
                found.messages[own_name] = _messages(sqs, own_name)
            if resource["Type"] == "AWS::EC2::VPC":
                found.slow.append(name)
    return found


def require_unprotected(found: Teardown) -> None:
    """Raise LabError while stacks are protected from deletion: that is taken off one by one, by their names."""
    if found.protected:
        command = (
            "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name"
        )
        raise LabError(
            f"Protected from deletion: {', '.join(found.protected)}.",
            "Take it off where you mean it: " + "; ".join(f"{command} {name}" for name in found.protected),
        )


def delete(aws: Aws, found: Teardown, say: Say) -> None:
    """Delete the stacks one after the other and wait for each. Raises LabError where one cannot be deleted."""
    for name in found.stacks:
        slow = ": Lambda takes 25 to 45 minutes for its network interfaces" if name in found.slow else ""
        say(f"waiting for {name} to be deleted{slow}")
        _delete(aws, name)


def forget_failed_creations(aws: Aws, plans: Iterable[StackPlan], say: Say) -> None:
    """Delete the stacks whose first deployment failed. CDK would, too, but cannot where they are protected."""
    cloudformation: CloudFormationClient = aws.client("cloudformation")
    failed = [plan.name for plan in plans if plan.status in NEVER_CREATED]
    for name in reversed(failed):
        say(f"waiting for {name}, whose creation failed, to be deleted")
        cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        _delete(aws, name)


def wait_for_names(aws: Aws, plans: Iterable[StackPlan], say: Say) -> None:
    """Wait until SQS gives the names of deleted queues back, if a stack that is to be made was deleted just now."""
    new = {plan.name for plan in plans if not plan.deployed}
    pages = (
        aws.client("cloudformation")
        .get_paginator("list_stacks")
        .paginate(StackStatusFilter=["DELETE_COMPLETE"])
    )
    deleted = [
        stack["DeletionTime"]
        for page in pages
        for stack in page["StackSummaries"]
        if stack["StackName"] in new
    ]
    since = (datetime.now(UTC) - max(deleted)).total_seconds() if deleted else NAME_IS_FREE_AFTER_SECONDS
    if since < NAME_IS_FREE_AFTER_SECONDS:
        left = NAME_IS_FREE_AFTER_SECONDS - since
        say(f"waiting {left:.0f} s: SQS gives the names of deleted queues back after a minute")
        time.sleep(left)


def _delete(aws: Aws, name: str) -> None:
    cloudformation: CloudFormationClient = aws.client("cloudformation")
    waiter = cloudformation.get_waiter("stack_delete_complete")
    cloudformation.delete_stack(StackName=name)
    try:
        waiter.wait(StackName=name, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": POLLS})
    except WaiterError as error:
        raise LabError(
            f"The stack {name} was not deleted: {error}.",
            "Read its events in CloudFormation's console, then run the command again.",
        ) from error


def _messages(sqs: "SQSClient", name: str) -> int:
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    except ClientError as error:
        if "NonExistentQueue" in str(error):
            return 0
        raise
    return sum(int(value) for key, value in counts.items() if key.startswith("ApproximateNumberOfMessages"))
