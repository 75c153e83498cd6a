"""Log lines as people read them: each once, in order, and none of the metrics between them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from lab.commands import logs
from lab.commands.logs import newer
from lab.errors import LabError
from lab.pipeline import logs as written
from lab.pipeline.logs import Entry, entries

FAILED = {"event": "order.failed", "level": "WARNING", "orderId": "a", "errorCategory": "TIMEOUT"}


class Client:
    """CloudWatch Logs with these lines of each function: when, and what."""

    def __init__(self, **lines: list[tuple[int, str]]) -> None:
        self.lines = lines
        self.asked = ""

    def client(self, _service: str) -> "Client":
        return self

    def get_paginator(self, name: str) -> "Client":
        self.asked = name
        return self

    def paginate(self, *, logGroupName: str = "", startTime: int = 0, **_: Any) -> Any:  # noqa: N803  boto3's names
        if self.asked == "describe_log_groups":
            return [{"logGroups": [{"logGroupName": f"/aws/lambda/x-dev-{name}"} for name in self.lines]}]
        function = logGroupName.removeprefix("/aws/lambda/x-dev-")
        return [
            {
                "events": [
                    {"timestamp": at, "eventId": f"{function}-{at}", "message": f"{text}\n"}
                    for at, text in self.lines[function]
                    if at >= startTime
                ]
            }
        ]


def pipeline(**lines: list[tuple[int, str]]) -> Any:
    return SimpleNamespace(aws=Client(**lines), stack=SimpleNamespace(prefix="x-dev"))


def test_lines_of_several_functions_are_told_in_the_order_of_their_times() -> None:
    asked = pipeline(ingest=[(1, "a"), (3, "c")], worker=[(2, "b"), (0, "too early")])
    assert [entry.text for entry in entries(asked, ["ingest", "worker"], 1)] == ["a", "b", "c"]


def test_lines_without_the_text_and_embedded_metrics_are_left_out() -> None:
    asked = pipeline(worker=[(1, json.dumps(FAILED)), (2, '{"_aws":{},"orderId":"a"}'), (3, "REPORT b")])
    assert [entry.id for entry in entries(asked, ["worker"], 0, '"a"')] == ["worker-1"]


def test_a_structured_line_is_told_by_its_fields_and_any_other_as_it_is() -> None:
    told = Entry("worker", 1, "1", json.dumps(FAILED))
    assert (told.event, told.level, told.order, told.what) == ("order.failed", "WARNING", "a", "TIMEOUT")
    plain = Entry("worker", 1, "1", "Task timed out after 5.00 seconds")
    assert (plain.event, plain.order, plain.what) == ("", "", "Task timed out after 5.00 seconds")


def test_an_unknown_function_is_answered_with_the_nearest_and_all_there_are() -> None:
    with pytest.raises(LabError, match=r"There is no function wroker\.") as raised:
        logs.chosen(pipeline(ingest=[], worker=[]), "wroker")
    assert raised.value.fix == "Did you mean worker? Choose one of: ingest, worker, engine"
    assert logs.chosen(pipeline(ingest=[], worker=[]), None) == ["ingest", "worker"]


def test_what_is_followed_is_told_once_also_when_it_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    first, late, last = (Entry("worker", at, str(at), str(at)) for at in (9000, 8500, 9500))
    answers = iter(([first], [late, first], [first, last]))
    told: list[str] = []
    monkeypatch.setattr(logs.time, "sleep", lambda _seconds: None)

    def read(since: int) -> list[Entry]:
        assert since <= 9500 - logs.LATE_MS
        try:
            return next(answers)
        except StopIteration:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        logs.followed(read, [first], lambda entry: told.append(entry.text))
    assert told == ["8500", "9500"]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("abc", "abc", ""),
        ("abc", "abcd", "d"),
        ("abc", "bcde", "de"),
        ("aaa", "aaaa", "a"),
        ("abc", "xyz", "xyz"),
        ("", "ab", "ab"),
    ],
)
def test_what_is_new_at_the_end_of_a_log_is_what_follows_its_former_end(
    before: str, now: str, new: str
) -> None:
    assert newer(list(before), list(now)) == list(new)


def test_the_functions_are_those_with_a_log_group_of_the_environment() -> None:
    assert written.functions(pipeline(ingest=[], redrive=[])) == ["ingest", "redrive"]
