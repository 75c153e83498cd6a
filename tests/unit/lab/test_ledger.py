"""The ledger accounts for every accepted order, by its id."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from lab.pipeline import ledger
from lab.pipeline.ledger import Ledger, Letter, Places, settle


def done(*order_ids: str) -> dict[str, int]:
    return dict.fromkeys(order_ids, 1)


def test_a_run_whose_orders_all_have_one_effect_balances() -> None:
    settled = settle(["a", "b"], Places(done("a", "b")))
    assert settled.balanced
    assert (settled.accepted, settled.done) == (2, ("a", "b"))


def test_an_order_without_effect_in_empty_queues_is_lost_by_its_name() -> None:
    settled = settle(["a", "b"], Places(done("a")))
    assert (settled.lost, settled.balanced) == (("b",), False)
    assert "lost: b" in settled.text


def test_a_lost_order_and_a_double_letter_do_not_make_up_for_each_other() -> None:
    settled = settle(["a", "b", "c"], Places(done("c"), letters=[Letter("m1", "b"), Letter("m2", "b")]))
    assert settled.lost == ("a",)
    assert settled.doubled == {"b": "2 letters: m1, m2"}
    assert not settled.balanced
    assert "lost 1, duplicated 1" in settled.text


def test_a_foreign_letter_does_not_stand_in_for_a_lost_order() -> None:
    settled = settle(["a"], Places(letters=[Letter("m1", "x")]))
    assert settled.lost == ("a",)
    assert settled.foreign == ("letter m1 of order x",)
    assert settled.unaccounted == 1


def test_a_foreign_letter_is_named_and_counts_against_a_run_that_was_alone() -> None:
    places = Places(done("a"), letters=[Letter("m1", None)])
    assert not settle(["a"], places).balanced
    shared = settle(["a"], places, alone=False)
    assert shared.balanced
    assert "left over from others: letter m1 of an unknown order" in shared.text


def test_orders_that_wait_or_are_dead_are_not_lost() -> None:
    places = Places(done("a"), letters=[Letter("m1", "b")], waiting={"c": ["m2"]}, queued=1)
    settled = settle(["a", "b", "c"], places)
    assert (settled.dead, settled.waiting, settled.lost) == (("b",), ("c",), ())
    assert settled.balanced


def test_an_order_that_waits_in_an_empty_queue_is_lost() -> None:
    assert settle(["a"], Places(waiting={"a": ["m1"]}, queued=0)).lost == ("a",)


def test_orders_that_wait_in_a_queue_with_fewer_messages_are_not_taken_for_safe() -> None:
    settled = settle(["a", "b"], Places(waiting={"a": ["m1"], "b": ["m2"]}, queued=1))
    assert (settled.waiting, settled.unknown, settled.balanced) == ((), ("a", "b"), False)


def test_messages_that_nobody_saw_leave_an_order_unknown_and_not_lost() -> None:
    for places in (Places(queued=1), Places(hidden_letters=1)):
        settled = settle(["a"], places)
        assert (settled.lost, settled.unknown, settled.unseen) == ((), ("a",), 1)
        assert not settled.balanced


def test_messages_that_nobody_saw_do_not_balance_beside_orders_that_are_all_done() -> None:
    assert not settle(["a"], Places(done("a"), queued=1)).balanced


def test_an_effect_that_ran_again_is_named() -> None:
    settled = settle(["a"], Places({"a": 3}))
    assert settled.doubled == {"a": "its effect ran 3 times"}
    assert not settled.balanced


def test_an_order_that_is_done_and_dead_is_in_two_places() -> None:
    settled = settle(["a"], Places(done("a"), letters=[Letter("m1", "a")]))
    assert settled.misplaced == {"a": "done and dead as m1"}
    assert (settled.done, settled.unaccounted, settled.balanced) == ((), 1, False)


def test_an_order_that_is_done_and_waits_is_in_two_places() -> None:
    settled = settle(["a"], Places(done("a"), waiting={"a": ["m1"]}, queued=1))
    assert settled.misplaced == {"a": "done and waiting as m1"}


def test_effects_of_other_runs_do_not_count() -> None:
    assert settle(["a"], Places(done("a", "other"))).accepted == 1


def test_an_order_with_an_audit_row_is_discarded_and_not_lost() -> None:
    settled = settle(["a", "b"], Places(done("a"), discarded={"b", "of another run"}))
    assert settled.discarded == ("b",)
    assert settled.balanced


def test_a_discarded_order_that_still_lies_in_the_dlq_is_in_two_places() -> None:
    settled = settle(["a"], Places(letters=[Letter("m1", "a")], discarded={"a"}))
    assert settled.misplaced == {"a": "dead as m1 and discarded"}


def test_many_names_are_cut_in_the_text_and_whole_in_the_json() -> None:
    settled = settle(list("abcdefgh"), Places())
    assert "lost: a, b, c, d, e and 3 more" in settled.text
    assert settled.as_json()["troubles"]["lost"] == list("abcdefgh")


def test_the_example_of_the_docstring_holds() -> None:
    assert doctest.testmod(ledger).failed == 0


ids = st.sampled_from("abcdef")
places = st.builds(
    Places,
    executions=st.dictionaries(ids, st.integers(0, 2)),
    letters=st.lists(st.builds(Letter, st.uuids().map(str), st.none() | ids)),
    waiting=st.dictionaries(ids, st.lists(st.uuids().map(str), min_size=1, max_size=2)),
    discarded=st.frozensets(ids),
    queued=st.integers(0, 6),
    hidden_letters=st.integers(0, 1),
)


@given(st.frozensets(ids), places)
def test_every_accepted_order_is_in_exactly_one_state_whatever_is_seen(
    accepted: frozenset[str], seen: Places
) -> None:
    settled: Ledger = settle(accepted, seen)
    states = [
        *settled.done,
        *settled.dead,
        *settled.waiting,
        *settled.discarded,
        *settled.lost,
        *settled.misplaced,
        *settled.unknown,
    ]
    assert sorted(states) == sorted(accepted)


@given(st.frozensets(ids, min_size=1), places)
def test_a_balanced_ledger_has_each_order_in_a_place_that_was_seen(
    accepted: frozenset[str], seen: Places
) -> None:
    if settle(accepted, seen).balanced:
        letters = [letter.order_id for letter in seen.letters]
        for order_id in accepted:
            executions = seen.executions.get(order_id, 0)
            assert executions + letters.count(order_id) + (order_id in seen.discarded) <= 1
            assert (
                executions or order_id in letters or order_id in seen.discarded or seen.waiting.get(order_id)
            )
