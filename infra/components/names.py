"""The physical names. They are explicit, so that people and tools can find everything by name."""

from dataclasses import dataclass
from typing import Literal, get_args

AlarmName = Literal[
    "critical-customers-hurt",
    "critical-acceptance-burn",
    "critical-latency-burn",
    "critical-dlq-depth",
    "critical-dlq-age",
    "critical-undelivered-events",
    "critical-worker-errors",
    "critical-ingest-errors",
    "critical-redrive-errors",
    "critical-api-5xx",
    "critical-queue-age",
    "critical-mapping-disabled",
    "warning-acceptance-burn",
    "warning-latency-burn",
    "warning-backlog",
    "warning-queue-age",
    "warning-latency",
    "warning-throttles",
    "warning-ingest-throttles",
    "warning-authorizer-errors",
    "warning-pauser-errors",
    "warning-pauser-age",
    "warning-rule-failures",
    "warning-dropped-events",
    "warning-recursion",
]
"""The alarms without their environment's prefix. A critical one wants somebody now. Each has a runbook of its name."""

ALARMS: tuple[AlarmName, ...] = get_args(AlarmName)
"""Those of a deployment that has a pauser."""

PAUSER_ALARMS: tuple[AlarmName, ...] = (
    "critical-mapping-disabled",
    "warning-pauser-errors",
    "warning-pauser-age",
)
"""Those that a deployment without one does not have."""

SEVERITIES = ("critical", "warning")
"""What the name of an alarm that tells somebody begins with; the windows of a burn rate tell nobody."""

EMITTED_METRICS = (
    ("ingest", "OrdersAccepted"),
    ("ingest", "OrdersRejected"),
    ("worker", "BatchSize"),
    ("worker", "EndToEndLatency"),
    ("worker", "OldestOrderWaiting"),
    ("worker", "OrdersDeadLettered"),
    ("worker", "OrdersDuplicate"),
    ("worker", "OrdersFailed"),
    ("worker", "OrdersProcessed"),
    ("worker", "OrdersRequeued"),
    ("redrive", "OrdersRedriven"),
    ("pauser", "MappingPaused"),
    ("pauser", "MappingResumed"),
)
"""Every metric that a function emits itself, by its package: each is charged in a month in which it has a value."""

EVENT_SOURCE = "ingestion.orders"
EVENT_DETAIL_TYPES = ("OrderProcessed", "OrderFailed")


@dataclass(frozen=True)
class Names:
    """The names of one environment's resources."""

    env_name: str

    @property
    def prefix(self) -> str:
        """What every name begins with, SSM's paths excepted."""
        return f"ingestion-{self.env_name}"

    def of(self, what: str) -> str:
        """The name of one resource, for example `ingestion-dev-orders`."""
        return f"{self.prefix}-{what}"

    def alarm(self, name: AlarmName) -> str:
        """The full name of an alarm."""
        return self.of(name)

    @property
    def metric_namespace(self) -> str:
        """Where the functions' own metrics (EMF) go.

        A namespace for each environment, and not a dimension: a metric filter takes dimensions from fields of the line
        alone, and then has no default value, so every line would have to carry the name.
        """
        return f"Ingestion/{self.env_name}"

    @property
    def log_metric_namespace(self) -> str:
        """Where the metrics that filters count from the logs go."""
        return f"{self.metric_namespace}/Logs"

    @property
    def failure_mode_parameter(self) -> str:
        """The SSM parameter that holds the environment's failure mode."""
        return f"/ingestion/{self.env_name}/failure_mode"

    @property
    def failure_mode_parameters(self) -> tuple[str, ...]:
        """All parameters the functions look at, in order; `dev` also answers to the one without its name."""
        plain = ("/ingestion/failure_mode",) if self.env_name == "dev" else ()
        return (self.failure_mode_parameter, *plain)

    @property
    def redrive_token_secret(self) -> str:
        """The Secrets Manager secret with the bearer token of the /redrive routes."""
        return f"{self.prefix}/redrive-token"

    def function_log_group(self, function: str) -> str:
        """Where Lambda writes a function's logs."""
        return f"/aws/lambda/{self.of(function)}"

    @property
    def event_log_group(self) -> str:
        """Where events are logged, if tracing is deployed."""
        return f"/aws/events/{self.prefix}"

    @property
    def access_log_group(self) -> str:
        """Where the API writes its access log. This prefix keeps the account's log resource policy small."""
        return f"/aws/vendedlogs/{self.prefix}-api"
