"""The judge of the torture test says no when it must; its schedule is the seed's."""

from itertools import islice

import pytest

from tests.torture.ledger import Book, Letter, Origin, Sight
from tests.torture.schedule import rounds

A, B = "tort-00000000-00001", "tort-00000000-00002"


def kinds(sight: Sight, *, disturbed: int = 0, excused: int = 0, gone: bool = False) -> list[str]:
    book = Book()
    book.enter(A, Origin.ACCEPTED)
    book.entries[A].excused, book.entries[A].purged = excused, gone
    return [finding.kind for finding in book.judge(sight, disturbed)]


def letter(order_id: str = A, cause: str | None = "Timeout", message_id: str = "m1") -> Letter:
    return Letter(message_id, order_id, cause)


@pytest.mark.parametrize(
    "sight",
    [
        Sight(executions={A: 1}),
        Sight(letters=[letter()]),
        Sight(discarded={A: 1}),
    ],
    ids=["done", "dead", "discarded"],
)
def test_an_order_in_one_place_is_accounted_for(sight: Sight) -> None:
    assert kinds(sight) == []


def test_an_order_that_is_nowhere_is_lost_unless_it_may_be_gone() -> None:
    assert kinds(Sight()) == ["lost"]
    assert kinds(Sight(), gone=True) == []
    assert kinds(Sight(), excused=1) == ["lost"]


def test_a_lost_order_is_not_hidden_by_a_second_letter_of_another() -> None:
    """Counts alone would balance."""
    book = Book()
    book.enter(A, Origin.ACCEPTED)
    book.enter(B, Origin.ACCEPTED)
    found = book.judge(Sight(letters=[letter(B), letter(B, message_id="m2")]), disturbed=0)
    assert [(finding.kind, finding.order_id) for finding in found] == [("lost", A), ("in several places", B)]


def test_a_second_effect_is_never_excused() -> None:
    assert kinds(Sight(executions={A: 2}), excused=5) == ["doubled effect"]


@pytest.mark.parametrize(
    "sight",
    [
        Sight(executions={A: 1}, letters=[letter()]),
        Sight(executions={A: 1}, discarded={A: 1}),
        Sight(letters=[letter(), letter(message_id="m2")]),
        Sight(letters=[letter()], discarded={A: 1}),
    ],
    ids=["done and dead", "done and discarded", "dead twice", "dead and discarded"],
)
def test_an_order_in_two_places_is_a_finding_unless_a_copy_is_excused(sight: Sight) -> None:
    assert kinds(sight) == ["in several places"]
    assert kinds(sight, excused=1) == []


def test_a_letter_of_no_known_order_is_foreign() -> None:
    assert kinds(Sight(executions={A: 1}, letters=[letter(B)])) == ["foreign letter"]
    assert kinds(Sight(executions={A: 1}, letters=[letter("")])) == ["foreign letter"]


def test_a_good_order_that_died_without_a_cause_is_a_finding_where_too_little_happened_to_kill_it() -> None:
    died = Sight(letters=[letter(cause=None)])
    assert kinds(died, disturbed=4) == ["died without a cause"]
    assert kinds(died, disturbed=5) == []
    assert kinds(Sight(letters=[letter()])) == []


def test_the_same_seed_gives_the_same_rounds_and_everything_has_its_turn() -> None:
    actions, letters, deaths = ([f"{kind} {number}" for number in range(6)] for kind in "ald")
    first, again, other = (list(islice(rounds(seed, actions, letters, deaths), 8)) for seed in (7, 7, 8))
    assert first == again != other
    assert [bool(played.deaths) for played in first] == [False, False, False, True] * 2
    assert {step.action for played in first for step in played.steps} == set(actions)
    assert {name for played in first for name in played.letters} == set(letters)
    assert {name for played in first for name in played.deaths} == set(deaths)
