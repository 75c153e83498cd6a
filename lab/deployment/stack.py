"""What is deployed, read from the outputs of the four stacks."""

import json
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from infra.components.names import AlarmName, Names
from infra.settings import Settings
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

LAYERS = ("queue", "functions", "api", "observability")
DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


@dataclass(frozen=True)
class Stack:
    """One deployed pipeline. Field names are the stacks' output keys in snake case.

    `valve_queue_url` is there if something can pause the worker's mapping (functions/pauser).
    """

    env_name: str
    api_url: str
    api_id: str
    queue_url: str
    queue_name: str
    dlq_url: str
    dlq_name: str
    undelivered_events_queue_url: str
    orders_table_name: str
    idempotency_table_name: str
    circuits_table_name: str
    redrive_table_name: str
    event_bus_name: str
    order_events_topic_arn: str
    order_events_rule_name: str
    alarms_topic_arn: str
    failure_mode_parameter: str
    ingest_function_name: str
    worker_function_name: str
    dry_run_function_name: str
    redrive_function_name: str
    worker_event_source_mapping_id: str
    redrive_token_secret_name: str
    dashboard_name: str
    metric_namespace: str
    settings: str
    valve_queue_url: str | None = None

    @property
    def prefix(self) -> str:
        """What every name of this deployment begins with."""
        return prefix(self.env_name)

    def alarm(self, name: AlarmName) -> str:
        """The full name of an alarm."""
        return f"{self.prefix}-{name}"

    @property
    def deployed_settings(self) -> Settings:
        """The settings it was deployed with."""
        chosen: dict[str, object] = json.loads(self.settings)
        return Settings.from_context({"profile": "local", "envName": self.env_name} | chosen)

    @property
    def log_metric_namespace(self) -> str:
        """Namespace of the metrics that filters count from the logs."""
        return Names(self.env_name).log_metric_namespace

    @property
    def failure_mode_parameters(self) -> tuple[str, ...]:
        """Every parameter that the functions read the failure mode from: the first that is not `none` is in force."""
        return Names(self.env_name).failure_mode_parameters

    @classmethod
    def read(cls, aws: Aws, env_name: str) -> Self:
        """Read the outputs. Raises LabError when a stack is missing or not complete."""
        outputs: dict[str, str] = {}
        for name in stack_names(env_name):
            outputs |= _outputs(aws, name)
        wanted = [field for field in fields(cls) if field.name != "env_name"]
        keys = {field.name: _output_key(field.name) for field in wanted}
        missing = sorted(
            keys[field.name]
            for field in wanted
            if field.default is MISSING and keys[field.name] not in outputs
        )
        if missing:
            raise LabError(f"The stacks lack the outputs {', '.join(missing)}.", "Run: make deploy-local")
        return cls(env_name=env_name, **{name: outputs[key] for name, key in keys.items() if key in outputs})


def prefix(env_name: str) -> str:
    """`ingestion-dev` for the environment `dev`."""
    return f"ingestion-{env_name}"


def stack_names(env_name: str) -> list[str]:
    """The four stacks in the order in which they depend on each other."""
    return [f"{prefix(env_name)}-{layer}" for layer in LAYERS]


def _output_key(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))


def _outputs(aws: Aws, name: str) -> dict[str, str]:
    cloudformation: CloudFormationClient = aws.client("cloudformation")
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            raise LabError(f"The stack {name} is not deployed.", "Run: make deploy-local") from error
        raise
    if stack["StackStatus"] not in DEPLOYED:
        raise LabError(
            f"The stack {name} is {stack['StackStatus']}.", "Start afresh: make down up deploy-local"
        )
    return {output.get("OutputKey", ""): output.get("OutputValue", "") for output in stack.get("Outputs", [])}
