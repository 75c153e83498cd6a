"""What the security checks find and the lab accepts, each with its reason. The tests allow nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """A finding of a cdk-nag rule. `where` is a pattern of construct paths without the environment."""

    rule: str
    where: str
    reason: str


FINDINGS = (
    Accepted(
        "AwsSolutions-SQS3",
        "queue/UndeliveredEvents/*",
        "It is itself the dead-letter queue of the event rule's target, which the check does not see.",
    ),
    Accepted(
        "AwsSolutions-SQS3",
        "queue/FailedInvocations/*",
        "It is itself the destination of asynchronous invocations that failed, which the check does not see.",
    ),
    Accepted(
        "AwsSolutions-SMG4",
        "queue/RedriveToken/*",
        "The token opens only the lab's own redrive routes. It is replaced by hand: write another value, which the "
        "authorizer takes within five minutes (docs/security.md).",
    ),
    Accepted(
        "AwsSolutions-DDB3",
        "queue/*Table/*",
        "Local profile only: an engine without persistence has no point in time to go back to.",
    ),
    Accepted(
        "AwsSolutions-L1",
        "functions/*/Function/*",
        "The project's Python is 3.13, which Lambda supports until 2029; the bundles' wheels are for it.",
    ),
    Accepted(
        "AwsSolutions-APIG4",
        "api/Api/*--events/*",
        "Public in `dev` alone: ingestAuth=none is refused elsewhere. The stage's throttling bounds requests there, "
        "not what they cost.",
    ),
    Accepted(
        "AwsSolutions-APIG4",
        "api/Api/*--events--batch/*",
        "As for single orders, of which a batch holds up to 500: about $0.003 a request by list prices, so some "
        "$1.40 a second at the default of 500 requests a second.",
    ),
    Accepted(
        "AwsSolutions-APIG4",
        "api/Api/GET--health/*",
        "Monitoring asks for it without credentials, and it tells only the code version.",
    ),
    Accepted(
        "AwsSolutions-APIG4",
        "api/Api/GET--openapi.json/*",
        "The description of the API is in the repository for everybody to read.",
    ),
    Accepted(
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]",
        "functions/*/Deployments/ServiceRole/*",
        "AWS's own policy for CodeDeploy with Lambda, which it keeps up with what CodeDeploy calls.",
    ),
    Accepted(
        "AwsSolutions-IAM5[Resource::*]",
        "functions/*/Role/DefaultPolicy/*",
        "Only the actions in WILDCARD_ACTIONS.",
    ),
)

WILDCARD_ACTIONS = {
    "ec2:AssignPrivateIpAddresses": "Lambda's network interface in the VPC has no name before it exists.",
    "ec2:CreateNetworkInterface": "As above.",
    "ec2:DeleteNetworkInterface": "As above.",
    "ec2:DescribeNetworkInterfaces": "EC2 knows no permission on single resources for describing.",
    "ec2:DescribeSubnets": "EC2 knows no permission on single resources for describing.",
    "ec2:UnassignPrivateIpAddresses": "As above.",
    "xray:PutTelemetryRecords": "X-Ray knows no permission on single resources for writing traces.",
    "xray:PutTraceSegments": "X-Ray knows no permission on single resources for writing traces.",
}
"""The actions that a function's role allows on every resource, and why no single resource can be named."""
