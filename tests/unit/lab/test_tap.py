"""What a tap on the alarms' topic counts as a change of an alarm."""

import json
from typing import Any, cast

from lab.pipeline.tap import Tap


class Queue:
    """The part of SQS that a tap asks: its messages come at once, and then no more."""

    def __init__(self, *changes: tuple[str, str, str]) -> None:
        self._messages = [
            {"Body": json.dumps({"AlarmName": name, "OldStateValue": old, "NewStateValue": new})}
            for name, old, new in changes
        ]

    def receive_message(self, **_: Any) -> dict[str, Any]:
        messages, self._messages = self._messages, []
        return {"Messages": messages} if messages else {}

    def delete_message(self, **_: Any) -> None:
        pass


def transitions(*changes: tuple[str, str, str]) -> list[str]:
    return Tap(cast("Any", Queue(*changes)), "queue").alarm_transitions("depth")


def test_the_first_evaluation_of_a_new_alarm_is_not_a_transition() -> None:
    new = ("depth", "INSUFFICIENT_DATA", "OK")
    assert transitions(new, ("depth", "OK", "ALARM")) == ["ALARM"]


def test_an_alarm_that_rings_at_its_first_evaluation_is_a_transition() -> None:
    assert transitions(("depth", "INSUFFICIENT_DATA", "ALARM"), ("depth", "ALARM", "OK")) == ["ALARM", "OK"]


def test_another_alarms_transitions_do_not_count() -> None:
    assert transitions(("age", "OK", "ALARM")) == []
