"""Faults by name: what a scenario puts in force for a phase."""

from typing import Protocol

from lab.faults import event_bus as bus
from lab.faults import runtime_settings
from lab.faults.changes import Change
from lab.pipeline.observe import Pipeline


class Run(Protocol):
    """The part of a scenario's run that a fault needs."""

    @property
    def pipeline(self) -> Pipeline: ...


BUS_ENDPOINT = "AWS_ENDPOINT_URL_EVENTBRIDGE"
"""Where AWS's SDKs look for a service's endpoint before anything else."""

_FRONTS: list[bus.PartlyDeafBus] = []


def failure_mode(mode: str) -> Change:
    """A failure mode of the functions, see functions/common/failure_modes.py."""
    return Change(
        runtime_settings.FAILURE_MODE,
        lambda now, pipeline: now | pipeline.parameters_for(mode),
        f"failure mode {mode}",
    )


def worker_environment(**variables: str) -> Change:
    """Environment variables of the worker, beside those it has."""
    meaning = ", ".join(f"{name}={value}" for name, value in variables.items())
    return Change(
        runtime_settings.WORKER_ENVIRONMENT, lambda now, _pipeline: now | variables, f"worker with {meaning}"
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
