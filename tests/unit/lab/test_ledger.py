"""The ledger accounts for every accepted order."""

from lab.pipeline.ledger import settle
from lab.pipeline.observe import Depth, Effect

EMPTY = Depth(0, 0, 0)


def effect(order_id: str, executions: int = 1) -> Effect:
    return Effect(order_id, executions, accepted_at=0, processed_at=1)


def test_a_run_whose_orders_all_have_one_effect_balances() -> None:
    ledger = settle(["a", "b"], [effect("a"), effect("b")], EMPTY, EMPTY)
    assert ledger.balanced
    assert (ledger.accepted, ledger.succeeded) == (2, 2)


def test_an_order_without_effect_in_empty_queues_is_lost() -> None:
    ledger = settle(["a", "b"], [effect("a")], EMPTY, EMPTY)
    assert (ledger.lost, ledger.unaccounted, ledger.balanced) == (1, 1, False)


def test_an_order_that_waits_in_a_queue_or_the_dlq_is_not_lost() -> None:
    ledger = settle(["a", "b", "c"], [effect("a")], Depth(0, 1, 0), Depth(1, 0, 0))
    assert (ledger.lost, ledger.in_flight, ledger.in_dlq) == (0, 1, 1)
    assert ledger.balanced


def test_every_execution_beyond_the_first_is_a_duplicate() -> None:
    ledger = settle(["a"], [effect("a", executions=3)], EMPTY, EMPTY)
    assert (ledger.duplicated, ledger.balanced) == (2, False)


def test_a_message_left_over_beside_its_effect_is_unaccounted_for() -> None:
    ledger = settle(["a"], [effect("a")], EMPTY, Depth(1, 0, 0))
    assert (ledger.lost, ledger.unaccounted, ledger.balanced) == (0, -1, False)


def test_effects_of_other_runs_do_not_count() -> None:
    assert settle(["a"], [effect("a"), effect("other")], EMPTY, EMPTY).succeeded == 1


def test_an_order_with_an_audit_row_is_discarded_and_not_lost() -> None:
    ledger = settle(["a", "b"], [effect("a")], EMPTY, EMPTY, discarded=["b", "of another run"])
    assert (ledger.discarded, ledger.lost, ledger.unaccounted) == (1, 0, 0)
    assert ledger.balanced


def test_a_discarded_order_that_still_lies_in_the_dlq_is_counted_twice() -> None:
    ledger = settle(["a"], [], EMPTY, Depth(1, 0, 0), discarded=["a"])
    assert (ledger.unaccounted, ledger.balanced) == (-1, False)
