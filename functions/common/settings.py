"""The functions' environment variables, read once into frozen, typed settings. No other module reads them.

A field's variable has its name in capitals, unless the field says another one.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

type BreakerStrategy = Literal["none", "defer", "pause"]

BREAKER_STRATEGIES: tuple[BreakerStrategy, ...] = ("none", "defer", "pause")
SQS_MAX_BYTES = 1_048_576
"""SQS's limit for one message and for one SendMessageBatch call (SQS quotas)."""
SQS_MAX_VISIBILITY_SECONDS = 43_200


class ConfigurationError(Exception):
    """A setting that is missing or breaks its rule. One line: the variable, what it has, what it must be."""


_REQUIRED = object()


def _variable(parse: Callable[[str], object] = str, *, name: str = "", default: object = _REQUIRED) -> Any:
    """A field that is read from a variable. `parse` raises ValueError with what the value must be."""

    def read(field_name: str, variables: Mapping[str, str]) -> object:
        variable = name or field_name.upper()
        if not (text := variables.get(variable)):
            if default is _REQUIRED:
                raise ConfigurationError(f"{variable} is not set")
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{variable}={text} must be {error}") from None

    return field(metadata={"read": read})


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in map(str.strip, text.split(",")) if part)


def _strategy(text: str) -> BreakerStrategy:
    if text not in BREAKER_STRATEGIES:
        raise ValueError(f"one of {', '.join(BREAKER_STRATEGIES)}")
    return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


_VISIBILITY = _whole(1, SQS_MAX_VISIBILITY_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every function knows. Without failure mode parameters there are no failure modes, and none is asked for."""

    env_name: str = _variable()
    code_version: str = _variable()
    failure_mode_parameters: tuple[str, ...] = _variable(_names, default=())
    failure_mode_max_age_seconds: int = _variable(_whole(0, 900), default=5)

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Self:
        """The settings of an environment. Raises ConfigurationError."""
        return cls(**{field.name: field.metadata["read"](field.name, variables) for field in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class IngestSettings(Settings):
    """`send_batch_bytes` is the most bytes of one SendMessageBatch call, and so of one message.

    With `fair_queues` messages carry their order's customer as MessageGroupId.
    """

    queue_url: str = _variable()
    send_batch_bytes: int = _variable(_whole(1024, SQS_MAX_BYTES))
    fair_queues: bool = _variable(_truth, default=False)


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(Settings):
    """Times in seconds. `in_progress_seconds` is how long a claimed idempotency key stays claimed.

    `pauser_queue_url`, where pauses are asked for, counts with the breaker strategy `pause` alone.
    """

    queue_url: str = _variable()
    dlq_url: str = _variable()
    orders_table: str = _variable()
    idempotency_table: str = _variable()
    circuits_table: str = _variable()
    event_bus_name: str = _variable()
    max_receive_count: int = _variable(_whole(1, 1000))
    retry_base_seconds: int = _variable(_VISIBILITY)
    retry_cap_seconds: int = _variable(_VISIBILITY)
    ttl_days: int = _variable(_whole(1, 365))
    breaker_strategy: BreakerStrategy = _variable(_strategy)  # noqa: RUF009  a field as the others
    in_progress_seconds: int = _variable(_VISIBILITY, name="IDEMPOTENCY_IN_PROGRESS_SECONDS")
    alarm_period_seconds: int = _variable(_whole(1, 3600))
    least_pause_seconds: int = _variable(_whole(0, 900), default=0)
    fault_seed: str | None = _variable(default=None)
    pauser_queue_url: str | None = _variable(name="VALVE_QUEUE_URL", default=None)

    def __post_init__(self) -> None:
        """Check what must hold between settings. Raises ConfigurationError."""
        if self.pauses and not self.pauser_queue_url:
            raise ConfigurationError("VALVE_QUEUE_URL is not set")

    @property
    def pauses(self) -> bool:
        """Whether an open circuit pauses the event source mapping."""
        return self.breaker_strategy == "pause"

    @property
    def recovery_seconds(self) -> int:
        """How long a circuit stays open before a probe: five retry bases, so that both shrink together.

        With `pause` at least as long as it is worth to switch the event source mapping off and on again for.
        """
        return max(5 * self.retry_base_seconds, self.least_pause_seconds if self.pauses else 0)

    @property
    def deadline_seconds(self) -> float:
        """How long one call of a dependency may take: a tenth of the worker's time, so that retries fit."""
        return self.in_progress_seconds / 10


@dataclass(frozen=True, kw_only=True)
class RedriveSettings(Settings):
    """The queues between which messages move, where operations are recorded, who forecasts them, what stops them.

    `lease_seconds` is how long an operation belongs to an invocation that gives no sign of life,
    `canary_seconds` how long canaries may take to be processed. `crash_at` is for tests alone
    (functions.redrive.crash).
    """

    queue_url: str = _variable()
    dlq_url: str = _variable()
    redrive_table: str = _variable()
    circuits_table: str = _variable()
    orders_table: str = _variable()
    dry_run_function: str = _variable()
    halt_alarms: tuple[str, ...] = _variable(_names)
    lease_seconds: int = _variable(_whole(1, 900))
    canary_seconds: int = _variable(_whole(1, 900))
    crash_at: str | None = _variable(name="REDRIVE_CRASH_AT", default=None)


@dataclass(frozen=True, kw_only=True)
class PauserSettings(Settings):
    """The queue of resume messages, and the event source mapping that they are about."""

    queue_url: str = _variable(name="VALVE_QUEUE_URL")
    mapping_id: str = _variable()


@dataclass(frozen=True, kw_only=True)
class AuthorizerSettings(Settings):
    """`redrive_token_secret` names the secret; the token itself is never a setting."""

    redrive_token_secret: str = _variable()


@dataclass(frozen=True, kw_only=True)
class TracingSettings(Settings):
    """The function's name, and the handler that is traced: a module and a name in it.

    One of OpenTelemetry's own variables may say where spans go; its exporter reads them and others itself.
    """

    service: str = _variable(name="POWERTOOLS_SERVICE_NAME")
    traced_handler: str = _variable()
    otel_exporter_otlp_endpoint: str | None = _variable(default=None)
    otel_exporter_otlp_traces_endpoint: str | None = _variable(default=None)

    @property
    def exports_otlp(self) -> bool:
        """Whether spans go to OTLP."""
        return bool(self.otel_exporter_otlp_endpoint or self.otel_exporter_otlp_traces_endpoint)


ingest_settings = IngestSettings.read
worker_settings = WorkerSettings.read
redrive_settings = RedriveSettings.read
pauser_settings = PauserSettings.read
authorizer_settings = AuthorizerSettings.read
tracing_settings = TracingSettings.read
