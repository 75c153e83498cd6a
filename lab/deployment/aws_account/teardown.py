"""Taking the stacks away again: what goes with them, what stays, and what must not be lost."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from lab.deployment.aws_account.plan import deployed_template
from lab.deployment.stack import stack_names
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

KEPT = ("Retain", "RetainExceptOnCreate", "Snapshot")
POLL_SECONDS, POLLS = 5, 240


@dataclass
class Teardown:
    """The stacks of an environment that exist, latest first; resources that outlive them; messages by queue."""

    stacks: list[str] = field(default_factory=list[str])
    resources: int = 0
    kept: list[str] = field(default_factory=list[str])
    messages: dict[str, int] = field(default_factory=dict[str, int])


def survey(aws: Aws, env_name: str) -> Teardown:
    """What there is; only reads."""
    found = Teardown()
    sqs: SQSClient = aws.client("sqs")
    for name in reversed(stack_names(env_name)):
        template = deployed_template(aws, name)
        if template is None:
            continue
        found.stacks.append(name)
        for resource in template.get("Resources", {}).values():
            found.resources += 1
            own_name = next((v for k, v in resource.get("Properties", {}).items() if k.endswith("Name")), "")
            if resource.get("DeletionPolicy") in KEPT:
                found.kept.append(f"{resource['Type']} {own_name}")
            if resource["Type"] == "AWS::SQS::Queue" and isinstance(own_name, str) and own_name:
                found.messages[own_name] = _messages(sqs, own_name)
    return found


def delete(aws: Aws, stacks: list[str]) -> None:
    """Delete the stacks one after the other and wait for each. Raises LabError where one cannot be deleted."""
    cloudformation: CloudFormationClient = aws.client("cloudformation")
    waiter = cloudformation.get_waiter("stack_delete_complete")
    for name in stacks:
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
