"""Synthesized templates as the tests read them, with references as construct paths."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import aws_cdk as cdk

from infra.app import add_stacks
from infra.bundles import ROOT
from infra.settings import Settings

STACKS = ("queue", "functions", "api", "observability")
AWS_ACCOUNT = "123456789012"
PATHS_BUT_NO_COPIES = {"aws:cdk:enable-path-metadata": True, "aws:cdk:disable-asset-staging": True}
"""A synth copies each bundle to where a deployment would find it, which a test does not need."""


@dataclass(frozen=True)
class Resource:
    """A resource with its stack and its construct path below it, such as `functions` and `Worker/Role`."""

    stack: str
    path: str
    type: str
    properties: Mapping[str, Any]
    raw: Mapping[str, Any]


class Templates:
    """The four templates of one set of settings."""

    def __init__(self, context: Mapping[str, str], flags: Mapping[str, str] | None = None) -> None:
        self.settings = Settings.from_context(context)
        self.app = new_app(flags)
        add_stacks(self.app, self.settings, AWS_ACCOUNT, "us-east-1")
        assembly = self.app.synth()
        self.by_stack: dict[str, dict[str, Any]] = {
            stack: assembly.get_stack_by_name(f"{self.prefix}-{stack}").template for stack in STACKS
        }

    @property
    def prefix(self) -> str:
        return f"ingestion-{self.settings.env_name}"

    def all(self, kind: str = "", *, of_cdk: bool = False) -> Iterator[Resource]:
        """Every resource, or those of one type; what CDK brings for a custom resource of its own only if asked."""
        for stack, template in self.by_stack.items():
            for raw in template["Resources"].values():
                if _path(raw).startswith("Custom::") == of_cdk and (not kind or raw["Type"] == kind):
                    resolved = self.resolved(stack, raw.get("Properties", {}))
                    yield Resource(stack, _path(raw), raw["Type"], resolved, raw)

    def one(self, kind: str, path: str) -> Resource:
        """The resource of a type at a construct path."""
        found = [resource for resource in self.all(kind) if resource.path == path]
        assert len(found) == 1, f"{kind} {path}: {[r.path for r in self.all(kind)]}"
        return found[0]

    def outputs(self) -> dict[str, Any]:
        """The outputs meant for tools, by key."""
        return {
            key: self.resolved(stack, output["Value"])
            for stack, template in self.by_stack.items()
            for key, output in template.get("Outputs", {}).items()
            if not key.startswith(("ExportsOutput", "PublishOutput"))
        }

    def resolved(self, stack: str, value: Any) -> Any:
        """References as `stack/path` or `stack/path.Attribute`, other stacks' outputs followed, joins joined."""
        match value:
            case {"Ref": name} if len(value) == 1:
                return self._named(stack, name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{self._named(stack, name)}.{attribute}"
            case {"Fn::GetStackOutput": {"StackName": producer, "OutputName": key}}:
                owner = producer.removeprefix(f"{self.prefix}-")
                return self.resolved(owner, self.by_stack[owner]["Outputs"][key]["Value"])
            case {"Fn::Join": [separator, parts]}:
                return separator.join(str(self.resolved(stack, part)) for part in parts)
            case _:
                return self._each_resolved(stack, value)

    def _each_resolved(self, stack: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolved(stack, item) for item in cast(list[Any], value)]
        if isinstance(value, dict):
            return {key: self.resolved(stack, item) for key, item in cast(dict[str, Any], value).items()}
        return value

    def _named(self, stack: str, name: str) -> str:
        if name.startswith("AWS::"):
            return name
        return f"{stack}/{_path(self.by_stack[stack]['Resources'][name])}"


def new_app(others: Mapping[str, str] | None = None) -> cdk.App:
    """An app with the feature flags of `cdk.json`, or others, that keeps construct paths and validates nothing."""
    flags = json.loads((ROOT / "infra" / "cdk.json").read_text())["context"]
    return cdk.App(
        context=flags | dict(others or {}) | PATHS_BUT_NO_COPIES,
        builtin_cloud_formation_validation=False,
        analytics_reporting=False,
    )


def _path(raw: Mapping[str, Any]) -> str:
    path = raw["Metadata"]["aws:cdk:path"].split("/", 1)[1]
    return path.removesuffix("/Resource")
