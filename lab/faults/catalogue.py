"""The faults: what a scenario puts in force for a phase, and those that have a name, which people put in force."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from lab.faults import event_bus as bus
from lab.faults import runtime_settings
from lab.faults.changes import Change
from lab.faults.fault import Fault
from lab.faults.proxy import FaultProxy
from lab.faults.runtime_settings import RuntimeSetting
from lab.pipeline.observe import Pipeline


class Run(Protocol):
    """The part of a scenario's run that a fault needs."""

    @property
    def pipeline(self) -> Pipeline: ...


BUS_ENDPOINT = f"{runtime_settings.ENDPOINT_VARIABLE}EVENTBRIDGE"
"""Where AWS's SDKs look for a service's endpoint before anything else."""

_FRONTS: list[bus.PartlyDeafBus] = []


def failure_mode(mode: str) -> Change:
    """A failure mode of the functions, see functions/common/failure_modes.py. Raises LabError where none reads it."""

    def written(now: dict[str, str], pipeline: Pipeline) -> dict[str, str]:
        runtime_settings.require_readers(pipeline)
        return now | pipeline.parameters_for(mode)

    return Change(runtime_settings.FAILURE_MODE, written, f"failure mode {mode}")


def worker_environment(**variables: str) -> Change:
    """Environment variables of the worker, beside those it has."""
    meaning = ", ".join(f"{name}={value}" for name, value in variables.items())
    return Change(
        runtime_settings.WORKER_ENVIRONMENT, lambda now, _pipeline: now | variables, f"worker with {meaning}"
    )


def ingest_environment(**variables: str) -> Change:
    """Environment variables of the function that takes orders, beside those it has."""
    meaning = ", ".join(f"{name}={value}" for name, value in variables.items())
    return Change(
        runtime_settings.INGEST_ENVIRONMENT, lambda now, _pipeline: now | variables, f"ingest with {meaning}"
    )


def nobody_reads() -> Change:
    """The worker's event source mapping is disabled: the queue keeps what it is sent."""
    return Change(
        runtime_settings.MAPPING_ENABLED, lambda _now, _pipeline: False, "a queue that nobody reads"
    )


def can_pause(run: Run) -> str | None:
    """Why no mapping can be paused here, if none can."""
    missing = run.pipeline.stack.valve_queue_url is None
    return "nothing here can pause the mapping: deploy with breakerStrategy=pause" if missing else None


def worker_timeout(seconds: int) -> Change:
    """The time after which Lambda kills an invocation of the worker."""
    return Change(
        runtime_settings.WORKER_TIMEOUT, lambda _now, _pipeline: seconds, f"worker killed after {seconds} s"
    )


def worker_concurrency(reserved: int) -> Change:
    """How many invocations of the worker may run at once; 0 throttles all."""
    return Change(
        runtime_settings.WORKER_CONCURRENCY,
        lambda _now, _pipeline: reserved,
        f"{reserved} concurrent workers",
    )


def silent_event_bus() -> Change:
    """The worker's event bus takes connections and never answers."""
    return Change(
        runtime_settings.WORKER_ENVIRONMENT,
        lambda now, _pipeline: now | {BUS_ENDPOINT: bus.silent()},
        "an event bus that never answers",
    )


def dribbling_event_bus() -> Change:
    """The worker's event bus answers a byte at a time, without an end: only the worker's own time-out ends the call."""
    return Change(
        runtime_settings.WORKER_ENVIRONMENT,
        lambda now, _pipeline: now | {BUS_ENDPOINT: bus.dribbling()},
        "an event bus whose answer does not end",
    )


def partly_deaf_event_bus(refusals: int) -> Change:
    """The worker's event bus refuses every second event `refusals` times."""

    def pointed(now: dict[str, str], pipeline: Pipeline) -> dict[str, str]:
        front = bus.PartlyDeafBus(pipeline.aws.endpoint or "", refusals)
        _FRONTS.append(front)
        return now | {BUS_ENDPOINT: front.url}

    return Change(
        runtime_settings.WORKER_ENVIRONMENT, pointed, f"every second event refused {refusals} time(s)"
    )


def entries_refused(_run: object) -> int:
    """How many entries the latest partly deaf event bus has refused."""
    return sum(front.refused for front in _FRONTS[-1:])


MODES = "Failure modes"
WORKER = "Around the worker"
APIS = "AWS APIs that the worker calls"
VARIABLES = {"dynamodb": "DYNAMODB", "events": "EVENTBRIDGE"}
"""How AWS's SDKs spell a service in the variables that name its endpoint."""

type ProxyOf = Callable[[Pipeline], FaultProxy]
"""Puts a proxy without faults in front of a pipeline's engine, or gives the one that is there."""


@dataclass(frozen=True)
class NamedFault:
    """A fault that can be put in force by its name. `made` is given for how many seconds."""

    name: str
    group: str
    title: str
    meaning: str
    setting: RuntimeSetting
    made: Callable[[Pipeline, ProxyOf, int], Change]
    needs_local_functions: bool = False


def _mode(name: str, title: str, meaning: str) -> NamedFault:
    made = _always(lambda: failure_mode(name))
    return NamedFault(name, MODES, title, meaning, runtime_settings.FAILURE_MODE, made)


def _around(
    name: str,
    title: str,
    meaning: str,
    setting: RuntimeSetting,
    change: Callable[[], Change],
    *,
    needs_local_functions: bool = False,
) -> NamedFault:
    return NamedFault(name, WORKER, title, meaning, setting, _always(change), needs_local_functions)


def _always(change: Callable[[], Change]) -> Callable[[Pipeline, ProxyOf, int], Change]:
    return lambda _pipeline, _proxy_of, _seconds: change()


def _api(name: str, title: str, meaning: str, service: str, operation: str, **effect: Any) -> NamedFault:
    def made(pipeline: Pipeline, proxy_of: ProxyOf, seconds: int) -> Change:
        proxy = proxy_of(pipeline)
        proxy.inject(Fault(service=service, operation=operation, ttl_seconds=seconds, **effect))
        variable = f"{runtime_settings.ENDPOINT_VARIABLE}{VARIABLES[service]}"
        return worker_environment(**{variable: proxy.endpoint})

    return NamedFault(
        name, APIS, title, meaning, runtime_settings.WORKER_ENVIRONMENT, made, needs_local_functions=True
    )


FAULTS = {
    fault.name: fault
    for fault in (
        _mode(
            "poison_payload",
            "Poison payload",
            "Orders are corrupted on their way: straight to the DLQ. Only an edit of the letter saves them.",
        ),
        _mode(
            "schema_mismatch",
            "Schema mismatch",
            "The worker wants a schema version nobody writes: straight to the DLQ. A redrive after it saves them.",
        ),
        _mode(
            "slow_downstream",
            "Slow downstream",
            "The price service misses its deadline: retries with backoff, then its circuit opens.",
        ),
        _mode("random_fail_p30", "Random failures, 30 %", "30 % of the messages fail, each by itself."),
        _mode(
            "duplicate_submit",
            "Duplicate submit",
            "Every accepted order is published twice. Each still has its effect once.",
        ),
        _around(
            "throttled_worker",
            "Worker throttled",
            "Reserved concurrency 0: every invocation is refused, and spends a receive of its messages.",
            runtime_settings.WORKER_CONCURRENCY,
            lambda: worker_concurrency(0),
        ),
        _around(
            "hurried_worker",
            "Worker killed after 1 s",
            "A time-out shorter than what the worker keeps in reserve to settle a batch.",
            runtime_settings.WORKER_TIMEOUT,
            lambda: worker_timeout(1),
        ),
        _around(
            "silent_bus",
            "Event bus never answers",
            "The worker's calls of EventBridge hang until they time out, then the bus's circuit opens.",
            runtime_settings.WORKER_ENVIRONMENT,
            silent_event_bus,
            needs_local_functions=True,
        ),
        _around(
            "partly_deaf_bus",
            "Event bus refuses every second event",
            "PutEvents answers 200 with failures inside. Only what failed must be sent again.",
            runtime_settings.WORKER_ENVIRONMENT,
            lambda: partly_deaf_event_bus(2),
            needs_local_functions=True,
        ),
        _api(
            "table_throttled",
            "Table throttled",
            "Half of DynamoDB's PutItem calls answer ProvisionedThroughputExceededException.",
            "dynamodb",
            "PutItem",
            error="ProvisionedThroughputExceededException",
            probability=0.5,
        ),
        _api(
            "transaction_fails",
            "Transactions fail",
            "Half of DynamoDB's TransactWriteItems calls answer InternalServerError.",
            "dynamodb",
            "TransactWriteItems",
            error="InternalServerError",
            probability=0.5,
        ),
        _api(
            "table_slow",
            "Table slow",
            "Each of DynamoDB's PutItem calls takes 400 ms longer.",
            "dynamodb",
            "PutItem",
            latency_ms=400,
        ),
        _api(
            "bus_errors",
            "Event bus answers 500",
            "Half of EventBridge's PutEvents calls answer InternalException.",
            "events",
            "PutEvents",
            error="InternalException",
            status=500,
            probability=0.5,
        ),
    )
}
"""Every fault that has a name: of runtime settings, and of the AWS APIs that the worker calls."""
