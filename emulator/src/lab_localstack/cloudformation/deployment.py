"""Deployments that replace what has to be replaced, roll back what failed and say what became of them.

LocalStack 4.14.0 calls every updated stack UPDATE_COMPLETE and every deleted one DELETE_COMPLETE, whatever happened
to their resources, leaves what a failed deployment made, and replaces a resource that refers to a changed one.
"""

import copy
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localstack import config
from localstack.aws.api.cloudformation import (
    ChangeAction,
    ExecutionStatus,
    ResourceStatus,
    StackResource,
    StackStatus,
)
from localstack.services.cloudformation.engine.v2.change_set_model import NodeIntrinsicFunction, is_nothing
from localstack.services.cloudformation.engine.v2.change_set_model_executor import (
    ChangeSetModelExecutor,
    ChangeSetModelExecutorResult,
    EventOperationFromAction,
    TriggerRollback,
)
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import (
    DeletionPolicy,
    PreprocEntityDelta,
    PreprocProperties,
    PreprocResource,
)
from localstack.services.cloudformation.resource_provider import (
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceProviderExecutor,
    ResourceProviderPayload,
    ResourceRequest,
    convert_payload,
)
from localstack.services.cloudformation.v2.entities import ChangeSet

from lab_localstack.cloudformation import exports, stack_outputs
from lab_localstack.cloudformation.completion import COMPLETIONS, CannotChangeError, Completion, attributes

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 0.05
"""How often a resource that takes a while is looked at."""
UNTOUCHED = "untouched"
"""Fact of an event: the change was refused before anything was done."""

type Undo = Callable[[], bool]
"""Takes one change back; whether that succeeded."""


class Resources(ResourceProviderExecutor):
    """Makes, changes and removes single resources, whole or not at all."""

    def deploy_loop(
        self,
        resource_provider: ResourceProvider[Any],
        resource: dict[str, Any],
        raw_payload: ResourceProviderPayload,
        max_timeout: int = config.CFN_PER_RESOURCE_TIMEOUT,
        sleep_time: float = LOOK_SECONDS,
    ) -> ProgressEvent[Any]:
        """Act until the resource is there. LocalStack looks once a second: a whole second for each function."""
        asked: Any = raw_payload["requestData"]
        asked["resourceProperties"] = _without_no_value(asked["resourceProperties"])
        return super().deploy_loop(resource_provider, resource, raw_payload, max_timeout, sleep_time)

    def execute_action(
        self, resource_provider: ResourceProvider[Any], raw_payload: ResourceProviderPayload
    ) -> ProgressEvent[Any]:
        """One action of one resource. LocalStack takes a change that a provider does not know for made."""
        completion = COMPLETIONS.get(raw_payload["resourceType"])
        request = convert_payload(self.stack_name, self.stack_id, raw_payload)
        if raw_payload["action"] in ("Modify", "Dynamic"):
            return self._change(resource_provider, request, completion)
        event = super().execute_action(resource_provider, raw_payload)
        if raw_payload["action"] == "Add" and completion and event.status == OperationStatus.SUCCESS:
            try:
                completion.settle(request, event.resource_model or {}, {})
            except Exception as error:
                super().execute_action(resource_provider, {**raw_payload, "action": "Remove"})
                return _failure(request, error)
        return event

    @staticmethod
    def _change(
        resource_provider: ResourceProvider[Any], request: ResourceRequest[Any], completion: Completion | None
    ) -> ProgressEvent[Any]:
        before = copy.deepcopy(request.previous_state or {})
        wanted = copy.deepcopy(request.desired_state)
        schema = resource_provider.SCHEMA
        try:
            if completion and completion.replaces_update:
                event = ProgressEvent(OperationStatus.SUCCESS, resource_model=before)
            else:
                event = resource_provider.update(request)
            if completion and event.status == OperationStatus.SUCCESS:
                event.resource_model = attributes(schema, before | (event.resource_model or {})) | wanted
                completion.settle(request, event.resource_model, before)
        except NotImplementedError:
            return _failure(request, f"{request.resource_type} cannot be changed in place here.", UNTOUCHED)
        except CannotChangeError as error:
            return _failure(request, error, UNTOUCHED)
        except Exception as error:
            return _failure(request, error)
        return event


def _without_no_value(value: Any) -> Any:
    """Properties without what is AWS::NoValue: LocalStack takes out references to it, and no parameter's value."""
    if isinstance(value, dict):
        return {name: _without_no_value(each) for name, each in value.items() if each != "AWS::NoValue"}
    if isinstance(value, list):
        return [_without_no_value(each) for each in value if each != "AWS::NoValue"]
    return value


def _failure(request: ResourceRequest[Any], reason: object, *facts: str) -> ProgressEvent[Any]:
    LOG.info("%s %s failed: %s", request.resource_type, request.logical_resource_id, reason)
    context = dict.fromkeys(facts, True)
    return ProgressEvent(
        OperationStatus.FAILED, resource_model={}, message=str(reason), custom_context=context
    )


class ResourcesRemainError(Exception):
    """A stack could not be deleted as a whole."""


def remember_template(change_set: ChangeSet) -> None:
    """Let a stack show the template and the parameters of a change set."""
    stack = change_set.stack
    stack.template, stack.template_body = change_set.template, change_set.template_body
    stack.description = _description(change_set)
    stack.resolved_parameters = change_set.resolved_parameters


def _description(change_set: ChangeSet) -> str | None:
    return (change_set.template or {}).get("Description")


class Deployment(ChangeSetModelExecutor):
    """Carries out the changes of a stack: its creation, update or deletion. Serves once, in a thread of its own."""

    def __init__(self, change_set: ChangeSet) -> None:
        super().__init__(change_set)
        self.resource_provider_executor = Resources(
            stack_name=change_set.stack.stack_name, stack_id=change_set.stack.stack_id
        )
        self._stack = change_set.stack
        self._operation = change_set.stack.status
        self._states = dict(change_set.stack.resource_states)
        self._undo: list[Undo] = []
        self._kept: set[str] = set()
        self._remaining: list[str] = []
        self._imported_before = exports.imports(change_set.stack)
        self._imported: set[str] = set()

    @property
    def _deletes(self) -> bool:
        return self._operation == StackStatus.DELETE_IN_PROGRESS

    def process(self) -> None:
        """Make and change resources. Ends the thread when that failed and everything is as before."""
        if not self._deletes:
            self._stack.description = _description(self._change_set)
        try:
            super().process()
            if not self._deletes:
                exports.require_changeable(self._stack, exports.of_outputs(self.outputs))
        except Exception as error:
            if self._deletes:
                raise
            reason = error.reason if isinstance(error, TriggerRollback) else None
            self._roll_back(reason or str(error))

    def execute(self) -> ChangeSetModelExecutorResult:
        """The outcome of a deployment that succeeded. Raises ResourcesRemainError for a deletion that did not."""
        result = super().execute()
        if self._deletes:
            if self._remaining:
                raise ResourcesRemainError(
                    f"The following resource(s) failed to delete: [{', '.join(self._remaining)}]."
                )
            return result
        # Before the status says that they are there: LocalStack remembers some of it only afterwards, and an update
        # that comes at once would take every resource for a new one.
        self._stack.resolved_resources, self._stack.resolved_outputs = result.resources, result.outputs
        self._stack.resolved_exports = exports.of_outputs(result.outputs)
        exports.remember_imports(self._stack, self._imported)
        remember_template(self._change_set)
        stack_outputs.remember(self._change_set)
        # what a later deletion starts from; after an update LocalStack keeps that of the creation
        self._stack.processed_template = self._change_set.processed_template
        for name, resource in result.resources.items():
            if name not in self._stack.resource_states:
                self._stack.resource_states[name] = self._description(name, resource)
        return result

    def _roll_back(self, reason: str) -> None:
        """Take everything back, in reverse order. Afterwards the stack is as it was, or says that it is not."""
        creates = self._operation == StackStatus.CREATE_IN_PROGRESS
        kind = "ROLLBACK" if creates else "UPDATE_ROLLBACK"
        LOG.info("Stack %s is rolled back: %s", self._stack.stack_name, reason)
        self._stack.set_stack_status(StackStatus(f"{kind}_IN_PROGRESS"), reason)
        self._deferred_actions.clear()
        exports.remember_imports(self._stack, self._imported_before)
        failures = [undo for undo in reversed(self._undo) if not undo()]
        if creates:
            self._stack.processed_template = self._change_set.processed_template if failures else None
            self._stack.resolved_resources = self.resources if failures else {}
            self._stack.deletion_time = None if failures else datetime.now(UTC)
        else:
            self._stack.resource_states = self._states
        self._change_set.set_execution_status(ExecutionStatus.EXECUTE_FAILED)
        self._stack.status_reason = None
        self._stack.set_stack_status(
            StackStatus(f"{kind}_{'FAILED' if failures else 'COMPLETE'}"), reason if failures else None
        )
        sys.exit()  # LocalStack's own last step in this thread would call the stack complete

    def visit_node_intrinsic_function_fn_import_value(
        self, node_intrinsic_function: NodeIntrinsicFunction
    ) -> PreprocEntityDelta[Any, Any]:
        """An import counts from its use on. Raises ExportRefusedError where nobody exports it: LocalStack goes on."""
        delta = super().visit_node_intrinsic_function_fn_import_value(node_intrinsic_function)
        name = self.visit(node_intrinsic_function.arguments).after
        if isinstance(name, str):
            if is_nothing(delta.after):
                raise exports.ExportRefusedError(f"No export named {name} found.")
            self._imported.add(name)
            exports.remember_imports(self._stack, self._imported_before | self._imported)
        return delta

    def _execute_resource_change(
        self, name: str, before: PreprocResource | None, after: PreprocResource | None
    ) -> None:
        """Replace only where a value that cannot be changed is another one: LocalStack goes by what is referred to."""
        if (
            before
            and after
            and not is_nothing(before)
            and not is_nothing(after)
            and after.requires_replacement
        ):
            after.requires_replacement = _differs_for_good(before, after)
        if after and not is_nothing(after) and after.deletion_policy == DeletionPolicy.Retain:
            self._kept.add(name)
        elif (
            before
            and not is_nothing(before)
            and before.deletion_policy == DeletionPolicy.RetainExceptOnCreate
        ):
            # LocalStack deletes what is to be kept but for a creation that fails, which is taken back in another way
            before.deletion_policy = DeletionPolicy.Retain
        super()._execute_resource_change(name, before, after)

    def _execute_resource_action(  # noqa: PLR0917  LocalStack's signature
        self,
        action: ChangeAction,
        logical_resource_id: str,
        resource_type: str,
        before_properties: PreprocProperties | None,
        after_properties: PreprocProperties | None,
        part_of_replacement: bool = False,
    ) -> ProgressEvent:
        event = super()._execute_resource_action(
            action,
            logical_resource_id,
            resource_type,
            before_properties,
            after_properties,
            part_of_replacement,
        )
        tried = after_properties.properties if after_properties else {}
        made = PreprocProperties(properties=event.resource_model or tried)
        resource = (logical_resource_id, resource_type, made)
        if action == ChangeAction.Modify and UNTOUCHED not in event.custom_context:
            self._undo.append(self._reversal(ChangeAction.Modify, *resource, before_properties))
        elif action == ChangeAction.Add and logical_resource_id in self._kept:
            self._undo.append(lambda: self._tell_deleted(logical_resource_id, resource_type, skipped=True))
        elif action == ChangeAction.Add and event.status == OperationStatus.SUCCESS:
            self._undo.append(self._reversal(ChangeAction.Remove, *resource, None))
        elif action == ChangeAction.Add:
            self._undo.append(lambda: self._tell_deleted(logical_resource_id, resource_type))
        elif (
            action == ChangeAction.Remove
            and event.status == OperationStatus.FAILED
            and not part_of_replacement
        ):
            self._remaining.append(logical_resource_id)
        return event

    def _tell_deleted(self, name: str, resource_type: str, *, skipped: bool = False) -> bool:
        self._process_event(
            action=ChangeAction.Remove,
            logical_resource_id=name,
            event_status=OperationStatus.SUCCESS,
            resource_type=resource_type,
            custom_status=ResourceStatus.DELETE_SKIPPED if skipped else None,
        )
        return True

    def _reversal(
        self,
        action: ChangeAction,
        name: str,
        resource_type: str,
        before: PreprocProperties,
        after: PreprocProperties | None,
    ) -> Undo:
        def undo() -> bool:
            told: dict[str, Any] = {
                "action": action,
                "logical_resource_id": name,
                "resource_type": resource_type,
            }
            self._process_event(**told, event_status=OperationStatus.IN_PROGRESS)
            # of a replacement's cleanup LocalStack keeps no record, which is right for this as well
            event = super(Deployment, self)._execute_resource_action(
                action, name, resource_type, before, after, part_of_replacement=True
            )
            self._process_event(**told, event_status=event.status, reason=event.message)
            return event.status == OperationStatus.SUCCESS

        return undo

    def _process_event(
        self,
        *,
        action: ChangeAction,
        logical_resource_id: Any,
        event_status: OperationStatus,
        resource_type: str,
        reason: str | None = None,
        **more: Any,
    ) -> None:
        """Tell of a resource. The failure of one is not yet the end of the stack, as LocalStack has it."""
        if event_status == OperationStatus.FAILED:
            self._stack.set_resource_status(
                logical_resource_id=logical_resource_id,
                physical_resource_id=self._get_physical_id(logical_resource_id, strict=False),
                resource_type=resource_type,
                status=ResourceStatus(f"{EventOperationFromAction[action.value]}_FAILED"),
                resource_status_reason=reason,
            )
        else:
            super()._process_event(
                action=action,
                logical_resource_id=logical_resource_id,
                event_status=event_status,
                resource_type=resource_type,
                reason=reason,  # pyright: ignore[reportArgumentType]  None is its default
                **more,
            )

    def _description(self, name: str, resource: Any) -> StackResource:
        """What DescribeStackResources shows of a resource; LocalStack forgets those it replaced."""
        return StackResource(
            StackName=self._stack.stack_name,
            StackId=self._stack.stack_id,
            LogicalResourceId=name,
            PhysicalResourceId=resource.get("PhysicalResourceId"),
            ResourceType=resource["Type"],
            Timestamp=resource["LastUpdatedTimestamp"],
            ResourceStatus=ResourceStatus.UPDATE_COMPLETE,
        )


def _differs_for_good(before: PreprocResource, after: PreprocResource) -> bool:
    provider = ResourceProviderExecutor.try_load_resource_provider(after.resource_type)
    if provider is None:
        return False
    names = (path.removeprefix("/properties/") for path in provider.SCHEMA.get("createOnlyProperties", []))
    was, is_now = (
        {} if is_nothing(resource.properties) else resource.properties.properties
        for resource in (before, after)  # one without Properties in its template has none at all
    )
    return any(was.get(name) != is_now.get(name) for name in names)
