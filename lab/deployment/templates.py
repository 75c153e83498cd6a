"""What is deployed, by the templates of the stacks: it does not depend on what has happened since."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lab.deployment.stack import stack_names
from lab.engines.clients import Aws

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Resource:
    """One resource of a deployed stack, with its properties as the template has them."""

    stack: str
    name: str
    kind: str
    physical_id: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class Deployed:
    """A deployed stack: its template, its outputs, and its resources by their logical names."""

    name: str
    template: dict[str, Any]
    outputs: dict[str, str]
    resources: dict[str, Resource]


def stacks(aws: Aws, env_name: str) -> list[Deployed]:
    """The stacks that are deployed, in the order in which they depend on each other."""
    client: CloudFormationClient = aws.client("cloudformation")
    return [found for name in stack_names(env_name) if (found := _deployed(client, name))]


def _deployed(client: "CloudFormationClient", name: str) -> Deployed | None:
    try:
        found = client.describe_stack_resources(StackName=name)["StackResources"]
        outputs = client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        template: dict[str, Any] = client.get_template(StackName=name, TemplateStage="Original")[
            "TemplateBody"
        ]  # pyright: ignore[reportAssignmentType]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    bodies = template["Resources"]
    return Deployed(
        name,
        template,
        {output.get("OutputKey", ""): output.get("OutputValue", "") for output in outputs},
        {
            each["LogicalResourceId"]: Resource(
                name,
                each["LogicalResourceId"],
                each["ResourceType"],
                each.get("PhysicalResourceId", ""),
                bodies[each["LogicalResourceId"]].get("Properties", {}),
            )
            for each in found
            if each["LogicalResourceId"] in bodies
        },
    )
