"""What a redrive operation came to: exit code and last lines."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from functions.redrive.plan import Plan
from lab.dlq import follow
from lab.dlq.follow import FAILED, SUCCEEDED, UNKNOWN_YET, exit_code, followed, verdict
from lab.dlq.plan import nothing_to_move


def row(status: str = "SUCCEEDED", moved: int = 27, **changes: Any) -> dict[str, Any]:
    outcome = {"processed": moved, "diedAgain": 0, "waiting": 0, "unknown": 0, "unrecorded": 0}
    return {
        "operationId": "op",
        "status": status,
        "moved": moved,
        "plan": Plan().as_json(),
        "skipped": {},
        "seen": 27,
        "lettersAtStart": 27,
        "complete": True,
        "outcome": outcome | changes.pop("outcome", {}),
    } | changes


def group(name: str, count: int) -> dict[str, Any]:
    orders = [f"o-{number}" for number in range(min(count, 10))]
    return {"outcome": {"processed": 27 - count, name: count, f"{name}Orders": orders}}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (row(), SUCCEEDED),
        (row(moved=0), SUCCEEDED),
        (row(**group("diedAgain", 27)), FAILED),
        (row(**group("diedAgain", 1)), FAILED),
        (row(**group("unknown", 1)), FAILED),
        (row(**group("waiting", 1)), UNKNOWN_YET),
        (row("HALTED"), FAILED),
        (row("FAILED"), FAILED),
        (row("CANCELLED"), FAILED),
        (row("INCOMPLETE", moved=0, complete=False), FAILED),
    ],
)
def test_an_exit_code_is_zero_only_if_all_that_was_moved_is_processed(
    operation: dict[str, Any], code: int
) -> None:
    assert exit_code(operation) == code


def test_what_is_not_followed_is_not_judged_by_what_is_still_on_its_way() -> None:
    assert exit_code(row(**group("waiting", 27)), follows=False) == SUCCEEDED
    assert exit_code(row(**group("diedAgain", 27)), follows=False) == FAILED


@pytest.mark.parametrize(
    ("operation", "lines"),
    [
        (row(), ["SUCCEEDED: 27 moved: 27 processed"]),
        (
            row(**group("diedAgain", 27)),
            [
                "SUCCEEDED: 27 moved: 27 died again",
                f"died again: {', '.join(f'o-{n}' for n in range(10))} and 17 more; see what of: lab dlq ls",
            ],
        ),
        (
            row(plan=Plan(per_message_delay_jitter=900).as_json(), **group("waiting", 1)),
            [
                "SUCCEEDED: 27 moved: 26 processed, 1 still waiting",
                "still waiting, delayed by up to 900 s: o-0; go on: lab dlq watch op",
            ],
        ),
        (
            row("HALTED", moved=0, haltReason="the pipeline is not well"),
            ["HALTED: 0 moved", "because: the pipeline is not well"],
        ),
        (
            row(complete=False, seen=127, lettersAtStart=500),
            [
                "SUCCEEDED: 27 moved: 27 processed",
                "the search saw 127 of about 500 dead letters: the limit of 100 was reached; the same command goes on"
                " with the rest",
            ],
        ),
        (
            row("INCOMPLETE", 0, complete=False, seen=10_000, lettersAtStart=12_000, incompleteReason="time"),
            [
                "INCOMPLETE: 0 moved",
                "because: time",
                "the search saw 10000 of about 12000 dead letters; go on with the same command once others are moved"
                " or discarded, since SQS has no place to go on from",
            ],
        ),
        (
            row(moved=0, skipped={"tooYoung": 12, "filtered": 3}),
            [
                "SUCCEEDED: 0 moved",
                "left where they are: 12 are younger than --min-age, 3 do not match the filters",
            ],
        ),
    ],
)
def test_the_last_lines_say_what_became_of_what_was_moved(
    operation: dict[str, Any], lines: list[str]
) -> None:
    assert [*verdict(operation)] == lines


class Api:
    """Answers with one row after the other, the last one for ever."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows: Iterator[dict[str, Any]] = iter(rows)
        self._last = rows[-1]
        self.asked = 0

    def redrive(self, operation: str) -> dict[str, Any]:
        self.asked += 1
        return next(self._rows, self._last)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.001)


def test_an_operation_is_followed_until_nothing_that_it_moved_is_on_its_way() -> None:
    running = {"status": "RUNNING", "moved": 3}
    api = Api(running, running, row(**group("waiting", 27)), row(**group("diedAgain", 27)))
    seen: list[str] = []
    found = followed(api, "op", 60, lambda told: seen.append(told["status"]))  # type: ignore[arg-type]
    assert found["outcome"]["diedAgain"] == 27
    assert seen == ["RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_what_is_still_on_its_way_is_waited_for_no_longer_than_asked(seconds: float) -> None:
    api = Api(row(**group("waiting", 27)))
    assert followed(api, "op", seconds, lambda _row: None)["outcome"]["waiting"] == 27  # type: ignore[arg-type]
    assert (api.asked == 1) is (seconds == 0)


def test_following_ends_when_it_is_told_to() -> None:
    stop = Event()
    stop.set()
    api = Api(row(**group("waiting", 27)))
    followed(api, "op", 60, lambda _row: None, stop)  # type: ignore[arg-type]
    assert api.asked == 1


def test_a_plan_that_would_move_nothing_says_why_and_how_young_the_youngest_is() -> None:
    young = {"sampled": 12, "skipped": {"tooYoung": 12}, "tooYoung": {"youngestSeconds": 12}}
    told = nothing_to_move(Plan(), young)
    assert told == "12 are younger than --min-age; the youngest died 12 s ago, --min-age is 300"
    twice = nothing_to_move(Plan(), {"sampled": 2, "skipped": {"secondDeath": 2}})
    assert twice == "2 died after a redrive before (--force takes them)"
    assert nothing_to_move(Plan(), {"sampled": 0, "skipped": {}}) == "the DLQ is empty"
