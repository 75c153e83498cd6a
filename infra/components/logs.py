"""Log groups that exist before their first line, with a retention, and go with their stack."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(scope: Construct, construct_id: str, name: str, retention_days: int) -> logs.LogGroup:
    """A log group that keeps its lines for one of the retentions CloudWatch accepts."""
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=cdk.RemovalPolicy.DESTROY)
    cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = retention_days
    return group
