"""A network without a way to the internet: the functions reach AWS's services through VPC endpoints."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.components.logs import log_group
from infra.components.stack import LabStack
from infra.settings import Settings

_INTERFACE_ENDPOINTS = {
    "CloudWatch": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "EventBridge": ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Lambda": ec2.InterfaceVpcEndpointAwsService.LAMBDA_,
}
"""The services that the functions call. Logs and polling are Lambda's own and stay outside."""


def _called_with(settings: Settings) -> dict[str, ec2.InterfaceVpcEndpointAwsService]:
    """What only some settings let functions call; an endpoint is charged by the hour."""
    called: dict[str, ec2.InterfaceVpcEndpointAwsService] = {}
    if settings.has_failure_modes:
        called["Ssm"] = ec2.InterfaceVpcEndpointAwsService.SSM
    if settings.collector_layer_arn:
        called["XRay"] = ec2.InterfaceVpcEndpointAwsService.XRAY
    return called


class PrivateNetwork(Construct):
    """Two isolated subnets, an endpoint for each service, and the functions' security group."""

    def __init__(self, scope: LabStack, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=scope.names.prefix,
            ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/24"),
            availability_zones=scope.availability_zones,
            nat_gateways=0,
            restrict_default_security_group=not scope.settings.is_local,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="functions", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26
                )
            ],
        )
        self.functions = ec2.SecurityGroup(
            self,
            "Functions",
            vpc=self.vpc,
            security_group_name=scope.names.of("functions"),
            description="The functions: HTTPS to the endpoints and nothing else.",
            allow_all_outbound=False,
        )
        self.functions.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "The VPC routes only to endpoints."
        )
        endpoints = ec2.SecurityGroup(
            self,
            "Endpoints",
            vpc=self.vpc,
            security_group_name=scope.names.of("endpoints"),
            description="The interface endpoints: HTTPS from the functions.",
            allow_all_outbound=False,
        )
        endpoints.add_ingress_rule(self.functions, ec2.Port.tcp(443), "The functions.")
        tables = self.vpc.add_gateway_endpoint("DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        tables.add_to_policy(_within(scope.account))
        for name, service in (_INTERFACE_ENDPOINTS | _called_with(scope.settings)).items():
            endpoint = self.vpc.add_interface_endpoint(
                name, service=service, security_groups=[endpoints], open=False
            )
            endpoint.add_to_policy(_within(scope.account))
        rejected = log_group(
            self,
            "FlowLogs",
            f"/aws/vendedlogs/{scope.names.prefix}-vpc-rejected",
            scope.settings.log_retention_days,
        )
        self.vpc.add_flow_log(
            "Rejected",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(rejected),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )


def _within(account: str) -> iam.PolicyStatement:
    """Lets an endpoint pass only what this account's principals ask of this account's resources.

    A function that is taken over cannot write to somebody else's queue or table, nor with somebody else's credentials.
    """
    return iam.PolicyStatement(
        sid="WithinTheAccount",
        principals=[iam.AnyPrincipal()],
        actions=["*"],
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}},
    )
