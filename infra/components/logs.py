"""Log groups that exist before their first line, with a retention."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct,
    construct_id: str,
    name: str,
    retention_days: int,
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
) -> logs.LogGroup:
    """A log group that keeps its lines for one of the retentions CloudWatch accepts, and goes with its stack."""
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=removal_policy)
    cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = retention_days
    return group
