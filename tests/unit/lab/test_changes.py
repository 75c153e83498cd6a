"""Changes are undone by their maker, or by the next command once they have outlived it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab import changes
from lab.changes import Change, Changes
from lab.knobs import Knob


class Parameters:
    """Parameter Store in memory, as far as changes use it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> None:  # noqa: N803
        self.values[Name] = Value

    def delete_parameter(self, *, Name: str) -> None:  # noqa: N803
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "DeleteParameter")
        del self.values[Name]

    def get_paginator(self, _operation: str) -> "Parameters":
        return self

    def paginate(self, *, Path: str) -> list[dict[str, Any]]:  # noqa: N803
        found = [
            {"Name": name, "Value": value} for name, value in self.values.items() if name.startswith(Path)
        ]
        return [{"Parameters": found}]


class FakePipeline:
    """A pipeline whose one knob is a number."""

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


NUMBER = Knob("number", lambda pipeline: pipeline.number, write)  # type: ignore[attr-defined]


def to(value: int) -> Change:
    return Change(NUMBER, lambda _now, _pipeline: value, f"number {value}")


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(changes.KNOBS, "number", NUMBER)
    return FakePipeline()


def test_a_change_is_undone_to_what_was_there_before(pipeline: Any) -> None:
    made = Changes(pipeline)
    made.make(to(5), why="a test", seconds=60)
    assert pipeline.number == 5
    assert made.undo("number")
    assert (pipeline.number, made.standing()) == (1, [])


def test_of_two_changes_of_one_knob_the_first_before_is_restored(pipeline: Any) -> None:
    made = Changes(pipeline)
    made.make(to(5), why="a test", seconds=60)
    made.make(to(6), why="a test", seconds=60)
    made.undo("number")
    assert pipeline.number == 1


def test_undoing_what_was_never_changed_does_nothing(pipeline: Any) -> None:
    assert not Changes(pipeline).undo("number")


def test_a_change_whose_maker_was_killed_is_healed_once_it_has_expired(pipeline: Any) -> None:
    now = 1000.0
    made = Changes(pipeline, clock=lambda: now)
    made.make(to(5), why="a test", seconds=60)
    now = 1059.0
    assert made.heal() == []
    assert pipeline.number == 5
    now = 1060.0
    assert [standing.why for standing in made.heal()] == ["a test"]
    assert pipeline.number == 1


def test_a_change_without_a_time_limit_does_not_expire(pipeline: Any) -> None:
    made = Changes(pipeline, clock=lambda: 0.0)
    made.make(to(5), why="lab break", seconds=None)
    assert Changes(pipeline, clock=lambda: 1e12).heal() == []


def test_what_was_there_is_recorded_before_the_knob_is_turned(pipeline: Any) -> None:
    """A process killed while it turns the knob leaves the record that undoes it."""

    def killed(_pipeline: Any, _value: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Changes(pipeline).make(
            Change(Knob("number", NUMBER.read, killed), lambda _now, _pipeline: 5, "number 5"),
            why="a test",
            seconds=60,
        )
    assert [standing.before for standing in Changes(pipeline).standing()] == [1]
