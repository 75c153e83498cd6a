"""AWS::EC2::FlowLog, SecurityGroupEgress and SecurityGroupIngress: configuration only, there is no traffic."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from lab_localstack.cloudformation.resource_provider import (
    Model,
    Request,
    SynchronousProvider,
    plugin,
    select,
)


class FlowLogProvider(SynchronousProvider):
    TYPE, ID = "AWS::EC2::FlowLog", "Id"
    READ_ONLY = ("Id",)
    CREATE_ONLY = (
        "DeliverLogsPermissionArn",
        "LogDestination",
        "LogDestinationType",
        "LogFormat",
        "LogGroupName",
        "MaxAggregationInterval",
        "ResourceId",
        "ResourceType",
        "TrafficType",
    )
    PROPERTIES = (*CREATE_ONLY, "Tags")

    def make(self, request: Request, model: Model) -> Model:
        answer = _ec2(request).create_flow_logs(
            ResourceIds=[model["ResourceId"]],
            TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": model.get("Tags") or []}],
            **select(model, tuple(name for name in self.CREATE_ONLY if name != "ResourceId")),
        )
        if failed := answer.get("Unsuccessful"):
            raise ValueError(failed[0]["Error"]["Message"])
        return {"Id": answer["FlowLogIds"][0]}

    def change(self, request: Request, model: Model, before: Model) -> Model:
        wanted, had = ({tag["Key"] for tag in state.get("Tags") or []} for state in (model, before))
        if gone := sorted(had - wanted):
            _ec2(request).delete_tags(Resources=[model["Id"]], Tags=[{"Key": key} for key in gone])
        if wanted:
            _ec2(request).create_tags(Resources=[model["Id"]], Tags=model["Tags"])
        return {}

    def remove(self, request: Request, model: Model) -> None:
        with _may_be_gone():
            _ec2(request).delete_flow_logs(FlowLogIds=[model["Id"]])


class SecurityGroupRuleProvider(SynchronousProvider):
    """A rule of a security group, in one direction."""

    ID = "Id"
    READ_ONLY = ("Id",)
    DIRECTION: ClassVar[str]
    OTHER_GROUP: ClassVar[str]

    def make(self, request: Request, model: Model) -> Model:
        rule = select(model, ("IpProtocol", "FromPort", "ToPort"))
        described = select(model, ("Description",))
        if group := model.get(self.OTHER_GROUP):
            rule["UserIdGroupPairs"] = [{"GroupId": group, **described}]
        if cidr := model.get("CidrIp"):
            rule["IpRanges"] = [{"CidrIp": cidr, **described}]
        if cidr := model.get("CidrIpv6"):
            rule["Ipv6Ranges"] = [{"CidrIpv6": cidr, **described}]
        authorize = getattr(_ec2(request), f"authorize_security_group_{self.DIRECTION}")
        answer = authorize(GroupId=model["GroupId"], IpPermissions=[rule])
        return {"Id": answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]}

    def change(self, request: Request, model: Model, before: Model) -> Model:  # noqa: ARG002  all else replaces
        update = getattr(_ec2(request), f"update_security_group_rule_descriptions_{self.DIRECTION}")
        description = {"SecurityGroupRuleId": model["Id"], "Description": model.get("Description", "")}
        update(GroupId=model["GroupId"], SecurityGroupRuleDescriptions=[description])
        return {}

    def remove(self, request: Request, model: Model) -> None:
        revoke = getattr(_ec2(request), f"revoke_security_group_{self.DIRECTION}")
        with _may_be_gone():
            revoke(GroupId=model["GroupId"], SecurityGroupRuleIds=[model["Id"]])


class SecurityGroupIngressProvider(SecurityGroupRuleProvider):
    TYPE, DIRECTION, OTHER_GROUP = "AWS::EC2::SecurityGroupIngress", "ingress", "SourceSecurityGroupId"
    CREATE_ONLY = (
        "CidrIp",
        "CidrIpv6",
        "FromPort",
        "GroupId",
        "IpProtocol",
        "SourceSecurityGroupId",
        "ToPort",
    )
    PROPERTIES = (*CREATE_ONLY, "Description")


class SecurityGroupEgressProvider(SecurityGroupRuleProvider):
    TYPE, DIRECTION, OTHER_GROUP = "AWS::EC2::SecurityGroupEgress", "egress", "DestinationSecurityGroupId"
    CREATE_ONLY = (
        "CidrIp",
        "CidrIpv6",
        "DestinationSecurityGroupId",
        "FromPort",
        "GroupId",
        "IpProtocol",
        "ToPort",
    )
    PROPERTIES = (*CREATE_ONLY, "Description")


def _ec2(request: Request) -> Any:
    return request.aws_client_factory.ec2


@contextmanager
def _may_be_gone() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if not error.response.get("Error", {}).get("Code", "").endswith(".NotFound"):
            raise


FlowLogPlugin = plugin(FlowLogProvider)
SecurityGroupEgressPlugin = plugin(SecurityGroupEgressProvider)
SecurityGroupIngressPlugin = plugin(SecurityGroupIngressProvider)
