"""What a deployment would change: the synthesized templates beside those that are deployed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lab.deployment.aws_account.account import Caller
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ANY_ENVIRONMENT = "aws://unknown-account/unknown-region"


@dataclass(frozen=True)
class StackPlan:
    """One stack's resources by what happens to them, each as `Type path`."""

    name: str
    deployed: bool
    added: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])

    @property
    def changes(self) -> bool:
        """Whether anything happens."""
        return bool(self.added or self.removed or self.changed)


def plan(aws: Aws, assembly: Path) -> list[StackPlan]:
    """Compare every synthesized stack with what is deployed under its name; only reads."""
    return [
        _compared(name, template, deployed_template(aws, name))
        for name, template in templates(assembly).items()
    ]


def mailed(assembly: Path) -> set[str]:
    """The addresses that the synthesized templates' topics send mail to."""
    return {
        resource["Properties"]["Endpoint"]
        for template in templates(assembly).values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::SNS::Subscription" and resource["Properties"]["Protocol"] == "email"
    }


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


def deployed_template(aws: Aws, name: str) -> dict[str, Any] | None:
    """A stack's template as it is deployed; None where there is no such stack."""
    cloudformation: CloudFormationClient = aws.client("cloudformation")
    try:
        body: Any = cloudformation.get_template(StackName=name)["TemplateBody"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return json.loads(body) if isinstance(body, str) else dict(body)


def _stacks(assembly: Path) -> list[tuple[str, str, str]]:
    """Name, template file and environment of every stack of a cloud assembly."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    artifacts = cast(dict[str, dict[str, Any]], manifest["artifacts"])
    return [
        (name, one["properties"]["templateFile"], one["environment"])
        for name, one in artifacts.items()
        if one["type"] == "aws:cloudformation:stack"
    ]


def _compared(name: str, wanted: Mapping[str, Any], deployed: Mapping[str, Any] | None) -> StackPlan:
    new, old = _resources(wanted), _resources(deployed or {})
    return StackPlan(
        name,
        deployed is not None,
        added=sorted(_label(key, new[key]) for key in new.keys() - old.keys()),
        removed=sorted(_label(key, old[key]) for key in old.keys() - new.keys()),
        changed=sorted(
            _label(key, new[key]) for key in new.keys() & old.keys() if _plain(new[key]) != _plain(old[key])
        ),
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
