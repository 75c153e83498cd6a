"""What the four stacks have in common."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.components.names import AlarmName, Names
from infra.settings import Settings


class LabStack(cdk.Stack):
    """A stack named after its environment, with outputs whose keys are the names that tools look for."""

    def __init__(
        self, scope: Construct, what: str, settings: Settings, env: cdk.Environment, description: str
    ) -> None:
        self.settings = settings
        self.names = Names(settings.env_name)
        name = self.names.of(what)
        super().__init__(
            scope,
            name,
            stack_name=name,
            env=env,
            description=description,
            termination_protection=not settings.is_disposable,
        )
        cdk.Tags.of(self).add("application", "event-driven-ingestion-lab")
        cdk.Tags.of(self).add("environment", settings.env_name)

    @property
    def availability_zones(self) -> list[str]:
        """The region's first two, chosen at deployment: a synth needs no call to AWS to know them."""
        return [cdk.Fn.select(index, cdk.Fn.get_azs()) for index in (0, 1)]

    @property
    def removal_policy(self) -> cdk.RemovalPolicy:
        """What happens to data and keys when the stack goes: kept, unless the environment is disposable.

        A creation that fails leaves nothing behind, or its names would stand in the way of the next one.
        """
        disposable = self.settings.is_disposable
        return cdk.RemovalPolicy.DESTROY if disposable else cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

    def output(self, key: str, value: str, description: str) -> None:
        """Publish a value under a key that tools read from the stack's outputs."""
        cdk.CfnOutput(self, key, value=value, description=description)

    def arn(self, service: str, resource: str, **parts: Any) -> str:
        """The ARN of a resource of this account and region by its name: no reference, so no cycle."""
        return self.format_arn(service=service, resource=resource, **parts)

    def alarm_arn(self, name: AlarmName) -> str:
        """The ARN of an alarm, which a later stack makes."""
        return self.arn(
            "cloudwatch",
            "alarm",
            resource_name=self.names.alarm(name),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
