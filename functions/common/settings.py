"""The functions' environment variables, read once into frozen, typed settings. No other module reads them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

type BreakerStrategy = Literal["none", "defer", "pause"]

BREAKER_STRATEGIES: tuple[BreakerStrategy, ...] = ("none", "defer", "pause")
SQS_MAX_BYTES = 1_048_576
"""SQS's limit for one message and for one SendMessageBatch call (SQS quotas)."""
SQS_MAX_VISIBILITY_SECONDS = 43_200

OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables, of which one says where spans go; its exporter reads them and others itself."""


class ConfigurationError(Exception):
    """A setting that is missing or breaks its rule. One line: the variable, what it has, what it must be."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every function knows."""

    env_name: str
    code_version: str
    failure_mode_parameters: tuple[str, ...]
    failure_mode_max_age_seconds: int


@dataclass(frozen=True, kw_only=True)
class IngestSettings(Settings):
    """`send_batch_bytes` is the most bytes of one SendMessageBatch call, and so of one message."""

    queue_url: str
    send_batch_bytes: int


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(Settings):
    """Times in seconds. `in_progress_seconds` is how long a claimed idempotency key stays claimed.

    `pauser_queue_url`, where pauses are asked for, is there with the breaker strategy `pause`.
    """

    queue_url: str
    dlq_url: str
    orders_table: str
    idempotency_table: str
    circuits_table: str
    event_bus_name: str
    max_receive_count: int
    retry_base_seconds: int
    retry_cap_seconds: int
    ttl_days: int
    breaker_strategy: BreakerStrategy
    in_progress_seconds: int
    alarm_period_seconds: int
    fault_seed: str | None
    pauser_queue_url: str | None

    @property
    def recovery_seconds(self) -> int:
        """How long a circuit stays open before a probe: five retry bases, so that both shrink together."""
        return 5 * self.retry_base_seconds

    @property
    def deadline_seconds(self) -> float:
        """How long one call of a dependency may take: a tenth of the worker's time, so that retries fit."""
        return self.in_progress_seconds / 10


@dataclass(frozen=True, kw_only=True)
class RedriveSettings(Settings):
    """The queues between which messages move, where operations are recorded, and what stops them.

    `lease_seconds` is how long an operation belongs to an invocation that gives no sign of life,
    `canary_seconds` how long canaries may take to be processed. `crash_at` is for tests alone
    (functions.redrive.crash).
    """

    queue_url: str
    dlq_url: str
    redrive_table: str
    circuits_table: str
    orders_table: str
    halt_alarms: tuple[str, ...]
    lease_seconds: int
    canary_seconds: int
    crash_at: str | None


@dataclass(frozen=True, kw_only=True)
class PauserSettings(Settings):
    """The queue of resume messages, and the event source mapping that they are about."""

    queue_url: str
    mapping_id: str


@dataclass(frozen=True, kw_only=True)
class AuthorizerSettings(Settings):
    """`redrive_token_secret` names the secret; the token itself is never a setting."""

    redrive_token_secret: str


@dataclass(frozen=True, kw_only=True)
class TracingSettings(Settings):
    """The function's name, the handler that is traced (a module and a name in it), and whether spans go to OTLP."""

    service: str
    traced_module: str
    traced_function: str
    exports_otlp: bool


class _Environment:
    """Typed access to environment variables. Raises ConfigurationError."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str) -> str:
        value = self._variables.get(name, "")
        if not value:
            raise ConfigurationError(f"{name} is not set")
        return value

    def number(self, name: str, low: int, high: int) -> int:
        value = self.text(name)
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise ConfigurationError(f"{name}={value} must be a whole number from {low} to {high}")
        return int(value)

    def strategy(self, name: str) -> BreakerStrategy:
        value = self.text(name)
        if value not in BREAKER_STRATEGIES:
            raise ConfigurationError(f"{name}={value} must be one of {', '.join(BREAKER_STRATEGIES)}")
        return value

    def optional(self, name: str) -> str | None:
        return self._variables.get(name) or None

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part for part in (piece.strip() for piece in self.text(name).split(",")) if part)

    def age(self, name: str, default: int) -> int:
        return self.number(name, 0, 900) if self.optional(name) else default


class _Shared(TypedDict):
    env_name: str
    code_version: str
    failure_mode_parameters: tuple[str, ...]
    failure_mode_max_age_seconds: int


def _shared(env: _Environment) -> _Shared:
    return {
        "env_name": env.text("ENV_NAME"),
        "code_version": env.text("CODE_VERSION"),
        "failure_mode_parameters": env.names("FAILURE_MODE_PARAMETERS"),
        "failure_mode_max_age_seconds": env.age("FAILURE_MODE_MAX_AGE_SECONDS", 5),
    }


def ingest_settings(variables: Mapping[str, str] = os.environ) -> IngestSettings:
    """The ingest function's settings. Raises ConfigurationError."""
    env = _Environment(variables)
    return IngestSettings(
        **_shared(env),
        queue_url=env.text("QUEUE_URL"),
        send_batch_bytes=env.number("SEND_BATCH_BYTES", 1024, SQS_MAX_BYTES),
    )


def worker_settings(variables: Mapping[str, str] = os.environ) -> WorkerSettings:
    """The worker's settings. Raises ConfigurationError."""
    env = _Environment(variables)
    pauses = env.strategy("BREAKER_STRATEGY") == "pause"
    return WorkerSettings(
        **_shared(env),
        queue_url=env.text("QUEUE_URL"),
        dlq_url=env.text("DLQ_URL"),
        orders_table=env.text("ORDERS_TABLE"),
        idempotency_table=env.text("IDEMPOTENCY_TABLE"),
        circuits_table=env.text("CIRCUITS_TABLE"),
        event_bus_name=env.text("EVENT_BUS_NAME"),
        max_receive_count=env.number("MAX_RECEIVE_COUNT", 1, 1000),
        retry_base_seconds=env.number("RETRY_BASE_SECONDS", 1, SQS_MAX_VISIBILITY_SECONDS),
        retry_cap_seconds=env.number("RETRY_CAP_SECONDS", 1, SQS_MAX_VISIBILITY_SECONDS),
        ttl_days=env.number("TTL_DAYS", 1, 365),
        breaker_strategy=env.strategy("BREAKER_STRATEGY"),
        in_progress_seconds=env.number("IDEMPOTENCY_IN_PROGRESS_SECONDS", 1, SQS_MAX_VISIBILITY_SECONDS),
        alarm_period_seconds=env.number("ALARM_PERIOD_SECONDS", 1, 3600),
        fault_seed=env.optional("FAULT_SEED"),
        pauser_queue_url=env.text("VALVE_QUEUE_URL") if pauses else None,
    )


def pauser_settings(variables: Mapping[str, str] = os.environ) -> PauserSettings:
    """The pauser's settings. Raises ConfigurationError."""
    env = _Environment(variables)
    return PauserSettings(
        **_shared(env), queue_url=env.text("VALVE_QUEUE_URL"), mapping_id=env.text("MAPPING_ID")
    )


def redrive_settings(variables: Mapping[str, str] = os.environ) -> RedriveSettings:
    """The redrive function's settings. Raises ConfigurationError."""
    env = _Environment(variables)
    return RedriveSettings(
        **_shared(env),
        queue_url=env.text("QUEUE_URL"),
        dlq_url=env.text("DLQ_URL"),
        redrive_table=env.text("REDRIVE_TABLE"),
        circuits_table=env.text("CIRCUITS_TABLE"),
        orders_table=env.text("ORDERS_TABLE"),
        halt_alarms=env.names("HALT_ALARMS"),
        lease_seconds=env.number("LEASE_SECONDS", 1, 900),
        canary_seconds=env.number("CANARY_SECONDS", 1, 900),
        crash_at=env.optional("REDRIVE_CRASH_AT"),
    )


def tracing_settings(variables: Mapping[str, str] = os.environ) -> TracingSettings:
    """The settings of tracing, if it is deployed. Raises ConfigurationError."""
    env = _Environment(variables)
    module, _, function = env.text("TRACED_HANDLER").rpartition(".")
    return TracingSettings(
        **_shared(env),
        service=env.text("POWERTOOLS_SERVICE_NAME"),
        traced_module=module,
        traced_function=function,
        exports_otlp=any(map(env.optional, OTLP_ENDPOINTS)),
    )


def authorizer_settings(variables: Mapping[str, str] = os.environ) -> AuthorizerSettings:
    """The authorizer's settings. Raises ConfigurationError."""
    env = _Environment(variables)
    return AuthorizerSettings(
        **_shared(env),
        redrive_token_secret=env.text("REDRIVE_TOKEN_SECRET"),
    )
