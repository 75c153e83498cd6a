"""Deployed stacks in memory: their templates and resources, and services that miss what was deleted."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from lab.deployment.stack import LAYERS


class World:
    """Answers for CloudFormation with `templates`, by layer, and for the others from `deleted`, names that are gone."""

    def __init__(self, templates: Mapping[str, Mapping[str, Any]], deleted: set[str]) -> None:
        self.templates = templates
        self.deleted = deleted
        self.updates: list[dict[str, Any]] = []
        self.endpoint = "http://127.0.0.1:1"

    def client(self, service: str) -> Any:
        return Stacks(self) if service == "cloudformation" else Service(self)


class Stacks:
    """CloudFormation. A resource's physical name is its logical one."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _template(self, name: str) -> Mapping[str, Any]:
        layer = name.rpartition("-")[2]
        assert layer in LAYERS
        if layer not in self._world.templates:
            raise ClientError({"Error": {"Message": f"Stack {name} does not exist"}}, "DescribeStacks")
        return self._world.templates[layer]

    def get_template(self, *, StackName: str, **_: Any) -> Any:  # noqa: N803
        return {"TemplateBody": json.loads(json.dumps(self._template(StackName)))}

    def describe_stack_resources(self, *, StackName: str) -> Any:  # noqa: N803
        bodies = self._template(StackName)["Resources"]
        return {
            "StackResources": [
                {"LogicalResourceId": name, "ResourceType": body["Type"], "PhysicalResourceId": name}
                for name, body in bodies.items()
            ]
        }

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        outputs = self._template(StackName).get("Outputs", {})
        told = [{"OutputKey": key, "OutputValue": f"value of {key}"} for key in outputs]
        return {"Stacks": [{"Outputs": told, "StackStatus": "UPDATE_COMPLETE"}]}

    def update_stack(self, **update: Any) -> None:
        self._world.updates.append(update)


class Service:
    """Any other service: to be asked by a name that is gone is an error, or an empty list."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _gone(self, asked: Mapping[str, Any]) -> bool:
        names = [name for value in asked.values() for name in (value if isinstance(value, list) else [value])]
        return bool(self._world.deleted & set(names))

    def describe_alarms(self, **asked: Any) -> Any:
        found = [] if self._gone(asked) else [{}]
        return {"MetricAlarms": found, "CompositeAlarms": found}

    def describe_log_groups(self, **asked: Any) -> Any:
        return {"logGroups": [] if self._gone(asked) else [{}]}

    def list_targets_by_rule(self, **asked: Any) -> Any:
        return {"Targets": [] if self._gone(asked) else [{}]}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        (name,) = AttributeNames
        absent = {QueueUrl, f"{name} of {QueueUrl}"} & self._world.deleted
        return {"Attributes": {} if absent else {name: "there"}}

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self) -> Any:
        names = {name for template in self._world.templates.values() for name in template["Resources"]}
        return [{"metricFilters": [{"filterName": name} for name in sorted(names - self._world.deleted)]}]

    def __getattr__(self, operation: str) -> Any:
        def answer(**asked: Any) -> Any:
            if self._gone(asked):
                raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, operation)
            return {"there": True}

        return answer
