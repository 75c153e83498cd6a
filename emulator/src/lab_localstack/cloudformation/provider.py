"""CloudFormation that answers for a stack in progress only once it has settled, or after a few seconds.

The CDK CLI asks at once after it has started a deployment and then every five seconds: with four small stacks
most of a deployment's time would be the CLI's sleep. A slow answer to the first question spares it.
"""

# pyright: reportIncompatibleMethodOverride=false
# The base class spells out every parameter of every operation; these pass on what they do not use.

import time
from collections.abc import Callable
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.cloudformation import ListImportsOutput
from localstack.services.cloudformation.engine.validations import ValidationError
from localstack.services.cloudformation.stores import get_cloudformation_store
from localstack.services.cloudformation.v2.entities import ChangeSet
from localstack.services.cloudformation.v2.provider import CloudformationProviderV2, find_stack_v2

from lab_localstack.cloudformation import exports
from lab_localstack.cloudformation.deployment import remember_template

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05
SETTLED_ENOUGH = (
    "REVIEW_IN_PROGRESS"  # of a stack whose change set nobody has executed: it waits for its user
)


class PatientCloudFormation(CloudformationProviderV2):
    """LocalStack's own CloudFormation, with patience in two reads, and with imports."""

    @classmethod
    def _setup_change_set_model(cls, change_set: ChangeSet, *args: Any, **kwargs: Any) -> None:
        """A new stack has its template from its start on; in LocalStack a stack that fails never gets it.

        The description is told once the change set is carried out.
        """
        super()._setup_change_set_model(change_set, *args, **kwargs)
        if change_set.stack.template is None:
            remember_template(change_set)
            change_set.stack.description = None

    @handler("UpdateStack", expand=False)
    def update_stack(self, context: RequestContext, request: Any) -> Any:
        """LocalStack takes an update with the previous template for one that lacks a template."""
        return super().update_stack(context, _with_template(context, request))

    @handler("CreateChangeSet", expand=False)
    def create_change_set(self, context: RequestContext, request: Any) -> Any:
        """Like an update: with the previous template, if the request says so."""
        return super().create_change_set(context, _with_template(context, request))

    def describe_stacks(self, context: RequestContext, stack_name: Any = None, **kwargs: Any) -> Any:
        """One stack: when it has settled. All stacks: at once."""

        def ask() -> Any:
            answer: Any = super(PatientCloudFormation, self).describe_stacks(
                context, stack_name=stack_name, **kwargs
            )
            for shown in answer["Stacks"]:
                _describe_outputs(context, shown)
            return answer

        def settled(answer: Any) -> bool:
            status = answer["Stacks"][0]["StackStatus"]
            return status == SETTLED_ENOUGH or not status.endswith("_IN_PROGRESS")

        return _ask_until(settled, ask) if stack_name else ask()

    def describe_change_set(self, context: RequestContext, change_set_name: Any, **kwargs: Any) -> Any:
        """A change set when it has been created or has failed."""

        def ask() -> Any:
            return super(PatientCloudFormation, self).describe_change_set(context, change_set_name, **kwargs)

        return _ask_until(lambda answer: not answer["Status"].endswith(("_PENDING", "_IN_PROGRESS")), ask)

    def delete_stack(self, context: RequestContext, stack_name: Any, *args: Any, **kwargs: Any) -> None:
        """A stack whose exports are in use stays as it is; an event of it says why."""
        stack = find_stack_v2(get_cloudformation_store(context.account_id, context.region), stack_name)
        if stack:
            try:
                exports.require_deletable(stack)
            except exports.ExportRefusedError as refused:
                stack.set_stack_status(stack.status, str(refused))
                return
        super().delete_stack(context, stack_name, *args, **kwargs)

    def list_imports(
        self, context: RequestContext, export_name: Any, *_: Any, **__: Any
    ) -> ListImportsOutput:
        """The stacks that use an export, all at once. Raises ValidationError where there is none."""
        users = exports.importers(context.account_id, context.region, export_name)
        if not users:
            raise ValidationError(f"Export '{export_name}' is not imported by any stack.")
        return ListImportsOutput(Imports=users)


def _describe_outputs(context: RequestContext, shown: Any) -> None:
    """Add the outputs' descriptions, which LocalStack leaves out, from the stack's template."""
    stack = find_stack_v2(get_cloudformation_store(context.account_id, context.region), shown["StackId"])
    declared = ((stack.template if stack else None) or {}).get("Outputs") or {}
    for output in shown.get("Outputs") or ():
        if description := declared.get(output["OutputKey"], {}).get("Description"):
            output["Description"] = description


def _with_template(context: RequestContext, request: Any) -> Any:
    """The request with its stack's template if it says UsePreviousTemplate."""
    if not request.get("UsePreviousTemplate"):
        return request
    stack = find_stack_v2(
        get_cloudformation_store(context.account_id, context.region), request.get("StackName")
    )
    return {**request, "TemplateBody": stack.template_body} if stack and stack.template_body else request


def _ask_until[T](enough: Callable[[T], bool], ask: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not enough(answer := ask()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return answer
