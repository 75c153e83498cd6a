"""CloudFormation that answers for a stack in progress only once it has settled, or after a few seconds.

The CDK CLI asks at once after it has started a deployment and then every five seconds: with four small stacks
most of a deployment's time would be the CLI's sleep. A slow answer to the first question spares it.
"""

import time
from collections.abc import Callable

from localstack.aws.api import RequestContext
from localstack.aws.api.cloudformation import (
    ChangeSetNameOrId,
    DescribeChangeSetOutput,
    DescribeStacksOutput,
    IncludePropertyValues,
    NextToken,
    StackName,
    StackNameOrId,
)
from localstack.services.cloudformation.v2.provider import CloudformationProviderV2
from localstack.services.plugins import Service, aws_provider

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05
SETTLED_ENOUGH = (
    "REVIEW_IN_PROGRESS"  # of a stack whose change set nobody has executed: it waits for its user
)


class PatientCloudFormation(CloudformationProviderV2):
    """LocalStack's own CloudFormation, with patience in two reads."""

    def describe_stacks(
        self,
        context: RequestContext,
        stack_name: StackName | None = None,
        next_token: NextToken | None = None,
        **kwargs,
    ) -> DescribeStacksOutput:
        """One stack: when it has settled. All stacks: at once."""

        def ask() -> DescribeStacksOutput:
            return super(PatientCloudFormation, self).describe_stacks(
                context, stack_name=stack_name, next_token=next_token, **kwargs
            )

        def settled(answer: DescribeStacksOutput) -> bool:
            status = answer["Stacks"][0]["StackStatus"]
            return status == SETTLED_ENOUGH or not status.endswith("_IN_PROGRESS")

        return _ask_until(settled, ask) if stack_name else ask()

    def describe_change_set(
        self,
        context: RequestContext,
        change_set_name: ChangeSetNameOrId,
        stack_name: StackNameOrId | None = None,
        next_token: NextToken | None = None,
        include_property_values: IncludePropertyValues | None = None,
        **kwargs,
    ) -> DescribeChangeSetOutput:
        """A change set when it has been created or has failed."""

        def ask() -> DescribeChangeSetOutput:
            return super(PatientCloudFormation, self).describe_change_set(
                context, change_set_name, stack_name, next_token, include_property_values, **kwargs
            )

        return _ask_until(lambda answer: not answer["Status"].endswith(("_PENDING", "_IN_PROGRESS")), ask)


def _ask_until[T](enough: Callable[[T], bool], ask: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not enough(answer := ask()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return answer


@aws_provider(api="cloudformation", name="lab")
def cloudformation() -> Service:
    """Selected by `PROVIDER_OVERRIDE_CLOUDFORMATION=lab`."""
    return Service.for_provider(PatientCloudFormation())
