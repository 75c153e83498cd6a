"""The history checker acquits sound runs, and convicts each kind of breach by name with its shortest timeline."""

from collections.abc import Callable

import pytest

from lab.history import Account, Event, History, Kind, check
from lab.history.events import Source
from lab.history.rules import RULES, Breach
from tests.support.histories import died, event, history, lies, processed, redriven, submitted, told

SOUND = {
    "nothing happened": history(),
    "orders were processed": history(submitted("a"), submitted("b"), processed("b"), processed("a")),
    "an order died and lies in the DLQ": history(submitted("a"), died("a"), lies("a")),
    "a dead order was redriven and processed": history(
        submitted("a"), died("a"), processed("a", "m-2", redriveCount=1), redriven("a")
    ),
    "a redriven order died again under another letter": history(
        submitted("a"),
        died("a"),
        redriven("a"),
        died("a", "l-2", "m-2", redriveCount=1),
        told("a", "OrderFailed", "e2", redriveCount=1),
        lies("a", "l-2", redriveCount=1),
    ),
    "a letter was edited and the order processed": history(
        submitted("a"), died("a"), event(Kind.EDITED, "a", "m-3", letter="l-a"), processed("a", "m-3")
    ),
    "a letter was discarded": history(submitted("a"), died("a"), event(Kind.DISCARDED, "a", letter="l-a")),
    "a discarded order was submitted again": history(
        submitted("a"), died("a"), event(Kind.DISCARDED, "a", letter="l-a"), submitted("a"), processed("a")
    ),
    "SQS moved a message whose worker crashed": history(
        submitted("a"),
        event(Kind.RECEIVED, None, "m-a", receiveCount=5),
        event(Kind.LETTER_FOUND, "a", letter="m-a"),
    ),
    "SQS moved a message while another waits": history(
        submitted("a"), submitted("b"), event(Kind.LETTER_FOUND, "a", letter="m-a"), queued=1
    ),
    "a duplicate had no effect": history(
        submitted("a"),
        event(Kind.SENT, "a", "m-copy", invocation="i-ingest"),
        processed("a"),
        event(Kind.DUPLICATE, "a", "m-copy"),
    ),
    "an order was announced twice under one id": history(
        submitted("a"), processed("a"), told("a", "OrderProcessed")
    ),
    "a death could not be announced, and the worker said so": history(
        submitted("a"), died("a")[:3], event(Kind.UNANNOUNCED, "a", "m-a"), lies("a")
    ),
    "an order waits": history(submitted("a"), queued=1),
    "an order waits after a failed receive": history(
        submitted("a"), event(Kind.FAILED, "a", "m-a", willRetry=True), queued=1
    ),
    "an order waits as the message it was requeued as": history(
        submitted("a"),
        event(Kind.FAILED, "a", "m-a", willRetry=True),
        event(Kind.REQUEUED, "a", "m-new", **{"from": "m-a"}),
        queued=1,
    ),
    "others used the pipeline meanwhile": history(
        submitted("a"), processed("a"), processed("x"), lies("y"), alone=False
    ),
}


@pytest.mark.parametrize("sound", SOUND.values(), ids=SOUND.keys())
def test_a_sound_history_keeps_every_rule_and_balances(sound: History) -> None:
    account = Account.of(sound)
    assert account.judgement.kept, account.judgement.text
    assert account.ledger.balanced, account.ledger.text


BROKEN: dict[str, tuple[History, str, str, list[Kind]]] = {
    "an effect ran twice": (
        history(submitted("a"), processed("a"), event(Kind.EFFECT, "a", "m-a")),
        "one effect",
        "a",
        [Kind.EFFECT, Kind.EFFECT],
    ),
    "an effect ran twice as its row alone tells": (
        history(submitted("a"), processed("a")[:3], event(Kind.ROW_FOUND, "a", executions=2)),
        "one effect",
        "a",
        [Kind.ROW_FOUND],
    ),
    "an order was done twice under two keys": (
        history(submitted("a"), processed("a"), event(Kind.EFFECT, "a", "m-2", key="other"), told("a", "x")),
        "one effect",
        "a",
        [Kind.EFFECT, Kind.EFFECT],
    ),
    "an order was processed that nobody accepted": (
        history(processed("x")),
        "no effect without acceptance",
        "x",
        [Kind.EFFECT],
    ),
    "an order is lost": (
        history(submitted("a"), submitted("b"), processed("b")),
        "one place",
        "a",
        [Kind.ACCEPTED, Kind.SENT],
    ),
    "an order is lost beside another's second letter": (
        history(submitted("a"), submitted("b"), died("b"), lies("b"), lies("b", "l-2")),
        "one place",
        "a",
        [Kind.ACCEPTED, Kind.SENT],
    ),
    "an order's letter vanished": (
        history(submitted("a"), died("a")),
        "one place",
        "a",
        [Kind.ACCEPTED, Kind.ANNOUNCED],
    ),
    "an order is done and dead": (
        history(submitted("a"), processed("a"), lies("a")),
        "one place",
        "a",
        [Kind.ROW_FOUND, Kind.LETTER_FOUND],
    ),
    "an order is discarded and done": (
        history(submitted("a"), processed("a"), event(Kind.DISCARDED, "a", letter="l-a")),
        "one place",
        "a",
        [Kind.ROW_FOUND, Kind.DISCARDED],
    ),
    "an order was not seen": (
        history(submitted("a"), hidden_letters=1),
        "one place",
        "a",
        [Kind.ACCEPTED],
    ),
    "an order has two letters": (
        history(submitted("a"), died("a"), lies("a"), lies("a", "l-2")),
        "one letter",
        "a",
        [Kind.LETTER_FOUND, Kind.LETTER_FOUND],
    ),
    "a letter of somebody else's order": (
        history(submitted("a"), processed("a"), lies("x")),
        "no foreign letters",
        "x",
        [Kind.LETTER_FOUND],
    ),
    "a letter of an order nobody can name": (
        history(submitted("a"), processed("a"), lies(None, "l-9")),
        "no foreign letters",
        "",
        [Kind.LETTER_FOUND],
    ),
    "an effect was not announced": (
        history(submitted("a"), processed("a")[:2], processed("a")[3]),
        "announced",
        "a",
        [Kind.EFFECT],
    ),
    "a death was not announced": (
        history(submitted("a"), died("a")[:3], lies("a")),
        "announced",
        "a",
        [Kind.DIED],
    ),
    "one outcome was announced under two ids": (
        history(submitted("a"), processed("a"), told("a", "OrderProcessed", "other")),
        "one id an outcome",
        "a",
        [Kind.ANNOUNCED, Kind.ANNOUNCED],
    ),
    "a death without a cause": (
        history(submitted("a"), died("a", errorType=None), lies("a")),
        "deaths have causes",
        "a",
        [Kind.DIED],
    ),
    "a letter without a cause that SQS did not move": (
        history(submitted("a"), died("a"), lies("a", errorType=None)),
        "deaths have causes",
        "a",
        [Kind.LETTER_FOUND],
    ),
    "a redriven letter is still there": (
        history(submitted("a"), died("a"), redriven("a"), processed("a", "m-2"), lies("a")),
        "what left the DLQ is gone",
        "a",
        [Kind.REDRIVEN, Kind.LETTER_FOUND],
    ),
    "a discarded letter is still there": (
        history(submitted("a"), died("a"), event(Kind.DISCARDED, "a", letter="l-a"), lies("a")),
        "what left the DLQ is gone",
        "a",
        [Kind.DISCARDED, Kind.LETTER_FOUND],
    ),
    "a discarded order was processed later": (
        history(submitted("a"), died("a"), event(Kind.DISCARDED, "a", letter="l-a"), processed("a")),
        "discarded for good",
        "a",
        [Kind.DISCARDED, Kind.EFFECT],
    ),
}


@pytest.mark.parametrize(("broken", "rule", "order_id", "timeline"), BROKEN.values(), ids=BROKEN.keys())
def test_a_breach_is_found_by_its_rule_with_the_order_and_the_events_that_show_it(
    broken: History, rule: str, order_id: str, timeline: list[Kind]
) -> None:
    found = breaches(broken, rule)
    assert found[0].order_id == order_id
    assert [event.kind for event in found[0].timeline] == timeline


def breaches(judged: History, name: str) -> list[Breach]:
    return next(list(found) for rule, found in check(judged).breaches.items() if rule.name == name)


def test_every_rule_is_seen_to_be_broken_by_some_history() -> None:
    assert {rule for _, rule, _, _ in BROKEN.values()} == {rule.name for rule in RULES}


@pytest.mark.parametrize("source", Source)
def test_a_rule_whose_source_was_not_read_is_unproved_and_not_kept(source: Source) -> None:
    judgement = check(history(submitted("a"), processed("a"), without=source))
    needing = {rule for rule in RULES if source in rule.needs}
    assert set(judgement.unproved) == needing
    assert not needing & set(judgement.breaches)


def test_a_text_of_breaches_names_the_first_order_of_each_rule() -> None:
    text = check(history(submitted("a"), submitted("b"))).text
    assert text.startswith("one place: order ")
    assert "(and 1 more)" in text


type Change = Callable[[list[Event]], list[Event]]
SOUND_RUN = [
    *submitted("a"),
    *processed("a"),
    *submitted("b"),
    *died("b"),
    redriven("b", "m-b2"),
    *processed("b", "m-b2", redriveCount=1),
    *submitted("c"),
    *died("c"),
    lies("c"),
]


@pytest.mark.parametrize("missing", range(len(SOUND_RUN)), ids=lambda at: f"{at}-{SOUND_RUN[at].kind}")
def test_no_event_that_a_promise_rests_on_can_be_left_out_of_a_sound_run(missing: int) -> None:
    account = Account.of(history(SOUND_RUN[:missing], SOUND_RUN[missing + 1 :]))
    if SOUND_RUN[missing].kind in (Kind.ROW_FOUND, Kind.LETTER_FOUND, Kind.ANNOUNCED):
        assert not account.sound
    else:
        assert account.sound, account.judgement.text
