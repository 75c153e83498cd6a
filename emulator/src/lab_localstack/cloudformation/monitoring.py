"""AWS::CloudWatch::Dashboard, AWS::Logs::MetricFilter, AWS::Logs::QueryDefinition and AWS::Logs::ResourcePolicy."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from localstack.services.cloudformation.provider_utils import generate_default_name

from lab_localstack.cloudformation.resource_provider import Model, Request, SynchronousProvider, plugin


class PutProvider(SynchronousProvider):
    """A resource whose one operation makes it or replaces what has its name."""

    NAME: ClassVar[str]

    @abstractmethod
    def put(self, request: Request, model: Model) -> Model:
        """Make or replace it; returns the attributes that AWS chose."""

    def make(self, request: Request, model: Model) -> Model:
        name = model.get(self.NAME) or generate_default_name(request.stack_name, request.logical_resource_id)
        return {self.NAME: name} | self.put(request, model | {self.NAME: name})

    def change(self, request: Request, model: Model, before: Model) -> Model:
        name = model.get(self.NAME) or before[self.NAME]
        return {self.NAME: name} | self.put(request, model | {self.NAME: name})


class DashboardProvider(PutProvider):
    """Its tags are known to CloudFormation alone: here CloudWatch has tags for alarms."""

    TYPE, ID, NAME = "AWS::CloudWatch::Dashboard", "DashboardName", "DashboardName"
    CREATE_ONLY = ("DashboardName",)
    PROPERTIES = ("DashboardName", "DashboardBody", "Tags")

    def put(self, request: Request, model: Model) -> Model:
        cloudwatch: Any = request.aws_client_factory.cloudwatch
        cloudwatch.put_dashboard(DashboardName=model["DashboardName"], DashboardBody=model["DashboardBody"])
        return {}

    def remove(self, request: Request, model: Model) -> None:
        cloudwatch: Any = request.aws_client_factory.cloudwatch
        with suppress(cloudwatch.exceptions.DashboardNotFoundError):
            cloudwatch.delete_dashboards(DashboardNames=[model["DashboardName"]])


class MetricFilterProvider(PutProvider):
    """Ref is the filter's name, although the type's primary identifier has the log group too."""

    TYPE, ID, NAME = "AWS::Logs::MetricFilter", "FilterName", "FilterName"
    CREATE_ONLY = ("FilterName", "LogGroupName")
    PROPERTIES = ("FilterName", "FilterPattern", "LogGroupName", "MetricTransformations")

    def put(self, request: Request, model: Model) -> Model:
        request.aws_client_factory.logs.put_metric_filter(
            logGroupName=model["LogGroupName"],
            filterName=model["FilterName"],
            filterPattern=model["FilterPattern"],
            metricTransformations=[_transformation(given) for given in model["MetricTransformations"]],
        )
        return {}

    def remove(self, request: Request, model: Model) -> None:
        logs: Any = request.aws_client_factory.logs
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_metric_filter(logGroupName=model["LogGroupName"], filterName=model["FilterName"])


class QueryDefinitionProvider(PutProvider):
    TYPE, ID, NAME = "AWS::Logs::QueryDefinition", "QueryDefinitionId", "Name"
    READ_ONLY = ("QueryDefinitionId",)
    PROPERTIES = ("Name", "QueryString", "LogGroupNames")

    def put(self, request: Request, model: Model) -> Model:
        known = {"queryDefinitionId": model["QueryDefinitionId"]} if "QueryDefinitionId" in model else {}
        answer = request.aws_client_factory.logs.put_query_definition(
            name=model["Name"],
            queryString=model["QueryString"],
            logGroupNames=model.get("LogGroupNames") or [],
            **known,
        )
        return {"QueryDefinitionId": answer["queryDefinitionId"]}

    def remove(self, request: Request, model: Model) -> None:
        logs: Any = request.aws_client_factory.logs
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_query_definition(queryDefinitionId=model["QueryDefinitionId"])


class ResourcePolicyProvider(PutProvider):
    """Who may write to log groups; EventBridge's rules with a log group as target come with such a policy."""

    TYPE, ID, NAME = "AWS::Logs::ResourcePolicy", "PolicyName", "PolicyName"
    CREATE_ONLY = ("PolicyName",)
    PROPERTIES = ("PolicyName", "PolicyDocument")

    def put(self, request: Request, model: Model) -> Model:
        request.aws_client_factory.logs.put_resource_policy(
            policyName=model["PolicyName"], policyDocument=model["PolicyDocument"]
        )
        return {}

    def remove(self, request: Request, model: Model) -> None:
        logs: Any = request.aws_client_factory.logs
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_resource_policy(policyName=model["PolicyName"])


def _transformation(given: Mapping[str, Any]) -> dict[str, Any]:
    """A metric transformation by the API's names; CloudFormation writes dimensions as a list of pairs."""
    named = {name[:1].lower() + name[1:]: value for name, value in given.items()}
    if dimensions := given.get("Dimensions"):
        named["dimensions"] = {pair["Key"]: pair["Value"] for pair in dimensions}
    return named


DashboardPlugin = plugin(DashboardProvider)
MetricFilterPlugin = plugin(MetricFilterProvider)
QueryDefinitionPlugin = plugin(QueryDefinitionProvider)
ResourcePolicyPlugin = plugin(ResourcePolicyProvider)
