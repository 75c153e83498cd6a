"""A network without a way to the internet: the functions reach AWS's services through VPC endpoints."""

from aws_cdk import aws_ec2 as ec2
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
            restrict_default_security_group=False,
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
        self.vpc.add_gateway_endpoint("DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        for name, service in (_INTERFACE_ENDPOINTS | _called_with(scope.settings)).items():
            self.vpc.add_interface_endpoint(name, service=service, security_groups=[endpoints], open=False)
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
