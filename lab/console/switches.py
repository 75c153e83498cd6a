"""Faults to switch on, each for a time: what there is, what is in force, and the way back.

Every switch is a change of one setting, recorded before it is made (lab/faults/changes.py). The console undoes what has
expired, and at its end what it made itself; if it is killed, the next command of the lab does.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError
from lab.faults import Fault, FaultProxy
from lab.faults import catalogue as faults
from lab.faults.changes import ActiveChange, Change, Changes
from lab.faults.runtime_settings import (
    ENDPOINT_VARIABLE,
    FAILURE_MODE,
    WORKER_CONCURRENCY,
    WORKER_ENVIRONMENT,
    WORKER_TIMEOUT,
    RuntimeSetting,
)
from lab.pipeline.observe import Pipeline

WHY = "the console"
MIN_SECONDS, MAX_SECONDS = 10, 1800
DEFAULT_SECONDS = 120

MODES = "Failure modes"
WORKER = "Around the worker"
APIS = "AWS APIs that the worker calls"
VARIABLES = {"dynamodb": "DYNAMODB", "events": "EVENTBRIDGE"}
"""How AWS's SDKs spell a service in the variables that name its endpoint."""


type Made = Callable[[Pipeline, "Switches", int], Change]
"""What a switch changes, given for how many seconds. It may put a proxy in front of the engine."""


@dataclass(frozen=True)
class Switch:
    """One fault that can be put in force."""

    name: str
    group: str
    title: str
    meaning: str
    setting: RuntimeSetting
    made: Made
    needs_local_functions: bool = False

    @property
    def why(self) -> str:
        """What the record of its change gives as the reason."""
        return f"{WHY}: {self.title}"


def _always(change: Callable[[], Change]) -> Made:
    def made(_pipeline: Pipeline, _switches: "Switches", _seconds: int) -> Change:
        return change()

    return made


def _mode(name: str, title: str, meaning: str) -> Switch:
    return Switch(name, MODES, title, meaning, FAILURE_MODE, _always(lambda: faults.failure_mode(name)))


def _around(
    name: str,
    title: str,
    meaning: str,
    setting: RuntimeSetting,
    change: Callable[[], Change],
    *,
    needs_local_functions: bool = False,
) -> Switch:
    return Switch(name, WORKER, title, meaning, setting, _always(change), needs_local_functions)


def _api(name: str, title: str, meaning: str, service: str, operation: str, **effect: Any) -> Switch:
    def made(pipeline: Pipeline, switches: "Switches", seconds: int) -> Change:
        proxy = switches.proxy(pipeline)
        proxy.inject(Fault(service=service, operation=operation, ttl_seconds=seconds, **effect))
        return faults.worker_environment(**{f"{ENDPOINT_VARIABLE}{VARIABLES[service]}": proxy.endpoint})

    return Switch(name, APIS, title, meaning, WORKER_ENVIRONMENT, made, needs_local_functions=True)


SWITCHES = {
    switch.name: switch
    for switch in (
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
            WORKER_CONCURRENCY,
            lambda: faults.worker_concurrency(0),
        ),
        _around(
            "hurried_worker",
            "Worker killed after 1 s",
            "A time-out shorter than what the worker keeps in reserve to settle a batch.",
            WORKER_TIMEOUT,
            lambda: faults.worker_timeout(1),
        ),
        _around(
            "silent_bus",
            "Event bus never answers",
            "The worker's calls of EventBridge hang until they time out, then the bus's circuit opens.",
            WORKER_ENVIRONMENT,
            faults.silent_event_bus,
            needs_local_functions=True,
        ),
        _around(
            "partly_deaf_bus",
            "Event bus refuses every second event",
            "PutEvents answers 200 with failures inside. Only what failed must be sent again.",
            WORKER_ENVIRONMENT,
            lambda: faults.partly_deaf_event_bus(2),
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


class Switches:
    """What one console switches on and off, one switch at a time."""

    def __init__(self) -> None:
        self._proxy: FaultProxy | None = None
        self._turning = threading.Lock()

    def on(self, pipeline: Pipeline, name: str, seconds: int, *, local_functions: bool) -> None:
        """Put a fault in force for `seconds`; returns once the pipeline works with it.

        `local_functions` says whether the functions run on this machine. Raises LabError if the fault is not
        possible, or if its setting is changed already.
        """
        switch = SWITCHES.get(name)
        if switch is None:
            raise LabError(f"There is no fault {name}.", f"Choose one of: {', '.join(SWITCHES)}")
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise LabError(
                f"A fault for {seconds} s is out of bounds.", f"Choose {MIN_SECONDS} to {MAX_SECONDS} s."
            )
        if switch.needs_local_functions and not local_functions:
            raise LabError(
                f"{switch.title}: not possible here, since the functions do not run on this machine.",
                "Use the host engine: make down, then make up ENGINE=host",
            )
        with self._turning:
            changes = Changes(pipeline)
            if active := next(
                (change for change in changes.active() if change.setting == switch.setting.name), None
            ):
                raise LabError(f"{switch.title} must wait: {active.told}.", "End that first.")
            changes.make(switch.made(pipeline, self, seconds), why=switch.why, seconds=seconds)

    def off(self, pipeline: Pipeline, setting: str) -> None:
        """End what is in force at a setting. Raises LabError where there is nothing, or nothing to be told of."""
        with self._turning:
            changes = Changes(pipeline)
            active = next((change for change in changes.active() if change.setting == setting), None)
            if active is None or active.hidden:
                raise LabError(f"Nothing is in force at {setting}.", "Reload the page.")
            changes.undo(setting)

    def heal(self, pipeline: Pipeline) -> list[ActiveChange]:
        """Undo what has expired, whoever made it. Returns what that was."""
        with self._turning:
            return Changes(pipeline).heal()

    def proxy(self, pipeline: Pipeline) -> FaultProxy:
        """The proxy in front of the engine, without faults; started when it is first wanted."""
        if self._proxy is None:
            self._proxy = FaultProxy(pipeline.aws.endpoint or "").__enter__()
        self._proxy.clear()
        return self._proxy

    def hits(self) -> int | None:
        """How many calls the proxy's faults have hit since the last was put in force; None without a proxy."""
        return None if self._proxy is None else len(self._proxy.fired())

    def close(self, pipeline: Pipeline | None, say: Callable[[str], None]) -> None:
        """End what this console made, where the pipeline is still there, and the proxy.

        Raises LabError with what could not be ended.
        """
        try:
            if pipeline:
                changes = Changes(pipeline)
                changes.undo_all([change for change in changes.active() if change.why.startswith(WHY)], say)
        finally:
            if self._proxy:
                self._proxy.__exit__()


def in_force(active: Iterable[ActiveChange]) -> list[dict[str, Any]]:
    """What stands, as the pages show it. What is hidden on purpose is told of, but not where it is."""
    by_why = {switch.why: switch for switch in SWITCHES.values()}
    return [
        {
            "told": by_why[change.why].title if change.why in by_why else change.told,
            "knob": None if change.hidden else change.setting,
            "switch": by_why[change.why].name if change.why in by_why else None,
            "expiresAt": change.expires_at,
        }
        for change in active
    ]
