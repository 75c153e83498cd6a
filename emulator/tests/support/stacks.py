"""Stacks for tests: deployed, looked at, deleted afterwards."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from support.eventually import eventually

type Resources = dict[str, Any]

GONE = ("DELETE_COMPLETE", "DELETE_FAILED")


class Stack:
    """One stack under test."""

    def __init__(self, aws: Callable[..., Any]) -> None:
        self.name = f"test-{uuid4().hex[:8]}"
        self.client = aws("cloudformation", read_timeout=60)
        self.parameters: dict[str, Any] = {}
        """The Parameters section of its templates."""
        self.exports: dict[str, Any] = {}
        """Outputs that other stacks can import, as NAME:KEY."""
        self._exists = False

    def deploy(self, resources: Resources, outputs: dict[str, Any] | None = None) -> dict[str, str]:
        """Create or update the stack; the outputs when it is complete."""
        state = self.try_to_deploy(resources, outputs)
        assert state["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), self.reasons()
        return {output["OutputKey"]: output["OutputValue"] for output in state.get("Outputs", [])}

    def try_to_deploy(self, resources: Resources, outputs: dict[str, Any] | None = None) -> dict[str, Any]:
        """The settled stack, successful or not."""
        shown = {name: {"Value": value} for name, value in (outputs or {}).items()}
        for name, value in self.exports.items():
            shown[name] = {"Value": value, "Export": {"Name": f"{self.name}:{name}"}}
        body = self.template(resources, shown)
        if self._exists:
            self.client.update_stack(StackName=self.name, TemplateBody=body)
        else:
            self.client.create_stack(StackName=self.name, TemplateBody=body)
            self._exists = True
        return eventually(self._settled, within=60)

    def template(self, resources: Resources, outputs: dict[str, Any]) -> str:
        """A template's body; the outputs are those of its section Outputs."""
        sections = {"Parameters": self.parameters, "Resources": resources, "Outputs": outputs}
        return json.dumps({name: section for name, section in sections.items() if section})

    def _settled(self) -> dict[str, Any] | None:
        (state,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
        return None if state["StackStatus"].endswith("_IN_PROGRESS") else state

    def reasons(self) -> list[str]:
        """Why resources failed."""
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason")]

    def resources(self) -> dict[str, tuple[str, str]]:
        """Physical id and status by logical id."""
        shown = self.client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {
            resource["LogicalResourceId"]: (
                resource.get("PhysicalResourceId", ""),
                resource["ResourceStatus"],
            )
            for resource in shown
        }

    def delete(self) -> None:
        """Delete the stack and wait until it is gone."""
        if not self._exists:
            return
        stack_id = self.client.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"]
        self.client.delete_stack(StackName=self.name)

        def status() -> str:
            return self.client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]

        final = eventually(lambda: (now := status()) in GONE and now, within=60)
        assert final == "DELETE_COMPLETE", final
        self._exists = False
