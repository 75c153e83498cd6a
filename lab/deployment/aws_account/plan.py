"""What a deployment would change: the synthesized templates beside those that are deployed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lab.deployment.aws_account.account import Caller
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
"""The last deployment of such a stack is what it has."""

NEVER_CREATED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
"""The first deployment of such a stack failed: it holds nothing, and can only be deleted."""

STUCK = {
    "UPDATE_ROLLBACK_FAILED": "Finish the rollback: aws cloudformation continue-update-rollback --stack-name {name}",
    "DELETE_FAILED": "Delete it again: make destroy-aws ENV=...",
}
"""States that CloudFormation deploys nothing in, and the way out."""

KEPT = ("Retain", "RetainExceptOnCreate", "Snapshot")
"""Deletion policies of what outlives its stack."""

REVIEWED = "REVIEW_IN_PROGRESS"
"""A stack that has only a change set, which nobody has executed."""


@dataclass(frozen=True)
class DeployedStack:
    """A stack as CloudFormation has it. An empty template is that of a stack without any deployment."""

    name: str
    status: str
    template: dict[str, Any]
    outputs: dict[str, str]
    protected: bool


@dataclass(frozen=True)
class StackPlan:
    """One stack's resources by what happens to them, each as `Type path`, and the keys of outputs that change."""

    name: str
    status: str | None
    added: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    outputs: list[str] = field(default_factory=list[str])

    @property
    def deployed(self) -> bool:
        """Whether the stack has ever been deployed."""
        return self.status is not None and self.status not in (*NEVER_CREATED, REVIEWED)

    @property
    def complete(self) -> bool:
        """Whether what is deployed is what the last deployment wanted."""
        return self.status in COMPLETE

    @property
    def changes(self) -> bool:
        """Whether there is anything to do: a stack whose last deployment failed is never unchanged."""
        return bool(self.added or self.removed or self.changed or self.outputs or not self.complete)


def plan(aws: Aws, assembly: Path) -> list[StackPlan]:
    """Compare every synthesized stack with what is deployed under its name; only reads."""
    return [
        _compared(name, template, deployed_stack(aws, name)) for name, template in templates(assembly).items()
    ]


def require_deployable(plans: Sequence[StackPlan]) -> None:
    """Raise LabError for a stack that CloudFormation would deploy nothing into."""
    for stack in plans:
        status = stack.status or ""
        if status in STUCK:
            raise LabError(f"The stack {stack.name} is {status}.", STUCK[status].format(name=stack.name))
        if status.endswith("_IN_PROGRESS") and status != REVIEWED:
            raise LabError(
                f"The stack {stack.name} is {status}: somebody is at it.",
                "Wait until it has settled, then run the command again.",
            )


def kept_tables(assembly: Path) -> list[str]:
    """The names of the synthesized tables that outlive their stack."""
    return [
        resource["Properties"]["TableName"]
        for template in templates(assembly).values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::DynamoDB::Table" and resource.get("DeletionPolicy") in KEPT
    ]


def templates(assembly: Path) -> dict[str, dict[str, Any]]:
    """The synthesized templates by stack name, in the order in which they depend on each other."""
    found = {name: json.loads((assembly / file).read_text()) for name, file, _ in _stacks(assembly)}
    layers = ("queue", "functions", "api", "observability")
    return dict(sorted(found.items(), key=lambda item: layers.index(item[0].rpartition("-")[2])))


def require_environment(assembly: Path, who: Caller) -> None:
    """Raise LabError unless every stack was synthesized for the caller's account and region."""
    wanted = f"aws://{who.account}/{who.region}"
    elsewhere = {name: environment for name, _, environment in _stacks(assembly) if environment != wanted}
    if elsewhere:
        name, environment = next(iter(elsewhere.items()))
        raise LabError(
            f"{name} was synthesized for {environment}, not for {wanted}.", "Run the command again."
        )


def deployed_stack(aws: Aws, name: str) -> DeployedStack | None:
    """A stack as it is deployed; None where there is no such stack."""
    cloudformation: CloudFormationClient = aws.client("cloudformation")
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        body: Any = cloudformation.get_template(StackName=name).get("TemplateBody") or {}
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return DeployedStack(
        name,
        stack["StackStatus"],
        json.loads(body) if isinstance(body, str) else dict(body),
        {output.get("OutputKey", ""): output.get("OutputValue", "") for output in stack.get("Outputs", [])},
        stack.get("EnableTerminationProtection", False),
    )


def _stacks(assembly: Path) -> list[tuple[str, str, str]]:
    """Name, template file and environment of every stack of a cloud assembly."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    artifacts = cast(dict[str, dict[str, Any]], manifest["artifacts"])
    return [
        (name, one["properties"]["templateFile"], one["environment"])
        for name, one in artifacts.items()
        if one["type"] == "aws:cloudformation:stack"
    ]


def _compared(name: str, wanted: Mapping[str, Any], deployed: DeployedStack | None) -> StackPlan:
    has = {} if deployed is None or deployed.status in NEVER_CREATED else deployed.template
    new, old = _resources(wanted), _resources(has)
    outputs, had = wanted.get("Outputs", {}), has.get("Outputs", {})
    return StackPlan(
        name,
        deployed.status if deployed else None,
        added=sorted(_label(key, new[key]) for key in new.keys() - old.keys()),
        removed=sorted(_label(key, old[key]) for key in old.keys() - new.keys()),
        changed=sorted(
            _label(key, new[key]) for key in new.keys() & old.keys() if _plain(new[key]) != _plain(old[key])
        ),
        outputs=sorted(key for key in outputs.keys() | had.keys() if outputs.get(key) != had.get(key)),
    )


def _resources(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        key: one for key, one in template.get("Resources", {}).items() if one["Type"] != "AWS::CDK::Metadata"
    }


def _plain(resource: Mapping[str, Any]) -> str:
    """A resource without what only CDK reads."""
    return json.dumps({key: value for key, value in resource.items() if key != "Metadata"}, sort_keys=True)


def _label(key: str, resource: Mapping[str, Any]) -> str:
    path = (
        str(resource.get("Metadata", {}).get("aws:cdk:path", key)).partition("/")[2].removesuffix("/Resource")
    )
    return f"{resource['Type']} {path or key}"
