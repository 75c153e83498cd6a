"""Changes are undone by their maker, or by the next command once they have outlived it."""

from dataclasses import fields
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lab.common import paths
from lab.deployment.stack import Stack
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.faults import healing as connect
from lab.faults import runtime_settings
from lab.faults import steady_state as steady
from lab.faults.changes import HIDDEN, ActiveChange, Change, Changes
from lab.faults.runtime_settings import RuntimeSetting
from lab.pipeline.observe import Pipeline
from tests.support.parameter_store import Parameters


class FakePipeline:
    """A pipeline whose one setting is a number."""

    def __init__(self) -> None:
        self.number = 1
        self.parameters = Parameters()
        self.aws = self
        self.stack = self
        self.env_name = "dev"

    def client(self, _service: str) -> Parameters:
        return self.parameters


def write(pipeline: Any, value: Any) -> None:
    pipeline.number = value


NUMBER = RuntimeSetting("number", lambda pipeline: pipeline.number, write)  # type: ignore[attr-defined]


def refuse(_pipeline: Any, _value: Any) -> None:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


STUCK = RuntimeSetting("a-stuck-one", lambda _pipeline: 1, lambda _pipeline, _value: None)
"""It can be turned, and then, see the tests, not back."""


def fail(_after: None) -> None:
    raise ValueError("oh")


def to(value: int) -> Change:
    return Change(NUMBER, lambda _now, _pipeline: value, f"number {value}")


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(runtime_settings.RUNTIME_SETTINGS, "number", NUMBER)
    monkeypatch.setitem(
        runtime_settings.RUNTIME_SETTINGS, STUCK.name, RuntimeSetting(STUCK.name, STUCK.read, refuse)
    )
    return FakePipeline()


def test_an_undone_change_restores_the_value_before_it(pipeline: Any) -> None:
    made = Changes(pipeline)
    made.make(to(5), why="a test", seconds=60)
    assert pipeline.number == 5
    assert made.undo("number")
    assert (pipeline.number, made.active()) == (1, [])


def test_of_two_changes_of_one_knob_the_first_before_is_restored(pipeline: Any) -> None:
    made = Changes(pipeline)
    made.make(to(5), why="a test", seconds=60)
    made.make(to(6), why="a test", seconds=60)
    made.undo("number")
    assert pipeline.number == 1


def test_undoing_variables_leaves_those_that_a_deployment_has_set_since(pipeline: Any) -> None:
    variables = RuntimeSetting("number", NUMBER.read, write)
    pipeline.number = {"TABLE": "orders", "VERSION": "1"}
    made = Changes(pipeline)
    for wrong in ({"TABLE": "wrong", "BUS": "http://127.0.0.1:1"}, {"TABLE": "worse", "TOPIC": "none"}):
        made.make(Change(variables, lambda now, _, wrong=wrong: now | wrong, ""), why="a test", seconds=60)
    pipeline.number = pipeline.number | {"VERSION": "2"}
    made.undo("number")
    assert pipeline.number == {"TABLE": "orders", "VERSION": "2"}


def test_undoing_without_a_change_does_nothing(pipeline: Any) -> None:
    assert not Changes(pipeline).undo("number")


def test_a_change_whose_maker_was_killed_is_healed_once_it_has_expired(pipeline: Any) -> None:
    now = 1000.0
    made = Changes(pipeline, clock=lambda: now)
    made.make(to(5), why="a test", seconds=60)
    now = 1059.0
    assert made.heal() == []
    assert pipeline.number == 5
    now = 1060.0
    assert [active.why for active in made.heal()] == ["a test"]
    assert pipeline.number == 1


def test_a_change_without_a_time_limit_does_not_expire(pipeline: Any) -> None:
    made = Changes(pipeline, clock=lambda: 0.0)
    made.make(to(5), why="lab break", seconds=None)
    assert Changes(pipeline, clock=lambda: 1e12).heal() == []


def test_the_old_value_is_recorded_before_the_change_is_made(pipeline: Any) -> None:
    """A process killed while it changes the setting leaves the record that undoes it."""

    def killed(_pipeline: Any, _value: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Changes(pipeline).make(
            Change(RuntimeSetting("number", NUMBER.read, killed), lambda _now, _pipeline: 5, "number 5"),
            why="a test",
            seconds=60,
        )
    assert [active.before for active in Changes(pipeline).active()] == [1]


@pytest.mark.parametrize(
    ("expires_at", "expired"), [(None, False), (1000.5, False), (1000.0, True), (999.0, True), (0.0, True)]
)
def test_a_change_is_expired_from_the_end_of_its_time_limit_on(
    expires_at: float | None, *, expired: bool
) -> None:
    assert ActiveChange("number", 1, "a test", expires_at).expired(1000.0) is expired


def test_a_change_that_cannot_be_undone_is_told_of_stays_recorded_and_stops_no_other(pipeline: Any) -> None:
    made = Changes(pipeline)
    made.make(Change(STUCK, lambda _now, _pipeline: 2, "stuck"), why="a test", seconds=0)
    made.make(to(5), why="a test", seconds=0)
    with pytest.raises(LabError, match="Not undone: a-stuck-one changed by a test") as raised:
        made.heal()
    assert "make steady" in raised.value.fix
    assert pipeline.number == 1
    assert [active.setting for active in made.active()] == ["a-stuck-one"]


def test_a_change_that_two_undo_at_once_is_undone(pipeline: Any) -> None:
    made = Changes(pipeline)
    made.make(to(5), why="a test", seconds=60)
    seen_by_both = made.active()
    made.undo_all(seen_by_both)
    made.undo_all(seen_by_both)
    assert (pipeline.number, made.active()) == (1, [])


def test_a_change_of_a_knob_that_this_version_does_not_have_is_one_line(pipeline: Any) -> None:
    record = '{"before": 1, "why": "a test", "expiresAt": 0}'
    pipeline.parameters.values["/ingestion/dev/lab/changes/unheard-of"] = record
    with pytest.raises(LabError, match="There is no runtime setting unheard-of"):
        Changes(pipeline).heal()


def test_a_change_of_a_deleted_resource_is_forgotten(pipeline: Any) -> None:
    def gone(_pipeline: Any, _value: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "UpdateFunctionConfiguration")

    Changes(pipeline).make(to(5), why="a test", seconds=0)
    runtime_settings.RUNTIME_SETTINGS["number"] = RuntimeSetting("number", NUMBER.read, gone)
    assert [active.setting for active in Changes(pipeline).heal()] == ["number"]
    assert Changes(pipeline).active() == []


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"before": 1'])
def test_a_record_that_cannot_be_read_is_one_line_and_stops_no_command(
    pipeline: Any, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    pipeline.parameters.values["/ingestion/dev/lab/changes/number"] = text
    connect.heal(pipeline)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("The parameter /ingestion/dev/lab/changes/number is not a record of a change.")


def test_a_change_for_a_block_is_undone_although_the_block_fails(pipeline: Any) -> None:
    made = Changes(pipeline)
    seen: list[int] = []
    with pytest.raises(ValueError, match="oh"), made.temporarily(to(5), why="a test", seconds=60):
        fail(seen.append(pipeline.number))
    assert seen == [5]
    assert (pipeline.number, made.active()) == (1, [])


def test_a_command_reports_the_changes_undone_left_and_in_force(
    pipeline: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Changes(pipeline)
    made.make(to(5), why="a killed run", seconds=0)
    connect.heal(pipeline)
    assert capsys.readouterr().err == "undone, as its time was up: number changed by a killed run\n"
    made.make(to(5), why="a run", seconds=60)
    connect.heal(pipeline)
    told = capsys.readouterr()
    assert told.err.startswith("in force until ")
    assert told.err.endswith(": number changed by a run\n")
    assert told.out == ""
    made.make(Change(STUCK, lambda _now, _pipeline: 2, "stuck"), why="a killed run", seconds=0)
    connect.heal(pipeline)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Not undone: a-stuck-one changed by a killed run")


def test_a_puzzle_is_neither_undone_nor_given_away(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Changes(pipeline).make(to(5), why=HIDDEN, seconds=None)
    connect.heal(pipeline)
    assert pipeline.number == 5
    assert capsys.readouterr().err == ""


def test_a_rollback_without_an_engine_is_one_line_with_the_command_that_mends_it() -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    stack = Stack(**{field.name: "gone" for field in fields(Stack)})
    with pytest.raises(LabError, match="a fault may be in force") as raised:
        steady.restore(Pipeline(Aws(session, "http://127.0.0.1:1"), stack), print)
    assert "make steady" in raised.value.fix


def test_every_way_to_a_deployed_pipeline_leads_past_its_healing() -> None:
    """Whoever reads a stack's outputs by itself leaves in force what has outlived its maker."""
    sources = [file for folder in ("lab", "loadtests") for file in (paths.ROOT / folder).rglob("*.py")]
    found = {str(file.relative_to(paths.ROOT)) for file in sources if "Stack.read(" in file.read_text()}
    heals_by_itself, has_just_deployed = (
        {"loadtests/locustfile.py"},
        {"lab/deployment/deploy.py", "lab/commands/aws.py"},
    )
    assert found == {"lab/faults/healing.py"} | heals_by_itself | has_just_deployed
