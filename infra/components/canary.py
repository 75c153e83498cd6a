"""New code takes over gradually, and gives way again when customers are hurt."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.components.stack import LabStack

ALIAS = "live"
PACE = codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES


class Canary(Construct):
    """CodeDeploy's application of an environment.

    The alarm is known by its name: the stack that makes it comes later. No deployment of an alias's first version looks
    at it, so that it is there by the first one that does.
    """

    def __init__(self, scope: LabStack, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._names = scope.names
        self._application = codedeploy.LambdaApplication(
            self, "Application", application_name=scope.names.prefix
        )
        self._alarm = cloudwatch.Alarm.from_alarm_arn(
            self, "CustomersHurt", scope.alarm_arn("critical-customers-hurt")
        )

    def alias_of(self, scope: Construct, function: lambda_.Function, name: str) -> lambda_.Alias:
        """The alias that a function is invoked by, with its deployment group."""
        alias = lambda_.Alias(scope, "Live", alias_name=ALIAS, version=function.current_version)
        codedeploy.LambdaDeploymentGroup(
            scope,
            "Deployments",
            application=self._application,
            deployment_group_name=self._names.of(name),
            alias=alias,
            deployment_config=PACE,
            alarms=[self._alarm],
            auto_rollback=codedeploy.AutoRollbackConfig(deployment_in_alarm=True, failed_deployment=True),
        )
        return alias
