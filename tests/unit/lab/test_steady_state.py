"""The steady state: each kind of departure is found, and stops a run with the command that mends it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from lab.common.results import Verdict
from lab.deployment.drift import Gone
from lab.deployment.templates import Resource
from lab.errors import LabError
from lab.faults import steady_state as steady
from lab.faults.changes import HIDDEN, ActiveChange
from lab.pipeline.observe import Depth

EMPTY = Depth(0, 0, 0)
ALARM = Gone(Resource("ingestion-dev-observability", "Alarm", "AWS::CloudWatch::Alarm", "critical", {}))


class World:
    """A pipeline in its steady state, and what its helpers see of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.depths = dict.fromkeys(("queue", "dlq", "undelivered_events", "resume_messages"), EMPTY)
        self.modes = {"/ingestion/dev/failure_mode": "none", "/ingestion/failure_mode": "none"}
        self.changes: list[ActiveChange] = []
        self.circuits: dict[str, str] = {"price-service": "CLOSED"}
        self.alarms = {"critical-dlq-depth": "OK", "warning-backlog": "INSUFFICIENT_DATA"}
        self.mapping_enabled = True
        self.gone: list[Gone] = []
        changes = SimpleNamespace(active=lambda: self.changes, heal=lambda _say: [])
        monkeypatch.setattr(steady, "Changes", lambda _pipeline: changes)
        monkeypatch.setattr(steady.failure_mode, "Changes", lambda _pipeline: changes)
        monkeypatch.setattr(steady, "circuit_states", lambda _pipeline: self.circuits)
        monkeypatch.setattr(steady.drift, "gone", lambda _aws, _env: self.gone)
        enabled = SimpleNamespace(read=lambda _pipeline: self.mapping_enabled)
        monkeypatch.setattr(steady.runtime_settings, "MAPPING_ENABLED", enabled)
        monkeypatch.setattr(steady, "_await_silence", lambda _pipeline, _say, _alarms: None)

    @property
    def pipeline(self) -> Any:
        return SimpleNamespace(
            aws=None,
            stack=SimpleNamespace(env_name="dev"),
            failure_modes=lambda: self.modes,
            alarm_states=lambda: self.alarms,
            **{name: lambda name=name: self.depths[name] for name in self.depths},
        )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_pipeline_in_its_steady_state_has_no_departure(world: World) -> None:
    assert steady.departures(world.pipeline) == []
    steady.require(world.pipeline)


DEPARTURES: dict[str, Callable[[World], object]] = {
    "2 messages queued": lambda world: world.depths.update(queue=Depth(0, 1, 1)),
    "1 in the DLQ": lambda world: world.depths.update(dlq=Depth(1, 0, 0)),
    "1 events that reached no topic": lambda world: world.depths.update(undelivered_events=Depth(1, 0, 0)),
    "1 messages to resume the event source mapping are due": lambda world: world.depths.update(
        resume_messages=Depth(0, 0, 1)
    ),
    "failure mode poison_payload": lambda world: world.modes.update(
        {"/ingestion/failure_mode": "poison_payload"}
    ),
    "failure mode slow_downstream": lambda world: world.modes.update(
        {"/ingestion/dev/failure_mode": "slow_downstream"}
    ),
    "circuit price-service is OPEN": lambda world: world.circuits.update({"price-service": "OPEN"}),
    "the event source mapping is disabled": lambda world: setattr(world, "mapping_enabled", False),
    "worker-timeout changed by a run": lambda world: world.changes.append(
        ActiveChange("worker-timeout", 5, "a run", None)
    ),
    "something broken on purpose (lab repair)": lambda world: world.changes.append(
        ActiveChange("queue-delay", "0", HIDDEN, None)
    ),
    "alarm critical-dlq-depth rings": lambda world: world.alarms.update({"critical-dlq-depth": "ALARM"}),
    "CloudWatch Alarm critical is gone": lambda world: world.gone.append(ALARM),
}


@pytest.mark.parametrize("told", DEPARTURES)
def test_each_departure_is_found_alone_and_stops_a_run(world: World, told: str) -> None:
    DEPARTURES[told](world)
    (departure,) = steady.departures(world.pipeline)
    assert (departure.seen, departure.verdict) == (told, Verdict.REFUTED)
    with pytest.raises(LabError) as raised:
        steady.require(world.pipeline)
    assert raised.value.what == f"The lab is not in its steady state: {told}."
    assert raised.value.fix == f"Run: {departure.fix}"


def test_deleted_resource_is_made_again_by_a_deployment_and_not_by_make_steady(world: World) -> None:
    world.gone.append(ALARM)
    assert [departure.fix for departure in steady.departures(world.pipeline)] == ["make deploy-local"]


def test_what_a_deletion_has_led_to_is_not_told_beside_it(world: World) -> None:
    world.gone.append(ALARM)
    world.depths["queue"] = Depth(7, 0, 0)
    assert [departure.seen for departure in steady.departures(world.pipeline)] == [
        "CloudWatch Alarm critical is gone"
    ]


def test_doctor_hears_of_faults_and_not_of_what_a_run_leaves_in_the_queues(world: World) -> None:
    for depart in DEPARTURES.values():
        depart(world)
    assert [fault.seen for fault in steady.faults(world.pipeline)] == [
        "CloudWatch Alarm critical is gone",
        "failure mode slow_downstream",
        "worker-timeout changed by a run",
        "something broken on purpose (lab repair)",
    ]


def test_puzzle_is_not_given_away_by_the_mode_it_has_put_in_force(world: World) -> None:
    plain = "/ingestion/failure_mode"
    world.modes[plain] = "slow_downstream"
    world.changes.append(ActiveChange("plain-failure-mode", {plain: "none"}, HIDDEN, None))
    assert [departure.seen for departure in steady.departures(world.pipeline)] == [
        "something broken on purpose (lab repair)"
    ]


def test_ringing_alarm_is_a_departure_only_for_whom_it_matters(world: World) -> None:
    world.alarms["warning-latency"] = "ALARM"

    def critical(name: str) -> bool:
        return name.startswith("critical-")

    assert steady.departures(world.pipeline, critical) == []
    steady.require(world.pipeline, alarms=critical)
    world.alarms["critical-dlq-depth"] = "ALARM"
    assert [one.seen for one in steady.departures(world.pipeline, critical)] == [
        "alarm critical-dlq-depth rings"
    ]
    with pytest.raises(LabError, match="critical-dlq-depth"):
        steady.require(world.pipeline, alarms=critical)
