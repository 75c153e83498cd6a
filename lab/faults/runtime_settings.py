"""Runtime settings: what a fault or a misconfiguration changes of the deployed pipeline.

Each is read and written through AWS APIs; what is read is JSON-able and can be written back.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from infra.components.names import AlarmName
from lab.common.polling import UPDATE_SECONDS, wait_for, wait_until_updated
from lab.errors import LabError
from lab.faults import second_consumer
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_"
"""What the variables begin with in which AWS's SDKs look for a service's endpoint."""

ENVIRONMENT_OF = "environment-of-"


@dataclass(frozen=True)
class RuntimeSetting:
    """One setting. `write` returns once the pipeline works with the new value."""

    name: str
    read: Callable[[Pipeline], Any]
    write: Callable[[Pipeline, Any], None]


def _lambda(pipeline: Pipeline) -> "LambdaClient":
    return pipeline.aws.client("lambda")


def _failure_modes(name: str, of: slice) -> RuntimeSetting:
    """Failure mode parameters, which act together: their values by name, as those of a function's variables.

    Functions may use a value they have read for a known time: write waits it out.
    """

    def read(pipeline: Pipeline) -> Any:
        wanted = pipeline.stack.failure_mode_parameters[of]
        return {name: value for name, value in pipeline.failure_modes().items() if name in wanted}

    def write(pipeline: Pipeline, value: Any) -> None:
        pipeline.write_failure_modes(value)
        time.sleep(_mode_age_seconds(pipeline) + 0.1)

    return RuntimeSetting(name, read, write)


def unread_modes(pipeline: Pipeline) -> LabError | None:
    """What is to be said where no function reads the failure mode: a mode would be written for nobody."""
    if "FAILURE_MODE_PARAMETERS" in _environment(pipeline, pipeline.stack.worker_function_name):
        return None
    env = pipeline.stack.env_name
    return LabError(
        f"No function of {env} reads the failure mode: it was deployed with enableFailureModes=false.",
        f"Switch failure modes on: lab deploy --env {env} -c enableFailureModes=true, with its other settings.",
    )


def require_readers(pipeline: Pipeline) -> None:
    """Raise LabError where no function reads the failure mode."""
    if unread := unread_modes(pipeline):
        raise unread


def _mode_age_seconds(pipeline: Pipeline) -> float:
    environment = _environment(pipeline, pipeline.stack.worker_function_name)
    return float(environment.get("FAILURE_MODE_MAX_AGE_SECONDS", "5"))


def _environment(pipeline: Pipeline, function: str) -> dict[str, str]:
    configuration = _lambda(pipeline).get_function_configuration(FunctionName=function)
    return configuration.get("Environment", {}).get("Variables", {})


def _environment_of(name: str, function: Callable[[Pipeline], str]) -> RuntimeSetting:
    def write(pipeline: Pipeline, value: Any) -> None:
        _lambda(pipeline).update_function_configuration(
            FunctionName=function(pipeline), Environment={"Variables": value}
        )
        wait_until_updated(_lambda(pipeline), function(pipeline))

    return RuntimeSetting(name, lambda pipeline: _environment(pipeline, function(pipeline)), write)


def environment_of(function: str) -> RuntimeSetting:
    """The environment variables of any function."""
    return _environment_of(f"{ENVIRONMENT_OF}{function}", lambda _pipeline: function)


def _concurrency_of(name: str, function: Callable[[Pipeline], str]) -> RuntimeSetting:
    """Reserved concurrency; None where nothing is reserved."""

    def read(pipeline: Pipeline) -> Any:
        return (
            _lambda(pipeline)
            .get_function_concurrency(FunctionName=function(pipeline))
            .get("ReservedConcurrentExecutions")
        )

    def write(pipeline: Pipeline, value: Any) -> None:
        if value is None:
            _lambda(pipeline).delete_function_concurrency(FunctionName=function(pipeline))
        else:
            _lambda(pipeline).put_function_concurrency(
                FunctionName=function(pipeline), ReservedConcurrentExecutions=value
            )

    return RuntimeSetting(name, read, write)


def _timeout_of(name: str, function: Callable[[Pipeline], str]) -> RuntimeSetting:
    def read(pipeline: Pipeline) -> Any:
        return _lambda(pipeline).get_function_configuration(FunctionName=function(pipeline)).get("Timeout")

    def write(pipeline: Pipeline, value: Any) -> None:
        _lambda(pipeline).update_function_configuration(FunctionName=function(pipeline), Timeout=value)
        wait_until_updated(_lambda(pipeline), function(pipeline))

    return RuntimeSetting(name, read, write)


def _mapping(pipeline: Pipeline) -> Any:
    return _lambda(pipeline).get_event_source_mapping(UUID=pipeline.stack.worker_event_source_mapping_id)


def _change_mapping(pipeline: Pipeline, **changes: Any) -> None:
    _lambda(pipeline).update_event_source_mapping(
        UUID=pipeline.stack.worker_event_source_mapping_id, **changes
    )
    wait_for(
        "the event source mapping to be updated",
        lambda: _mapping(pipeline).get("State"),
        lambda state: state in ("Enabled", "Disabled"),
        within=UPDATE_SECONDS,
    )


def _orders_queue(pipeline: Pipeline) -> str:
    return pipeline.stack.queue_url


def _queue_attribute(
    name: str, attribute: str, url_of: Callable[[Pipeline], str] = _orders_queue
) -> RuntimeSetting:
    def read(pipeline: Pipeline) -> Any:
        sqs: SQSClient = pipeline.aws.client("sqs")
        attributes: Any = sqs.get_queue_attributes(QueueUrl=url_of(pipeline), AttributeNames=["All"]).get(
            "Attributes", {}
        )
        return attributes.get(attribute, "")

    def write(pipeline: Pipeline, value: Any) -> None:
        sqs: SQSClient = pipeline.aws.client("sqs")
        changed: Any = {attribute: value}
        sqs.set_queue_attributes(QueueUrl=url_of(pipeline), Attributes=changed)

    return RuntimeSetting(name, read, write)


def _rule(pipeline: Pipeline) -> Any:
    events: EventBridgeClient = pipeline.aws.client("events")
    stack = pipeline.stack
    return events.describe_rule(Name=stack.order_events_rule_name, EventBusName=stack.event_bus_name)


def _rule_state() -> RuntimeSetting:
    def write(pipeline: Pipeline, value: Any) -> None:
        events: EventBridgeClient = pipeline.aws.client("events")
        stack = pipeline.stack
        change = events.enable_rule if value == "ENABLED" else events.disable_rule
        change(Name=stack.order_events_rule_name, EventBusName=stack.event_bus_name)

    return RuntimeSetting("order-events-rule", lambda pipeline: _rule(pipeline).get("State"), write)


def _rule_pattern() -> RuntimeSetting:
    """The pattern of the events that the rule takes, as JSON text. A rule is put as a whole: the rest stays."""

    def write(pipeline: Pipeline, value: Any) -> None:
        events: EventBridgeClient = pipeline.aws.client("events")
        kept = {name: _rule(pipeline)[name] for name in ("Name", "EventBusName", "State", "Description")}
        events.put_rule(**kept, EventPattern=value)

    return RuntimeSetting("order-events-pattern", lambda pipeline: _rule(pipeline).get("EventPattern"), write)


def _alarm_actions(alarm: AlarmName) -> RuntimeSetting:
    def full_name(pipeline: Pipeline) -> str:
        return pipeline.stack.alarm(alarm)

    def read(pipeline: Pipeline) -> Any:
        cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=[full_name(pipeline)])["MetricAlarms"]
        return bool(found and found[0].get("ActionsEnabled"))

    def write(pipeline: Pipeline, value: Any) -> None:
        cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
        change = cloudwatch.enable_alarm_actions if value else cloudwatch.disable_alarm_actions
        change(AlarmNames=[full_name(pipeline)])

    return RuntimeSetting("dlq-alarm-actions", read, write)


ALARM_FIELDS = (
    *(
        "AlarmName",
        "AlarmDescription",
        "ActionsEnabled",
        "OKActions",
        "AlarmActions",
        "InsufficientDataActions",
    ),
    *(
        "MetricName",
        "Namespace",
        "Statistic",
        "Dimensions",
        "Period",
        "EvaluationPeriods",
        "DatapointsToAlarm",
    ),
    *("Threshold", "ComparisonOperator", "TreatMissingData", "Metrics"),
)
"""What PutMetricAlarm takes of what DescribeAlarms tells (CloudWatch API reference)."""


def _alarm_definition(name: str, alarm: AlarmName) -> RuntimeSetting:
    """What an alarm watches and when it rings, as JSON text."""

    def read(pipeline: Pipeline) -> Any:
        cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
        found: Any = cloudwatch.describe_alarms(AlarmNames=[pipeline.stack.alarm(alarm)])["MetricAlarms"][0]
        told = {field: found[field] for field in ALARM_FIELDS if found.get(field) not in (None, [])}
        return json.dumps(told, sort_keys=True)

    def write(pipeline: Pipeline, value: Any) -> None:
        cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
        cloudwatch.put_metric_alarm(**json.loads(value))

    return RuntimeSetting(name, read, write)


def _metric_filter(pipeline: Pipeline, metric: str) -> Any:
    logs: CloudWatchLogsClient = pipeline.aws.client("logs")
    return logs.describe_metric_filters(
        logGroupName=f"/aws/lambda/{pipeline.stack.worker_function_name}",
        filterNamePrefix=f"{pipeline.stack.prefix}-{metric}",
    )["metricFilters"][0]


def _put_metric_filter(pipeline: Pipeline, metric: str, **changed: Any) -> None:
    logs: CloudWatchLogsClient = pipeline.aws.client("logs")
    found = _metric_filter(pipeline, metric) | changed
    kept = ("logGroupName", "filterName", "filterPattern", "metricTransformations")
    logs.put_metric_filter(**{name: found[name] for name in kept})


def _filter_pattern(metric: str) -> RuntimeSetting:
    """The pattern by which one log metric of the worker counts."""
    return RuntimeSetting(
        "dead-letter-metric-filter",
        lambda pipeline: _metric_filter(pipeline, metric).get("filterPattern"),
        lambda pipeline, value: _put_metric_filter(pipeline, metric, filterPattern=value),
    )


def _filter_value(metric: str) -> RuntimeSetting:
    """How much one log metric of the worker counts for each line that matches."""

    def transformation(pipeline: Pipeline) -> Any:
        return _metric_filter(pipeline, metric)["metricTransformations"][0]

    def write(pipeline: Pipeline, value: Any) -> None:
        changed = transformation(pipeline) | {"metricValue": value}
        _put_metric_filter(pipeline, metric, metricTransformations=[changed])

    return RuntimeSetting(
        "dead-letter-metric-value", lambda pipeline: transformation(pipeline)["metricValue"], write
    )


def _topic_key() -> RuntimeSetting:
    """The KMS key that the topic of the alarms is encrypted with; empty without one."""

    def read(pipeline: Pipeline) -> Any:
        sns: SNSClient = pipeline.aws.client("sns")
        attributes = sns.get_topic_attributes(TopicArn=pipeline.stack.alarms_topic_arn)["Attributes"]
        return attributes.get("KmsMasterKeyId", "")

    def write(pipeline: Pipeline, value: Any) -> None:
        sns: SNSClient = pipeline.aws.client("sns")
        sns.set_topic_attributes(
            TopicArn=pipeline.stack.alarms_topic_arn, AttributeName="KmsMasterKeyId", AttributeValue=value
        )

    return RuntimeSetting("alarms-topic-key", read, write)


FAILURE_MODE = _failure_modes("failure-mode", slice(None))
PLAIN_FAILURE_MODE = _failure_modes("plain-failure-mode", slice(1, None))
"""The part of it that a puzzle hides: a record of its own, so that no other change undoes it."""
WORKER_ENVIRONMENT = _environment_of(
    "worker-environment", lambda pipeline: pipeline.stack.worker_function_name
)
INGEST_ENVIRONMENT = _environment_of(
    "ingest-environment", lambda pipeline: pipeline.stack.ingest_function_name
)
REDRIVE_ENVIRONMENT = _environment_of(
    "redrive-environment", lambda pipeline: pipeline.stack.redrive_function_name
)
WORKER_CONCURRENCY = _concurrency_of(
    "worker-concurrency", lambda pipeline: pipeline.stack.worker_function_name
)
INGEST_CONCURRENCY = _concurrency_of(
    "ingest-concurrency", lambda pipeline: pipeline.stack.ingest_function_name
)
WORKER_TIMEOUT = _timeout_of("worker-timeout", lambda pipeline: pipeline.stack.worker_function_name)
MAPPING_ENABLED = RuntimeSetting(
    "mapping-enabled",
    lambda pipeline: _mapping(pipeline).get("State") not in ("Disabled", "Disabling"),
    lambda pipeline, value: _change_mapping(pipeline, Enabled=value),
)
MAPPING_PAUSED = replace(MAPPING_ENABLED, name="mapping-paused")
"""The same while a check looks: a record of its own, which leaves that of a puzzle alone."""
QUEUE_REDRIVE_POLICY = _queue_attribute("queue-redrive-policy", "RedrivePolicy")
QUEUE_DELAY = _queue_attribute("queue-delay", "DelaySeconds")
QUEUE_VISIBILITY = _queue_attribute("queue-visibility", "VisibilityTimeout")
DLQ_RETENTION = _queue_attribute(
    "dlq-retention", "MessageRetentionPeriod", lambda pipeline: pipeline.stack.dlq_url
)
BATCH_WINDOW = RuntimeSetting(
    "batch-window",
    lambda pipeline: _mapping(pipeline).get("MaximumBatchingWindowInSeconds", 0),
    lambda pipeline, value: _change_mapping(pipeline, MaximumBatchingWindowInSeconds=value),
)
ORDER_EVENTS_RULE = _rule_state()
ORDER_EVENTS_PATTERN = _rule_pattern()
DLQ_ALARM_ACTIONS = _alarm_actions("critical-dlq-depth")
DLQ_ALARM_DEFINITION = _alarm_definition("dlq-alarm-definition", "critical-dlq-depth")
ALARMS_TOPIC_KEY = _topic_key()
DEAD_LETTER_FILTER = _filter_pattern("OrdersDeadLettered")
DEAD_LETTER_VALUE = _filter_value("OrdersDeadLettered")
SECOND_CONSUMER = RuntimeSetting("second-consumer", second_consumer.is_there, second_consumer.put)
NOTHING = RuntimeSetting("nothing", lambda _pipeline: False, lambda _pipeline, _value: None)
"""A setting of nothing at all, for whoever looks for what is not there."""

RUNTIME_SETTINGS = {
    setting.name: setting
    for setting in (
        FAILURE_MODE,
        PLAIN_FAILURE_MODE,
        WORKER_ENVIRONMENT,
        INGEST_ENVIRONMENT,
        REDRIVE_ENVIRONMENT,
        WORKER_CONCURRENCY,
        INGEST_CONCURRENCY,
        WORKER_TIMEOUT,
        MAPPING_ENABLED,
        MAPPING_PAUSED,
        QUEUE_REDRIVE_POLICY,
        QUEUE_DELAY,
        DLQ_RETENTION,
        BATCH_WINDOW,
        ORDER_EVENTS_RULE,
        ORDER_EVENTS_PATTERN,
        DLQ_ALARM_ACTIONS,
        DLQ_ALARM_DEFINITION,
        ALARMS_TOPIC_KEY,
        DEAD_LETTER_FILTER,
        DEAD_LETTER_VALUE,
        SECOND_CONSUMER,
        NOTHING,
    )
}


def setting_of(name: str) -> RuntimeSetting:
    """The setting of that name. Raises LabError where there is none: a record of it comes from another version."""
    if name in RUNTIME_SETTINGS:
        return RUNTIME_SETTINGS[name]
    if name.startswith(ENVIRONMENT_OF):
        return environment_of(name.removeprefix(ENVIRONMENT_OF))
    raise LabError(f"There is no runtime setting {name}.", "Use the version of the lab that has changed it.")
