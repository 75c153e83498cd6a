"""Smoke checks of a deployment, one by one: CloudFormation can report success for nothing."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from infra.components.names import ALARMS, PAUSER_ALARMS
from lab.common.results import Result, Verdict
from lab.deployment import alarms
from lab.deployment.stack import Stack
from lab.engines.clients import Aws
from lab.engines.direct import DIRECT

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient


def probe(aws: Aws, stack: Stack) -> Iterator[Result]:
    """Run every smoke check. An answer that is an error refutes it; without an answer nothing was read."""
    probes: dict[str, tuple[str, Callable[[Aws, Stack], tuple[bool, str]]]] = {
        "API answers": ("GET /health 200", _api_answers),
        "API guards redrive": ("401 without a token", _redrive_is_guarded),
        "event source mapping enabled": ("Enabled, partial batch response on", _mapping_enabled),
        "queue redrives to the DLQ": (stack.dlq_name, _queue_redrives),
        "tables exist": ("4 active", _tables_exist),
        "failure mode readable": ("a value", _failure_mode_readable),
        "event rule feeds the topic": ("ENABLED, the topic among its targets", _rule_feeds_topic),
        "metric filters exist": ("at least 1", _metric_filters_exist),
        "alarms exist": (f"{len(ALARMS)} alarms", _alarms_exist),
        "dashboard exists": ("a body", _dashboard_exists),
    }
    for name, (expected, probed) in probes.items():
        try:
            passed, seen = probed(aws, stack)
            verdict = Verdict.of(passed)
        except ClientError as error:
            seen, verdict = str(error), Verdict.REFUTED
        except (BotoCoreError, httpx.HTTPError) as error:
            seen, verdict = str(error), Verdict.UNREAD
        yield Result(name=name, expected=expected, seen=seen, verdict=verdict)


def _api_answers(_aws: Aws, stack: Stack) -> tuple[bool, str]:
    answer = httpx.get(f"{stack.api_url}/health", timeout=15, **DIRECT)
    return answer.status_code == 200, f"GET /health {answer.status_code}"


def _redrive_is_guarded(_aws: Aws, stack: Stack) -> tuple[bool, str]:
    answer = httpx.get(f"{stack.api_url}/redrive/preview", timeout=15, **DIRECT)
    return answer.status_code == 401, f"GET /redrive/preview {answer.status_code}"


def _mapping_enabled(aws: Aws, stack: Stack) -> tuple[bool, str]:
    lambda_: LambdaClient = aws.client("lambda")
    mapping = lambda_.get_event_source_mapping(UUID=stack.worker_event_source_mapping_id)
    partial = "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
    state = mapping.get("State", "unknown")
    return state == "Enabled" and partial, f"{state}, partial batch response {'on' if partial else 'off'}"


def _queue_redrives(aws: Aws, stack: Stack) -> tuple[bool, str]:
    sqs: SQSClient = aws.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=["RedrivePolicy"])
    policy = attributes.get("Attributes", {}).get("RedrivePolicy", "none")
    return f":{stack.dlq_name}" in policy, policy


def _tables_exist(aws: Aws, stack: Stack) -> tuple[bool, str]:
    dynamodb: DynamoDBClient = aws.client("dynamodb")
    names = (
        stack.orders_table_name,
        stack.idempotency_table_name,
        stack.circuits_table_name,
        stack.redrive_table_name,
    )
    states = {name: dynamodb.describe_table(TableName=name)["Table"].get("TableStatus") for name in names}
    return set(states.values()) == {"ACTIVE"}, f"{len(states)} active"


def _failure_mode_readable(aws: Aws, stack: Stack) -> tuple[bool, str]:
    ssm: SSMClient = aws.client("ssm")
    mode = ssm.get_parameter(Name=stack.failure_mode_parameter)["Parameter"].get("Value", "")
    return bool(mode), f"{stack.failure_mode_parameter} = {mode}"


def _rule_feeds_topic(aws: Aws, stack: Stack) -> tuple[bool, str]:
    events: EventBridgeClient = aws.client("events")
    rule = events.describe_rule(Name=stack.order_events_rule_name, EventBusName=stack.event_bus_name)
    targets = events.list_targets_by_rule(
        Rule=stack.order_events_rule_name, EventBusName=stack.event_bus_name
    )["Targets"]
    fed = any(target["Arn"] == stack.order_events_topic_arn for target in targets)
    return rule.get("State") == "ENABLED" and fed, f"{rule.get('State')}, {len(targets)} target"


def _metric_filters_exist(aws: Aws, stack: Stack) -> tuple[bool, str]:
    logs: CloudWatchLogsClient = aws.client("logs")
    group = f"/aws/lambda/{stack.worker_function_name}"
    filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    return bool(filters), f"{len(filters)} on {group}"


def _alarms_exist(aws: Aws, stack: Stack) -> tuple[bool, str]:
    names = alarms.states(aws.client("cloudwatch"), stack)
    wanted = [name for name in ALARMS if stack.valve_queue_url or name not in PAUSER_ALARMS]
    missing = [name for name in wanted if name not in names]
    return not missing, f"{len(names)} alarms" + (f", missing {', '.join(missing)}" if missing else "")


def _dashboard_exists(aws: Aws, stack: Stack) -> tuple[bool, str]:
    cloudwatch: CloudWatchClient = aws.client("cloudwatch")
    body = cloudwatch.get_dashboard(DashboardName=stack.dashboard_name)["DashboardBody"]
    return bool(body), f"{stack.dashboard_name}, {len(body)} bytes"
