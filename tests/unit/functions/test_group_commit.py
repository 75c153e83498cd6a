"""Commits in groups: one call for many, and nobody pays for another's fault."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.idempotency.group_commit import MAX_ACTIONS, GroupCommit
from tests.unit.functions.memory import failure


class Table:
    """Remembers calls; `refuses` says with which error a call fails, if it does."""

    def __init__(self, refuses: Callable[[list[str]], Exception | None] = lambda _: None) -> None:
        self.calls: list[list[str]] = []
        self.written: list[str] = []
        self._refuses = refuses
        self._lock = threading.Lock()

    def transact_write_items(self, *, TransactItems: Sequence[Any]) -> None:  # noqa: N803
        names = [item["Put"]["TableName"] for item in TransactItems]
        with self._lock:
            self.calls.append(names)
        if error := self._refuses(names):
            raise error
        with self._lock:
            self.written += names


def together(commits: GroupCommit, names: Sequence[str], actions: int = 1) -> list[BaseException | None]:
    """Commit every name in a thread of its own, all of them under way before the first commits."""
    start = threading.Barrier(len(names))

    def one(name: str) -> BaseException | None:
        with commits.member() as member:
            start.wait()
            try:
                commits.commit(member, [{"Put": {"TableName": name, "Item": {}}}] * actions)
            except (ClientError, ReadTimeoutError) as error:
                return error
        return None

    with ThreadPoolExecutor(len(names)) as threads:
        return list(threads.map(one, names))


def group(table: Table, gather_seconds: float = 5) -> GroupCommit:
    client: Any = table
    return GroupCommit(client, gather_seconds)


NAMES = [f"m{number}" for number in range(8)]


def cancelled(_: Any = None) -> Exception:
    return failure("TransactWriteItems", "TransactionCanceledException", CancellationReasons=[])


def test_concurrent_members_commit_in_one_call() -> None:
    table = Table()
    assert together(group(table), NAMES) == [None] * 8
    assert len(table.calls) == 1
    assert sorted(table.written) == NAMES


def test_a_single_member_commits_without_waiting() -> None:
    table = Table()
    assert together(group(table, gather_seconds=60), ["m0"]) == [None]
    assert table.calls == [["m0"]]


def test_a_slow_member_delays_the_group_by_the_gather_time_only() -> None:
    table = Table()
    commits = group(table, gather_seconds=0.01)
    with commits.member() as slow:
        assert together(commits, NAMES[:3]) == [None] * 3
        assert sorted(table.written) == NAMES[:3]
        commits.commit(slow, [{"Put": {"TableName": "slow", "Item": {}}}])
    assert table.written[-1] == "slow"


def test_a_member_that_leaves_without_a_commit_is_not_waited_for() -> None:
    table = Table()
    commits = group(table, gather_seconds=60)
    with commits.member():
        pass
    began = time.monotonic()
    assert together(commits, NAMES[:2]) == [None, None]
    assert time.monotonic() - began < 30


def test_a_member_whose_condition_fails_does_not_fail_the_others() -> None:
    """Its neighbours commit by themselves: their conditions hold."""
    table = Table(lambda names: cancelled() if "m3" in names else None)
    errors = together(group(table), NAMES)
    assert [number for number, error in enumerate(errors) if error] == [3]
    assert sorted(table.written) == [name for name in NAMES if name != "m3"]
    assert len(table.calls) == 1 + 8


def test_an_unknown_outcome_fails_every_member_and_is_not_retried() -> None:
    """The transaction may have happened: the next delivery finds out."""
    table = Table(lambda _: ReadTimeoutError(endpoint_url="http://x"))
    errors = together(group(table), NAMES)
    assert all(isinstance(error, ReadTimeoutError) for error in errors)
    assert len(table.calls) == 1


def test_a_group_does_not_exceed_the_transaction_limit() -> None:
    table = Table()
    assert together(group(table), NAMES, actions=30) == [None] * 8
    assert max(map(len, table.calls)) <= MAX_ACTIONS
    assert len(table.written) == 240


@pytest.mark.parametrize("round_", range(20))
def test_no_commit_is_lost_or_repeated_however_threads_come_and_go(round_: int) -> None:
    table = Table(lambda names: cancelled() if len(names) % 3 == 2 else None)
    commits = group(table, gather_seconds=0.001)
    names = [f"{round_}-{number}" for number in range(40)]

    def one(name: str) -> None:
        with commits.member() as member:
            commits.commit(member, [{"Put": {"TableName": name, "Item": {}}}])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, names))
    assert sorted(table.written) == sorted(names)
