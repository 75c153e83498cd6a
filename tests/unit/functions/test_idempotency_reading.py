"""What the store that only reads says of keys, beside what the real one would."""

from typing import Any

import pytest

from functions.common.errors import IdempotencyKeyReusedError, InProgressElsewhereError
from functions.idempotency import Effect, ExactlyOnce, Result
from functions.idempotency.reading import ReadingStore
from tests.support.dry_runs import Tables, record


def run(*records: dict[str, Any], key: str = "key", payload: str = "payload") -> Result:
    client: Any = Tables(*records)
    store = ReadingStore("keys", client)
    store.load([key], [("orders", {"orderId": {"S": "o"}})])
    write: Any = {"TableName": "orders", "Key": {"orderId": {"S": "o"}}}
    once = ExactlyOnce(store, ttl_days=1, in_progress_seconds=30)
    return once.run(key, payload, lambda: Effect(write, {"new": True}, lambda row: {"earlier": row}))


def test_a_new_key_would_run() -> None:
    assert run() == Result({"new": True}, replayed=False)


def test_a_completed_key_is_replayed() -> None:
    assert run(record("key", "payload", "COMPLETED")).replayed


@pytest.mark.parametrize(
    "over",
    [
        record("key", "payload", "COMPLETED", expires_in=-10),
        record("key", "other", "INPROGRESS", held_for=-10),
    ],
    ids=["expired", "claim run out"],
)
def test_a_record_that_is_over_counts_as_absent(over: dict[str, Any]) -> None:
    assert run(over) == Result({"new": True}, replayed=False)


def test_a_key_that_is_held_is_in_progress() -> None:
    with pytest.raises(InProgressElsewhereError):
        run(record("key", "payload", "INPROGRESS"))


def test_a_key_with_another_payload_is_reused() -> None:
    with pytest.raises(IdempotencyKeyReusedError):
        run(record("key", "other", "COMPLETED"))


def test_a_row_in_the_place_of_the_effect_is_the_earlier_one() -> None:
    row = {"orderId": {"S": "o"}, "total": {"N": "1"}}
    client: Any = Tables(orders=[row])
    store = ReadingStore("keys", client)
    store.load(["key"], [("orders", {"orderId": {"S": "o"}})])
    write: Any = {"TableName": "orders", "Key": {"orderId": {"S": "o"}}}
    once = ExactlyOnce(store, ttl_days=1, in_progress_seconds=30)
    found = once.run("key", "p", lambda: Effect(write, {}, lambda earlier: {"id": earlier["orderId"]["S"]}))
    assert found == Result({"id": "o"}, replayed=True)


def test_more_keys_than_one_call_takes_are_all_loaded() -> None:
    client: Any = Tables(*(record(f"k-{n}", "payload", "COMPLETED") for n in range(250)))
    store = ReadingStore("keys", client)
    store.load([f"k-{n}" for n in range(260)], [])
    once = ExactlyOnce(store, ttl_days=1, in_progress_seconds=30)
    write: Any = {"TableName": "orders", "Key": {"orderId": {"S": "o"}}}
    replayed = [
        once.run(f"k-{n}", "payload", lambda: Effect(write, {}, lambda _: {})).replayed for n in range(260)
    ]
    assert replayed == [True] * 250 + [False] * 10
