"""One Lambda function of the pipeline with its role, its log group and its bundle."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import bundles
from infra.components.canary import Canary
from infra.components.logs import log_group
from infra.components.network import PrivateNetwork
from infra.components.stack import LabStack

TRACING_HANDLER = "functions.tracing.handler.lambda_handler"
"""Runs the function's own handler in a span."""


@dataclass(frozen=True)
class Shape:
    """What a function is, whatever the environment."""

    name: str
    handler: str
    description: str
    memory_mib: int
    timeout_seconds: int
    bundle: str = ""
    """The function whose code it runs; without it its own."""

    may_invoke_itself: bool = False
    reserved_concurrency: int | None = None
    audited: bool = False
    """Its log says who did what to dead letters: it is kept where data is kept."""


class PipelineFunction(Construct):
    """The function may do what `statements` say, write its own log, and nothing else."""

    def __init__(
        self,
        scope: LabStack,
        construct_id: str,
        shape: Shape,
        *,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        network: PrivateNetwork | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.shape = shape
        settings, names = scope.settings, scope.names
        target = bundles.Target(settings.bundle_platform, settings.architecture)
        bundle = bundles.build(shape.bundle or shape.name, target, traced=settings.enable_tracing)
        self.log_group = log_group(
            self,
            "Logs",
            names.function_log_group(shape.name),
            settings.log_retention_days,
            scope.removal_policy if shape.audited else cdk.RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            description=f"What {names.of(shape.name)} may do.",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "least-privilege": iam.PolicyDocument(statements=[*statements, self._own_log()])
            },
        )
        if network:
            self.role.add_to_policy(_network_interfaces())
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=names.of(shape.name),
            description=shape.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture={
                "x86_64": lambda_.Architecture.X86_64,
                "arm64": lambda_.Architecture.ARM_64,
            }[settings.architecture],
            handler=TRACING_HANDLER if settings.enable_tracing else shape.handler,
            code=lambda_.Code.from_asset(
                str(bundle.path), asset_hash=bundle.digest, asset_hash_type=cdk.AssetHashType.CUSTOM
            ),
            memory_size=shape.memory_mib,
            timeout=cdk.Duration.seconds(shape.timeout_seconds),
            reserved_concurrent_executions=shape.reserved_concurrency,
            role=self.role,
            log_group=self.log_group,
            environment={
                "ENV_NAME": settings.env_name,
                "CODE_VERSION": bundle.version,
                "LOG_LEVEL": settings.log_level,
                "POWERTOOLS_SERVICE_NAME": shape.name,
                **environment,
                **(_tracing_environment(shape, settings.otlp_endpoint) if settings.enable_tracing else {}),
            },
            layers=_layers(self, settings.collector_layer_arn),
            tracing=lambda_.Tracing.ACTIVE if settings.enable_tracing else lambda_.Tracing.DISABLED,
            recursive_loop=lambda_.RecursiveLoop.ALLOW if shape.may_invoke_itself else None,
            vpc=network.vpc if network else None,
            security_groups=[network.functions] if network else None,
        )

    def serve_by(self, canary: Canary | None) -> lambda_.Function | lambda_.Alias:
        """What events and the API invoke: the newest code, or the alias through which a canary deployment leads."""
        return canary.alias_of(self, self.function, self.shape.name) if canary else self.function

    def _own_log(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="OwnLog",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[self.log_group.log_group_arn],
        )


def _tracing_environment(shape: Shape, otlp_endpoint: str | None) -> dict[str, str]:
    endpoint = {} if otlp_endpoint is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp_endpoint}
    return {"TRACED_HANDLER": shape.handler, **endpoint}


def _layers(scope: Construct, collector: str | None) -> list[lambda_.ILayerVersion]:
    if collector is None:
        return []
    return [lambda_.LayerVersion.from_layer_version_arn(scope, "Collector", collector)]


def _network_interfaces() -> iam.PolicyStatement:
    """What Lambda needs to put a function into a VPC, in the function's name."""
    return iam.PolicyStatement(
        sid="NetworkInterfacesOfTheVpc",
        actions=[
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ],
        resources=["*"],
    )
